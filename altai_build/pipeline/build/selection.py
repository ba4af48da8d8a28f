"""Select the components to build, with the reason for each: named, changed, or needed by or depending on those."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

from altai_build.model.build_inputs import BUILDROOT_PREFIX
from altai_build.model.component import ComponentKind
from altai_build.model.gitlink import ChangeStatus
from altai_build.model.package_fingerprint import is_local_package
from altai_build.pipeline.build.component_names import select_by_name
from altai_build.pipeline.build.ordering import static_order
from altai_build.stages.discover.components import Discovery, discover
from altai_build.tools.spec.reader import SpecReader

if TYPE_CHECKING:
    from altai_build.ledger import Ledger
    from altai_build.model.order import Order
    from altai_build.pipeline.run import Run

# The reason in a plan of all components.
ALL_COMPONENTS_REASON = "all components are built"
NAMED_REASON = "named in the command"
_NEEDED_REASON = "needed to build "


class Dependents(str, Enum):
    """Which of the components that need a changed one are selected with it."""

    NONE = "none"
    # Those whose specs require its packages.
    DIRECT = "direct"
    # Those that need it through others, too.
    ALL = "all"


def select_components(
    run: Run,
    whole: Discovery,
    order: Order,
    revision: str,
    names: Sequence[str],
    changed_since: str | None,
    dependents: Dependents = Dependents.ALL,
) -> dict[str, str]:
    """The selected components, and why each is selected.

    Without `names` and `changed_since` all are. Else those named, those changed since a revision with their
    `dependents`, and everything that these need.
    """
    if not names and changed_since is None:
        return {source.component.name: ALL_COMPONENTS_REASON for source in whole.sourced}
    reasons: dict[str, str] = {}
    if names:
        chosen = select_by_name(whole, names)
        reasons.update({source.component.name: NAMED_REASON for source in chosen.sourced})
        reasons.update({component.name: NAMED_REASON for component in chosen.without_srpm})
    needs = _compute_needs(run.ledger, order)
    if changed_since is not None:
        # Reads mock configurations.
        from altai_build.pipeline.build.changed_settings import (
            select_changed_settings,
        )

        reasons.update(select_changed_settings(run, whole, changed_since))
        changed_paths = _list_changed_paths(run, changed_since, revision)
        reasons.update(_select_changed_pins(run, whole, changed_paths, changed_since))
        reasons.update(_select_changed_in_superproject(run, whole, changed_since))
        changed = set(reasons)
        if dependents is Dependents.DIRECT:
            _add_dependents(reasons, {name: _list_direct_needs(order, name) for name in needs})
            _add_dependents_of_removed(run, reasons, needs, changed_since, changed, is_direct=True)
        elif dependents is Dependents.ALL:
            _add_dependents(reasons, needs)
            _add_dependents_of_removed(run, reasons, needs, changed_since, set(reasons))
    _add_needs(reasons, needs)
    return reasons


def _compute_needs(ledger: Ledger, order: Order) -> dict[str, set[str]]:
    """Component → those that it needs, directly or through others; bootstrap builds count as their components.

    Specs do not name all of them (python3dist(…), a file), so packages in the buildroot of the last build count too.
    """
    makers = {
        artefact.sha256: record.component for record in ledger.all("build") for artefact in record.artefacts
    }
    components = order.bootstrap_builds
    needs = {}
    for name in order.needs.keys() - components.keys():
        last = ledger.latest("build", name)
        values = [value for key, value in (last.inputs if last else ()) if key.startswith(BUILDROOT_PREFIX)]
        digests = [value.split(" ")[1].partition(":")[2] for value in values if is_local_package(value)]
        direct = {*order.needs[name], *(makers[digest] for digest in digests if digest in makers)}
        needs[name] = {components.get(needed, needed) for needed in direct}
    return {name: _add_indirect_needs(name, needs) for name in needs}


def _add_indirect_needs(name: str, needs: Mapping[str, Collection[str]]) -> set[str]:
    """What a component needs directly or through others, without the component itself."""
    found: set[str] = set()
    pending = [name]
    while pending:
        new = set(needs.get(pending.pop(), ())) - found
        found |= new
        pending += new
    return found - {name}


def _list_direct_needs(order: Order, name: str) -> set[str]:
    """The components whose packages the spec of a component requires; bootstrap builds count as their components."""
    bootstrap_builds = order.bootstrap_builds
    needed = {bootstrap_builds.get(other, other) for other in order.reasons.get(name, ())}
    return needed - {name}


def _add_dependents(reasons: dict[str, str], needs: Mapping[str, Collection[str]]) -> None:
    """Add the components that need one of those selected so far."""
    changed = set(reasons)
    for name, needed in needs.items():
        changed_needs = sorted(changed.intersection(needed))
        if changed_needs:
            reasons.setdefault(name, f"built with {changed_needs[0]}, which changed")


def _add_dependents_of_removed(
    run: Run,
    reasons: dict[str, str],
    needs: Mapping[str, Collection[str]],
    since: str,
    changed: Collection[str],
    *,
    is_direct: bool = False,
) -> None:
    """Add the components that needed at `since` one that changed or was removed, even if they do not need it now."""
    from altai_build.pipeline.build.changed_settings import read_earlier_definition

    config = read_earlier_definition(run, since)
    with SpecReader(cache=run.workspace.specs) as reader:
        before = discover(run.superproject, config, run.workspace, since, jobs=run.jobs, reader=reader)
    order = static_order(run.with_config(config), before.sourced, before.unreadable)
    for name, needed in order.needs.items():
        if name not in needs:
            continue
        if is_direct:
            old_needs = _list_direct_needs(order, name)
        else:
            old_needs = {order.bootstrap_builds.get(other, other) for other in needed} - {name}
        for other in sorted(old_needs.intersection(changed)):
            reasons.setdefault(name, f"was built with {other}, which changed")
        for other in sorted(old_needs - needs.keys()):
            reasons.setdefault(name, f"was built with {other}, which was removed")


def _add_needs(reasons: dict[str, str], needs: Mapping[str, Iterable[str]]) -> None:
    """Add what the selected components need, directly or through others."""
    pending = list(reasons)
    while pending:
        name = pending.pop(0)
        for needed in sorted(needs.get(name, ())):
            if needed not in reasons:
                reasons[needed] = f"{_NEEDED_REASON}{name}"
                pending.append(needed)


def is_only_needed(reason: str) -> bool:
    """Whether a component is selected because another one needs it, and for nothing of its own."""
    return reason.startswith(_NEEDED_REASON)


def _list_changed_paths(run: Run, since: str, revision: str) -> set[str]:
    """The paths of the gitlinks that were added or modified."""
    from altai_build.tools.git.changed_gitlinks import list_changed_gitlinks

    changes = list_changed_gitlinks(run.superproject, since, revision, run.config.superproject.components)
    return {change.path for change in changes if change.status is not ChangeStatus.REMOVED}


def _select_changed_pins(
    run: Run, whole: Discovery, changed_paths: Collection[str], since: str
) -> dict[str, str]:
    """Components with a new or changed pin; warns where yum may not update to the new pin's packages."""
    from altai_build.model.pin import PinDirection
    from altai_build.pipeline.build.pins import compare_pins, read_pins

    reasons = {}
    before = read_pins(run, since)
    for source in whole.sourced:
        component = source.component
        if component.path not in changed_paths:
            continue
        old = before.get(component.path)
        if old is None:
            reasons[component.name] = f"its pin was added since {since}"
            continue
        change = compare_pins(run, source, old.link.commit, url=old.url)
        reasons[component.name] = change.describe(since)
        if change.direction is not PinDirection.FORWARD:
            run.reporter.warn(f"{component.name}: {reasons[component.name]}")
    for without_srpm in whole.without_srpm:
        if without_srpm.path in changed_paths:
            reasons[without_srpm.name] = f"its pin changed since {since}"
    return reasons


