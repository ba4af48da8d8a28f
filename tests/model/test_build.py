"""How a failed build is described."""

from __future__ import annotations

import pytest

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus


def result(reason: str, *causes: str, status: ComponentStatus = ComponentStatus.FAILED) -> BuildResult:
    return BuildResult(component="a", commit="", status=status, reason=reason, causes=causes)


@pytest.mark.parametrize(
    ("reason", "causes", "text", "listed"),
    [
        ("a.c:1: error: x", ("a.c:1: error: x", "make: *** [a]"), "a.c:1: error: x\nmake: *** [a]", 2),
        ("bootstrap build: no b", ("no b", "make: *** [a]"), "bootstrap build: no b\nmake: *** [a]", 2),
        ("no source\nin git", (), "no source\nin git", 2),
    ],
)
def test_what_the_log_says_follows_the_reason_once(
    reason: str, causes: tuple[str, ...], text: str, listed: int
) -> None:
    failed = result(reason, *causes)
    assert failed.describe_failure() == text
    assert (
        failed.list_causes() == (list(causes) or reason.split("\n")) and len(failed.list_causes()) == listed
    )


def test_what_did_not_fail_has_no_causes() -> None:
    assert result("needs b, which failed", status=ComponentStatus.BLOCKED).list_causes() == []
