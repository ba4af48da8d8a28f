"""Servers that send a byte now and then hold nothing up: not the run, and not its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.kit.server import Request, scripted_server

LIST = "".join(f"{'0' * 64}  file{number}\n" for number in range(20)).encode()


def test_one_signal_ends_a_run_that_waits_for_a_server(tmp_path: Path) -> None:
    asked, gone = threading.Event(), threading.Event()

    def answer(request: Request) -> None:
        if request.path.endswith("/SHA256SUMS"):
            request.answer(200, LIST, content_length=str(len(LIST)))
            return
        request.answer(200)
        while not gone.wait(0.2):
            request.write(b"x")
            asked.set()

    with scripted_server(answer) as url:
        run = subprocess.Popen(
            [sys.executable, "-m", "altai_build", "--workspace", f"{tmp_path}/ws", "verify", f"{url}/1.0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            assert asked.wait(60)
            run.send_signal(signal.SIGTERM)
            # Within the 30 seconds after which such a server is left.
            output, _ = run.communicate(timeout=25)
        finally:
            run.kill()
            gone.set()
    assert run.returncode == 130
    assert b"interrupted; published releases are unchanged" in output
