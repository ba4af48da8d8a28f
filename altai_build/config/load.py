"""repos.yaml → Config: every key checked, every reference resolved, all faults in one error."""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from altai_build.config.checks import read_verify, read_waivers
from altai_build.config.limits import read_limits
from altai_build.config.place import check_inner_path, get_default_superproject, parse_superproject_settings
from altai_build.config.reader import InputErrors, YamlNode, load_yaml
from altai_build.config.schema import (
    DEFAULT_STAMP,
    BaseRepository,
    Bootstrap,
    ComponentSettings,
    Config,
    Key,
    Listing,
    ReleaseSettings,
    Repository,
    Source,
    Target,
)
from altai_build.config.succession import check_succession
from altai_build.config.upgrades import read_downgrades, read_profiles
from altai_build.errors import InputError
from altai_build.model.fingerprint import RebuildPolicy
from altai_build.model.release import Compat, get_default_compat

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_MACRO = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_URL_SCHEMES = ("https", "http", "file")
_TOP_KEYS = (
    "project",
    "superproject",
    "targets",
    "keys",
    "repositories",
    "components",
    "build",
    "release",
    "verify",
    "waivers",
    "profiles",
    "allow_downgrades",
)


def default_config(root: Path) -> Config:
    """What holds where no repos.yaml is: enough for `changed` and `srpm`, which need no target."""
    return Config(
        project=root.name,
        file=None,
        root=root,
        superproject=get_default_superproject(str(root)),
    )


def load_config(path: Path) -> Config:
    """Read and check repos.yaml. Raises InputError naming all faults: key path, what was got, what to write."""
    tree = load_yaml(path)
    faults = InputErrors()
    root = path.resolve().parent
    top = YamlNode(tree, "", faults).known(
        _TOP_KEYS, needed=("project", "targets", "keys", "repositories", "release")
    )
    project = top.child("project").text(check=_plain_name)
    superproject = parse_superproject_settings(top.child("superproject"), str(root))
    targets = {name: _target(name, node) for name, node in top.child("targets").items("target")}
    keys = {name: _key(name, node, root) for name, node in top.child("keys").items("key")}
    repositories = {
        name: _repository(name, node, root) for name, node in top.child("repositories").items("repository")
    }
    components = {name: _component(name, node) for name, node in top.child("components").items("component")}
    release = _release(top.child("release"), root)
    verify = read_verify(top.child("verify"))
    waivers = read_waivers(top.child("waivers"))
    build = _build(top.child("build"))
    dependants = _read_rebuild_policy(build)
    limits = read_limits(build.child("limits"))
    profiles = read_profiles(top.child("profiles"), _plain_name)
    downgrades = read_downgrades(top.child("allow_downgrades"), _plain_name)
    _check_references(top, targets, keys, repositories, components)
    if faults.lines:
        count = len(faults.lines)
        raise InputError(
            f"{path} has {count} fault{'s' if count > 1 else ''}",
            why="\n".join(faults.lines),
            todo="mend them all; docs/repos-yaml.md explains each key",
        )
    return Config(
        project=project,
        file=path.resolve(),
        root=root,
        superproject=superproject,
        targets=targets,
        keys=keys,
        repositories=repositories,
        components=components,
        release=release,
        verify=verify,
        waivers=waivers,
        dependants=dependants,
        limits=limits,
        profiles=profiles,
        allow_downgrades=downgrades,
    )


def _build(node: YamlNode) -> YamlNode:
    return node if node.value is None else node.known(("dependants", "limits"))


def _read_rebuild_policy(node: YamlNode) -> RebuildPolicy:
    words = [one.value for one in RebuildPolicy]
    return RebuildPolicy(node.child("dependants").choice(words, RebuildPolicy.REBUILD.value))


def _target(name: str, node: YamlNode) -> Target:
    _check_name(node, name)
    keys = ("mock_config", "arch", "macros", "base", "compat")
    node = node.known(keys, needed=("mock_config", "arch"))
    macros = _macros(node.child("macros"))
    chosen = node.child("compat").choice([one.value for one in Compat], "")
    compat = Compat(chosen) if chosen else get_default_compat(dict(macros).get("rhel"))
    return Target(
        name=name,
        mock_config=node.child("mock_config").text(check=_mock_config),
        arch=node.child("arch").text(check=_plain_name),
        macros=macros,
        base=tuple(_read_base_repositories(entry) for entry in node.child("base").elements()),
        compat=compat,
    )


