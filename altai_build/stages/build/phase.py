"""What is being done with a component while a job of its build runs."""

from __future__ import annotations

from collections.abc import Callable

from altai_build.model.build import BUILD_LOG, BuildStep
from altai_build.stages.build.jobs import BuildJob
from altai_build.tools.buildlog.phase import PhaseReader

_STEPS = {
    BuildStep.SPEC_REQUIRES: "reads spec",
    BuildStep.GENERATED_REQUIRES: "requirements",
}


def make_phase_reader(job: BuildJob) -> Callable[[], str]:
    """A function that says what a job does now: `buildroot` until it has a log, then the script that runs."""
    step = job.request.step
    if step in _STEPS:
        return lambda: _STEPS[step]
    reader = PhaseReader(job.request.result_dir / BUILD_LOG)
    return lambda: reader.read() or "buildroot"
