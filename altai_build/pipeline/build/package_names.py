"""Names of packages: each is made by one component, and each release of a package shows its commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from altai_build.model.component_status import ComponentStatus
from altai_build.model.release_suffix import shows_commit

if TYPE_CHECKING:
    from altai_build.config import Config
    from altai_build.model.build import BuildResult


def describe_shared_name_fix() -> str:
    """What to do about components that make packages of one name."""
    # Few runs need it.
    from altai_build.model.findings import SHARED_NAMES_RULE

    return (
        "give one of the packages another name, leave one of the components out by components.NAME.skip in "
        f"repos.yaml, or accept it there by a waiver for the rule {SHARED_NAMES_RULE} and the package's name"
    )


def list_shared_names(
    config: Config, names: Mapping[str, Iterable[str]], targets: Mapping[str, str | None]
) -> dict[str, list[str]]:
    """Package name → the components of one target that make it, where it is more than one and no waiver accepts it.

    `names` are the packages, `targets` the target of each component. yum would take the package with the highest
    version, whichever component it is of.
    """
    makers: dict[tuple[str | None, str], list[str]] = {}
    for component, packages in names.items():
        for name in dict.fromkeys(packages):
            makers.setdefault((targets[component], name), []).append(component)
    shared = {name: components for (_, name), components in makers.items() if len(components) > 1}
    return {name: components for name, components in shared.items() if not _is_accepted(config, name)}


def _is_accepted(config: Config, name: str) -> bool:
    from altai_build.model.findings import SHARED_NAMES_RULE, Finding, Severity, waive

    finding = Finding(rule=SHARED_NAMES_RULE, severity=Severity.ERROR, subject=name, message="")
    today = datetime.now(timezone.utc).date()
    return waive([finding], config.waivers, today)[0].waiver is not None


def require_commit_in_releases(result: BuildResult, template: str) -> BuildResult:
    """The result of a build, failed where a package has a release without the commit: two commits would share its name.

    `template` is `release.stamp` of repos.yaml.
    """
    nevras = [rpm.header.nevra for rpm in result.rpms]
    bare = [str(nevra) for nevra in nevras if not shows_commit(nevra.release, template, result.commit)]
    if not bare:
        return result
    from altai_build.model.build import FailureKind

    return replace(
        result,
        status=ComponentStatus.FAILED,
        reason=f"the release of {', '.join(bare)} does not name the commit {result.commit[:7]}: "
        "write Release: of each %package into the spec itself, not by a macro",
        rpms=(),
        failure=FailureKind.BUILD,
    )
