"""A release that was verified today: nothing is read again, unless something changed, and the report is the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity, VerificationReport, Waiver
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published import unchanged
from altai_build.pipeline.published.unchanged import KnownVerification, verify_unless_unchanged
from altai_build.pipeline.published.verify import open_view, verify_published
from altai_build.pipeline.run import Run
from altai_build.rules.view import ReleaseView
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from tests.kit.configs import make_run, write_config
from tests.kit.releases import Materials, make_release, make_release_contents
from tests.kit.rpms import flip_last_byte

WAIVER = "waivers: [{rule: closure, subject: '*', reason: QA, expires: 2999-12-31}]\n"
WARNING = Finding(rule="keys", severity=Severity.WARNING, subject="k", message="it is late", fix="none")
FINDINGS = (
    WARNING,
    replace(WARNING, waiver=Waiver("keys", "*", "QA", date(2999, 12, 31)), scenarios=("all",)),
)


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altai_build.tools.tree_state._QUIET", -3600.0)


@pytest.fixture(scope="module")
def made(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The releases 1.0.1 and 1.0.2."""
    folder = tmp_path_factory.mktemp("made")
    first = make_release(folder / "1.0.1", materials, make_release_contents(materials, "1.0.1"))
    make_release(folder / "1.0.2", materials, make_release_contents(materials), previous=first)
    return folder


@pytest.fixture
def run(made: Path, materials: Materials, tmp_path: Path) -> Run:
    """A site with a copy of these releases."""
    shutil.copytree(made, tmp_path / "releases")
    return make_run(tmp_path, materials)


def verify(run: Run, version: str = "1.0.2") -> KnownVerification:
    return verify_unless_unchanged(run, run.config.root / "releases" / version, version=version)


def find_record(run: Run) -> Path:
    (file,) = (run.workspace.cache / "verified").iterdir()
    return file


def wait_for_tick(folder: Path) -> None:
    """Until the clock of files goes on: in earnest, what changed just now is not remembered."""
    tick, begin = folder / "tick", datetime.now(timezone.utc).timestamp()
    while tick.write_text("") or tick.stat().st_ctime_ns / 1e9 <= begin:
        pass


def test_each_fault_is_found_first_and_again_and_after_its_repair_the_release_is_sound(
    run: Run, materials: Materials, tmp_path: Path
) -> None:
    """With the real rules: the report is always that of a verification without memory."""
    release = tmp_path / "releases" / "1.0.2"
    assert verify(run).read_at is None
    sound = verify(run)
    assert sound.read_at is not None and sound.report == verify_published(run, release, version="1.0.2")
    package = release / "deps" / "epel" / "erlang-14-2.el6.noarch.rpm"
    kept = shutil.copy2(package, tmp_path / "kept")
    faults: list[Callable[[], object]] = [
        lambda: flip_last_byte(package),
        package.unlink,
        lambda: shutil.copy(materials.own, package),
        lambda: (release / "deps" / "epel" / "more.rpm").write_text("more"),
    ]
    for fault in faults:
        wait_for_tick(tmp_path)
        package.unlink()
        shutil.copy2(kept, package)
        fault()
        found = [verify(run), verify(run)]
        assert not found[0].report.is_ok
        assert {known.report for known in found} == {verify_published(run, release, version="1.0.2")}
        assert [known.read_at for known in found] == [None, None]
        (release / "deps" / "epel" / "more.rpm").unlink(missing_ok=True)
        package.unlink(missing_ok=True)
        shutil.copy2(kept, package)
    assert (verify(run).read_at, verify(run).report) == (None, sound.report)
    assert verify(run).read_at is not None


