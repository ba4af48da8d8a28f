"""mock's own configuration files, as a frozen description of a build root."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra
from altai_build.model.suggestion import suggest
from altai_build.model.variables import make_arch_variables
from altai_build.tools.mock.config_files import ConfigSources, open_sources
from altai_build.tools.mock.dnf_options import find_unsupported_dnf_options
from altai_build.tools.mock.evaluate import EvaluatedOptions, evaluate
from altai_build.tools.mock.option_check import UnsupportedOption, find_unsupported
from altai_build.tools.mock.options import default_options, without_effect
from altai_build.tools.repo import dnfconf
from altai_build.tools.repo.dnfconf import RepoSection

__all__ = ["MockConfig", "RepoSection", "available_configs", "list_config_files", "read_config"]

# Files of mock's configuration directory that are no build roots.
_NOT_CHROOT_CONFIGS = ("site-defaults", "chroot-aliases", "default")

_DNF_OPTIONS_WITHOUT_EFFECT = frozenset(
    {
        "cachedir", "countme", "debuglevel", "errorlevel", "fastestmirror", "ip_resolve", "keepcache", "logfile",
        "max_parallel_downloads", "metadata_expire", "minrate", "name", "retries", "syslog_device", "syslog_ident",
        "system_cachedir", "throttle", "timeout", "user_agent", "connection", "proxy", "proxy_username",
        "proxy_password", "username", "password", "sslverify", "sslcacert", "sslclientcert", "sslclientkey",
    }
)  # fmt: skip


@dataclass(frozen=True)
class MockConfig:
    """One build root, as mock's configuration describes it."""

    name: str  # the file's name without .cfg
    files: tuple[Path, ...]  # every file of it, in the order in which it was found
    root: str
    basedir: str  # where chroots are
    target_arch: str
    legal_host_arches: tuple[str, ...]  # empty: any
    # With its verb: ("install", "bash", …), ("groupinstall", "buildsys-build").
    chroot_setup_cmd: tuple[str, ...]
    additional_packages: tuple[str, ...]  # chroot_additional_packages
    macros: tuple[tuple[str, str], ...]  # what the configuration sets, without the leading %, sorted
    # Of the build, sorted: mock's defaults and what the configuration sets.
    environment: tuple[tuple[str, str], ...]
    use_bootstrap: bool
    rpmbuild_timeout: int  # seconds; 0: none
    rpmbuild_arch: str  # for rpmbuild --target
    rpmbuild_command: str
    rpmbuild_opts: tuple[str, ...]
    run_check: bool  # False: %check is left out
    # NAME, NAME-VERSION or NAME-VERSION-RELEASE of a source package, and what its build requires besides.
    more_buildreqs: tuple[tuple[str, tuple[str, ...]], ...]
    extra_chroot_dirs: tuple[str, ...]
    extra_files: tuple[tuple[str, str], ...]  # path in the chroot and text
    main: tuple[tuple[str, str], ...]  # [main] of dnf.conf, sorted
    repositories: tuple[RepoSection, ...]  # in the file's order, disabled ones included
    variables: tuple[tuple[str, str], ...]  # of dnf.conf, such as basearch, and their values
    unsupported: tuple[UnsupportedOption, ...]  # options that the chroot builder does not carry out
    flat: str  # the same configuration as one file for mock: no includes, no site defaults
    digest: str  # SHA-256 over all that can influence a build; a comment or a description cannot

    def find_more_buildreqs(self, source: Nevra) -> tuple[str, ...]:
        """What more_buildreqs adds to the BuildRequires of a source package; as in mock the longest name counts."""
        known = dict(self.more_buildreqs)
        for name in (f"{source.name}-{source.version}-{source.release}", f"{source.name}-{source.version}"):
            if name in known:
                return known[name]
        return known.get(source.name, ())


def read_config(name: str, *, search: Sequence[Path], cache: Path | None = None) -> MockConfig:
    """Read a configuration by its name, looked up in the `search` directories, or by an absolute path ending in .cfg.

    It is evaluated as mock does, in a sandbox; with a `cache` directory the result is kept. As in mock,
    site-defaults.cfg is read first where there is one (the first directory that has it), and includes are relative to
    the directories. chroot-aliases.cfg, which only words mock's errors, and the user's own ~/.config/mock.cfg are not
    read. Raises InputError when there is no such configuration, when it fails or when a value is unusable;
    MissingToolError without the sandbox or mock's library.
    """
    sources = _read_sources(name, search)
    path = sources.start[-1]
    given = {"config_path": str(path.parent), "config_file": str(path), "chroot_name": path.stem}
    return _build_config(path, sources.files, evaluate(sources, given, cache=cache))


