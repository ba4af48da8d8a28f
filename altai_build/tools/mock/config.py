"""mock's own configuration files, read without running them, as a frozen description of a build root."""

from __future__ import annotations

import difflib
import hashlib
import json
import platform
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.errors import InputError
from altai_build.tools.mock import script as mockscript
from altai_build.tools.mock.template import expand_nested
from altai_build.tools.repo import dnfconf
from altai_build.tools.repo.dnfconf import RepoSection

__all__ = ["MockConfig", "RepoSection", "available_configs", "read_config"]

# Files of mock's configuration directory that are no build roots.
_NOT_CHROOT_CONFIGS = ("site-defaults", "chroot-aliases", "default")

_PLUGINS = (
    "tmpfs", "root_cache", "yum_cache", "mount", "bind_mount", "ccache", "selinux", "package_state", "chroot_scan",
    "lvm_root", "compress_logs", "sign", "pm_request", "hw_info", "procenv", "showrc", "rpkg_preprocessor",
    "rpmautospec", "buildroot_lock", "export_buildroot_image", "unbreq", "expand_spec", "system_monitor", "overlayfs",
)  # fmt: skip
_DEFAULT_PLUGINS = ("root_cache", "yum_cache", "mount", "bind_mount", "selinux", "package_state", "hw_info")

# Options that name places, words for people, or how mock waits and cleans: no package differs by them.
_OPTIONS_WITHOUT_EFFECT = frozenset(
    {
        "root", "description", "resultdir", "basedir", "rootdir", "cache_topdir", "log_config_file", "no-config",
        "build_log_fmt_name", "root_log_fmt_name", "state_log_fmt_name", "cleanup_on_success", "cleanup_on_failure",
        "backup_on_clean", "backup_base_dir", "package_manager_max_attempts", "package_manager_attempt_delay",
        "user_agent", "print_main_output", "stderr_line_prefix", "opstimeout", "rpmbuild_timeout", "dnf_warning",
        "no_root_shells",
    }
)  # fmt: skip
_DNF_OPTIONS_WITHOUT_EFFECT = frozenset(
    {
        "cachedir", "countme", "debuglevel", "errorlevel", "fastestmirror", "ip_resolve", "keepcache", "logfile",
        "max_parallel_downloads", "metadata_expire", "minrate", "name", "retries", "syslog_device", "syslog_ident",
        "system_cachedir", "throttle", "timeout", "user_agent",
    }
)  # fmt: skip

# Options that change what is built and that only mock itself carries out.
_MOCK_ONLY_OPTIONS = frozenset(
    {
        "bootstrap_chroot_additional_packages", "copy_host_users", "extra_chroot_dirs", "files", "forcearch",
        "hostname", "macrofile", "module_enable", "module_install", "module_setup_commands", "more_buildreqs",
        "nspawn_args", "post_install", "rpmbuild_arch", "rpmbuild_command", "rpmbuild_opts", "use_buildroot_image",
    }
)  # fmt: skip
_MOCK_ONLY_PLUGINS = frozenset(
    {"bind_mount_opts", "mount_opts", "rpmautospec_enable", "rpkg_preprocessor_enable"}
)


@dataclass(frozen=True)
class MockConfig:
    """One build root, as mock's configuration describes it."""

    name: str  # the file's name without .cfg
    files: tuple[Path, ...]  # everything that was read, in order
    root: str
    target_arch: str
    legal_host_arches: tuple[str, ...]  # empty: any
    chroot_setup_cmd: tuple[
        str, ...
    ]  # with its verb: ("install", "bash", …), ("groupinstall", "buildsys-build")
    additional_packages: tuple[str, ...]  # chroot_additional_packages
    package_manager: str  # dnf, dnf4, dnf5, yum or microdnf
    releasever: str  # "" when unset
    dist: str  # "" when unset
    macros: tuple[tuple[str, str], ...]  # what the configuration sets, without the leading %, sorted
    environment: tuple[
        tuple[str, str], ...
    ]  # of the build: mock's defaults and what the configuration sets, sorted
    use_nspawn: bool | None  # None: mock decides by looking at the machine
    use_bootstrap: bool
    rpmbuild_networking: bool
    rpmbuild_timeout: int  # seconds; 0: none
    main: tuple[tuple[str, str], ...]  # [main] of dnf.conf, sorted
    repositories: tuple[RepoSection, ...]  # in the file's order, disabled ones included
    dnf_conf: str  # dnf.conf as mock writes it
    mock_only: tuple[str, ...]  # options set here that change a build and that only mock itself carries out
    flat: str  # the same configuration as one file for mock: no includes, no site defaults
    digest: str  # SHA-256 over all that can influence a build; a comment or a description cannot


