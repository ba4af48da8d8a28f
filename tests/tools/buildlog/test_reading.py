"""Logs as bytes and lines: within limits, whatever was printed."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.tools.buildlog import reading
from altai_build.tools.buildlog.reading import HEAD_SIZE, TAIL_SIZE, read_lines
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "line",
    [
        "BUILDSTDERR: error: x",
        "DEBUG util.py:461:  error: x",
        "[  158s] error: x",
        "[00:00:07] error: x",
        "#21 17.26 error: x",
        "2024-01-02T03:04:05.678Z error: x",
        "10%\r50%\rerror: x\r",
        "\x1b[31;1merror\x1b[0m: \x1b]0;title\x07x\0  ",
    ],
)
def test_prefixes_of_build_services_colours_and_progress_are_left_out(tmp_path: Path, line: str) -> None:
    (tmp_path / "log").write_text(f"\n{line}\n \nDEBUG util.py:1:  Child return code was: 1\n", newline="")
    assert read_lines(tmp_path / "log") == ["error: x"]


def test_a_line_is_cut(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 1_000_000 + b"\nend")
    assert [len(line) for line in read_lines(tmp_path / "log")] == [600, 3]


def test_of_a_compressed_log_no_more_is_unpacked_than_is_read_of_others(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"word\n" * (30 << 20)))
    assert sum(len(line) + 1 for line in read_lines(tmp_path / "log.gz")) <= HEAD_SIZE + TAIL_SIZE


def test_a_long_log_is_kept_and_read_by_its_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT_SIZE", 40)
    log = tmp_path / "log"
    log.write_bytes(b"0123456789" * 4)
    assert reading.read_for_keeping(log) == b"0123456789" * 4
    log.write_bytes(b"the first\n" + b"middle\n" * 100 + b"the last line\n")
    head, tail = b"the first\n", b"middle\nmiddle\nthe last line\n"
    left_out = log.stat().st_size - len(head) - len(tail)
    assert reading.read_for_keeping(log) == head + f"\n[{left_out} bytes are left out here]\n".encode() + tail


def test_a_huge_log_needs_little_memory(tmp_path: Path) -> None:
    """Sparse files stand for what a scriptlet or a build has printed."""
    for name in ("one", "two"):
        with open(tmp_path / name, "wb") as stream:
            stream.truncate(8 << 30)
            stream.seek(0, 2)
            stream.write(b"\nerror: the cause\n")
    script = (
        "import resource; from pathlib import Path; resource.setrlimit(resource.RLIMIT_DATA, (600 << 20, 600 << 20))\n"
        "from altai_build.tools.buildlog.reading import read_for_keeping\n"
        "from altai_build.tools.chroot.roots import RpmInstallFailed\n"
        f"print(len(read_for_keeping(Path({str(tmp_path / 'one')!r}))) < 70_000_000)\n"
        f"print('error: the cause' in str(RpmInstallFailed(Path({str(tmp_path / 'two')!r}), 1, '')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\nTrue\n", done.stderr
