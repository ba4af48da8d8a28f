"""Checks from what was found, and from errors."""

from __future__ import annotations

from pathlib import Path

from altai_build.errors import SigningError
from altai_build.model.doctor import CheckResult, CheckStatus, make_failed_check, run_check


def test_an_error_is_a_failed_check_on_one_line() -> None:
    def fail() -> str:
        raise SigningError("it is locked", why="  tried twice\n  no answer", todo="unlock it")

    assert run_check("key", fail) == CheckResult(
        check="key",
        status=CheckStatus.MISSING,
        found="it is locked: tried twice; no answer",
        todo="unlock it",
        exit_code=6,
    )


def test_each_failed_check_says_what_to_do() -> None:
    assert make_failed_check("key", SigningError("it is locked")).todo


def test_whatever_the_machine_refuses_is_a_failed_check() -> None:
    def fail() -> str:
        return Path("/nonexistent/file").read_text()

    found = run_check("key", fail)
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, 3)
    assert found.found == "No such file or directory: /nonexistent/file"


def test_what_was_found_is_a_good_check() -> None:
    assert run_check("key", lambda: "there") == CheckResult(check="key", status=CheckStatus.OK, found="there")
