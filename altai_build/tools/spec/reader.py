"""Reads spec files statically, in child processes with limits (`reader_child`), and caches what they contain."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Union

from altai_build.errors import InputError
from altai_build.model.spec import SpecInfo, UnknownSpec, list_fields, load_spec_info
from altai_build.tools import commands, process
from altai_build.tools.files import write_atomically
from altai_build.tools.sandbox.bubblewrap import BUILD_DIR, BUILD_HOSTNAME
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.tools.spec.macrofiles import list_macro_files

# CPU time for one spec; a real one takes milliseconds, one with an endless macro never ends.
SPEC_CPU_SECONDS = 5
# Bytes of address space.
SPEC_MEMORY_LIMIT = 2 << 30
_CACHE_FORMAT = 4

# The macros that rpm is given when it makes a source package, besides the target's.
RPM_MACROS = {
    "_topdir": BUILD_DIR,
    "_sourcedir": f"{BUILD_DIR}/SOURCES",
    "_specdir": f"{BUILD_DIR}/SPECS",
    "_srcrpmdir": f"{BUILD_DIR}/SRPMS",
    "_builddir": f"{BUILD_DIR}/BUILD",
    "_rpmdir": f"{BUILD_DIR}/RPMS",
    "_dbpath": f"{BUILD_DIR}/rpmdb",
    # A tmpfs of the sandbox.
    "_tmppath": "/tmp",  # noqa: S108
    "_buildhost": BUILD_HOSTNAME,
    "use_source_date_epoch_as_buildtime": "1",
    "source_date_epoch_from_changelog": "0",
    "clamp_mtime_to_source_date_epoch": "1",
    "_source_filedigest_algorithm": "8",
    # Changelogs of old packages are not always UTF-8; the target's rpm decides whether to refuse them.
    "_invalid_encoding_terminates_build": "0",
    # A source package holds its expanded spec, which would name the processors of this machine and what its make can.
    "_smp_build_ncpus": "1",
    "_make_output_sync": "-O",
    "vendor": "%{nil}",
    "packager": "%{nil}",
}

# What was read of a spec: its content, that only rpm knows it, or what is wrong with it.
SpecResult = Union[SpecInfo, UnknownSpec, InputError]


class NotASpec(InputError):
    """A file named *.spec that is no RPM spec (PyInstaller and others use the ending too)."""


@dataclasses.dataclass(frozen=True)
class SpecText:
    """A spec file to read: its path for messages, and its text (`decode_spec`)."""

    path: str
    text: str


def decode_spec(data: bytes) -> str:
    """Spec bytes as text that encodes back to the same bytes."""
    return data.decode("utf-8", "surrogateescape")


def encode_spec(text: str) -> bytes:
    """The bytes of a text made by `decode_spec`."""
    return text.encode("utf-8", "surrogateescape")


def read_specs(
    specs: Sequence[SpecText], macros: Mapping[str, str], arch: str, *, cache: Path | None = None
) -> list[SpecResult]:
    """`SpecReader.read` for one batch of specs."""
    with SpecReader(cache=cache) as reader:
        return reader.read(specs, macros, arch)


def read_expanded_spec(spec: SpecText, arch: str) -> SpecResult:
    """What a spec says whose macros rpm has expanded (`rpmspec --parse`)."""
    answers, exit_text = _read_batch([spec.text], {}, arch, is_expanded=True)
    return _convert_answer(spec, answers[0]) if answers else _child_failure(spec, exit_text)


class SpecReader:
    """Reads specs in child processes; use as a context manager.

    The directory `cache` keeps results, keyed by everything that they depend on. While it does not exist, a child
    starts with the block, loads its libraries, and reads specs given to `start_reading` while the caller finds more.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        self._cache = cache
        self._stack = ExitStack()
        self._prestarted: _PrestartedChild | None = None

    def __enter__(self) -> SpecReader:
        if self._cache is not None and not self._cache.exists():
            self._prestarted = self._stack.enter_context(_PrestartedChild.started())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start_reading(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Start to read these texts, which `read` will be given; from any thread."""
        if self._prestarted is not None:
            self._prestarted.send_texts(texts, macros, arch)

    def read(self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str) -> list[SpecResult]:
        """The static content of each spec, or what is wrong with it, in the order given.

        `macros` are the target's. One child reads all specs, one after another; the spec at which it dies or runs out
        of time gets the error, and another child reads the specs after it.
        """
        known: dict[str, dict[str, Any]] = {}
        if self._prestarted is not None:
            self.start_reading([spec.text for spec in specs], macros, arch)
            known, self._prestarted = self._prestarted.read_answers(macros, arch), None
        paths = self._cache_paths(specs, macros, arch)
        cached = [_read_cached(spec, path) if path else None for spec, path in zip(specs, paths)]
        results = _read_missing(
            [
                _convert_answer(spec, known[spec.text]) if result is None and spec.text in known else result
                for spec, result in zip(specs, cached)
            ],
            specs,
            macros,
            arch,
        )
        for path, old, result in zip(paths, cached, results):
            # Errors are not cached.
            if path and old is None and not isinstance(result, InputError):
                write_atomically(path, dump_sealed(list_fields(result)), durable=False)
        return results

    def _cache_paths(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[Path] | list[None]:
        """The cache file of each spec."""
        if self._cache is None:
            return [None] * len(specs)
        common = json.dumps([_CACHE_FORMAT, list_reader_versions(arch), sorted(macros.items()), arch])
        texts = [f"{common}\n{spec.text}".encode("utf-8", "surrogateescape") for spec in specs]
        return [self._cache / hashlib.sha256(text).hexdigest() for text in texts]


def _read_missing(
    known: Sequence[SpecResult | None],
    specs: Sequence[SpecText],
    macros: Mapping[str, str],
    arch: str,
) -> list[SpecResult]:
    """All results: the specs without a known one are read now."""
    missing = [spec for spec, answer in zip(specs, known) if answer is None]
    fresh: list[SpecResult] = []
    while len(fresh) < len(missing):
        waiting = missing[len(fresh) :]
        answers, exit_text = _read_batch([spec.text for spec in waiting], macros, arch)
        fresh += [_convert_answer(spec, answer) for spec, answer in zip(waiting, answers)]
        if len(fresh) < len(missing):
            fresh.append(_child_failure(missing[len(fresh)], exit_text))
    rest = iter(fresh)
    return [next(rest) if answer is None else answer for answer in known]


class _PrestartedChild:
    """A child that was started before the specs were known."""

    def __init__(self, child: process.ChildProcess, output: IO[bytes]) -> None:
        self._child = child
        # A file in memory: a pipe would fill up while the child is given more specs.
        self._output = output
        self._lock = threading.Lock()
        self._target: tuple[dict[str, str], str] | None = None
        # Used as an ordered set.
        self._given: dict[str, None] = {}

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[_PrestartedChild]:
        """A child that waits for specs."""
        with os.fdopen(os.memfd_create("answers"), "w+b") as output, _start_child(output) as child:
            yield cls(child, output)

    def send_texts(self, texts: Sequence[str], macros: Mapping[str, str], arch: str) -> None:
        """Have the child read these texts, all of one target; that it died shows when its answers are read."""
        with self._lock:
            lines = []
            if self._target is None:
                self._target = (dict(macros), arch)
                lines.append(_format_header(macros, arch))
            if self._target == (dict(macros), arch):
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
        """Text → answer, up to where the child died; nothing if it was given texts of another target."""
        process.wait_for_child(self._child)
        self._output.seek(0)
        found = dict(zip(self._given, _parse_answers(self._output.read())))
        return found if self._target == (dict(macros), arch) else {}


def _read_batch(
    texts: Sequence[str], macros: Mapping[str, str], arch: str, *, is_expanded: bool = False
) -> tuple[list[dict[str, Any]], str]:
    """The answers of one child, up to where it died, and how it ended."""
    question = [_format_header(macros, arch, is_expanded=is_expanded), *map(json.dumps, texts)]
    with _start_child() as child:
        result = process.wait_for_child(child, input="".join(f"{line}\n" for line in question).encode())
    last = result.error_text.rpartition("\n")[2]
    return _parse_answers(result.stdout), commands.describe_exit(result.returncode) + (
        f": {last}" if last else ""
    )


def _format_header(macros: Mapping[str, str], arch: str, *, is_expanded: bool = False) -> str:
    """The first line of a child's input; each line after it is a spec."""
    return json.dumps(
        {
            "macros": {**RPM_MACROS, **macros},
            "arch": arch,
            "is_expanded": is_expanded,
            "seconds": SPEC_CPU_SECONDS,
            "memory": SPEC_MEMORY_LIMIT,
        }
    )


def _parse_answers(output: bytes) -> list[dict[str, Any]]:
    """One answer per line; what follows the last line end is incomplete."""
    return [json.loads(line) for line in output.split(b"\n")[:-1]]


def _child_failure(spec: SpecText, exit_text: str) -> InputError:
    return InputError(
        f"{spec.path} cannot be parsed",
        why=f"limits: {SPEC_CPU_SECONDS} s of CPU, {SPEC_MEMORY_LIMIT >> 30} GiB of memory; its reader {exit_text}",
        todo="look for a macro that expands without end",
    )


def _start_child(output: IO[bytes] | None = None) -> AbstractContextManager[process.ChildProcess]:
    """A child that waits for input; it answers into the file `output`, if given."""
    return process.start_child(
        [sys.executable, "-I", "-m", "altai_build.tools.spec.reader_child"],
        input=b"",
        stdout=output,
    )


def _read_cached(spec: SpecText, path: Path) -> SpecResult | None:
    answer = read_sealed(path)
    try:
        return _convert_answer(spec, answer) if answer is not None else None
    except (ValueError, TypeError, KeyError):
        return None


@functools.cache
def list_reader_versions(arch: str) -> list[object]:
    """What a result depends on besides the spec's text: this reader, and the macros of this machine's rpm."""
    own = sorted(Path(__file__).parent.glob("*.py"))
    found: list[object] = []
    for path in (*own, *list_macro_files(arch)):
        status = path.stat()
        found.append([str(path), status.st_mtime_ns, status.st_size])
    return found


def _convert_answer(spec: SpecText, answer: dict[str, Any]) -> SpecResult:
    if answer.get("foreign"):
        return NotASpec(
            f"{spec.path} is not an RPM spec", why="it has none of the tags Name:, Version:, Release:"
        )
    if "error" in answer:
        return InputError(f"{spec.path} cannot be parsed", why=answer["error"], todo=answer["todo"])
    if "reason" in answer:
        return UnknownSpec(reason=answer["reason"])
    return load_spec_info(answer)
