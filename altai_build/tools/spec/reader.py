"""Spec files read statically, in child processes with limits (`tools.spec.child`), and what was read of them kept."""

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
from altai_build.tools.files import write_atomically

SPEC_CPU_SECONDS = 5  # CPU time for one spec; a real one takes milliseconds, a macro bomb for ever
SPEC_MEMORY_LIMIT = 2 << 30  # bytes
_CACHE_FORMAT = 1  # of what is kept of a reading
_CHILD_SCRIPT = Path(__file__).with_name("child.py")


class NotASpec(InputError):
    """A file named *.spec that is something else (PyInstaller and others use the ending too)."""


@dataclasses.dataclass(frozen=True)
class SpecText:
    """A spec file to be read: a place for messages, and its bytes as text (other bytes survive as surrogates)."""

    place: str
    text: str


def decode_spec(data: bytes) -> str:
    """Spec bytes as text that encodes back to the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encode_spec(text: str) -> bytes:
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

    The directory `cache` keeps what was read, keyed by everything the result depends on. While it is empty, a child
    starts with the block, loads its libraries, and reads specs given to `start_reading` while the caller finds more.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        self._cache = cache
        self._stack = ExitStack()
        self._early: _PrestartedChild | None = None

    def __enter__(self) -> SpecReader:
        if self._cache is not None and not self._cache.exists():
            self._early = self._stack.enter_context(_PrestartedChild.started())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_reading(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Tell that `read` will be asked for these texts; from any thread."""
        if self._early is not None:
            self._early.send_texts(texts, macros, arch)

    def read(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[SpecInfo | InputError]:
        """The static content of each spec, or what is wrong with it, in the order given.

        `macros` are the target's. One child reads all of them, one after another; the spec at which it dies or runs
        out of time is the culprit, and the next child goes on behind it.
        """
        known: dict[str, dict[str, Any]] = {}
        if self._early is not None:
            self.start_reading([spec.text for spec in specs], macros, arch)
            known, self._early = self._early.read_answers(macros, arch), None
        places = self._cache_paths(specs, macros, arch)
        kept = [_read_cached(spec, place) if place else None for spec, place in zip(specs, places)]
        answers = [
            _convert_answer(spec, known[spec.text]) if one is None and spec.text in known else one
            for spec, one in zip(specs, kept)
        ]
        results = _read_missing(answers, specs, macros, arch)
        for place, one, result in zip(places, kept, results):
            if place and one is None and isinstance(result, SpecInfo):  # a fault is looked at anew each time
                write_atomically(place, json.dumps(dataclasses.asdict(result)).encode(), durable=False)
        return results

    def _cache_paths(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[Path] | list[None]:
        """Where what is read of each is kept, if it is."""
        if self._cache is None:
            return [None] * len(specs)
        common = json.dumps([_CACHE_FORMAT, _reader_versions(), sorted(macros.items()), arch])
        texts = [f"{common}\n{spec.text}".encode("utf-8", "surrogateescape") for spec in specs]
        return [self._cache / hashlib.sha256(text).hexdigest() for text in texts]


def _read_missing(
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
        answers, fate = _read_batch([spec.text for spec in waiting], macros, arch)
        fresh += [_convert_answer(spec, answer) for spec, answer in zip(waiting, answers)]
        if len(fresh) < len(missing):
            fresh.append(_child_failure(missing[len(fresh)], fate))
    rest = iter(fresh)
    return [next(rest) if answer is None else answer for answer in known]


class _PrestartedChild:
    """A child that was started before its work was known."""

    def __init__(self, child: process.ChildProcess, output: IO[bytes]) -> None:
        self._child = child
        self._output = output  # a file in memory, because nobody listens while it is given more
        self._lock = threading.Lock()
        self._format_header: tuple[dict[str, str], str] | None = None
        self._given: dict[str, None] = {}  # in order

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[_PrestartedChild]:
        """One that waits."""
        with os.fdopen(os.memfd_create("answers"), "w+b") as output, _start_child(output) as child:
            yield cls(child, output)

    def send_texts(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Have it read these texts, all of one target; a child that has died is told by its answers."""
        with self._lock:
            lines = []
            if self._format_header is None:
                self._format_header = (dict(macros), arch)
                lines.append(_format_header(macros, arch))
            if self._format_header == (dict(macros), arch):
                fresh = dict.fromkeys(text for text in texts if text not in self._given)
                lines += map(json.dumps, fresh)
                self._given.update(fresh)
            self._write_stdin("".join(f"{line}\n" for line in lines).encode())

    def _write_stdin(self, data: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(data)
            self._child.stdin.flush()
        except BrokenPipeError:
            pass

    def read_answers(self, macros: Mapping[str, str], arch: str) -> dict[str, dict[str, Any]]:
        """text → answer, as far as it came; nothing if it was given texts of another target."""
        process.wait_for_child(self._child)
        self._output.seek(0)
        found = dict(zip(self._given, _parse_answers(self._output.read())))
        return found if self._format_header == (dict(macros), arch) else {}


def _read_batch(
    texts: Sequence[str], macros: Mapping[str, str], arch: str
) -> tuple[list[dict[str, Any]], str]:
    """The answers of one child, as far as it came, and how it ended."""
    question = [_format_header(macros, arch), *map(json.dumps, texts)]
    with _start_child() as child:
        result = process.wait_for_child(child, input="".join(f"{line}\n" for line in question).encode())
    last = result.error_text.rpartition("\n")[2]
    return _parse_answers(result.stdout), process.describe_exit(result.returncode) + (
        f": {last}" if last else ""
    )


def _format_header(macros: Mapping[str, str], arch: str) -> str:
    """The first line of what a child is told; each that follows is a spec."""
    return json.dumps(
        {"macros": dict(macros), "arch": arch, "seconds": SPEC_CPU_SECONDS, "memory": SPEC_MEMORY_LIMIT}
    )


def _parse_answers(output: bytes) -> list[dict[str, Any]]:
    """Answers, one a line; what follows the last line end is half of one, or nothing."""
    return [json.loads(line) for line in output.split(b"\n")[:-1]]


def _child_failure(spec: SpecText, fate: str) -> InputError:
    return InputError(
        f"{spec.place} cannot be parsed",
        why=f"limits: {SPEC_CPU_SECONDS} s of CPU, {SPEC_MEMORY_LIMIT >> 30} GiB of memory; its reader {fate}",
        todo="look for a macro that expands without end",
    )


def _start_child(output: IO[bytes] | None = None) -> AbstractContextManager[process.ChildProcess]:
    """A child of ours that waits for its question; it answers into a file, if one is given."""
    return process.start_child(
        [sys.executable, "-I", "-m", "altai_build.tools.spec.child"],
        # norpm reads ~/.rpmmacros; what a user's home says must not change what a spec says
        env={"HOME": "/nonexistent"},
        input=b"",
        stdout=output,
    )


def _read_cached(spec: SpecText, place: Path) -> SpecInfo | InputError | None:
    try:
        return _convert_answer(spec, json.loads(place.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


@functools.cache
def _reader_versions() -> list[object]:
    """What a spec's reading depends on besides its text: norpm, and the macros of this machine's rpm."""
    norpm = importlib.util.find_spec("norpm")
    places = [
        norpm.origin if norpm else None,
        __file__,
        str(_CHILD_SCRIPT),
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


def _convert_answer(spec: SpecText, answer: dict[str, Any]) -> SpecInfo | InputError:
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