def _select_changed_in_superproject(run: Run, whole: Discovery, since: str) -> dict[str, str]:
    """Components whose spec is in the superproject itself, if their files differ from those at `since`."""
    before = run.superproject.resolve_revision(since)
    store = run.superproject.open_store(before)
    old_files = {entry.path: entry.oid for entry in store.read_tree(before) if entry.is_file}
    reasons = {}
    for source in whole.sourced:
        component = source.component
        if component.kind is ComponentKind.SUBMODULE:
            continue
        files = {entry.path: entry.oid for entry in source.tree if entry.is_file}
        if _files_of(component.path, files) != _files_of(component.path, old_files):
            reasons[component.name] = f"its files in the superproject changed since {since}"
    new_files = {entry.path: entry.oid for entry in store.read_tree(whole.commit) if entry.is_file}
    for without_srpm in whole.without_srpm:
        path = without_srpm.path
        if _files_of(path, new_files) != _files_of(path, old_files):
            reasons[without_srpm.name] = f"its files in the superproject changed since {since}"
    return reasons


def _files_of(path: str, files: Mapping[str, str]) -> dict[str, str]:
    """The files of a component in the superproject: below its path; for the root, those directly in it."""
    if path == ".":
        return {name: oid for name, oid in files.items() if "/" not in name}
    return {name: oid for name, oid in files.items() if name.startswith(f"{path}/")}
