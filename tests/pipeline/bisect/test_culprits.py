"""What differs at a commit, and which pin is to blame with a single test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.model.bisection import Answer, CommitTest, HistoryCommit, Source
from altai_build.model.gitlink import ChangeStatus, CommitId, GitlinkChange
from altai_build.pipeline.bisect.culprits import (
    Difference,
    find_culprit,
    find_difference,
    list_changed_settings,
)
from altai_build.pipeline.bisect.testing import CommitTester
from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Entry


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    for name, needs in (("app", ("lib", "more")), ("lib", ()), ("more", ()), ("other", ())):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    site.world.pin()
    return site


def change(site: HostSite, *names: str, more: Mapping[str, Entry] | None = None) -> HistoryCommit:
    old = site.world.super.git("rev-parse", "HEAD")
    for name in names:
        site.world.component(f"repos/{name}", {"README": "changed\n"})
    return HistoryCommit(id=site.world.pin(more), parents=(CommitId(old),))


class Told(CommitTester):
    """Knows the answer, and what was asked."""

    told = Answer.BAD

    def test(self, commit: HistoryCommit, *, revision: CommitId | None = None, place: str = "") -> CommitTest:
        self.tests.append(CommitTest(place, commit.id, "", self.told, Source.BUILT, 0.0, "x"))
        return self.tests[-1]


def test_only_what_the_component_is_built_with_is_a_suspect(site: HostSite) -> None:
    commit = change(site, "lib", "other", more={"repos.yaml": "x", "mock-configs/m.cfg": "y"})
    difference = find_difference(site.run, CommitTester(site.run, "app"), commit)
    assert [pin.path for pin in difference.pins] == ["repos/lib", "repos/other"]
    assert [pin.path for pin in difference.suspects] == ["repos/lib"]
    # All commits are built with the settings of now: they are no suspects, and are named where the start is not good.
    assert difference.own == "repos/app" and not difference.has_other_changes
    assert list_changed_settings(site.run, commit.parents[0], commit.id) == (
        "mock-configs/m.cfg",
        "repos.yaml",
    )
    tester = Told(site.run, "app")
    culprit = find_culprit(site.run, tester, difference)
    assert culprit.pin is difference.suspects[0] and tester.tests == []


@pytest.mark.parametrize(
    ("names", "told", "pin", "note"),
    [
        (("app", "lib", "more"), Answer.GOOD, "repos/app", ""),
        (("app", "lib", "more"), Answer.BAD, None, "one of these pins broke it: repos/lib ("),
        (("app", "lib"), Answer.BAD, "repos/lib", "the new pin of repos/app alone does not break it"),
        (("lib", "more"), Answer.GOOD, "repos/lib", ""),
        (("lib", "more"), Answer.BAD, "repos/more", "the new pin of repos/lib alone does not break it"),
        (("app", "lib"), Answer.SKIP, None, "with the earlier repos/app it cannot be tested, x"),
    ],
)
def test_one_test_decides_or_the_candidates_are_named(
    site: HostSite, names: tuple[str, ...], told: Answer, pin: str | None, note: str
) -> None:
    tester = Told(site.run, "app")
    tester.told = told
    site.run.workspace.prepare()
    difference = find_difference(site.run, tester, change(site, *names))
    culprit = find_culprit(site.run, tester, difference)
    assert (culprit.pin and culprit.pin.path) == pin and note in culprit.note
    assert len(tester.tests) == 1


def test_what_is_no_pin_is_named() -> None:
    added = GitlinkChange("repos/new", ChangeStatus.ADDED, None, CommitId("b" * 40))
    difference = Difference(
        commit=HistoryCommit(CommitId("a" * 40), ()),
        pins=(added,),
        files=("specs/x/x.spec",),
        needed=frozenset({"repos/new"}),
        own=None,
    )
    culprit = find_culprit(None, None, difference)  # type: ignore[arg-type]
    assert culprit.note == "changed in the superproject itself: specs/x/x.spec, repos/new"