def read_config(name: str, *, search: Sequence[Path]) -> MockConfig:
    """Read a configuration by its name, looked up in the `search` directories, or by an absolute path ending in .cfg.

    As in mock, site-defaults.cfg is read first where there is one (the first directory that has it), and includes
    are relative to the directories. Raises InputError when there is no such configuration, when a statement cannot
    be understood by reading it, or when a value is unusable.
    """
    path = _find_config_file(name, search)
    library = mockscript.ConfigDirectories([*search, path.parent])
    defaults, options = _defaults(), mockscript.MockOptions(_defaults())
    options["config_path"], options["config_file"], options["chroot_name"] = (
        str(path.parent),
        str(path),
        path.stem,
    )
    given = set(options) - set(defaults)
    site = next(
        (place / "site-defaults.cfg" for place in search if (place / "site-defaults.cfg").is_file()), None
    )
    for file in (site, path) if site else (path,):
        mockscript.run(file, library=library, options=options)
    for key in given:
        del options[key]
    return _build_config(path, tuple(library.read), options, defaults)


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
            f"{name!r} is no name of a mock configuration",
            why="a name of the kind almalinux-9-x86_64 is wanted: no leading '-', no '..', no control characters",
            todo="write the file's name without .cfg",
        )
    if given.is_absolute() and given.suffix != ".cfg":
        raise InputError(f"{name} is no mock configuration", why="a path is taken only when it ends in .cfg")
    file = name if given.suffix == ".cfg" else f"{name}.cfg"
    places = [place / file for place in search]  # an absolute name replaces the directory
    found = next((place for place in places or [given] if place.is_file()), None)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, available_configs(search), n=3)
    raise InputError(
        f"there is no mock configuration {name}",
        why="looked at " + ", ".join(map(str, dict.fromkeys(places or [given]))),
        todo=f"perhaps {' or '.join(near)} is meant"
        if near
        else "write it beside repos.yaml, in mock-configs/",
    )


def _build_config(
    path: Path, files: tuple[Path, ...], options: mockscript.MockOptions, defaults: Mapping[str, Any]
) -> MockConfig:
    """Expand the options and put them into the words of MockConfig."""
    if "root" not in options:
        raise InputError(f"{path} sets no config_opts['root']", why="mock needs a name for the build root")
    _normalize_macros(path, options)
    changed = {key for key in options if key not in defaults or options[key] != defaults[key]}
    flat = "".join(_format_assignments(["config_opts"], dict(options), defaults))
    options["rpmbuild_arch"] = options["rpmbuild_arch"] or options["target_arch"]
    options["repo_arch"] = options["repo_arch"] or options["repo_arch_map"].get(
        options["target_arch"], options["target_arch"]
    )
    raw = dict(options)

    def value(key: str) -> Any:
        return expand_nested(raw.get(key), raw, where=f"{path.name}: config_opts[{key!r}]")

    text = _require_text(path, "dnf.conf", value("dnf.conf") or "")
    main, repositories = dnfconf.parse_dnf_config(
        text, variables=_dnf_variables(value), where=f"{path.name}: dnf.conf"
    )
    macros = {key: word for key, word in value("macros").items() if defaults["macros"].get(key) != word}
    meaning = {
        key: _expand_or_keep(value, key, raw) for key in changed - _OPTIONS_WITHOUT_EFFECT - {"dnf.conf"}
    }
    return MockConfig(
        name=path.stem,
        files=files,
        root=_require_text(path, "root", value("root")),
        target_arch=_require_text(path, "target_arch", value("target_arch")),
        legal_host_arches=_split_words(value("legal_host_arches")),
        chroot_setup_cmd=_split_words(value("chroot_setup_cmd")),
        additional_packages=_split_words(value("chroot_additional_packages")),
        package_manager=_require_text(path, "package_manager", value("package_manager")),
        releasever=str(value("releasever") or ""),
        dist=str(value("dist") or ""),
        macros=tuple(sorted((key.lstrip("%"), str(word)) for key, word in macros.items())),
        environment=tuple(sorted((key, str(word)) for key, word in value("environment").items())),
        use_nspawn={"nspawn": True, "simple": False, "auto": None}.get(
            value("isolation"), value("use_nspawn")
        ),
        use_bootstrap=bool(value("use_bootstrap")),
        rpmbuild_networking=bool(value("rpmbuild_networking")),
        rpmbuild_timeout=_parse_seconds(path, value("rpmbuild_timeout")),
        main=main,
        repositories=repositories,
        dnf_conf=text,
        mock_only=_mock_only(changed, raw, defaults),
        flat=flat,
        digest=_digest(meaning, main, repositories),
    )


