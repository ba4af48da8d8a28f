"""What is being done with a component while a job runs."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.build import BUILD_LOG, BuildRequest, BuildStep
from altai_build.stages.build.jobs import BuildJob
from altai_build.stages.build.phase import make_phase_reader
from altai_build.tools.chroot.resolver import Buildroot


def make_job(folder: Path, step: BuildStep) -> BuildJob:
    request = BuildRequest(
        component="a",
        srpm=folder / "a.src.rpm",
        local_rpms=(),
        result_dir=folder,
        source_date_epoch=0,
        step=step,
    )
    return BuildJob(target="t", request=request, buildroot=Buildroot((), ()))


def test_a_build_has_a_buildroot_made_first_and_then_the_scripts_of_its_spec(tmp_path: Path) -> None:
    read = make_phase_reader(make_job(tmp_path, BuildStep.PACKAGES))
    assert read() == "buildroot"
    (tmp_path / BUILD_LOG).write_text("Executing(%build): /bin/sh\n")
    assert read() == "%build"


def test_a_question_is_one_phase_whatever_its_log_says(tmp_path: Path) -> None:
    (tmp_path / BUILD_LOG).write_text("Executing(%build): /bin/sh\n")
    assert make_phase_reader(make_job(tmp_path, BuildStep.SPEC_REQUIRES))() == "reads spec"
    assert make_phase_reader(make_job(tmp_path, BuildStep.GENERATED_REQUIRES))() == "requirements"
