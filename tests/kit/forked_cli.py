"""Hundreds of calls of the command line in seconds: a process that has loaded all verbs forks for each call.

`python -m tests.kit.forked_cli` reads the calls from stdin and prints what became of them, both as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kit.cli import ROOT


@dataclass(frozen=True)
class Call:
    """A command line in a folder.

    `output` is where stdout goes: "kept", a "closed" pipe, or a "full" disk. With `is_interrupted` SIGTERM comes when
    the command reads repos.yaml.
    """

    words: tuple[str, ...]
    folder: str
    output: str = "kept"
    is_interrupted: bool = False


@dataclass(frozen=True)
class Answer:
    """What a call left."""

    code: int
    out: str
    err: str


def call_all(calls: Sequence[Call]) -> list[Answer]:
    """Run the calls, one after another."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.kit.forked_cli"],
        input=json.dumps([asdict(call) for call in calls]).encode(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
    )
    return [Answer(**answer) for answer in json.loads(done.stdout)]


def _run(call: Call, scratch: Path) -> Answer:
    out, err = scratch / "out", scratch / "err"
    child = os.fork()
    if child == 0:
        try:
            _be(call, out, err)
        except BaseException:
            traceback.print_exc()
        finally:
            # Nothing of the parent is cleaned up here.
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return Answer(
        os.waitstatus_to_exitcode(status),
        out.read_text(encoding="utf-8", errors="replace"),
        err.read_text(encoding="utf-8", errors="replace"),
    )


def _be(call: Call, out: Path, err: Path) -> None:
    """Become the command."""
    from altai_build.cli.app import App
    from altai_build.cli.main import main

    os.chdir(call.folder)
    os.environ["PWD"] = call.folder
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    out.write_text("")
    if call.output == "closed":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open("/dev/full" if call.output == "full" else out, os.O_WRONLY)
    os.dup2(writer, 1)
    os.dup2(os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
    if call.is_interrupted:
        App.load_config = lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM)  # type: ignore[method-assign,assignment]
    sys.argv = ["altai-build", *call.words]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 1)


def _serve() -> None:
    from altai_build.cli.main import VERBS

    for module in VERBS.values():
        importlib.import_module(f"altai_build.cli.{module}")
    with tempfile.TemporaryDirectory() as scratch:
        calls = [
            Call(**{**values, "words": tuple(values["words"])}) for values in json.loads(sys.stdin.read())
        ]
        answers = [asdict(_run(call, Path(scratch))) for call in calls]
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    _serve()
