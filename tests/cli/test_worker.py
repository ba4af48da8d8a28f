"""`worker`: what it refuses, and what it prints of itself."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from altai_build.cli.main import cli
from altai_build.cli.runlog import RunLog
from altai_build.errors import InputError, UsageError
from altai_build.pipeline import worker
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.tools.dask.worker import WorkerOptions
from tests.kit.json_forms import list_form_errors

LOCAL = ("--scheduler", "127.0.0.1:1")


def call(tmp_path: Path, *words: str) -> None:
    arguments = ["--workspace", str(tmp_path / "ws"), "worker", *words]
    logs: list[RunLog] = []
    try:
        cli.main(arguments, standalone_mode=False, obj=logs)
    finally:
        for log in logs:
            log.close(0, "")


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ((), UsageError, "a worker needs a scheduler"),
        (("--scheduler", "tcp://192.0.2.1:8786"), InputError, "is on another machine and has no TLS"),
        (("--scheduler", "tls://192.0.2.1:8786"), InputError, "needs certificates"),
        ((*LOCAL, "--slots", "0"), click.UsageError, "0 is not in the range"),
        ((*LOCAL, "--name", "a/b"), click.UsageError, "write letters, digits"),
        ((*LOCAL, "--tls-ca", "x"), UsageError, "belong together"),
        ((*LOCAL, "--store", "many"), click.UsageError, "many"),
    ],
)
def test_what_is_refused(tmp_path: Path, words: tuple[str, ...], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call(tmp_path, *words)


def test_what_it_says_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[WorkerOptions] = []
    monkeypatch.setitem(BUILDERS, "host", "tests.kit.builders:HostBuilder")
    monkeypatch.setattr(
        worker, "run_worker", lambda cluster, options, handle, stop, announce: given.append(options)
    )
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    words = ("--builder", "host", *LOCAL, "--slots", "3", "--name", "w")
    call(tmp_path, *words, "--json")
    answer = json.loads(capsys.readouterr().out)
    assert list_form_errors("worker", answer) == []
    [offer] = answer["offers"]
    assert (answer["name"], answer["slots"]) == ("w", 3) and offer.endswith(", host 1, aarch64")
    assert (given[0].slots, list(given[0].offers), given[0].name) == (3, [offer, f"{offer}, questions"], "w")
    call(tmp_path, *words)
    assert capsys.readouterr().out == f"w: 3 slots\n  {offer}\n"
