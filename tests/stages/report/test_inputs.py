"""The inputs of the kit are those of a whole release."""

from __future__ import annotations

from altai_build.stages.report.inputs import PreviousRelease
from tests.kit.reports import make_inputs


def test_inputs_of_any_size_have_every_part() -> None:
    inputs = make_inputs(12)
    assert len(inputs.manifest.packages) == 12
    assert isinstance(inputs.previous, PreviousRelease) and inputs.previous.diff.changes
    assert {kind for package in inputs.manifest.packages for kind in [package.origin.kind]} == {
        "component",
        "spec",
        "mirror",
    }
