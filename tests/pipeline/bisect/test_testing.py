"""What counts as good, as bad and as neither, and what the user's command gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.ledger import read_outcomes
from altai_build.model.bisection import Answer, CommitTest, HistoryCommit, Source
from altai_build.model.gitlink import CommitId
from altai_build.pipeline.bisect.testing import CommitTester, describe_test
from altai_build.stages.build.cache import BuildCache
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.component("repos/lib", noarch_component("lib"))
    return site


def pin(site: HostSite) -> HistoryCommit:
    return HistoryCommit(id=CommitId(site.world.pin()), parents=())


def test_an_earlier_build_is_an_answer_and_the_last_outcome_stays(site: HostSite) -> None:
    site.world.component("repos/app", noarch_component("app", "lib", build="exit 1"))
    commit = pin(site)
    tester = CommitTester(run=site.run, component="app")
    assert tester.look_up(commit) is None
    test = tester.test(commit)
    assert (test.answer, test.source) == (Answer.BAD, Source.BUILT) and tester.test(commit) is test
    assert read_outcomes(site.run.workspace.outcomes) == {}
    later = CommitTester(run=site.run, component="repos/app")
    known = later.look_up(commit)
    assert known is not None and (known.answer, known.source) == (Answer.BAD, Source.LEDGER)
    # Whoever builds hopes for another result: a build is never spared because it failed.
    row = site.build("app").results["app"]
    assert not row.is_known_failure and row.log is not None and row.log.name == "build.log"


def test_packages_that_were_built_with_others_are_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path / "site", monkeypatch, more="build: {dependants: never}\n")
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.pin()
    site.build()
    site.world.component("repos/lib", {**noarch_component("lib", tags=["Provides: more"])})
    commit = pin(site)
    assert site.build().results["app"].rpms == site.build().results["app"].rpms
    assert CommitTester(run=site.run, component="app").test(commit).source is Source.BUILT


def test_a_failure_of_the_machine_is_no_answer(site: HostSite) -> None:
    build = "echo 'cc1: error: No space left on device'; exit 1"
    site.world.component("repos/app", noarch_component("app", "lib", build=build))
    commit = pin(site)
    tester = CommitTester(run=site.run, component="app")
    # The builder says that it was not the package.
    test = tester.test(commit)
    assert test.answer is Answer.SKIP and test.source is Source.BUILT
    assert CommitTester(run=site.run, component="app").look_up(commit) is None
    assert not site.run.ledger.all("failure")


def test_what_it_needs_is_another_bisection(site: HostSite) -> None:
    site.world.component("repos/lib", noarch_component("lib", build="exit 1"))
    test = CommitTester(run=site.run, component="app").test(pin(site))
    assert (test.answer, test.reason) == (Answer.SKIP, "needs lib, which failed")


def test_the_command_gets_copies_and_no_foreign_text(site: HostSite, tmp_path: Path) -> None:
    commit = HistoryCommit(id=pin(site).id, parents=(), subject="'; touch /tmp/never; '")
    command = (
        'test "$(basename -- "$ALTAI_BUILD_PACKAGES"/app-1*)" && ls "$ALTAI_BUILD_NEEDS" && env | sort && '
        'echo >"$ALTAI_BUILD_PACKAGES"/app-*.rpm; exit {}'
    )
    for status, answer in ((0, Answer.GOOD), (125, Answer.SKIP), (1, Answer.BAD), (127, Answer.BAD)):
        tester = CommitTester(run=site.run, component="app", command=command.format(status))
        assert tester.look_up(commit) is None
        test = tester.test(commit)
        assert test.answer is answer, test
    assert test.source is Source.LEDGER and test.log is not None
    printed = test.log.read_text()
    assert f"ALTAI_BUILD_COMMIT={commit.id}\n" in printed and "lib-1.0" in printed and "touch" not in printed
    # What the command wrote is in no package of the workspace.
    assert site.build("app").results["app"].rpms
    cache = BuildCache(site.run.workspace, site.run.ledger)
    assert all(cache.read_packages(record) for record in site.run.ledger.all("build"))


def test_tests_are_described() -> None:
    test = CommitTest(
        place="",
        commit=CommitId("a" * 40),
        subject="x",
        answer=Answer.SKIP,
        source=Source.NONE,
        seconds=0,
        reason="it has no spec",
    )
    assert describe_test(test) == "cannot be tested, it has no spec"
