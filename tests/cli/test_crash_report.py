"""A bug leaves a crash report, and no traceback on the terminal."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from altai_build.cli import main as cli_module
from tests.kit.cli import ROOT
from tests.kit.superprojects import World, make_files


def test_a_bug_leaves_a_report_and_no_traceback(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.component("repos/focus", make_files("focus"))
    world.pin()
    script = (
        "import sys; from altai_build.cli import changed; from altai_build.cli import main as cli\n"
        "def broken(*a, **k): raise RuntimeError('planted')\n"
        "changed.list_changed_gitlinks = broken\n"
        "sys.argv = ['altai-build', 'changed']; cli.main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=world.super.path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    err = result.stderr.decode()
    assert (result.returncode, result.stdout) == (70, b"")
    assert "this is a bug: RuntimeError: planted" in err and "Traceback" not in err
    (report,) = tmp_path.glob("altai-build-bug.*.txt")
    assert str(report) in err and "in broken" in report.read_text()


def test_a_bug_is_reported_even_where_no_file_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise ValueError("planted")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(cli_module.cli, "main", fail)
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    assert cli_module._run([])[0] == 70
    said = capsys.readouterr().err
    assert "the crash report cannot be written: [Errno 28] No space left on device" in said
    assert "this is a bug: ValueError: planted" in said and "in fail" in said
