"""What differs at the commit of the superproject that broke a component, and which pin is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from altai_build.model.bisection import Answer, HistoryCommit
from altai_build.model.component import Component, ComponentKind
from altai_build.model.gitlink import GITLINK_MODE, ChangeStatus, CommitId, GitlinkChange
from altai_build.pipeline.bisect.testing import CommitTester, describe_test
from altai_build.pipeline.run import Run
from altai_build.stages.discover.candidates import find_path_in
from altai_build.tools.git.changed_gitlinks import list_changed_gitlinks
from altai_build.tools.git.worktree import commit_with_pins

_GITMODULES = ".gitmodules"


@dataclass(frozen=True)
class Difference:
    """What a commit of the superproject changes; `needed` are the paths of what the component is built with."""

    commit: HistoryCommit
    pins: tuple[GitlinkChange, ...]
    files: tuple[str, ...]
    needed: frozenset[str]
    # The component's own path, where it is a submodule.
    own: str | None

    @property
    def suspects(self) -> tuple[GitlinkChange, ...]:
        """The moved pins of the component and of what it is built with, its own first."""
        moved = [pin for pin in self.pins if pin.status is ChangeStatus.MODIFIED and pin.path in self.needed]
        return tuple(sorted(moved, key=lambda pin: (pin.path != self.own, pin.path)))

    @property
    def has_other_changes(self) -> bool:
        """Whether something else than a moved pin may be to blame: a file, a new or removed pin."""
        return bool(self.files) or bool(self.come_or_gone)

    @property
    def come_or_gone(self) -> tuple[GitlinkChange, ...]:
        """The new and the removed pins of what the component is built with."""
        others = (pin for pin in self.pins if pin.status is not ChangeStatus.MODIFIED)
        return tuple(pin for pin in others if pin.path in self.needed)


@dataclass(frozen=True)
class Culprit:
    """The pin to blame, and the commit of the superproject whose other pins it is tested with; or why it is unknown."""

    pin: GitlinkChange | None
    base: CommitId | None
    note: str = ""


def find_difference(run: Run, tester: CommitTester, commit: HistoryCommit) -> Difference:
    """How a commit of the superproject differs from its first parent, as far as the component may see it."""
    old, new = commit.parents[0], commit.id
    plans = [tester.plan(revision) for revision in (old, new)]
    components = [source.component for plan in plans for source in plan.discovery.sourced]
    named = [
        source.component
        for source in plans[1].discovery.sourced
        if tester.component in (source.component.name, source.component.path)
    ]
    own = [component.path for component in named if component.kind is ComponentKind.SUBMODULE]
    changes = list_changed_gitlinks(run.superproject, old, new, run.config.superproject.components)
    return Difference(
        commit=commit,
        pins=tuple(changes),
        files=_list_changed_files(run, old, new, components),
        needed=frozenset(
            component.path for component in components if component.kind is ComponentKind.SUBMODULE
        ),
        own=own[0] if own else None,
    )


def _list_changed_files(
    run: Run, old: CommitId, new: CommitId, components: Sequence[Component]
) -> tuple[str, ...]:
    """The files of the superproject itself that differ and that one of the components is made from.

    All commits are built with the settings of now, so that no other file has an effect.
    """
    whole = any(component.kind is ComponentKind.ROOT for component in components)
    folders = [component.path for component in components if component.kind is ComponentKind.SPEC]
    return tuple(
        path
        for path in _list_differences(run, old, new)
        if whole or any(path.startswith(f"{folder}/") for folder in folders)
    )


def list_changed_settings(run: Run, old: CommitId, new: CommitId) -> tuple[str, ...]:
    """The definition and the files of mock configurations that differ between two commits of the superproject."""
    config = run.config
    file = find_path_in(run.superproject.path, config.file) if config.file is not None else None
    folder = find_path_in(run.superproject.path, config.mock_config_directories[0])
    return tuple(
        path
        for path in _list_differences(run, old, new)
        if path == file or (folder is not None and path.startswith(f"{folder}/"))
    )


def _list_differences(run: Run, old: CommitId, new: CommitId) -> list[str]:
    """The files of the superproject itself that differ between two commits, sorted."""
    store = run.superproject.open_store(new)
    before, after = (
        {
            (entry.path, entry.oid, entry.mode)
            for entry in store.read_tree(commit)
            if entry.mode != GITLINK_MODE
        }
        for commit in (old, new)
    )
    return sorted({path for path, _, _ in before ^ after if path != _GITMODULES})


def find_culprit(run: Run, tester: CommitTester, difference: Difference) -> Culprit:
    """Which pin is to blame, with at most one test: of the commit with one of its pins as before."""
    suspects, commit = difference.suspects, difference.commit
    if not suspects:
        return Culprit(None, None, _describe_other_changes(difference))
    first, others = suspects[0], suspects[1:]
    if not others and not difference.has_other_changes:
        return Culprit(first, commit.id)
    if first.path != difference.own and len(suspects) > 2:
        return Culprit(
            None, None, _describe_suspects(suspects, "too many to try within the number of builds")
        )
    assert first.old is not None
    restored = commit_with_pins(
        run.superproject.path, commit.id, {first.path: first.old}, run.workspace.scratch
    )
    run.reporter.info(f"{commit.id[:12]} with {first.path} as before, at {first.old[:12]}")
    test = tester.test(
        HistoryCommit(id=first.old, parents=(), subject=f"(the earlier pin of {first.path})"),
        revision=restored,
        place=first.path,
    )
    if test.answer is Answer.GOOD:
        return Culprit(first, commit.id)
    if test.answer is Answer.SKIP:
        return Culprit(
            None,
            None,
            _describe_suspects(suspects, f"with the earlier {first.path} it {describe_test(test)}"),
        )
    if len(others) == 1 and not difference.has_other_changes:
        return Culprit(others[0], restored, f"the new pin of {first.path} alone does not break it")
    if not others:
        return Culprit(None, None, f"{first.path} is not to blame: {_describe_other_changes(difference)}")
    return Culprit(None, None, _describe_suspects(others, f"{first.path} is not to blame"))


def _describe_suspects(pins: Sequence[GitlinkChange], why: str) -> str:
    moved = ", ".join(f"{pin.path} ({(pin.old or '')[:12]} → {(pin.new or '')[:12]})" for pin in pins)
    return f"one of these pins broke it: {moved}; {why}"


def _describe_other_changes(difference: Difference) -> str:
    changed = [*difference.files, *(pin.path for pin in difference.come_or_gone)]
    if not changed:
        return "no pin of what the component is built with has changed there"
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    return f"changed in the superproject itself: {', '.join(changed[:5])}{more}"
