"""Which components are worked on, and why each: those asked for, those that changed, and all that this leads to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from altai_build.ledger import Ledger
from altai_build.model.fingerprint import is_local_package
from altai_build.model.gitlink import ChangeStatus, GitlinkChange
from altai_build.model.inputs import BUILDROOT_PREFIX
from altai_build.model.order import Order
from altai_build.model.pin import PinDirection
from altai_build.pipeline.build.ordering import static_order
from altai_build.pipeline.build.pins import compare_pins, read_pins
from altai_build.pipeline.build.srpms import select_by_name
from altai_build.pipeline.run import Run
from altai_build.stages.discover import Discovery, discover
from altai_build.tools.spec.reader import SpecReader

# Why a component is in a plan that leaves none out.
ALL_COMPONENTS_REASON = "all components are built"


def select_components(
    run: Run,
    whole: Discovery,
    order: Order,
    revision: str,
    names: Sequence[str],
    changed_since: str | None,
) -> dict[str, str]:
    """Component → why it is in the plan: of those named, of those changed since a revision with all that depend on
    them, or of all; and of everything that these need.
    """
    if not names and changed_since is None:
        return {one.component.name: ALL_COMPONENTS_REASON for one in whole.sourced}
    reasons: dict[str, str] = {}
    if names:
        chosen = select_by_name(whole, names)
        reasons.update({one.component.name: "it was asked for" for one in chosen.sourced})
        reasons.update({out.name: "it was asked for" for out in chosen.without_srpm})
    needs = _needs(run.ledger, order)
    if changed_since is not None:
        changes = run.superproject.list_changed_gitlinks(
            changed_since, revision, run.config.superproject.components
        )
        new = {change.path: change for change in changes if change.status is not ChangeStatus.REMOVED}
        reasons.update(_changed_pins(run, whole, new, changed_since))
        reasons.update(_changed_in_superproject(run, whole, changed_since))
        _add_dependents(reasons, needs, "it is built with {}, which changed")
        _add_dependents_of_removed(run, reasons, needs, changed_since)
    _add_needs(reasons, needs)
    return reasons


def _needs(ledger: Ledger, order: Order) -> dict[str, set[str]]:
    """Component → those that it needs, directly or through others, first passes told as their components.

    Specs do not tell all of them (python3dist(…), a file): what its last build had in its root counts too.
    """
    makers = {one.sha256: record.component for record in ledger.all("build") for one in record.artefacts}
    firsts = order.bootstrap_builds
    needs = {}
    for name in order.needs.keys() - firsts.keys():
        last = ledger.latest("build", name)
        values = [value for key, value in (last.inputs if last else ()) if key.startswith(BUILDROOT_PREFIX)]
        digests = [value.split(" ")[1].partition(":")[2] for value in values if is_local_package(value)]
        found = {*order.needs[name], *(makers[one] for one in digests if one in makers)}
        needs[name] = {firsts.get(one, one) for one in found}
    return {name: _transitive_needs(name, needs) for name in needs}


def _transitive_needs(name: str, needs: Mapping[str, Collection[str]]) -> set[str]:
    """All that can be come to from a component along its needs, itself left out."""
    found: set[str] = set()
    pending = [name]
    while pending:
        for one in needs.get(pending.pop(), ()):
            if one not in found:
                found.add(one)
                pending.append(one)
    return found - {name}


def _add_dependents(reasons: dict[str, str], needs: Mapping[str, Collection[str]], reason: str) -> None:
    """Add who needs one of those that are chosen already."""
    changed = set(reasons)
    for name, needed in needs.items():
        behind = sorted(changed.intersection(needed))
        if behind:
            reasons.setdefault(name, reason.format(behind[0]))


def _add_dependents_of_removed(
    run: Run, reasons: dict[str, str], needs: Mapping[str, Collection[str]], since: str
) -> None:
    """Add who needed at `since` what has changed or gone from then on: it may not provide that any more."""
    with SpecReader(cache=run.workspace.specs) as reader:
        before = discover(run.superproject, run.config, since, jobs=run.jobs, reader=reader)
    order, chosen = static_order(run, before.sourced), set(reasons)
    for name, needed in order.needs.items():
        if name not in needs:
            continue
        earlier = {order.bootstrap_builds.get(one, one) for one in needed} - {name}
        changed, gone = sorted(earlier & chosen), sorted(earlier - needs.keys())
        if changed or gone:
            told = f"{changed[0]}, which changed" if changed else f"{gone[0]}, which is gone"
            reasons.setdefault(name, f"it was built with {told}")


def _add_needs(reasons: dict[str, str], needs: Mapping[str, Iterable[str]]) -> None:
    """Add what the chosen need, and what that needs."""
    pending = list(reasons)
    while pending:
        name = pending.pop(0)
        for needed in sorted(needs.get(name, ())):
            if needed not in reasons:
                reasons[needed] = f"{name} needs it to build"
                pending.append(needed)


def _changed_pins(
    run: Run, whole: Discovery, changes: Mapping[str, GitlinkChange], since: str
) -> dict[str, str]:
    """Components whose pins came or moved, with a warning for those that did not simply move on."""
    found = {}
    before = read_pins(run, since)
    for one in whole.sourced:
        component = one.component
        if component.path not in changes:
            continue
        was = before.get(component.path)
        if was is None:
            found[component.name] = f"its pin came since {since}"
            continue
        move = compare_pins(run, one, was.link.commit, url=was.url)
        found[component.name] = move.describe(since)
        if move.direction is not PinDirection.FORWARD:
            run.reporter.warn(f"{component.name}: {found[component.name]}")
    for out in whole.without_srpm:
        if out.path in changes:
            found[out.name] = f"its pin changed since {since}"
    return found


def _changed_in_superproject(run: Run, whole: Discovery, since: str) -> dict[str, str]:
    """Components whose spec is in the superproject itself, when their files differ from those at `since`."""
    before = run.superproject.resolve_revision(since)
    store = run.superproject.open_store(before)
    old = {entry.path: entry.oid for entry in store.read_tree(before) if entry.is_file}
    found = {}
    for one in whole.sourced:
        component = one.component
        if one.store.git_dir != store.git_dir:
            continue
        now = {entry.path: entry.oid for entry in one.tree if entry.is_file}
        if component.path == ".":
            differs = {p: o for p, o in now.items() if "/" not in p} != {
                p: o for p, o in old.items() if "/" not in p
            }
        else:
            inside = {p: o for p, o in old.items() if p.startswith(f"{component.path}/")}
            differs = now != inside
        if differs:
            found[component.name] = f"its files in the superproject changed since {since}"
    return found
