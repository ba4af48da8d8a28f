"""How many things run side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from altai_build.cli.main import cli
from altai_build.tools import processors


@pytest.fixture(autouse=True)
def _no_limit() -> Iterator[None]:
    processors.limit_to(None)
    yield
    processors.limit_to(None)


def test_without_a_limit_every_processor_of_the_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2, 5})
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert processors.installed() == processors.available() == 3


def test_jobs_limit_what_is_available_and_not_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    processors.limit_to(2)
    assert (processors.available(), processors.installed()) == (2, 4)
    processors.limit_to(9)
    assert processors.available() == 9
    processors.limit_to(None)
    assert processors.available() == 4


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="0 is not a number of jobs"):
        processors.limit_to(0)


def test_the_command_line_sets_the_limit() -> None:
    for options, expected in (["--jobs", "7"], 7), ([], processors.installed()):
        assert CliRunner().invoke(cli, [*options, "keys", "--help"]).exit_code == 0
        assert processors.available() == expected