def list_config_files(name: str, *, search: Sequence[Path]) -> tuple[Path, ...]:
    """Every file of a configuration, found without running it. Raises InputError as `read_config` does."""
    return _read_sources(name, search).files


def _read_sources(name: str, search: Sequence[Path]) -> ConfigSources:
    """The texts of a configuration; its own file is the last that starts."""
    path = _find_config_file(name, search)
    sources = open_sources([*search, path.parent])
    site = next(
        (place / "site-defaults.cfg" for place in search if (place / "site-defaults.cfg").is_file()), None
    )
    for file in (site, path) if site else (path,):
        sources.add(file)
    return sources


def available_configs(search: Sequence[Path]) -> tuple[str, ...]:
    """The names that `read_config` finds in the directories, sorted."""
    names = {path.stem for place in search for path in place.glob("*.cfg")}
    return tuple(sorted(names - set(_NOT_CHROOT_CONFIGS)))


def _find_config_file(name: str, search: Sequence[Path]) -> Path:
    """The file that a configuration's name stands for."""
    given = Path(name)
    if (
        not name
        or given.name.startswith("-")
        or name.startswith("-")
        or ".." in given.parts
        or any(ord(letter) < 32 for letter in name)
    ):
        raise InputError(
            f"{name!r} is not a valid name of a mock configuration",
            why="a name has no leading '-', no '..' and no control characters",
            todo="write the name of the file without .cfg, as in almalinux-9-x86_64",
        )
    if given.is_absolute() and given.suffix != ".cfg":
        raise InputError(f"{name} is not a mock configuration", why="a path must end in .cfg")
    file = name if given.suffix == ".cfg" else f"{name}.cfg"
    places = [place / file for place in search]  # an absolute name replaces the directory
    found = next((place for place in places or [given] if place.is_file()), None)
    if found is not None:
        return found
    hint = suggest(name, available_configs(search))
    looked_at = "looked at " + ", ".join(map(str, dict.fromkeys(places or [given])))
    raise InputError(
        f"there is no mock configuration {name}",
        why=f"{looked_at}; {hint}" if hint else looked_at,
        todo="correct `mock_config` in repos.yaml, or write the file beside it, in mock-configs/",
    )


def _build_config(path: Path, files: tuple[Path, ...], options: EvaluatedOptions) -> MockConfig:
    """Put the evaluated options into the words of MockConfig."""
    if "root" not in options.values:
        raise InputError(
            f"{path} does not set config_opts['root']", why="mock needs a name for the buildroot"
        )
    read = _Reader(path, options)
    text = read.text("dnf.conf")
    variables = _dnf_variables(read)
    main, repositories = dnfconf.parse_dnf_config(text, variables=variables, where=f"{path.name}: dnf.conf")
    usual = default_options()["macros"]
    macros = {name: body for name, body in read.mapping("macros").items() if usual.get(name) != body}
    meaning = {
        name: options.values[name]
        for name in options.changed
        if name in options.values and name != "dnf.conf" and not without_effect(name)
    }
    return MockConfig(
        name=path.stem,
        files=files,
        root=read.text("root"),
        basedir=read.text("basedir"),
        target_arch=read.text("target_arch"),
        legal_host_arches=read.words("legal_host_arches"),
        chroot_setup_cmd=read.words("chroot_setup_cmd"),
        additional_packages=read.words("chroot_additional_packages"),
        macros=tuple(sorted((name.lstrip("%"), str(body)) for name, body in macros.items())),
        environment=tuple(sorted((name, str(text)) for name, text in read.mapping("environment").items())),
        use_bootstrap=bool(read.value("use_bootstrap")),
        rpmbuild_timeout=read.seconds("rpmbuild_timeout"),
        rpmbuild_arch=read.text("rpmbuild_arch"),
        rpmbuild_command=read.text("rpmbuild_command"),
        rpmbuild_opts=read.words("rpmbuild_opts"),
        run_check=bool(read.value("check")),
        more_buildreqs=tuple(sorted(read.more_buildreqs().items())),
        extra_chroot_dirs=read.words("extra_chroot_dirs"),
        extra_files=tuple(sorted((name, str(text)) for name, text in read.mapping("files").items())),
        main=main,
        repositories=repositories,
        variables=tuple(sorted(variables.items())),
        unsupported=(
            *find_unsupported(options.changed, options.plugin_settings, read.text("package_manager")),
            *find_unsupported_dnf_options(main, repositories),
        ),
        flat=options.flat,
        digest=_digest(meaning, main, repositories),
    )


