"""repos.yaml → Config: every key checked, every reference resolved, all errors reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.config.components import list_template_fields, read_component, read_macros, read_tests
from altai_build.config.definition_keys import DEFINITION
from altai_build.config.key_rotation import check_replaced_keys
from altai_build.config.limits import read_limits
from altai_build.config.names import check_arch, check_baseurl, check_plain_name, check_repository_names
from altai_build.config.package_keys import KEY, TARGET
from altai_build.config.release_keys import APPROVALS, BUILD, CI, RELEASE, VERIFY
from altai_build.config.repositories import (
    check_chosen_modules,
    check_url,
    read_base_repository,
    read_repository,
)
from altai_build.config.schema import (
    DEFAULT_STAMP,
    ApprovalSettings,
    CiSettings,
    ComponentSettings,
    Config,
    Key,
    ReleaseSettings,
    Repository,
    SourceKind,
    Target,
    VerifySettings,
)
from altai_build.config.superproject import (
    check_inner_path,
    get_default_superproject,
    parse_superproject_settings,
)
from altai_build.config.upgrades import read_downgrades, read_profiles
from altai_build.config.waivers import read_waivers
from altai_build.config.yaml_reader import InputErrors, YamlNode, load_yaml
from altai_build.model.compat import Compat, get_default_compat
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.model.suggestion import suggest
from altai_build.model.variables import make_arch_variables
from altai_build.regular_files import resolve_links

if TYPE_CHECKING:
    from altai_build.model.cluster import ClusterSettings

_LONGEST_EXPECTATION = 100 * 365 * 86400  # seconds


def default_config(root: Path) -> Config:
    """The configuration where there is no repos.yaml: enough for `changed` and `srpm`, which need no target."""
    return Config(
        project=root.name,
        file=None,
        root=root,
        superproject=get_default_superproject(str(root)),
    )


def load_config(path: Path) -> Config:
    """Read and check repos.yaml. Raises InputError naming all errors: the key path, its value, what to write."""
    tree = load_yaml(path)
    errors = InputErrors()
    root = resolve_links(path).parent
    top = YamlNode(tree, "", errors).check_section(DEFINITION)
    project = top.get_child("project").read_text(check=check_plain_name)
    superproject = parse_superproject_settings(top.get_child("superproject"), str(root))
    targets = {
        name: _read_target(name, node) for name, node in top.get_child("targets").read_mapping("target")
    }
    keys = {name: _read_key(name, node, root) for name, node in top.get_child("keys").read_mapping("key")}
    variables = {name: make_arch_variables(target.arch) for name, target in targets.items()}
    repositories = {
        name: read_repository(name, node, root, variables)
        for name, node in top.get_child("repositories").read_mapping("repository")
    }
    components = {
        name: read_component(name, node)
        for name, node in top.get_child("components").read_mapping("component")
    }
    release = _read_release(top.get_child("release"), root, keys)
    verify = _read_verify(top.get_child("verify"))
    waivers = read_waivers(top.get_child("waivers"))
    build = top.get_child("build")
    if build.value is not None:
        build = build.check_section(BUILD)
    dependants = _read_rebuild_policy(build)
    limits = read_limits(build.get_child("limits"))
    profiles = read_profiles(top.get_child("profiles"), check_plain_name)
    downgrades = read_downgrades(top.get_child("allow_downgrades"), check_plain_name)
    ci = _read_ci(top.get_child("ci"), keys)
    test = read_tests(top.get_child("test"), is_default=True)
    cluster = _read_cluster(top, root)
    _check_references(top, project, targets, keys, repositories, components)
    _check_placeholders(top, components, release)
    check_chosen_modules(top.get_child("repositories"), repositories)
    errors.raise_if_any(str(path), todo="fix them all; docs/repos-yaml.md explains each key")
    return Config(
        project=project,
        file=resolve_links(path),
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
        ci=ci,
        test=test,
        cluster=cluster,
    )


def _read_rebuild_policy(node: YamlNode) -> RebuildPolicy:
    words = [policy.value for policy in RebuildPolicy]
    return RebuildPolicy(node.get_child("dependants").read_choice(words, RebuildPolicy.REBUILD.value))


def _read_target(name: str, node: YamlNode) -> Target:
    _check_name(node, name)
    node = node.check_section(TARGET)
    macros = read_macros(node.get_child("macros"))
    chosen = node.get_child("compat").read_choice([compat.value for compat in Compat], "")
    compat = Compat(chosen) if chosen else get_default_compat(dict(macros).get("rhel"))
    arch = node.get_child("arch").read_text(check=check_arch)
    variables = make_arch_variables(arch)
    return Target(
        name=name,
        mock_config=node.get_child("mock_config").read_text(check=_check_mock_config),
        arch=arch,
        macros=macros,
        base=tuple(read_base_repository(entry, variables) for entry in node.get_child("base").read_list()),
        compat=compat,
        macro_files=node.get_child("macro_files").read_text(check=check_inner_path),
    )


def _read_key(name: str, node: YamlNode, root: Path) -> Key:
    _check_name(node, name)
    node = node.check_section(KEY)
    return Key(
        name=name,
        file=root / node.get_child("file").read_text("."),
        is_signing_key=node.get_child("signs").read_flag(False),
        replaces=node.get_child("replaces").read_text() or None,
    )


def _read_release(node: YamlNode, root: Path, keys: Iterable[str]) -> ReleaseSettings:
    if node.value is not None:
        node = node.check_section(RELEASE)
    channel, rings = _read_followed_channel(node)
    return ReleaseSettings(
        directory=root / node.get_child("directory").read_text("releases"),
        baseurl=node.get_child("baseurl").read_text(check=_check_baseurl).rstrip("/"),
        stamp=node.get_child("stamp").read_text(DEFAULT_STAMP, check=_check_stamp_template),
        mirrors=tuple(url.rstrip("/") for url in node.get_child("mirrors").read_texts(check=_check_baseurl)),
        channel=channel,
        rings=rings,
        expected_by=_read_expected_by(node.get_child("expected_by")),
        approvals=_read_approvals(node.get_child("approvals"), keys),
    )


def _read_approvals(node: YamlNode, keys: Iterable[str]) -> ApprovalSettings | None:
    """`approvals` of `release`: names in `keys`, and how many of them are needed."""
    if node.value is None:
        return None
    node = node.check_section(APPROVALS)
    names = node.get_child("keys").read_texts()
    for name in names:
        _check_reference(node.get_child("keys"), name, keys, "keys")
    for name in sorted({name for name in names if names.count(name) > 1}):
        node.get_child("keys").add_error(f"names {name} twice")
    hint = "write how many of the keys are needed, as in 2"
    needed = node.get_child("needed").read_integer(None, minimum=1, hint=hint)
    if needed is not None and needed > len(names):
        node.get_child("needed").add_error(f"got {needed}, but `keys` names only {len(names)}")
    return ApprovalSettings(keys=names, needed=needed or 1)


def _read_expected_by(node: YamlNode) -> float | date | None:
    """A time after the commit (90d), or a day, which YAML loads as a date where it has no quotes."""
    from altai_build.model.quantity import parse_duration

    # A datetime is an instance of date too, and is refused.
    if node.value is None or type(node.value) is date:
        return node.value
    with suppress(ValueError):
        return date.fromisoformat(str(node.value))
    with suppress(ValueError):
        seconds = parse_duration(str(node.value))
        if 0 < seconds <= _LONGEST_EXPECTATION:
            return seconds
    node.add_error(
        f"got {node.describe_value()}; write a time after the commit, as in 90d, or a day, as in 2027-03-31"
    )
    return None


def _read_followed_channel(node: YamlNode) -> tuple[str | None, tuple[tuple[str, int], ...]]:
    """`channel` and `rings` of `release`."""
    if not node.has_key("channel") and not node.has_key("rings"):
        return None, ()
    # Few definitions have channels.
    from altai_build.config.channels import check_channel_name, read_rings

    channel = node.get_child("channel").read_text(check=check_channel_name) or None
    rings = read_rings(node.get_child("rings"))
    if channel is not None and rings:
        node.get_child("channel").add_error("give either channel or rings: packages follow one of them")
    return channel, rings


def _check_placeholders(
    top: YamlNode, components: dict[str, ComponentSettings], release: ReleaseSettings
) -> None:
    """`{channel}` and `{ring}` in generated sources need the keys of `release` that they stand for."""
    for name, component in components.items():
        for file, template in component.sources:
            node = top.get_child("components").get_child(name).get_child("sources").get_child(file)
            fields = list_template_fields(template) or []
            if "channel" in fields and not release.follows_channel:
                node.add_error("{channel} needs release.channel or release.rings, which say what it follows")
            if "ring" in fields and not release.rings:
                node.add_error("{ring} needs release.rings")


def _read_cluster(top: YamlNode, root: Path) -> ClusterSettings | None:
    if not top.has_key("dask"):
        return None
    # Few definitions have a cluster.
    from altai_build.config.cluster import read_cluster

    return read_cluster(top.get_child("dask"), root)


def _read_ci(node: YamlNode, keys: dict[str, Key]) -> CiSettings:
    if node.value is None:
        return CiSettings()
    entry = node.check_section(CI).get_child("key")
    name = entry.read_text() or None
    if name is not None:
        _check_reference(entry, name, keys, "keys")
        _check_that_it_signs(entry, name, keys)
    return CiSettings(key=name)


def _read_verify(node: YamlNode) -> VerifySettings:
    """Read `verify`: the settings of the rules."""
    default = VerifySettings()
    if node.value is None:
        return default
    days = node.check_section(VERIFY).get_child("expiry_horizon_days")
    horizon = days.read_integer(
        default.expiry_horizon_days, minimum=0, hint="write a number of days, as in 90"
    )
    return default if horizon is None else VerifySettings(expiry_horizon_days=horizon)


def _check_references(
    top: YamlNode,
    project: str,
    targets: dict[str, Target],
    keys: dict[str, Key],
    repositories: dict[str, Repository],
    components: dict[str, ComponentSettings],
) -> None:
    for name, target in targets.items():
        for index, base in enumerate(target.base):
            node = YamlNode(None, f"targets.{name}.base[{index}].key", top.errors)
            _check_reference(node, base.key, keys, "keys")
    check_replaced_keys(top.get_child("keys"), keys, _check_reference)
    for name, repository in repositories.items():
        node = top.get_child("repositories").get_child(name)
        _check_reference(node.get_child("target"), repository.target, targets, "targets")
        _check_reference(node.get_child("key"), repository.key, keys, "keys")
        if repository.source is not SourceKind.MIRROR:
            _check_that_it_signs(node.get_child("key"), repository.key, keys)
    source_names = {name: repository.source_rpms for name, repository in repositories.items()}
    check_repository_names(top.get_child("repositories"), project, source_names)
    for name, component in components.items():
        if component.repository:
            node = top.get_child("components").get_child(name).get_child("repository")
            _check_reference(node, component.repository, repositories, "repositories")


def _check_reference(node: YamlNode, name: str, table: Iterable[str], section: str) -> None:
    defined = list(table)
    if name and name not in defined:
        hint = suggest(name, defined) or f"defined: {', '.join(defined) or 'none'}"
        node.add_error(f"got {name!r}, which is not in {section}; {hint}")


def _check_that_it_signs(node: YamlNode, name: str, keys: dict[str, Key]) -> None:
    key = keys.get(name)
    if key is not None and not key.is_signing_key:
        node.add_error(f"got {name!r}, which does not sign; name a key with signs: true")


def _check_name(node: YamlNode, name: str) -> None:
    if error := check_plain_name(name):
        node.add_error(error)


def _check_mock_config(value: str) -> str | None:
    if value.startswith("-") or ".." in value.split("/"):
        return "write the name of a file in mock-configs/ or /etc/mock, without .cfg"
    return None


def _check_baseurl(value: str) -> str | None:
    return check_url(value) or check_baseurl(value)


def _check_stamp_template(value: str) -> str | None:
    names = list_template_fields(value)
    if names is None or any(name not in ("release", "count", "commit") for name in names):
        return "placeholders are {release}, {count} and {commit}"
    if "count" not in names or "commit" not in names:
        return "{count} and {commit} are both needed: a later commit must sort higher, no two commits may share a name"
    if not re.fullmatch(r"[A-Za-z0-9._+~^]*", re.sub(r"\{\w+\}", "", value)):
        return "a release holds letters, digits and . _ + ~ ^ only"
    return None
