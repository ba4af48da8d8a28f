"""What became of the components of a run: failures that only the whole run shows, the record of it, the rows."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from altai_build.config import Config
from altai_build.ledger import ComponentOutcome, write_outcomes
from altai_build.model.build import BuildResult, FailureKind
from altai_build.model.component_status import ComponentStatus
from altai_build.model.srpm import SrpmResult
from altai_build.pipeline.build.package_names import describe_shared_name_fix, list_shared_names
from altai_build.pipeline.build.selection import ALL_COMPONENTS_REASON
from altai_build.workspace import Workspace


def fail_duplicate_packages(
    results: Mapping[str, BuildResult],
    bootstrap_builds: Container[str],
    config: Config,
    targets: Mapping[str, str | None],
) -> dict[str, BuildResult]:
    """Components that produced the same package have failed: no repository can hold two of one file name.

    Those that produced packages of one name have failed too, unless a waiver accepts the name.
    """
    producers: dict[str, list[str]] = {}
    for name, result in results.items():
        if name not in bootstrap_builds:
            for rpm in result.rpms:
                producers.setdefault(rpm.path.name, []).append(name)
    judged = dict(results)
    for file, names in producers.items():
        if len(names) > 1:
            both = " and ".join(sorted(names))
            reason = f"{both} both produce {file}: give one of the packages another name or version"
            for name in names:
                judged[name] = replace(results[name], status=ComponentStatus.FAILED, reason=reason, rpms=())
    made = {
        name: [rpm.header.nevra.name for rpm in result.rpms]
        for name, result in judged.items()
        if name not in bootstrap_builds
    }
    for package, names in list_shared_names(config, made, targets).items():
        both = " and ".join(sorted(names))
        reason = f"{both} both produce packages of the name {package}: {describe_shared_name_fix()}"
        for name in names:
            judged[name] = replace(results[name], status=ComponentStatus.FAILED, reason=reason, rpms=())
    return judged


def fail_with_bootstrap_builds(
    results: Mapping[str, BuildResult], bootstrap_builds: Mapping[str, str]
) -> dict[str, BuildResult]:
    """A component whose bootstrap build failed has failed for that reason; that it was blocked explains nothing."""
    judged = dict(results)
    for bootstrap, component in bootstrap_builds.items():
        failed = results[bootstrap]
        if failed.status is ComponentStatus.FAILED:
            judged[component] = replace(
                failed, component=component, reason=f"bootstrap build: {failed.reason}"
            )
    return judged


def record_outcomes(
    workspace: Workspace,
    results: Mapping[str, BuildResult],
    bootstrap_builds: Container[str],
    last_keys: Mapping[str, str],
) -> None:
    """Note for the next runs what became of each component; `last_keys` are those that this run found noted."""
    now = int(time.time())
    write_outcomes(
        workspace.outcomes,
        (
            ComponentOutcome(
                component=name,
                commit=result.commit,
                status=result.status.value,
                reason=result.reason,
                key=result.key if result.rpms else last_keys.get(name, ""),
                time=now,
                before=last_keys.get(name, ""),
                log=_find_place(result.log, workspace),
            )
            for name, result in results.items()
            if name not in bootstrap_builds
        ),
    )


def _find_place(log: Path | None, workspace: Workspace) -> str:
    """The path of a log below the workspace; "" for none, and for one elsewhere."""
    if log is None or not log.is_relative_to(workspace.root):
        return ""
    return str(log.relative_to(workspace.root))


def describe_selection(
    results: Mapping[str, BuildResult], reasons: Mapping[str, str]
) -> dict[str, BuildResult]:
    """The results with the reason why each component was in the plan, where that left components out."""
    return {
        name: replace(result, reason=_add_selection(result, reasons.get(name, ALL_COMPONENTS_REASON)))
        for name, result in results.items()
    }


def _add_selection(result: BuildResult, selected: str) -> str:
    if selected == ALL_COMPONENTS_REASON:
        return result.reason
    if result.status is ComponentStatus.BUILT:
        return f"{selected}; {result.reason}"
    if result.failure is FailureKind.DEPENDENCIES:
        return f"{result.reason}; components outside this plan were not considered"
    return result.reason


def list_rows(
    srpm_results: Iterable[SrpmResult], results: Mapping[str, BuildResult]
) -> Iterator[BuildResult]:
    """A result for every component of the plan, those without a source package included."""
    for srpm_result in srpm_results:
        if srpm_result.srpm is not None:
            yield results[srpm_result.component]
        else:
            yield BuildResult(
                component=srpm_result.component,
                commit=srpm_result.commit,
                status=srpm_result.status,
                reason=srpm_result.reason,
                exit_code=srpm_result.exit_code,
            )
