"""Builds after each step of a superproject's history give the same packages as one build in an empty workspace.

Every kind of step is taken once, then some are drawn at random: versions, contents, build dependencies, moves,
removals, returns, reverts, macros of the target and of the mock configuration, packages of the operating system,
removed parts of the workspace. After each step the components are built in a workspace that is kept; at the end once
more in an empty one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from altai_build.tools.rpm.header import read_header
from tests.kit.builds import Site, small_component
from tests.kit.git import Entry, Pin, Repo, gitmodules
from tests.kit.repositories import Package, make_repository
from tests.kit.superprojects import World

NAMES = ("ant", "bee", "cat")
NAMESAKE = "repos/namesake/ant"  # a component whose path ends like another's
Step = tuple[str, str, int]  # kind, component, a number
PLAIN = ("version", "text", "notes", "needs", "move", "remove", "return", "revert")
AROUND = ("flavour", "taste", "season", "namesake", "lose")  # what concerns all components


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
    """A superproject that steps are taken in; a step that would remove a needed component is left out."""

    site: Site
    repos: dict[str, Repo] = field(default_factory=dict)
    pins: dict[str, State] = field(default_factory=dict)
    past: dict[str, list[State]] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)
    namesake: str = ""  # its commit, while it is pinned
    around: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("flavour", "taste", "season"), 0))
    revision: int = 1

    def begin(self) -> None:
        for number, name in enumerate(NAMES):
            self.repos[name] = Repo(self.site.world.folder / name)
            self._commit(name, State(commit="", folder="repos", needs=NAMES[:number][-1:]))
        self.change_season(0)
        self.define(self.site)
        self.pin()

    def take(self, step: Step) -> bool:
        what, name, number = step
        if what in AROUND:
            return self._take_around(what, number)
        before = dict(self.pins)
        here = self.pins.get(name)
        below = NAMES[: NAMES.index(name)]
        if what == "return" and here is None:
            self.pins[name] = self.past[name][-1]
        elif here is None:
            return False
        elif what == "version":
            self._commit(name, replace(here, version=number + 1))
        elif what == "text":
            self._commit(name, replace(here, text=number))
        elif what == "notes":
            self._commit(name, replace(here, notes=number))
        elif what == "needs":
            needs = tuple(other for bit, other in enumerate(below) if number & (1 << bit))
            self._commit(name, replace(here, needs=needs))
        elif what == "move":
            self.pins[name] = replace(here, folder=f"repos/{number}")
        elif what == "remove":
            del self.pins[name]
        elif what == "revert":
            self.pins[name] = self.past[name][number % len(self.past[name])]
        if all(needed in self.pins for state in self.pins.values() for needed in state.needs) and self.pins:
            return self.pin()
        self.pins = before
        return False

    def _take_around(self, what: str, number: int) -> bool:
        if what == "lose":
            part = ("builds", "srpms", "cache", "tmp")[number]
            shutil.rmtree(self.site.workspace / part, ignore_errors=True)
        elif what == "namesake":
            repo = self.repos.setdefault("namesake", Repo(self.site.world.folder / "namesake"))
            self.namesake = (
                "" if self.namesake else repo.commit(dict(small_component("lion", text=f"text {number}")))
            )
            return self.pin()
        else:
            self.around[what] = number
            if what == "season":
                self.change_season(number)
            self.define(self.site)
        return True

    def define(self, site: Site) -> None:
        """Write the definition and the mock configuration as they are now."""
        macros = f"{{dist: .tb, flavour: f{self.around['flavour']}}}"
        text = re.sub(r"\{dist: \.tb[^}]*\}", macros, site.definition.read_text())
        site.definition.write_text(text)
        config = site.definition.parent / "mock-configs/testbed-x86_64.cfg"
        plain = (site.testbed / "mock-configs/testbed-x86_64.cfg").read_text()
        repository = f"[season]\nname=season\nbaseurl={self.season.as_uri()}\ngpgcheck=0\n"
        macro = f"config_opts['macros']['%taste'] = 't{self.around['taste']}'\n"
        config.write_text(plain.replace("\n[base]\n", f"\n{repository}\n[base]\n") + macro)

    @property
    def season(self) -> Path:
        """A repository of the operating system, of which all components need the one package."""
        return self.site.world.folder / "season"

    def change_season(self, number: int) -> None:
        """Of two seasons one is another version of that package, the other the same version with other bytes."""
        shutil.rmtree(self.season, ignore_errors=True)
        package = Package(
            "season", version=str(1 + number // 2), files={"/usr/share/seasons/word": f"{number}\n"}
        )
        self.revision += 1
        make_repository(self.season, [package], revision=self.revision)

    def pin(self) -> bool:
        """Commit the pins to the superproject."""
        now = {f"{state.folder}/{name}": state.commit for name, state in self.pins.items()}
        urls = {path: f"../{Path(path).name}" for path in now}
        if self.namesake:
            now[NAMESAKE], urls[NAMESAKE] = self.namesake, "../namesake"
        tree: dict[str, Entry] = dict.fromkeys(self.paths - set(now))
        tree.update({path: Pin(commit) for path, commit in now.items()})
        tree[".gitmodules"] = gitmodules(urls)
        self.paths = set(now)
        self.site.world.super.commit(tree, empty=True)
        return True

    def _commit(self, name: str, state: State) -> None:
        inputs = " ".join(f"/usr/share/small/{needed}" for needed in state.needs)
        files = small_component(
            name,
            f"{state.version}.0",
            needs=state.needs,
            text=f"text {state.text}",
            notes=f"notes {state.notes}",
            tags="BuildRequires: season",
            install=f"mkdir -p %{{buildroot}}/usr/share/small\n(cat README {inputs} /usr/share/seasons/word; "
            # Evaluated in the buildroot, so that it is in no source package.
            f"echo $(rpm --eval '%%{{flavour}}') %{{taste}}) > %{{buildroot}}/usr/share/small/{name}",
        )
        self.pins[name] = replace(state, commit=self.repos[name].commit(files, empty=True))
        self.past.setdefault(name, []).append(self.pins[name])

    def content(self, name: str) -> str:
        """What must stand in a component's package now."""
        state, around = self.pins[name], self.around
        return (
            f"{name}: text {state.text}\n"
            + "".join(self.content(needed) for needed in state.needs)
            + f"{around['season']}\nf{around['flavour']} t{around['taste']}\n"
        )


