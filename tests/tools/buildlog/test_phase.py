"""What a build is doing, read from a log that grows."""

from __future__ import annotations

import os
from pathlib import Path

from altai_build.tools.buildlog.phase import PhaseReader


def test_the_last_script_that_the_log_names_runs_now(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    reader = PhaseReader(log)
    assert reader.read() == ""
    with open(log, "w", encoding="utf-8") as stream:
        for text, phase in (
            ("Installing fine.src.rpm\n", ""),
            ("Executing(%prep): /bin/sh -e /var/tmp/rpm-tmp.1\n+ cd\n", "%prep"),
            ("x" * 100 + "\nExecuting(%bui", "%prep"),
            ("ld): /bin/sh\n", "%build"),
            ("echo Executing(%check): in a line\n", "%build"),
            ("Executing(%evil\x1b[2J): /bin/sh\n", "%build"),
            ("BUILDSTDERR: Executing(%check): /bin/sh\n", "%check"),
            ("Processing files: fine-1-1.noarch\n", "packages"),
        ):
            stream.write(text)
            stream.flush()
            assert reader.read() == phase, text


def test_a_look_reads_a_bounded_part_and_nothing_but_files(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with open(log, "wb") as stream:
        stream.truncate(1 << 40)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\nExecuting(%install): /bin/sh\n")
    assert PhaseReader(log).read() == "%install"
    os.mkfifo(tmp_path / "fifo")
    assert PhaseReader(tmp_path / "fifo").read() == ""
