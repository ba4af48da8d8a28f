"""Whatever a superproject has been through, what is built step by step is what is built from nothing.

Histories are drawn at random: versions, contents, build dependencies, moves, removals, returns, reverts. After each
step the components are built in a workspace that keeps everything; at the end once more in one that has nothing.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from altai_build.tools.rpmfile import read_header
from tests.kit.builds import Site, small
from tests.kit.git import Entry, Pin, Repo, gitmodules
from tests.kit.superprojects import World

NAMES = ("ant", "bee", "cat")
Step = tuple[str, str, int]  # what, to whom, a number


@dataclass(frozen=True)
class State:
    """A component as one commit has it, and where it is pinned."""

    commit: str
    folder: str
    version: int = 1
    text: int = 0
    notes: int = 0
    needs: tuple[str, ...] = ()


@dataclass
class History:
    """A superproject that steps are taken in; a step that would leave somebody without what he needs is left out."""

    site: Site
    repos: dict[str, Repo] = field(default_factory=dict)
    pins: dict[str, State] = field(default_factory=dict)
    past: dict[str, list[State]] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    def begin(self) -> None:
        for number, name in enumerate(NAMES):
            self.repos[name] = Repo(self.site.world.folder / name)
            self._commit(name, State(commit="", folder="repos", needs=NAMES[:number][-1:]))
        self.pin()

    def take(self, step: Step) -> bool:
        what, name, number = step
        here = self.pins.get(name)
        below = NAMES[: NAMES.index(name)]
        if what == "return" and here is None:
            self.pins[name] = self.past[name][-1]
        elif here is None:
            return False
        elif what == "version":
            self._commit(name, replace(here, version=here.version + 1))
        elif what == "text":
            self._commit(name, replace(here, text=number))
        elif what == "notes":
            self._commit(name, replace(here, notes=number))
        elif what == "needs":
            self._commit(
                name, replace(here, needs=tuple(one for one in below if number & (1 << below.index(one))))
            )
        elif what == "move":
            self.pins[name] = replace(here, folder=f"repos/{number}")
        elif what == "remove":
            del self.pins[name]
        elif what == "revert":
            self.pins[name] = self.past[name][number % len(self.past[name])]
        if all(needed in self.pins for state in self.pins.values() for needed in state.needs) and self.pins:
            return self.pin()
        self.pins = {**self.pins, **({name: here} if here else {})}
        if here is None:
            del self.pins[name]
        return False

    def pin(self) -> bool:
        """Commit the pins to the superproject."""
        now = {f"{state.folder}/{name}": state.commit for name, state in self.pins.items()}
        tree: dict[str, Entry] = dict.fromkeys(self.paths - set(now))
        tree.update({path: Pin(commit) for path, commit in now.items()})
        tree[".gitmodules"] = gitmodules({path: f"../{Path(path).name}" for path in now})
        self.paths = set(now)
        self.site.world.super.commit(tree, empty=True)
        return True

    def _commit(self, name: str, state: State) -> None:
        files = small(
            name,
            f"{state.version}.0",
            needs=state.needs,
            text=f"text {state.text}",
            notes=f"notes {state.notes}",
        )
        self.pins[name] = replace(state, commit=self.repos[name].commit(files, empty=True))
        self.past.setdefault(name, []).append(self.pins[name])


def packages(rows: dict[str, dict[str, object]]) -> dict[str, set[tuple[str, str]]]:
    """Component → NEVRA and payload digest of each of its packages."""
    found = {}
    for name, row in rows.items():
        rpms = row["rpms"]
        assert isinstance(rpms, list)
        headers = [read_header(Path(rpm)) for rpm in rpms]
        assert headers, row
        found[name] = {(str(header.nevra), header.payload_digest) for header in headers}
    return found


def keys(workspace: Path) -> dict[str, str]:
    """Component → the key of the build that its packages came from."""
    return {row["component"]: row["key"] for row in json.loads((workspace / "outcomes.json").read_text())}


def step() -> st.SearchStrategy[Step]:
    kinds = ("version", "text", "notes", "notes", "needs", "move", "remove", "return", "revert")
    return st.tuples(st.sampled_from(kinds), st.sampled_from(NAMES), st.integers(0, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("histories")


@settings(
    max_examples=4,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failing history is short enough to be read as it is
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(step(), min_size=3, max_size=5))
def test_step_by_step_is_the_same_as_from_nothing(testbed: Path, folder: Path, steps: list[Step]) -> None:
    place = Path(tempfile.mkdtemp(dir=folder))
    site = Site(world=World(place), testbed=testbed, workspace=place / "kept")
    history = History(site)
    history.begin()
    site.build()
    for one in steps:
        if history.take(one):
            rows = site.build()
            note(f"{one}: { {name: row['status'] for name, row in rows.items()} }")
    kept = site.build()
    assert {row["status"] for row in kept.values()} == {"reused"}
    fresh = Site(world=site.world, testbed=testbed, workspace=place / "fresh")
    built = fresh.build()
    assert {row["status"] for row in built.values()} == {"built"}
    assert set(kept) == set(history.pins)
    assert packages(kept) == packages(built)
    # What was reused was reused by the key that its build has when nothing is there to be reused.
    now = {name: key for name, key in keys(site.workspace).items() if name in kept}
    assert now == keys(fresh.workspace)
