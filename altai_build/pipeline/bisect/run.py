"""The search itself: over the superproject's commits, then over those of the component whose pin broke it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from altai_build.errors import BuildError, InputError
from altai_build.model.bisection import (
    Answer,
    Bisection,
    CommitSearch,
    CommitTest,
    FirstBad,
    HistoryCommit,
)
from altai_build.model.gitlink import CommitId, GitlinkChange
from altai_build.model.quantity import format_count
from altai_build.pipeline.bisect.culprits import Culprit, find_culprit, find_difference, list_changed_settings
from altai_build.pipeline.bisect.testing import CommitTester, describe_failure
from altai_build.pipeline.build.component_names import NoSuchComponent
from altai_build.pipeline.build.pins import read_pins
from altai_build.pipeline.run import Run
from altai_build.stages.build.cache import ReleasedBuild
from altai_build.tools.git.commit_range import list_range, read_history_commit
from altai_build.tools.git.worktree import commit_with_pins

# Commits of a component that are searched with all their parents: a search keeps a bit for each pair.
_MAX_COMMITS = 20_000


def bisect(
    run: Run,
    component: str,
    good: str,
    bad: str,
    *,
    command: str | None = None,
    find_released: Callable[[str], ReleasedBuild | None] | None = None,
) -> Bisection:
    """Find the first commit of the superproject at which the component is bad, and the commit behind it.

    A commit is bad where the component does not build, or where the `command` says so. With n commits from good to bad,
    both counted, the first takes at most ⌈log₂ n⌉ + 1 builds, one of them of `good`; the second, among n commits of a
    component without merges, at most ⌈log₂ n⌉ + 1, one of them to know which pin is to blame. Raises InputError for
    ends that are none, BuildError when `good` is not good. The caller holds the workspace.
    """
    run.workspace.prepare()
    start, commits = _list_superproject_range(run, good, bad)
    tester = CommitTester(run=run, component=component, command=command, find_released=find_released)
    end = commits[-1]
    search = CommitSearch(commits, is_end_bad=False)
    run.reporter.info(
        f"{format_count(len(commits), 'commit')} of the superproject after {start.id[:12]}: "
        f"at most {search.tests_left + 1} builds"
    )
    _require_good(tester.look_up(start) or tester.test(start), tester, end)
    known = tester.look_up(end)
    if known is not None:
        search.mark(end.id, known.answer)
    _search(search, tester.test)
    if search.is_end_in_doubt:
        raise _end_error(search, tester.tests)
    found = FirstBad("", len(commits), search.candidates)
    make_result = partial(
        Bisection, component=component, good=start.id, bad=end.id, first_bad=found, tests=tester.tests
    )
    if len(found.commits) > 1:
        note = "the commits between cannot be tested, so that it is not known which of these broke it"
        return make_result(pins=(), needed=frozenset(), files=(), inner=None, note=note)
    difference = find_difference(run, tester, found.commits[0])
    culprit = find_culprit(run, tester, difference)
    inner, note = _search_component(run, tester, found.commits[0], culprit)
    return make_result(
        pins=difference.pins, needed=difference.needed, files=difference.files, inner=inner, note=note
    )


def _list_superproject_range(
    run: Run, good: str, bad: str
) -> tuple[HistoryCommit, tuple[HistoryCommit, ...]]:
    """The good commit, and those after it up to the bad one, along the first parents. Raises InputError."""
    superproject = run.superproject
    start, end = superproject.resolve_revision(good), superproject.resolve_revision(bad)
    superproject.require_full_history()
    store = superproject.open_store(end)
    commits = list_range(store, start, end, first_parents=True)
    if not commits:
        raise InputError(
            f"there is no commit after {good} up to {bad}",
            why="they are the same commit"
            if start == end
            else f"{start[:12]} contains {end[:12]}: it is the later one",
            todo="name the good commit with --good, and a later one that is bad with --bad",
        )
    first = commits[0].parents
    if start not in first:
        raise InputError(
            f"{good} is not in the first-parent history of {bad}",
            why=f"the history of {bad} left that of {good} "
            + (f"at {first[0][:12]}" if first else "before the first commit"),
            todo=f"name a commit of that history: `git log --first-parent {bad}` lists them",
        )
    return read_history_commit(store, start), commits


def _require_good(test: CommitTest, tester: CommitTester, end: HistoryCommit) -> None:
    if test.answer is Answer.GOOD:
        return
    if test.answer is Answer.SKIP:
        _require_component(tester, end)
        raise InputError(
            f"whether {tester.component} is good at {test.commit[:12]} cannot be tested",
            why=describe_failure(test),
            todo="name another good commit",
        )
    raise BuildError(
        f"{tester.component} is not good at {test.commit[:12]}, which was named as good",
        why=f"{describe_failure(test)}\n{_describe_settings(tester.run, test.commit, end)}",
        todo="name an earlier commit with --good; where there is none, look at what changed in the buildroot: "
        f"`altai-build explain {tester.component}`",
    )


def _require_component(tester: CommitTester, end: HistoryCommit) -> None:
    """Raise NoSuchComponent where the last commit has none of that name either: then no other commit helps."""
    try:
        tester.plan(end.id)
    except NoSuchComponent:
        raise
    except InputError:
        # It may be for another reason that nothing can be tested there.
        return


def _describe_settings(run: Run, start: CommitId, end: HistoryCommit) -> str:
    """Why a commit that was good once may not be good now."""
    changed = list_changed_settings(run, start, end.id)
    text = "all commits are built with the repos.yaml, the mock configurations and the packages of the buildroot of now"
    return f"{text}; of these, {', '.join(changed)} changed since" if changed else text


def _end_error(search: CommitSearch, tests: list[CommitTest]) -> InputError:
    """The error where no commit is known to be bad."""
    end = search.commits[-1]
    skipped = [test for test in tests if test.commit == end.id and test.answer is Answer.SKIP]
    if skipped:
        return InputError(
            f"whether {end.id[:12]} is bad cannot be tested",
            why=describe_failure(skipped[-1]),
            todo="name another bad commit; where a component that it needs failed, bisect that one",
        )
    return InputError(
        f"{end.id[:12]}, which was named as bad, is good",
        why="with the repos.yaml, the mock configurations and the packages of the buildroot of now",
        todo="name a later commit with --bad, or with --test a command that finds what is bad about its packages",
    )


def _search(search: CommitSearch, test: Callable[[HistoryCommit], CommitTest]) -> None:
    """Test commits until no test narrows the search down."""
    while (commit := search.choose()) is not None:
        search.mark(commit.id, test(commit).answer)


def _search_component(
    run: Run, tester: CommitTester, breaking: HistoryCommit, culprit: Culprit
) -> tuple[FirstBad | None, str]:
    """The first bad commit of the component whose pin is to blame; or why there is none."""
    if culprit.pin is None or culprit.base is None:
        return None, culprit.note
    pin, base = culprit.pin, culprit.base
    assert pin.old is not None and pin.new is not None
    commits, note = _list_component_range(run, breaking, pin)
    if not commits:
        return None, "; ".join(filter(None, (culprit.note, note)))
    search = CommitSearch(commits, is_end_bad=True)
    most = format_count(search.tests_left, "build")
    run.reporter.info(
        f"{format_count(len(commits), 'commit')} of {pin.path} after {pin.old[:12]}: at most {most}"
    )

    def test(commit: HistoryCommit) -> CommitTest:
        revision = commit_with_pins(run.superproject.path, base, {pin.path: commit.id}, run.workspace.scratch)
        return tester.test(commit, revision=revision, place=pin.path)

    _search(search, test)
    return FirstBad(pin.path, len(commits), search.candidates), "; ".join(filter(None, (culprit.note, note)))


def _list_component_range(
    run: Run, breaking: HistoryCommit, pin: GitlinkChange
) -> tuple[tuple[HistoryCommit, ...], str]:
    """The commits that a pin gained; none, and why, where it lost some. Raises InputError for commits that are gone."""
    old, new = CommitId(pin.old or ""), CommitId(pin.new or "")
    before, after = read_pins(run, breaking.parents[0])[pin.path], read_pins(run, breaking.id)[pin.path]
    store = run.superproject.open_store_with_both(before, after)
    if not store.is_ancestor(old, new):
        how = "was rewound to" if store.is_ancestor(new, old) else "diverged to"
        return (
            (),
            f"the pin of {pin.path} {how} {new[:12]}, which does not contain {old[:12]}: no commit was added",
        )
    commits = list_range(store, old, new, first_parents=False)
    if len(commits) <= _MAX_COMMITS:
        return commits, ""
    note = f"{pin.path} gained {len(commits)} commits: only those along the first parents were searched"
    return list_range(store, old, new, first_parents=True), note
