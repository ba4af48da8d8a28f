"""Which of many commits is the first bad one, in as few tests as the history allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from altai_build.model.gitlink import CommitId, GitlinkChange


class Answer(str, Enum):
    """What a test says of a commit; the words of git bisect."""

    GOOD = "good"
    BAD = "bad"
    # It cannot be tested: neither the one nor the other.
    SKIP = "skip"


@dataclass(frozen=True)
class HistoryCommit:
    """A commit of a range with its parents, of which those outside of the range count as good."""

    id: CommitId
    parents: tuple[CommitId, ...]
    subject: str = ""


def count_tests(candidates: int) -> int:
    """How many tests find one of so many candidates in a history without merges: ⌈log₂ candidates⌉."""
    return max(candidates - 1, 0).bit_length()


class CommitSearch:
    """The commits that may be the first bad one, narrowed down by one answer after another, as git bisect does.

    What a good commit contains is good; a commit that contains a bad one is bad.
    """

    def __init__(self, commits: Sequence[HistoryCommit], *, is_end_bad: bool) -> None:
        """`commits` come after their parents; the last one contains all others, and is bad.

        Without `is_end_bad` that is an assertion nobody has tested: the search tests it where it depends on it.
        """
        self.commits = tuple(commits)
        number = {commit.id: index for index, commit in enumerate(self.commits)}
        # Of each commit those that it contains, itself included, as a set of bits.
        self._contained: list[int] = []
        for index, commit in enumerate(self.commits):
            inner = 1 << index
            for parent in commit.parents:
                if parent in number:
                    inner |= self._contained[number[parent]]
            self._contained.append(inner)
        self._number = number
        # Stands for "none of them is bad".
        self._none = 0 if is_end_bad else 1 << len(self.commits)
        self._candidates = (1 << len(self.commits)) - 1 | self._none
        self._skipped: set[CommitId] = set()

    @property
    def tests_left(self) -> int:
        """How many more tests a history without merges takes at most."""
        return count_tests(_count_bits(self._candidates))

    @property
    def candidates(self) -> tuple[HistoryCommit, ...]:
        """The commits that may be the first bad one, in the order of the history; none where the end is good."""
        return tuple(commit for index, commit in enumerate(self.commits) if self._candidates >> index & 1)

    @property
    def is_end_in_doubt(self) -> bool:
        """True where it is not known that any commit is bad."""
        return bool(self._candidates & self._none)

    def choose(self) -> HistoryCommit | None:
        """The commit whose answer narrows the search down most; None when no test of a commit would."""
        total = _count_bits(self._candidates)
        best, most = None, 0
        for commit in self.candidates:
            inner = _count_bits(self._candidates & self._contained[self._number[commit.id]])
            gain = min(inner, total - inner)
            if gain > most and commit.id not in self._skipped:
                best, most = commit, gain
        return best

    def mark(self, commit: CommitId, answer: Answer) -> None:
        """Take an answer for a commit of the search into account."""
        inner = self._contained[self._number[commit]]
        if answer is Answer.GOOD:
            self._candidates &= ~inner
        elif answer is Answer.BAD:
            self._candidates &= inner
        else:
            self._skipped.add(commit)


def _count_bits(number: int) -> int:
    return bin(number).count("1")


class Source(str, Enum):
    """Where an answer comes from."""

    BUILT = "built"
    # A build of the same inputs was made before, or a release has its packages.
    LEDGER = "ledger"
    # Nothing that could be built.
    NONE = "none"


@dataclass(frozen=True)
class CommitTest:
    """What was found of one commit; `place` is the path of the component that it is of, "" for the superproject."""

    place: str
    commit: CommitId
    subject: str
    answer: Answer
    source: Source
    seconds: float
    reason: str
    causes: tuple[str, ...] = ()
    log: Path | None = None


@dataclass(frozen=True)
class FirstBad:
    """The commits of a place that may be the first bad one: one, or several where those between cannot be tested."""

    place: str
    # How many were searched.
    searched: int
    commits: tuple[HistoryCommit, ...]


@dataclass(frozen=True)
class Bisection:
    """What a search found; the keys of `bisect --json` but for `tests`."""

    component: str
    good: CommitId
    bad: CommitId
    # Of the superproject.
    first_bad: FirstBad
    # The pins that differ there from the commit before, and which of them the component is built with.
    pins: tuple[GitlinkChange, ...]
    needed: frozenset[str]
    # Files of the superproject itself that differ there.
    files: tuple[str, ...]
    # Inside the component whose pin broke it; None where that is not known.
    inner: FirstBad | None
    # Why there is none, or what else is to be said.
    note: str
    tests: Sequence[CommitTest]

    @property
    def builds(self) -> int:
        """How many commits were built."""
        return sum(test.source is Source.BUILT for test in self.tests)
