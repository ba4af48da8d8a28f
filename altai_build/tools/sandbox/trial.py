"""Whether sandboxes start on this machine."""

from __future__ import annotations

import os
from functools import cache

from altai_build.errors import MissingToolError
from altai_build.tools import commands, process
from altai_build.tools.sandbox.bubblewrap import (
    DIE_WITH_PARENT,
    UNSHARE_OPTIONS,
    may_become_build_user,
    require_bubblewrap,
)
from altai_build.tools.sandbox.refusals import Refusal, explain_sandbox_refusal
from altai_build.tools.sandbox.seccomp import filter_command


def try_sandbox() -> str:
    """Start a sandbox; returns "" when that works, else what the kernel or bwrap says."""
    if commands.find_program("bwrap") is None:
        return "bwrap is not installed"
    prefix = DIE_WITH_PARENT if os.geteuid() == 0 else ()
    user = () if may_become_build_user() else ("--unshare-user",)
    opening, options = filter_command()
    words = ["bwrap", *options, *UNSHARE_OPTIONS, *user, "--ro-bind", "/", "/", "--proc", "/proc"]
    result = process.run([*opening, *prefix, *words, "--", "/bin/true"], ok=process.ANY_END)
    return "" if result.returncode == 0 else result.error_text or commands.describe_exit(result.returncode)


def find_sandbox_refusal() -> Refusal | None:
    """Why no sandbox starts here, and what to do; None where sandboxes work."""
    said = try_sandbox()
    return explain_sandbox_refusal(said.splitlines()[-1]) if said else None


def require_sandbox() -> None:
    """Raise MissingToolError where no sandbox starts; tried once for each user that this process becomes."""
    require_bubblewrap()
    if refusal := _try_as(os.geteuid()):
        raise MissingToolError("sandboxes do not work here", why=refusal.why, todo=refusal.todo)


@cache
def _try_as(_uid: int) -> Refusal | None:
    return find_sandbox_refusal()


def find_start_fault(what: str, result: process.ProcessResult) -> MissingToolError | None:
    """The error for a sandbox that did not start; None where what ran in it failed.

    `what` is the consequence. What runs in a sandbox may print the same words, so that another one is started.
    """
    if not result.error_text.startswith(("bwrap:", "setpriv:", "unshare:")):
        return None
    refusal = find_sandbox_refusal()
    if refusal is None:
        return None
    return MissingToolError(f"{what}: the sandbox does not start", why=refusal.why, todo=refusal.todo)