def read_payload_digest(rpm: str) -> str:
    """The digest of all that a package installs, and of its times."""
    query = ["rpm", "--query", "--nosignature", "--queryformat", "%{PAYLOADDIGEST}", "--package", rpm]
    digest = subprocess.run(
        query, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert len(digest) == 64
    return digest


def packages(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, set[tuple[str, str]]]:
    """Commit → NEVRA and payload digest of each package made from it."""
    found = {}
    for row in rows.values():
        headers = [read_header(Path(rpm)) for rpm in row["rpms"]]
        assert headers, row
        digests = map(read_payload_digest, row["rpms"])
        found[row["commit"]] = {(str(header.nevra), digest) for header, digest in zip(headers, digests)}
    return found


def check_content(history: History, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Each package holds what the current inputs give, whenever it was built."""
    by_commit = {row["commit"]: row for row in rows.values()}
    for name, state in history.pins.items():
        (rpm,) = by_commit[state.commit]["rpms"]
        assert history.site.read(rpm, f"usr/share/small/{name}") == history.content(name), name


def inputs(workspace: Path, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Commit → the recorded inputs of the build that its packages came from."""
    records = [json.loads(line) for line in (workspace / "ledger.jsonl").read_text().splitlines()]
    known = {record["key"]: dict(record["inputs"]) for record in records if record["kind"] == "build"}
    outcomes = json.loads((workspace / "outcomes.json").read_text())["outcomes"]
    keys = {row["component"]: row["key"] for row in outcomes}
    return {row["commit"]: known[keys[row["component"]]] for row in rows.values()}


def get_relevant_inputs(found: Mapping[str, str], policy: str) -> dict[str, str]:
    """The parts of the inputs that a policy compares: of a local package one of the digests at its end, or nothing."""
    kept = {}
    for name, value in found.items():
        words = value.split(" ")
        ours = len(words) == 4 and words[3].startswith("whole:")
        kept[name] = {"rebuild": words[-1], "headers": words[2], "never": ""}[policy] if ours else value
    return kept


def step(kinds: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.tuples(st.sampled_from(kinds), st.sampled_from(NAMES), st.integers(0, 3))


EVERYTHING: list[Step] = [
    ("text", "ant", 1),
    ("notes", "ant", 1),
    ("needs", "cat", 3),
    ("flavour", "", 1),
    ("version", "bee", 1),
    ("taste", "", 1),
    ("season", "", 1),
    ("namesake", "", 0),
    ("season", "", 2),
    ("move", "bee", 2),
    ("revert", "ant", 0),
    ("taste", "", 0),
    ("lose", "", 0),
    ("flavour", "", 0),
    ("namesake", "", 0),
    ("remove", "cat", 0),
    ("text", "ant", 3),
    ("return", "cat", 0),
]
LAX: list[Step] = [
    ("text", "ant", 1),
    ("version", "ant", 1),
    ("notes", "bee", 1),
    ("season", "", 1),
    ("revert", "ant", 0),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("histories")


def walk(testbed: Path, folder: Path, steps: list[Step], *words: str) -> tuple[History, dict[str, Any]]:
    """Take the steps, with a build after each; returns the history and the rows of the last build."""
    place = Path(tempfile.mkdtemp(dir=folder))
    site = Site(world=World(place), testbed=testbed, workspace=place / "kept")
    history = History(site)
    history.begin()
    rows = site.build(*words)
    for step in steps:
        if history.take(step):
            rows = site.build(*words)
            note(f"{step}: { {name: row['status'] for name, row in rows.items()} }")
            if not words:
                check_content(history, rows)
    return history, rows


def from_nothing(history: History) -> tuple[Site, dict[str, Any]]:
    """The same components, built in an empty workspace."""
    site = history.site
    fresh = Site(world=site.world, testbed=site.testbed, workspace=site.world.folder / "fresh")
    history.define(fresh)
    rows = fresh.build()
    assert {row["status"] for row in rows.values()} == {"built"}
    return fresh, rows


LONG = settings(
    max_examples=1,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a failing history is short enough to be read as it is
    suppress_health_check=list(HealthCheck),
)


@LONG
@given(steps=st.lists(step((*PLAIN, "notes", *AROUND)), min_size=3, max_size=5))
def test_step_by_step_gives_the_packages_of_an_empty_workspace(
    testbed: Path, folder: Path, steps: list[Step]
) -> None:
    history, _ = walk(testbed, folder, [*EVERYTHING, *steps])
    kept = history.site.build()
    assert {row["status"] for row in kept.values()} == {"reused"}
    fresh, built = from_nothing(history)
    assert packages(kept) == packages(built)
    # Reused packages have the inputs that a build in an empty workspace has.
    now, new = inputs(history.site.workspace, kept), inputs(fresh.workspace, built)
    assert {commit: get_relevant_inputs(found, "rebuild") for commit, found in now.items()} == {
        commit: get_relevant_inputs(found, "rebuild") for commit, found in new.items()
    }


@pytest.mark.parametrize("policy", ["headers", "never"])
@LONG
@given(steps=st.just(LAX))
def test_other_policies_reuse_by_equal_inputs_and_do_not_affect_later_builds(
    testbed: Path, folder: Path, policy: str, steps: list[Step]
) -> None:
    history, rows = walk(testbed, folder, steps, "--dependants", policy)
    now = inputs(history.site.workspace, rows)
    strict = history.site.build()
    check_content(history, strict)
    fresh, built = from_nothing(history)
    assert packages(strict) == packages(built)
    new = inputs(fresh.workspace, built)
    assert {commit: get_relevant_inputs(found, policy) for commit, found in now.items()} == {
        commit: get_relevant_inputs(found, policy) for commit, found in new.items()
    }
