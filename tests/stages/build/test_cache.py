"""Builds are kept whole: what is missing or spoiled is not there, and logs of failures go where people look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.ledger import Ledger
from altai_build.model.build import BuildOutcome, BuildStep, FailureKind
from altai_build.model.package import LocalRpm
from altai_build.stages.build.cache import BuildCache, describe_rebuild_reason
from altai_build.stages.build.environment import ComponentBuild
from altai_build.stages.build.jobs import JobResult
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from altai_build.workspace import Workspace
from tests.kit.rpms import build_rpm, flip_last_byte

INPUTS = (("tool", "1"), ("source package", "abc"))


@pytest.fixture
def cache(tmp_path: Path) -> BuildCache:
    workspace = Workspace(tmp_path / "ws")
    workspace.builds.mkdir(parents=True)
    return BuildCache(workspace, Ledger(workspace.ledger))


def job_result(folder: Path, rpm: Path | None = None) -> JobResult:
    """A job's results in a folder: a log, and a package where it succeeded."""
    folder.mkdir()
    log = folder / "build.log"
    log.write_text("the log\n")
    rpms: tuple[LocalRpm, ...] = ()
    if rpm is not None:
        path = folder / rpm.name
        path.write_bytes(rpm.read_bytes())
        rpms = (LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path)),)
    failure = None if rpms else FailureKind.BUILD
    return JobResult(
        folder, BuildOutcome(failure, tuple(one.path for one in rpms), log, "", 1.2345, ()), rpms
    )


def store(cache: BuildCache, folder: Path, key: str) -> tuple[LocalRpm, ...]:
    rpms = build_rpm(folder / f"rpm-{key}", "hello")
    header = read_header(rpms.source)
    build = ComponentBuild("hello", "c", rpms.source, "", header=header, local=(), cpus=1)
    return cache.store(BuildStep.PACKAGES, build, key, INPUTS, job_result(folder / key, rpms.binary))


def test_a_stored_build_is_found_again(cache: BuildCache, tmp_path: Path) -> None:
    stored = store(cache, tmp_path, "k1")
    assert [rpm.path.parent for rpm in stored] == [cache.workspace.builds / "k1"]
    record = Ledger(cache.workspace.ledger).find("build", "k1")
    assert record is not None and record.inputs == INPUTS
    assert (record.component, record.seconds, record.nevra) == ("hello", 1.234, "hello-1.0-1.src")
    assert cache.read_packages(record) == stored
    log = cache.find_log("k1")
    assert log is not None and log.read_text() == "the log\n"


def test_spoiled_or_missing_packages_are_not_there(cache: BuildCache, tmp_path: Path) -> None:
    (rpm,) = store(cache, tmp_path, "k1")
    record = cache.ledger.find("build", "k1")
    flip_last_byte(rpm.path)
    assert cache.read_packages(record) == ()
    rpm.path.unlink()
    assert cache.read_packages(record) == () and cache.read_packages(None) == ()


def test_a_list_of_requirements_is_found_again_as_it_was(cache: BuildCache, tmp_path: Path) -> None:
    header = read_header(build_rpm(tmp_path / "rpm", "hello").source)
    build = ComponentBuild("hello", "c", tmp_path, "", header=header, local=(), cpus=1)
    result = replace(job_result(tmp_path / "result"), requires=("a >= 1", "!b"))
    assert cache.store(BuildStep.SPEC_REQUIRES, build, "k", INPUTS, result) == ()
    record = cache.ledger.find("spec-requires", "k")
    assert cache.read_requires(record) == ("a >= 1", "!b") and cache.read_requires(None) is None
    (list_file,) = (cache.workspace.builds / "k").glob("*.json")
    list_file.write_text(list_file.read_text().replace("a >= 1", "a >= 2"))
    assert cache.read_requires(record) is None
    list_file.unlink()
    assert cache.read_requires(record) is None


def test_a_build_takes_the_place_of_a_spoiled_one(cache: BuildCache, tmp_path: Path) -> None:
    (rpm,) = store(cache, tmp_path, "k1")
    flip_last_byte(rpm.path)
    (tmp_path / "again").mkdir()
    (again,) = store(cache, tmp_path / "again", "k1")
    assert cache.read_packages(cache.ledger.find("build", "k1")) == (again,)


def test_the_last_build_is_the_one_that_packages_came_from(cache: BuildCache, tmp_path: Path) -> None:
    assert cache.last_build("hello", "") is None
    store(cache, tmp_path, "k1")
    store(cache, tmp_path, "k2")
    found = [cache.last_build("hello", key) for key in ("k1", "", "unknown")]
    assert [record and record.key for record in found] == ["k1", "k2", "k2"]


def test_logs_of_the_last_failure_are_kept(cache: BuildCache, tmp_path: Path) -> None:
    for number in range(2):
        result = job_result(tmp_path / str(number))
        (result.folder / "build.log").write_text(f"failure {number}\n")
        log = cache.keep_failure_logs("a/b", result)
        assert log == cache.workspace.failed_build_logs("a/b") / "build.log"
        assert log.read_text() == f"failure {number}\n" and not result.folder.exists()


def test_a_rebuild_has_a_reason(cache: BuildCache, tmp_path: Path) -> None:
    assert describe_rebuild_reason(INPUTS, None) == "never built in this workspace"
    store(cache, tmp_path, "k1")
    last = cache.last_build("hello", "k1")
    assert describe_rebuild_reason(INPUTS, last) == "its packages in the workspace are missing or damaged"
    assert describe_rebuild_reason((*INPUTS, ("target", "x")), last) == "target changed"


def test_the_last_good_log_is_that_of_the_workspace_else_that_of_the_release(
    cache: BuildCache, tmp_path: Path
) -> None:
    released = tmp_path / "released.log.gz"
    header = read_header(build_rpm(tmp_path / "rpm", "hello").source)
    build = ComponentBuild("hello", "c", tmp_path, "", header, local=(), cpus=1, released_log=released)
    assert cache.find_good_log(build) == released
    store(cache, tmp_path, "k1")
    assert cache.find_good_log(build) == cache.workspace.builds / "k1" / "build.log"


def test_a_failure_is_known_only_to_those_who_ask_and_as_it_was_recorded(
    cache: BuildCache, tmp_path: Path
) -> None:
    header = read_header(build_rpm(tmp_path / "rpm", "hello").source)
    build = ComponentBuild("hello", "c", tmp_path, "", header=header, local=(), cpus=1)
    failed = job_result(tmp_path / "failed")
    outcome = replace(failed.outcome, reason="it breaks", causes=("it breaks", "and more"))
    cache.store_failure(build, "k1", INPUTS, replace(failed, outcome=outcome))
    assert cache.find_failure("k1") is None and cache.find_log("k1") is None
    asking = BuildCache(cache.workspace, Ledger(cache.workspace.ledger), trusts_failures=True)
    known = asking.find_failure("k1")
    assert known is not None and (known.reason, known.causes) == ("it breaks", ("it breaks", "and more"))
    assert known.log.read_text() == "the log\n" and asking.find_failure("k2") is None
    assert cache.find_good_log(build) is None
    # A damaged one is none, and neither is one whose inputs gave packages at last.
    (known.log.parent / "failure.json").write_text("{}")
    assert asking.find_failure("k1") is None
    cache.store_failure(build, "k1", INPUTS, replace(failed, outcome=outcome))
    assert asking.find_failure("k1") == known
    store(cache, tmp_path, "k1")
    assert asking.find_failure("k1") is None