@pytest.fixture
def asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The releases to which the rules were applied; they find the same in every one."""
    releases: list[str] = []

    def apply_rules(view: ReleaseView) -> VerificationReport:
        releases.append(view.version)
        if view.context.base is not None:
            try:
                view.context.base()
            except InputError:
                return VerificationReport(view.version, FINDINGS, TrustLevel.PINNED)
        return VerificationReport(view.version, FINDINGS, TrustLevel.PINNED)

    monkeypatch.setattr(unchanged, "verify_view", apply_rules)
    return releases


def test_whatever_a_verification_depends_on_makes_it_read_again(
    run: Run, asked: list[str], materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify(run) == replace(verify(run), read_at=None)
    assert asked == ["1.0.2"]
    releases = tmp_path / "releases"
    changes: list[Callable[[], object]] = [
        lambda: (releases / "1.0.2" / "more").write_text(""),
        lambda: (releases / "1.0.2" / "altai.repo").chmod(0o600),
        lambda: os.link(releases / "1.0.1" / "release.json", tmp_path / "link"),
        lambda: (releases / "1.0.1" / "centos6" / "repodata" / "repomd.xml").touch(),
        lambda: (releases / "1.0.1" / "new").mkdir(),
        lambda: (tmp_path / "releases" / "1.0.0").mkdir(),
        lambda: shutil.copytree(releases / "1.0.1", releases / "1.0.0", dirs_exist_ok=True),
        lambda: find_record(run).write_bytes(
            find_record(run).read_bytes().replace(b"it is late", b"it is true")
        ),
        lambda: find_record(run).unlink(),
        lambda: monkeypatch.setattr(unchanged, "_SYSTEM_PACKAGES", (str(tmp_path / "link"),)),
    ]
    count = 1
    for number, change in enumerate(changes):
        wait_for_tick(tmp_path)
        change()
        # A folder without a manifest is no release.
        count += number != 5
        assert [verify(run).report.findings, verify(run).report.findings] == [FINDINGS, FINDINGS]
        assert len(asked) == count, number
    waiving = replace(run, config=load_config(write_config(tmp_path, materials, more=WAIVER)))
    assert verify(waiving).read_at is None
    assert verify(waiving).read_at is not None


def test_it_counts_on_the_same_day_and_until_a_key_expires(run: Run, asked: list[str]) -> None:
    verify(run)
    file = find_record(run)
    known = read_sealed(file)
    assert known is not None and known["valid_until"] is None
    now = datetime.now(timezone.utc).timestamp()
    for change, is_valid in (
        ({"valid_until": now + 60}, True),
        ({"valid_until": now - 1}, False),
        ({"read_at": now + 60}, False),
        ({"inputs": "other"}, False),
        ({"state": "other"}, False),
        ({"paths": []}, False),
        ({}, True),
    ):
        file.write_bytes(dump_sealed({**known, **change}))
        assert (verify(run).read_at is not None) is is_valid, change
    view = open_view(run, run.config.root / "releases" / "1.0.2")
    moment = datetime.now(timezone.utc)
    today, tomorrow = (unchanged._describe_inputs(view, moment + timedelta(days=days)) for days in (0, 1))
    assert today != tomorrow


def test_what_changed_just_now_is_read_again(
    run: Run, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.tools.tree_state._QUIET", 3600.0)
    assert [verify(run).read_at, verify(run).read_at] == [None, None]


def test_what_changes_while_it_is_read_is_read_again(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(view: ReleaseView) -> VerificationReport:
        (view.directory / "more").write_text("")
        return VerificationReport(view.version, (), TrustLevel.PINNED)

    monkeypatch.setattr(unchanged, "verify_view", change)
    assert [verify(run).read_at, verify(run).read_at] == [None, None]


def test_without_the_operating_system_s_repositories_and_without_repos_yaml_nothing_is_remembered(
    run: Run, asked: list[str], materials: Materials, tmp_path: Path
) -> None:
    gone = replace(run, config=load_config(write_config(tmp_path, materials, base=tmp_path / "gone")))
    assert [verify(gone).read_at, verify(gone).read_at] == [None, None]
    unnamed = replace(run, config=replace(run.config, file=None))
    assert [verify(unnamed).read_at, verify(unnamed).read_at] == [None, None]
    assert [verify(run).read_at is None, verify(run).read_at is None] == [True, False]
