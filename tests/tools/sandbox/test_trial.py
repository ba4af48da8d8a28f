"""Whether sandboxes start here: what does not start says why, and what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import MissingToolError
from altai_build.tools import process
from altai_build.tools.sandbox import trial
from altai_build.tools.sandbox.bubblewrap import HostSandbox


def test_only_a_sandbox_that_does_not_start_is_a_fault_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs in it may print the same words."""
    place = tmp_path / "place"
    place.mkdir()
    argv = ["sh", "-c", "echo 'bwrap: No permissions' >&2; exit 1"]
    pretended = process.run(HostSandbox(writable=place, now=1).command(argv), ok=process.ANY_END)
    assert pretended.error_text == "bwrap: No permissions"
    assert trial.find_start_fault("no spec is read", pretended) is None
    refusing = tmp_path / "bin/bwrap"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing.parent}:{os.environ['PATH']}")
    fault = trial.find_start_fault("no spec is read", pretended)
    assert fault is not None
    assert (fault.exit_code, fault.what) == (4, "no spec is read: the sandbox does not start")
    monkeypatch.setattr(trial, "_try_as", lambda _: trial.find_sandbox_refusal())
    with pytest.raises(MissingToolError, match="sandboxes do not work here") as error:
        trial.require_sandbox()
    assert error.value.why == "bwrap: No permissions"


def test_sandboxes_that_start_are_not_refused() -> None:
    trial.require_sandbox()
    assert trial.find_sandbox_refusal() is None