@dataclass(frozen=True)
class _Reader:
    """The expanded values of a configuration, checked for their types."""

    path: Path
    options: EvaluatedOptions

    def value(self, name: str) -> Any:
        """The value; None where it is not set. Raises InputError where its template fails."""
        if name in self.options.errors:
            raise InputError(
                f"{self.path}: the template in config_opts[{name!r}] fails", why=self.options.errors[name]
            )
        return self.options.values.get(name)

    def text(self, name: str) -> str:
        """An option that must be text."""
        value = self.value(name)
        if value is None and name == "dnf.conf":
            return ""
        return value if isinstance(value, str) else self._refuse(name, "a string")

    def mapping(self, name: str) -> dict[str, Any]:
        """An option that must be a dictionary."""
        value = self.value(name)
        return value if isinstance(value, dict) else self._refuse(name, "a dictionary")

    def words(self, name: str) -> tuple[str, ...]:
        """A command or a list, as mock takes both: a string of words or a sequence of them."""
        value = self.value(name)
        if not value:
            return ()
        if isinstance(value, str):
            try:
                return tuple(shlex.split(value))
            except ValueError as error:
                raise InputError(
                    f"{self.path}: config_opts[{name!r}] has an open quotation", why=value
                ) from error
        return tuple(map(str, value)) if isinstance(value, list) else self._refuse(name, "a string or a list")

    def more_buildreqs(self) -> dict[str, tuple[str, ...]]:
        """By source package, one requirement as text or several as a list."""
        found = {}
        for name, needs in self.mapping("more_buildreqs").items():
            if not isinstance(needs, (str, list)):
                self._refuse("more_buildreqs", "strings or lists by name")
            found[name] = (needs,) if isinstance(needs, str) else tuple(map(str, needs))
        return found

    def seconds(self, name: str) -> int:
        """A time that mock takes as a number or as its digits."""
        text = str(self.value(name) or 0)
        is_number = text.isascii() and text.isdigit() and len(text) < 12
        return int(text) if is_number else self._refuse(name, "a number of seconds")

    def _refuse(self, name: str, wanted: str) -> NoReturn:
        raise InputError(
            f"{self.path}: config_opts[{name!r}] must be {wanted}", why=f"it is {self.value(name)!r}"[:200]
        )


def _dnf_variables(read: _Reader) -> dict[str, str]:
    """What the variables of dnf.conf stand for."""
    releasever = str(read.value("releasever") or "")
    arch = read.text("repo_arch")
    variables = make_arch_variables(arch)
    if releasever:
        major, _, minor = releasever.partition(".")
        variables.update(releasever=releasever, releasever_major=major, releasever_minor=minor)
    variables.update({key: str(word) for key, word in read.mapping("dnf_vars").items()})
    return variables


def _digest(
    meaning: Mapping[str, Any], main: Sequence[tuple[str, str]], repositories: Sequence[RepoSection]
) -> str:
    """SHA-256 over what can influence a build, independent of order, comments and other words for people."""
    parts = {
        "format": 1,
        "options": meaning,
        "main": [item for item in main if item[0] not in _DNF_OPTIONS_WITHOUT_EFFECT],
        "repositories": [
            {
                **{
                    key: value
                    for key, value in vars(repository).items()
                    if key not in _DNF_OPTIONS_WITHOUT_EFFECT
                },
                "other": [item for item in repository.other if item[0] not in _DNF_OPTIONS_WITHOUT_EFFECT],
            }
            for repository in repositories
        ],
    }
    text = json.dumps(parts, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