def _macros(node: YamlNode) -> tuple[tuple[str, str], ...]:
    macros = []
    for macro, value in node.items("macro"):
        if problem := _macro_name(macro):
            value.fault(problem)
        elif isinstance(value.value, (int, float)) and not isinstance(value.value, bool):
            value.fault(f"got the number {value.got()}; quote it, a macro is text (6.10 would become 6.1)")
        else:
            macros.append((macro, value.text()))
    return tuple(macros)


def _read_base_repositories(node: YamlNode) -> BaseRepository:
    node = node.known(("name", *_UPSTREAM, "key"), needed=("name", "key"))
    url, listing = _read_upstream(node)
    return BaseRepository(
        name=node.child("name").text(check=_plain_name),
        url=url,
        key=node.child("key").text(),
        listing=listing,
    )


_UPSTREAM = ("url", *(one.value for one in Listing))


def _read_upstream(node: YamlNode) -> tuple[str, Listing | None]:
    """Where a repository is fetched from: a URL, or the URL of a list of mirrors."""
    given = [key for key in _UPSTREAM if node.has(key)]
    if len(given) != 1:
        got = f"got {' and '.join(given)}" if given else "none is given"
        node.fault(f"{got}; write one of {', '.join(_UPSTREAM)}")
        return "", None
    url = node.child(given[0]).text(check=_url)
    return url, None if given[0] == "url" else Listing(given[0])


def _key(name: str, node: YamlNode, root: Path) -> Key:
    _check_name(node, name)
    node = node.known(("file", "signs", "replaces"), needed=("file",))
    return Key(
        name=name,
        file=root / node.child("file").text("."),
        signs=node.child("signs").flag(False),
        replaces=node.child("replaces").text() or None,
    )


_REPOSITORY_KEYS = {
    Source.SUPERPROJECT: ("source", "target", "key", "source_rpms"),
    Source.SPECS: ("source", "target", "key", "path", "source_rpms"),
    Source.MIRROR: (
        "source",
        "target",
        "key",
        "url",
        "mirrorlist",
        "metalink",
        "packages",
        "prefer",
        "exclude",
        "weak",
    ),
}
_REPOSITORY_REQUIRED_KEYS = {
    Source.SUPERPROJECT: ("source", "target", "key"),
    Source.SPECS: ("source", "target", "key", "path", "source_rpms"),
    Source.MIRROR: ("source", "target", "key", "packages"),
}


def _repository(name: str, node: YamlNode, root: Path) -> Repository:
    if problem := check_inner_path(name):
        node.fault(f"the repository's name is its directory in the release: {problem}")
    kind = Source(node.child("source").choice([one.value for one in Source], Source.SUPERPROJECT.value))
    node = node.known(_REPOSITORY_KEYS[kind], needed=_REPOSITORY_REQUIRED_KEYS[kind])
    packages = node.child("packages")
    wanted: tuple[str, ...] | None = None
    if isinstance(packages.value, str):
        packages.choice(("needed",), "needed")
    else:
        wanted = packages.texts(check=_plain_name)
    path = node.child("path").text()
    url, listing = _read_upstream(node) if kind is Source.MIRROR else ("", None)
    return Repository(
        name=name,
        source=kind,
        target=node.child("target").text(),
        key=node.child("key").text(),
        path=root / path if path else None,
        source_rpms=node.child("source_rpms").text(check=check_inner_path) or None,
        url=url or None,
        listing=listing,
        packages=wanted,
        prefer=node.child("prefer").texts(),
        exclude=node.child("exclude").texts(),
        weak=node.child("weak").flag(False),
    )


def _component(name: str, node: YamlNode) -> ComponentSettings:
    node = node.known(("sources", "specs", "repository", "skip", "bootstrap"))
    sources = []
    for file, template in node.child("sources").items("source file"):
        if problem := _file_name(file):
            template.fault(problem)
        sources.append(
            (file, template.text(check=_make_template_check(("baseurl", "version", "project", "gpgkeys"))))
        )
    return ComponentSettings(
        name=name,
        sources=tuple(sources),
        specs=node.child("specs").texts(check=check_inner_path),
        repository=node.child("repository").text() or None,
        skip=node.child("skip").text() or None,
        bootstrap=_bootstrap(node.child("bootstrap")) if node.has("bootstrap") else None,
    )