def _require_text(path: Path, key: str, value: object) -> str:
    """An option that must be text."""
    if not isinstance(value, str):
        raise InputError(f"{path}: config_opts[{key!r}] must be a string", why=f"it is {value!r}")
    return value


def _parse_seconds(path: Path, value: object) -> int:
    """A time that mock takes as a number or as its digits."""
    text = str(value or 0)
    if not text.isascii() or not text.isdigit():
        raise InputError(
            f"{path}: config_opts['rpmbuild_timeout'] must be a number of seconds", why=f"it is {value!r}"
        )
    return int(text)


def _split_words(value: object) -> tuple[str, ...]:
    """A command or a list, as mock takes both: a string of words or a sequence of them."""
    if not value:
        return ()
    return tuple(shlex.split(value)) if isinstance(value, str) else tuple(map(str, value))  # type: ignore[call-overload]


def _expand_or_keep(value: Any, key: str, raw: Mapping[str, Any]) -> Any:
    """An option's expanded value, or its text where it cannot be expanded: mock expands only what it uses."""
    try:
        return value(key)
    except InputError:
        return raw[key]


def _dnf_variables(value: Any) -> dict[str, str]:
    """What the variables of dnf.conf stand for."""
    releasever = str(value("releasever") or "")
    arch = str(value("repo_arch"))
    variables = {"arch": arch, "basearch": dnfconf.base_arch(arch)}
    if releasever:
        major, _, minor = releasever.partition(".")
        variables.update(releasever=releasever, releasever_major=major, releasever_minor=minor)
    variables.update({key: str(word) for key, word in value("dnf_vars").items()})
    return variables


def _normalize_macros(path: Path, options: mockscript.MockOptions) -> None:
    """Give every macro its leading %, and refuse those that mock refuses (check_macro_definition)."""
    macros = options["macros"]
    for key in list(macros):
        word = macros[key]
        if not key or (not word and word is not None) or len(key.split()) != 1:
            raise InputError(
                f"{path}: config_opts['macros'][{key!r}] = {word!r} is no macro",
                why="a macro has a name of one word and a value that is not empty",
            )
        if not key.startswith("%"):
            macros[f"%{key}"] = macros.pop(key)


