"""Spec files read statically, in child processes with limits (`tools.spec`), and what was read of them kept."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib.util
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from altai_build.errors import InputError
from altai_build.model.spec import SourceTag, SpecInfo
from altai_build.tools import process
from altai_build.tools.files import write_whole

SECONDS = 5  # CPU time for one spec; a real one takes milliseconds, a macro bomb for ever
MEMORY = 2 << 30  # bytes
_FORMAT = 1  # of what is kept of a reading
_CHILD = Path(__file__).with_name("spec.py")


class NotASpec(InputError):
    """A file named *.spec that is something else (PyInstaller and others use the ending too)."""


@dataclasses.dataclass(frozen=True)
class SpecText:
    """A spec file to be read: a place for messages, and its bytes as text (other bytes survive as surrogates)."""

    place: str
    text: str


def decode(data: bytes) -> str:
    """Spec bytes as text that encodes back to the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes of a text made by `decode`."""
    return text.encode("utf-8", "surrogateescape")


def read_specs(
    specs: Sequence[SpecText], macros: Mapping[str, str], arch: str, *, cache: Path | None = None
) -> list[SpecInfo | InputError]:
    """`SpecReader.read` for one batch of specs."""
    with SpecReader(cache=cache) as reader:
        return reader.read(specs, macros, arch)


class SpecReader:
    """Reads specs in child processes; use as a context manager.

    What was read is kept in the directory `cache`, by all that it depends on, and not read again. Where nothing is kept
    yet, a child starts with the block: it gets ready, and then reads what it is given `ahead`, while the rest of its
    work is still being found.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        self._cache = cache
        self._stack = ExitStack()
        self._early: _Early | None = None

    def __enter__(self) -> SpecReader:
        if self._cache is not None and not self._cache.exists():
            self._early = self._stack.enter_context(_Early.started())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ahead(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Tell that `read` will be asked for these texts; from any thread."""
        if self._early is not None:
            self._early.give(texts, macros, arch)

    def read(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[SpecInfo | InputError]:
        """The static content of each spec, or what is wrong with it, in the order given.

        `macros` are the target's. One child reads all of them, one after another; the spec at which it dies or runs
        out of time is the culprit, and the next child goes on behind it.
        """
        known: dict[str, dict[str, Any]] = {}
        if self._early is not None:
            self.ahead([spec.text for spec in specs], macros, arch)
            known, self._early = self._early.answers(macros, arch), None
        places = self._places(specs, macros, arch)
        kept = [_kept(spec, place) if place else None for spec, place in zip(specs, places)]
        answers = [
            _answer(spec, known[spec.text]) if one is None and spec.text in known else one
            for spec, one in zip(specs, kept)
        ]
        results = _completed(answers, specs, macros, arch)
        for place, one, result in zip(places, kept, results):
            if place and one is None and isinstance(result, SpecInfo):  # a fault is looked at anew each time
                write_whole(place, json.dumps(dataclasses.asdict(result)).encode(), durable=False)
        return results

    def _places(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[Path] | list[None]:
        """Where what is read of each is kept, if it is."""
        if self._cache is None:
            return [None] * len(specs)
        common = json.dumps([_FORMAT, _readers(), sorted(macros.items()), arch])
        texts = [f"{common}\n{spec.text}".encode("utf-8", "surrogateescape") for spec in specs]
        return [self._cache / hashlib.sha256(text).hexdigest() for text in texts]


def _completed(
    known: Sequence[SpecInfo | InputError | None],
    specs: Sequence[SpecText],
    macros: Mapping[str, str],
    arch: str,
) -> list[SpecInfo | InputError]:
    """The answers, with those that are not known read now."""
    missing = [spec for spec, answer in zip(specs, known) if answer is None]
    fresh: list[SpecInfo | InputError] = []
    while len(fresh) < len(missing):
        waiting = missing[len(fresh) :]
        answers, fate = _batch([spec.text for spec in waiting], macros, arch)
        fresh += [_answer(spec, answer) for spec, answer in zip(waiting, answers)]
        if len(fresh) < len(missing):
            fresh.append(_fatal(missing[len(fresh)], fate))
    rest = iter(fresh)
    return [next(rest) if answer is None else answer for answer in known]


class _Early:
    """A child that was started before its work was known."""

    def __init__(self, child: process.Child, output: IO[bytes]) -> None:
        self._child = child
        self._output = output  # a file in memory, because nobody listens while it is given more
        self._lock = threading.Lock()
        self._question: tuple[dict[str, str], str] | None = None
        self._given: dict[str, None] = {}  # in order

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[_Early]:
        """One that waits."""
        with os.fdopen(os.memfd_create("answers"), "w+b") as output, _child_process(output) as child:
            yield cls(child, output)

    def give(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Have it read these texts, all of one target; a child that has died is told by its answers."""
        with self._lock:
            lines = []
            if self._question is None:
                self._question = (dict(macros), arch)
                lines.append(_question(macros, arch))
            if self._question == (dict(macros), arch):
                fresh = dict.fromkeys(text for text in texts if text not in self._given)
                lines += map(json.dumps, fresh)
                self._given.update(fresh)
            self._write("".join(f"{line}\n" for line in lines).encode())

    def _write(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            pass

    def answers(self, macros: Mapping[str, str], arch: str) -> dict[str, dict[str, Any]]:
        """text → answer, as far as it came; nothing if it was given texts of another target."""
        process.finish(self._child)
        self._output.seek(0)
        found = dict(zip(self._given, _parsed(self._output.read())))
        return found if self._question == (dict(macros), arch) else {}


def _batch(texts: Sequence[str], macros: Mapping[str, str], arch: str) -> tuple[list[dict[str, Any]], str]:
    """The answers of one child, as far as it came, and how it ended."""
    question = [_question(macros, arch), *map(json.dumps, texts)]
    with _child_process() as child:
        result = process.finish(child, input="".join(f"{line}\n" for line in question).encode())
    last = result.complaint.rpartition("\n")[2]
    return _parsed(result.stdout), process.describe_exit(result.returncode) + (f": {last}" if last else "")


def _question(macros: Mapping[str, str], arch: str) -> str:
    """The first line of what a child is told; each that follows is a spec."""
    return json.dumps({"macros": dict(macros), "arch": arch, "seconds": SECONDS, "memory": MEMORY})


def _parsed(output: bytes) -> list[dict[str, Any]]:
    """Answers, one a line; what follows the last line end is half of one, or nothing."""
    return [json.loads(line) for line in output.split(b"\n")[:-1]]


def _fatal(spec: SpecText, fate: str) -> InputError:
    return InputError(
        f"{spec.place} cannot be parsed",
        why=f"reading it may take {SECONDS} s of CPU and {MEMORY >> 30} GiB of memory; its reader {fate}",
        todo="look for a macro that expands without end",
    )


def _child_process(output: IO[bytes] | None = None) -> AbstractContextManager[process.Child]:
    """A child of ours that waits for its question; it answers into a file, if one is given."""
    return process.start(
        [sys.executable, "-I", "-m", "altai_build.tools.spec"],
        # norpm reads ~/.rpmmacros; what a user's home says must not change what a spec says
        env={"HOME": "/nonexistent"},
        input=b"",
        stdout=output,
    )


def _kept(spec: SpecText, place: Path) -> SpecInfo | InputError | None:
    try:
        return _answer(spec, json.loads(place.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@functools.cache
def _readers() -> list[object]:
    """What a spec's reading depends on besides its text: norpm, and the macros of this machine's rpm."""
    norpm = importlib.util.find_spec("norpm")
    places = [
        norpm.origin if norpm else None,
        __file__,
        str(_CHILD),
        "/usr/lib/rpm/macros",
        "/usr/lib/rpm/macros.d",
        "/etc/rpm",
    ]
    found: list[object] = []
    for place in places:
        try:
            status = os.stat(place or "")
            found.append([place, status.st_mtime_ns, status.st_size])
        except OSError:
            found.append([place])
    return found


def _answer(spec: SpecText, answer: dict[str, Any]) -> SpecInfo | InputError:
    if answer.get("foreign"):
        return NotASpec(
            f"{spec.place} is not an RPM spec", why="it has none of the tags Name:, Version:, Release:"
        )
    if "error" in answer:
        return InputError(f"{spec.place} cannot be parsed", why=answer["error"], todo=answer["todo"])
    tags = {key: tuple(SourceTag(**tag) for tag in answer[key]) for key in ("sources", "patches")}
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in answer.items()
    }
    return SpecInfo(**{**fields, **tags})