def _bootstrap(node: YamlNode) -> Bootstrap:
    node = node.known(("with", "without", "macros"))
    found = Bootstrap(
        with_=node.child("with").texts(check=_macro_name),
        without=node.child("without").texts(check=_macro_name),
        macros=_macros(node.child("macros")),
    )
    if not found.all_macros:
        node.fault("it changes nothing; write with: [NAME], without: [NAME] or macros: {NAME: VALUE}")
    return found


def _macro_name(value: str) -> str | None:
    return None if _MACRO.fullmatch(value) else "a macro name is letters, digits and _, without %"


def _release(node: YamlNode, root: Path) -> ReleaseSettings:
    if node.value is not None:
        node = node.known(("directory", "baseurl", "stamp"), needed=("baseurl",))
    return ReleaseSettings(
        directory=root / node.child("directory").text("releases"),
        baseurl=node.child("baseurl").text(check=_url).rstrip("/"),
        stamp=node.child("stamp").text(DEFAULT_STAMP, check=_check_stamp_template),
    )


def _check_references(
    top: YamlNode,
    targets: dict[str, Target],
    keys: dict[str, Key],
    repositories: dict[str, Repository],
    components: dict[str, ComponentSettings],
) -> None:
    for name, target in targets.items():
        for index, base in enumerate(target.base):
            place = YamlNode(None, f"targets.{name}.base[{index}].key", top.faults)
            _check_reference(place, base.key, keys, "keys")
    check_succession(top.child("keys"), keys, _check_reference)
    for name, repository in repositories.items():
        node = top.child("repositories").child(name)
        _check_reference(node.child("target"), repository.target, targets, "targets")
        _check_reference(node.child("key"), repository.key, keys, "keys")
        key = keys.get(repository.key)
        if repository.source is not Source.MIRROR and key is not None and not key.signs:
            node.child("key").fault(
                f"got {repository.key!r}, whose secret half is not ours; name a key with signs: true"
            )
        if repository.source_rpms and repository.source_rpms in repositories:
            node.child("source_rpms").fault(f"{repository.source_rpms!r} is a repository of its own already")
    for name, component in components.items():
        if component.repository:
            node = top.child("components").child(name).child("repository")
            _check_reference(node, component.repository, repositories, "repositories")


def _check_reference(node: YamlNode, name: str, table: Iterable[str], section: str) -> None:
    known = list(table)
    if name and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"perhaps you meant {near[0]!r}" if near else f"defined: {', '.join(known) or 'none'}"
        node.fault(f"got {name!r}, which is not in {section}; {hint}")


def _check_name(node: YamlNode, name: str) -> None:
    if problem := _plain_name(name):
        node.fault(problem)


def _plain_name(value: str) -> str | None:
    return None if _NAME.fullmatch(value) and ".." not in value else "write letters, digits and _ . + -"


def _file_name(value: str) -> str | None:
    if "/" in value or value in (".", "..") or value.startswith("-"):
        return "a source is a plain file name, without folders"
    return None


def _mock_config(value: str) -> str | None:
    if value.startswith("-") or ".." in value.split("/"):
        return "write the name of a file in mock-configs/ or /etc/mock, without .cfg"
    return None


def _url(value: str) -> str | None:
    try:
        parts = urlsplit(value)
    except ValueError as error:
        return str(error)
    if parts.scheme not in _URL_SCHEMES or (parts.scheme != "file" and not parts.netloc):
        return f"write a URL with one of {', '.join(_URL_SCHEMES)}"
    if parts.username or parts.password:
        return "a password in a URL would be published; keep it in ~/.netrc"
    return None


def _get_template_fields(template: str) -> list[str] | None:
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError:
        return None
    if any(spec or conversion for _, name, spec, conversion in parsed if name is not None):
        return None
    return [name for _, name, _, _ in parsed if name is not None]


def _make_template_check(known: tuple[str, ...]) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        names = _get_template_fields(value)
        if names is None or any(name not in known for name in names):
            return f"placeholders are {', '.join('{' + name + '}' for name in known)}"
        return None

    return check


def _check_stamp_template(value: str) -> str | None:
    names = _get_template_fields(value)
    if names is None or any(name not in ("release", "count", "commit") for name in names):
        return "placeholders are {release}, {count} and {commit}"
    if "count" not in names or "commit" not in names:
        return "{count} and {commit} are both needed: a later commit sorts higher, two commits never share a name"
    if not re.fullmatch(r"[A-Za-z0-9._+~^]*", re.sub(r"\{\w+\}", "", value)):
        return "a release holds letters, digits and . _ + ~ ^ only"
    return None