def _mock_only(changed: set[str], raw: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the options that only mock carries out."""
    plugins = {
        f"plugin_conf.{key}"
        for key, value in raw["plugin_conf"].items()
        if key in _MOCK_ONLY_PLUGINS and value != defaults["plugin_conf"].get(key)
    }
    return tuple(sorted((changed & _MOCK_ONLY_OPTIONS) | plugins))


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


def _format_assignments(
    place: list[str], value: Mapping[Any, Any], default: Mapping[Any, Any]
) -> Iterator[str]:
    """The assignments that lead from mock's defaults to these options, one by one."""
    for key in value:
        path = [*place, f"[{key!r}]"]
        if key not in default or type(value[key]) is not type(default[key]):
            yield f"{''.join(path)} = {_format_literal(value[key])}\n"
        elif isinstance(value[key], dict):
            yield from _format_assignments(path, value[key], default[key])
        elif value[key] != default[key]:
            yield f"{''.join(path)} = {_format_literal(value[key])}\n"
    for key in default:
        if key not in value:
            yield f"{''.join(place)}.pop({key!r}, None)\n"


def _format_literal(value: object) -> str:
    """A value as Python text; a text of several lines stays one of several lines."""
    if isinstance(value, str) and value.count("\n") > 1:
        lines = "".join(f"    {line!r}\n" for line in value.splitlines(keepends=True))
        return f"(\n{lines})"
    return repr(dict(value)) if isinstance(value, dict) else repr(value)


class _PluginOptions(dict):  # type: ignore[type-arg]
    """The settings of plugins: those of one that is not known here start empty, as mock starts them."""

    def __missing__(self, key: str) -> dict[str, Any]:
        if not str(key).endswith("_opts"):
            raise KeyError(key)
        self[key] = {}
        return self[key]  # type: ignore[no-any-return]


def _plugins() -> _PluginOptions:
    """The settings of mock's plugins as far as configurations add to them."""
    plugins = _PluginOptions({f"{name}_enable": name in _DEFAULT_PLUGINS for name in _PLUGINS})
    plugins.update({f"{name}_opts": {} for name in _PLUGINS})
    plugins["bind_mount_opts"] = {"dirs": [], "create_dirs": False}
    plugins["mount_opts"] = {"dirs": []}
    plugins["root_cache_opts"] = {
        "exclude_dirs": [
            "./proc",
            "./sys",
            "./dev",
            "./tmp/ccache",
            "./var/cache/yum",
            "./var/cache/dnf",
            "./var/log",
        ]
    }
    return plugins


def _defaults() -> dict[str, Any]:
    """What mock 6 sets before it reads a file, as far as a configuration reads it or adds to it."""
    return {
        "basedir": "/var/lib/mock",
        "resultdir": "{{basedir}}/{{root}}/result",
        "rootdir": "{{basedir}}/{{root}}/root",
        "cache_topdir": "/var/cache/mock",
        "chroothome": "/builddir",
        "chrootuser": "mockbuild",
        "chrootgroup": "mock",
        # mock takes the numbers of whoever runs it; no package depends on them, so one fixed pair is as good.
        "chrootuid": 1000,
        "chrootgid": 135,
        "host_arch": platform.machine(),
        "version": "6",
        "isolation": None,
        "use_nspawn": None,
        "rpmbuild_networking": False,
        "rpmbuild_timeout": 0,
        "nspawn_args": ["--capability=cap_ipc_lock"],
        "use_bootstrap": True,
        "use_bootstrap_image": True,
        "bootstrap_image": "fedora:latest",
        "bootstrap_image_ready": False,
        "use_container_host_hostname": True,
        "exclude_from_homedir_cleanup": ["build/SOURCES", ".bash_history", ".bashrc"],
        "plugins": list(_PLUGINS),
        "plugin_conf": _plugins(),
        "environment": {
            "TERM": "vt100",
            "SHELL": "/bin/bash",
            "HOME": "/builddir",
            "HOSTNAME": "mock",
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "PROMPT_COMMAND": r'printf "\033]0;<mock-chroot>\007"',
            "PS1": r"<mock-chroot> \s-\v\$ ",
            "LANG": "C.UTF-8",
        },
        "use_host_resolv": False,
        "chroot_setup_cmd": ("groupinstall", "buildsys-build"),
        "repo_arch": None,
        "repo_arch_map": {},
        "target_arch": "i386",
        "releasever": None,
        "rpmbuild_arch": None,
        "dnf_vars": {},
        "yum_builddep_opts": [],
        "yum_common_opts": [],
        "yum_install_command": "install yum yum-utils",
        "dnf4_install_command": "install python3-dnf python3-dnf-plugins-core",
        "dnf5_install_command": "install dnf5 dnf5-plugins",
        "dnf4_common_opts": ["--setopt=deltarpm=False", "--setopt=allow_vendor_change=yes", "--allowerasing"],
        "dnf4_disable_plugins": ["local", "spacewalk", "versionlock"],
        "dnf4_avoid_opts": {},
        "dnf5_common_opts": ["--setopt=deltarpm=False", "--setopt=allow_vendor_change=yes", "--allowerasing"],
        "dnf5_disable_plugins": [],
        "update_before_build": True,
        "more_buildreqs": {},
        "files": {},
        "macros": {
            "%_topdir": "/builddir/build",
            "%_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        },
        "hostname": None,
        "module_enable": [],
        "module_install": [],
        "module_setup_commands": [],
        "forcearch": None,
        "bootstrap_chroot_additional_packages": [],
        "bootstrap_module_enable": [],
        "bootstrap_module_install": [],
        "bootstrap_module_setup_commands": [],
        "extra_chroot_dirs": [],
        "package_manager": "dnf",
        "dynamic_buildrequires": True,
        "user_agent": "Mock ({{ root }}; {{ target_arch }})",
        "chroot_additional_packages": [],
        "no-config": {},
        "copy_host_users": [],
        "scm_opts": {},
    }
