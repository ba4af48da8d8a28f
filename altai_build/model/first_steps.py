"""What `init` finds in a superproject, and what it makes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from altai_build.errors import escape_control_characters
from altai_build.model.gitlink import CommitId

# Marks of comments in what `init` writes; `doctor` lists these lines.
GUESS = "guess:"
TODO = "TODO:"
_MARKED = re.compile(rf"#\s*({GUESS}|{TODO})\s*(.*)")
_LONGEST_COMMENT = 300  # characters


class SpecState(str, Enum):
    """Whether a component has a spec."""

    # Where altai-build looks for it.
    FOUND = "found"
    # In another folder, which repos.yaml has to name.
    ELSEWHERE = "elsewhere"
    NONE = "none"
    # There is no clone of it here with its pinned commit.
    NOT_CLONED = "not cloned"
    # Its clone cannot be read.
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class FoundComponent:
    """A pinned repository. `baseurl`: a spec names the generated file `baseurl` as a source, which is not committed."""

    path: str
    state: SpecState
    specs: tuple[str, ...] = ()
    baseurl: bool = False
    # Of UNREADABLE, and of NONE where there is more to say.
    detail: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class FoundKey:
    """A public key file: its path in the superproject, fingerprints and user ids of its keys."""

    path: str
    fingerprints: tuple[str, ...]
    uids: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """What speaks for a distribution: its id, how much it counts, of which kind it is, where it is and what it says."""

    distribution: str
    weight: int
    kind: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.text else self.place


@dataclass(frozen=True)
class Guess:
    """The distribution for which most speaks, the best evidence first, and the others with what they got."""

    distribution: str
    evidence: tuple[Evidence, ...]
    others: tuple[tuple[str, int], ...] = ()


# How much all evidence of one kind counts at most: a hundred specs say the same as a few.
_MOST_OF_KIND = {"condition": 4, "changelog": 3, "text": 4, "tag": 6}
_MOST = 12


# When each Enterprise Linux appeared; a Fedora appears twice a year.
_YEARS = {"4": 2005, "5": 2007, "6": 2011, "7": 2014, "8": 2019, "9": 2022, "10": 2025}


def _estimate_year(distribution: str) -> float:
    """About when a distribution appeared; 0 where that is not known."""
    number = re.search(r"\d+$", distribution)
    if number is None:
        return 0
    return 2003 + int(number[0]) / 2 if distribution.startswith("fedora-") else _YEARS.get(number[0], 0)


def guess_distribution(found: Iterable[Evidence]) -> Guess | None:
    """The distribution for which most speaks, or None where nothing does; of equal ones the newest.

    Old repositories have traces of all distributions that they were for.
    """
    best: dict[tuple[str, str], Evidence] = {}
    for one in found:
        known = best.get((one.distribution, one.place))
        if known is None or one.weight > known.weight:
            best[one.distribution, one.place] = one
    scores: dict[str, dict[str, int]] = {}
    for one in best.values():
        kinds = scores.setdefault(one.distribution, {})
        kinds[one.kind] = min(kinds.get(one.kind, 0) + one.weight, _MOST_OF_KIND.get(one.kind, _MOST))
    totals = {name: sum(kinds.values()) for name, kinds in scores.items()}
    if not totals:
        return None
    first, *others = sorted(totals, key=lambda name: (-totals[name], -_estimate_year(name), name))
    evidence = sorted(
        (one for one in best.values() if one.distribution == first), key=lambda one: (-one.weight, one.place)
    )
    return Guess(first, tuple(evidence), tuple((name, totals[name]) for name in others))


@dataclass(frozen=True)
class MappingRow:
    """A setting of an older tool, and what it becomes here. `target` is "" where there is no equivalent."""

    setting: str
    value: str
    target: str
    note: str = ""


@dataclass(frozen=True)
class Imported:
    """What the files of an older tool say. `files` are those that were read.

    `components` are settings by component: key of repos.yaml → value as YAML.
    """

    tool: str
    files: tuple[str, ...] = ()
    rows: tuple[MappingRow, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    project: str = ""
    baseurl: str = ""
    components: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """What is in a superproject. `commit` is None where it has none yet.

    `folders` are those for `superproject.components`; `not_components` are pinned repositories outside of them, as it
    seems parts of the superproject's own sources. `spec_folders` hold a folder with a spec for each package;
    `loose_specs` are specs that no setting reaches. `mock_configs` are names in mock-configs/.
    """

    project: str
    commit: CommitId | None
    folders: tuple[str, ...] = ()
    components: tuple[FoundComponent, ...] = ()
    not_components: tuple[str, ...] = ()
    root_specs: tuple[str, ...] = ()
    root_needs_baseurl: bool = False
    spec_folders: tuple[str, ...] = ()
    loose_specs: tuple[str, ...] = ()
    keys: tuple[FoundKey, ...] = ()
    mock_configs: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    architectures: tuple[str, ...] = ()


class FileStatus(str, Enum):
    """What becomes of a file of the plan."""

    NEW = "new"
    SAME = "same"
    # Something else is there, which stays.
    DIFFERENT = "different"


@dataclass(frozen=True)
class PlannedFile:
    """A file that `init` would write, and what is there now. `difference` is a unified diff."""

    path: str
    text: str
    status: FileStatus
    difference: str = ""


def make_comment(text: str) -> str:
    """Text of others as part of a comment: one line without control characters."""
    line = escape_control_characters(" ".join(text.split(" ")), keep="")
    return line if len(line) <= _LONGEST_COMMENT else f"{line[: _LONGEST_COMMENT - 1]}…"


def list_marks(text: str) -> list[tuple[int, str, str]]:
    """The comments that `init` marked and nobody has settled: number of the line, the mark, what it says."""
    found = ((number, _MARKED.search(line)) for number, line in enumerate(text.splitlines(), 1))
    return [(number, match[1], match[2]) for number, match in found if match]
