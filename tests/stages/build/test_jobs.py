"""Around a builder's work: unsound packages fail a build, and a procedure gets the result of each of its jobs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.build import BuildOutcome, BuildRequest, BuildStep, FailureKind
from altai_build.stages.build.jobs import BuildJob, JobResult, Steps, run_job, run_steps
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.files import sha256_file
from tests.kit.rpms import build_rpm, flip_last_byte


class CopyBuilder:
    """Hands out one file, under the name that it has."""

    def __init__(self, rpm: Path, failure: FailureKind | None = None) -> None:
        self.rpm, self.failure = rpm, failure

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        rpms = (Path(shutil.copy(self.rpm, request.result_dir)),)
        return BuildOutcome(self.failure, rpms, None, "broken" if self.failure else "", 1.0, buildroot.lines)


@pytest.fixture
def job(tmp_path: Path) -> BuildJob:
    (tmp_path / "result").mkdir()
    request = BuildRequest("hello", tmp_path / "x.src.rpm", (), tmp_path / "result", source_date_epoch=0)
    return BuildJob("t", request, Buildroot(base=(), extra=()))


def run(job: BuildJob, rpm: Path, failure: FailureKind | None = None) -> JobResult:
    builder: Any = CopyBuilder(rpm, failure)
    return run_job(job, builder)


def test_packages_come_with_header_and_digest(job: BuildJob, tmp_path: Path) -> None:
    rpm = build_rpm(tmp_path, "hello").binary
    result = run(job, rpm)
    (package,) = result.rpms
    assert package.path == job.request.result_dir / rpm.name and result.folder == job.request.result_dir
    assert (package.header.nevra.name, package.sha256) == ("hello", sha256_file(rpm))


def test_of_a_step_that_asks_for_requirements_only_these_are_kept(job: BuildJob, tmp_path: Path) -> None:
    source = build_rpm(tmp_path, "hello", requires=["x\nBuildRequires: a >= 1\nBuildConflicts: b"]).source
    asking = replace(job, request=replace(job.request, step=BuildStep.SPEC_REQUIRES))
    result = run(asking, source)
    assert [need for need in result.requires if not need.startswith("rpmlib(")] == ["a >= 1", "!b"]
    assert result.rpms == () and [*result.folder.iterdir()] == []


def test_a_damaged_package_is_a_failed_build(job: BuildJob, tmp_path: Path) -> None:
    rpm = build_rpm(tmp_path, "hello").binary
    flip_last_byte(rpm)
    result = run(job, rpm)
    assert result.outcome.failure is FailureKind.BUILD and result.rpms == ()
    assert f"{rpm.name} is damaged" in result.outcome.reason


def test_a_source_package_is_no_result_of_a_build(job: BuildJob, tmp_path: Path) -> None:
    source = build_rpm(tmp_path, "hello").source
    result = run(job, source)
    assert (result.outcome.failure, result.rpms) == (FailureKind.BUILD, ())
    assert result.outcome.reason == "the build made source packages: hello-1.0-1.src"


def test_packages_of_a_failed_build_are_not_read(job: BuildJob, tmp_path: Path) -> None:
    (tmp_path / "no.rpm").write_text("no package")
    result = run(job, tmp_path / "no.rpm", FailureKind.BUILD)
    assert (result.rpms, result.outcome.reason) == ((), "broken")


def test_a_procedure_is_sent_the_result_of_each_of_its_jobs(job: BuildJob) -> None:
    closed = []

    def steps(count: int) -> Steps[list[str]]:
        try:
            reasons = []
            for _ in range(count):
                result = yield job
                reasons.append(result.outcome.reason)
            return reasons
        finally:
            closed.append(count)

    numbers = iter("abc")

    def play(job: BuildJob) -> JobResult:
        outcome = BuildOutcome(None, (), None, next(numbers), 0.0, ())
        return JobResult(folder=job.request.result_dir, outcome=outcome, rpms=())

    assert (run_steps(steps(0), play), run_steps(steps(2), play)) == ([], ["a", "b"])
    with pytest.raises(StopIteration):  # no more letters: an error of the job, not the procedure's end
        run_steps(steps(2), play)
    assert closed == [0, 2, 2]
