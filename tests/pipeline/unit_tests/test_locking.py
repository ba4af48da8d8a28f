"""What the lock of test requirements lacks, and what nothing uses; a lock is made for a target's Python."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.config.test_lock import write_test_lock
from altai_build.errors import InputError
from altai_build.model.test_lock import LockedDistribution, LockedTests, TestLock
from altai_build.pipeline.run import Run
from altai_build.pipeline.unit_tests.locking import (
    LockedVersion,
    fetch_locked,
    make_test_lock,
)
from altai_build.pipeline.unit_tests.plan import plan_tests
from altai_build.tools.progress import ProgressReporter
from tests.kit.builders import HostSite
from tests.kit.python_index import serve_index
from tests.kit.repositories import Package
from tests.kit.unit_tests import GOOD, make_tested


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """Two components, for a target with Python 3.6."""
    site = HostSite.create(tmp_path / "site", monkeypatch, base=[Package("python3", "3.6.8")])
    for name in ("one", "two"):
        site.world.component(f"repos/{name}", make_tested(name, GOOD))
    site.world.pin()
    return site


def configure(site: HostSite, **pypi: str) -> Run:
    """The run with `test.pypi` of components."""
    path = site.world.super.path / "repos.yaml"
    lines = [f"  {name}: {{test: {{pypi: [{requires}]}}}}" for name, requires in pypi.items()]
    path.write_text(path.read_text().partition("components:")[0] + "\n".join(["components:", *lines, ""]))
    return replace(site.run, config=load_config(path), reporter=ProgressReporter())


def fetch(run: Run) -> dict[str, list[str]]:
    found = fetch_locked(run, plan_tests(run, "HEAD", (), None))
    return {name: [file.path.name for file in files] for name, files in found.items()}


def test_locks_are_made_kept_updated_and_dropped(
    site: HostSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = configure(site, one="helper", two="helper>=1, other")
    plan = plan_tests(run, "HEAD", (), None)
    with pytest.raises(InputError) as caught:
        fetch(run)
    assert caught.value.what == "the test requirements of 2 components are not locked"
    assert caught.value.why == "one: there is no test.lock.yaml\ntwo: there is no test.lock.yaml"

    with serve_index(tmp_path / "index", monkeypatch) as index:
        index.add_wheel("helper", "1.0")
        index.add_wheel("other", "1.0")
        made = make_test_lock(run, plan, update=False, is_whole=True)
        assert [(one.component, one.python) for one in made.lock.components] == [
            ("one", "3.6"),
            ("two", "3.6"),
        ]
        index.add_wheel("helper", "2.0")
        assert not make_test_lock(run, plan, update=False, is_whole=True).rewritten
        newer = make_test_lock(run, plan_tests(run, "HEAD", ("one",), None), update=True, is_whole=False)
    assert newer.changes == (LockedVersion("one", "helper", "1.0", "2.0"),)
    expected = {
        "one": ["helper-2.0-py3-none-any.whl"],
        "two": ["helper-1.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"],
    }
    assert fetch(run) == expected

    run = configure(site, two="helper>=1, mox")
    with pytest.raises(InputError) as caught:
        fetch(run)
    assert caught.value.why == "two: test.lock.yaml does not have mox"
    assert "test.lock.yaml has entries that nothing uses, for one" in capfd.readouterr().err
    run = configure(site, two="helper>=1")
    with serve_index(tmp_path / "second", monkeypatch) as index:
        index.add_wheel("helper", "1.0")
        made = make_test_lock(run, plan_tests(run, "HEAD", (), None), update=False, is_whole=True)
    assert made.changes == (
        LockedVersion("one", "helper", "2.0", None),
        LockedVersion("two", "other", "1.0", None),
    )
    assert fetch(run) == {"two": ["helper-1.0-py3-none-any.whl"]}


def test_other_bytes_than_locked_are_refused(
    site: HostSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = configure(site, one="helper")
    file = LockedDistribution("helper", "1.0", "helper-1.0-py3-none-any.whl", "0" * 64)
    lock = TestLock((file,), (LockedTests("one", "3.6", ("helper",), {file.file: ("helper",)}),))
    (run.config.root / "test.lock.yaml").write_bytes(write_test_lock(lock))
    with serve_index(tmp_path / "index", monkeypatch) as index:
        index.add_wheel("helper", "1.0")
        with pytest.raises(InputError) as caught:
            fetch(run)
    assert caught.value.what.startswith(
        "the package index has no file helper-1.0-py3-none-any.whl of helper with SHA-256 0"
    )


def test_a_target_without_the_python_of_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    site.world.component("repos/one", make_tested("one", GOOD))
    site.world.pin()
    with pytest.raises(InputError) as caught:
        fetch(configure(site, one="helper"))
    assert caught.value.what == "one: no package of the target t provides python3"
