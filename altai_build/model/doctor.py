"""A check of this machine or configuration: what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from altai_build.errors import AltaiError, InputError
from altai_build.model.doctor_checks import find_check_kind
from altai_build.model.documentation import locate_check


class CheckStatus(str, Enum):
    """The result of a check."""

    OK = "ok"
    # Something works less well, or not with every builder.
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True)
class CheckResult:
    """One check: its name, its result, what was found, what to do."""

    check: str
    status: CheckStatus
    found: str
    todo: str = ""
    exit_code: int = 0  # of the error that a run would end with

    def to_json(self) -> dict[str, str]:
        """The check as `doctor --json` has it."""
        return {
            "check": self.check,
            "status": self.status.value,
            "found": self.found,
            "todo": self.todo,
            "documentation": locate_check(find_check_kind(self.check)),
        }


def run_check(check: str, find: Callable[[], str]) -> CheckResult:
    """A check that is ok with what `find` says, or failed with the error that it raises."""
    try:
        return CheckResult(check=check, status=CheckStatus.OK, found=find())
    except AltaiError as error:
        return make_failed_check(check, error)
    except OSError as error:
        # One that nothing foresaw must not hide the other checks.
        place = f": {error.filename}" if error.filename else ""
        return make_failed_check(check, InputError(f"{error.strerror or error}{place}"))


def make_failed_check(check: str, error: AltaiError) -> CheckResult:
    """A check that failed with an error."""
    why = f": {'; '.join(map(str.strip, error.why.splitlines()))}" if error.why else ""
    return CheckResult(
        check=check,
        status=CheckStatus.MISSING,
        found=f"{error.what}{why}",
        todo=error.todo or "correct what the message names, then check again",
        exit_code=error.exit_code,
    )
