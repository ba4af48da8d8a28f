"""Spec files read statically with norpm, in a child process with limits, because a spec is hostile text."""

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
import importlib.util
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

from altai_build.errors import InputError
from altai_build.model.spec import SourceTag, SpecInfo, hides_dist, section_of
from altai_build.tools import process
from altai_build.tools.files import write_whole

SECONDS = 5  # CPU time for one spec; a real one takes milliseconds, a macro bomb for ever
MEMORY = 2 << 30  # bytes
_FORMAT = 1  # of what is kept of a reading
_MARK = "\x01"  # stands for dist in the second reading
_TAG = re.compile(r"^\s*(?P<tag>[A-Za-z]+)(?P<number>\d*)(?:\([^)]*\))?\s*:\s*(?P<value>.*?)\s*$")
_UNEXPANDED = re.compile(r"%[({A-Za-z_\[]")
_UNEXPANDED_WHOLE = re.compile(r"\S*%(?:\([^)]*\)|\{[^}]*\}|\w+)\S*")
_SETUPS = ("%setup", "%autosetup", "%{setup}", "%{autosetup}")
_ENTERED = re.compile(r"cd '([^'/][^']*)'$")  # what rpm's own expansion of %setup ends with
_WORD = re.compile(r"[A-Za-z0-9/_][^\s,<>=]*(?:\([^)\s]*\))*")


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
    yet, the first child starts with the block: it gets ready while its work is still being found.
    """

    def __init__(self, *, cache: Path | None = None) -> None:
        self._cache = cache
        self._stack = ExitStack()
        self._ready: process.Child | None = None

    def __enter__(self) -> SpecReader:
        if self._cache is not None and not self._cache.exists():
            self._ready = self._stack.enter_context(_child_process())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def read(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[SpecInfo | InputError]:
        """The static content of each spec, or what is wrong with it, in the order given.

        `macros` are the target's. One child reads all of them, one after another; the spec at which it dies or runs
        out of time is the culprit, and the next child goes on behind it.
        """
        if self._cache is None:
            return self._read_all(specs, macros, arch)
        common = json.dumps([_FORMAT, _readers(), sorted(macros.items()), arch])
        places = [
            self._cache
            / hashlib.sha256(f"{common}\n{spec.text}".encode("utf-8", "surrogateescape")).hexdigest()
            for spec in specs
        ]
        known = [_kept(spec, place) for spec, place in zip(specs, places)]
        missing = [number for number, answer in enumerate(known) if answer is None]
        fresh = iter(self._read_all([specs[number] for number in missing], macros, arch))
        results = [next(fresh) if answer is None else answer for answer in known]
        for number in missing:
            answer = results[number]
            if isinstance(answer, SpecInfo):  # a fault is looked at anew each time
                write_whole(places[number], json.dumps(dataclasses.asdict(answer)).encode(), durable=False)
        return results

    def _read_all(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> list[SpecInfo | InputError]:
        results: list[SpecInfo | InputError] = []
        while len(results) < len(specs):
            answers, fate = self._batch(specs[len(results) :], macros, arch)
            results += [_answer(spec, answer) for spec, answer in zip(specs[len(results) :], answers)]
            if len(results) < len(specs):
                results.append(_fatal(specs[len(results)], fate))
        return results

    def _batch(
        self, specs: Sequence[SpecText], macros: Mapping[str, str], arch: str
    ) -> tuple[list[dict[str, Any]], str]:
        """The answers of one child, as far as it came, and how it ended."""
        question = {
            "specs": [spec.text for spec in specs],
            "macros": dict(macros),
            "arch": arch,
            "seconds": SECONDS,
        }
        child = self._ready or self._stack.enter_context(_child_process())
        self._ready = None
        result = process.finish(child, input=json.dumps(question).encode())
        lines = result.stdout.split(b"\n")[
            :-1
        ]  # what follows the last line end is half an answer, or nothing
        answers: list[dict[str, Any]] = [json.loads(line) for line in lines]
        last = result.complaint.rpartition("\n")[2]
        return answers, process.describe_exit(result.returncode) + (f": {last}" if last else "")


def _fatal(spec: SpecText, fate: str) -> InputError:
    return InputError(
        f"{spec.place} cannot be parsed",
        why=f"reading it may take {SECONDS} s of CPU and {MEMORY >> 30} GiB of memory; its reader {fate}",
        todo="look for a macro that expands without end",
    )


def _child_process() -> AbstractContextManager[process.Child]:
    """A child of ours that waits for its question."""
    return process.start(
        [sys.executable, "-I", "-m", "altai_build.tools.spec"],
        # norpm reads ~/.rpmmacros; what a user's home says must not change what a spec says
        env={"HOME": "/nonexistent"},
        input=b"",
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
    for key in ("sources", "patches"):
        answer[key] = tuple(SourceTag(**tag) for tag in answer[key])
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in answer.items()
    }
    return SpecInfo(**fields)


# ---- the child -----------------------------------------------------------------------------------------------


def _child() -> None:
    """Read the question on stdin, print one answer a line; limits are set before anything hostile is looked at."""
    _system_macros(
        os.uname().machine
    )  # mostly the one that is asked for, and read while nothing is asked yet
    question = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for text in question["specs"]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        resource.setrlimit(
            resource.RLIMIT_CPU,
            (int(used.ru_utime + used.ru_stime) + question["seconds"], resource.RLIM_INFINITY),
        )
        signal.alarm(question["seconds"] * 6)  # of the clock, should it wait for something
        print(json.dumps(_read_one(text, question["macros"], question["arch"])), flush=True)  # noqa: T201


def _read_one(text: str, macros: Mapping[str, str], arch: str) -> dict[str, Any]:
    try:
        reading = _Reading(text, {**macros, "dist": macros.get("dist", "")}, arch)
        marked = None
        if hides_dist(text):
            marked = _Reading(text, {**macros, "dist": _MARK}, arch).tags.get("release")
        return dataclasses.asdict(reading.info(text, marked))
    except _Foreign:
        return {"foreign": True}
    except _Unreadable as error:
        return {"error": str(error), "todo": error.todo}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        return {
            "error": f"{type(error).__name__}: {error}",
            "todo": "check it with rpmspec --parse, or rpmlint",
        }


class _Unreadable(Exception):
    """The text is not a spec, or a wrong one."""

    def __init__(self, message: str, todo: str) -> None:
        super().__init__(message)
        self.todo = todo


class _Foreign(Exception):
    """The text is no RPM spec at all."""


@functools.cache
def _system_macros(arch: str) -> Any:
    from norpm.macrofile import system_macro_registry

    registry = system_macro_registry(arch)
    registry.known_norpm_hacks()
    # Its body says nothing without rpm's own options; the line itself does.
    registry.undefine("autosetup")
    return registry


def _registry(arch: str) -> Any:
    """The system's macros, parsed once a child; each reading defines and undefines in its own copy."""
    registry = copy.copy(_system_macros(arch))
    registry.db = {}
    for name, macro in _system_macros(arch).db.items():
        registry.db[name] = own = copy.copy(macro)
        own.stack = list(macro.stack)
    return registry


class _Reading:
    """One expansion of a spec, its tags taken apart."""

    def __init__(self, text: str, macros: Mapping[str, str], arch: str) -> None:
        from norpm.exceptions import NorpmError
        from norpm.specfile import specfile_expand, specfile_expand_string

        registry = _registry(arch)
        for name, value in macros.items():
            registry.define(name, value)
        try:
            expanded = specfile_expand(text, registry)
        except NorpmError as error:
            raise _Unreadable(str(error), "check it with rpmspec --parse") from error
        self._expand: Callable[[str], str] = lambda value: str(specfile_expand_string(value, registry))
        self.tags: dict[str, str] = {}
        self.sources: list[SourceTag] = []
        self.patches: list[SourceTag] = []
        self.packages: list[str] = []
        self.provides: list[str] = []
        self.build_requires: list[str] = []
        self.requires: list[str] = []
        self.prefix: str | None = None
        self._setup_seen = False
        section = "preamble"
        for line in expanded.split("\n"):
            started = section_of(line)
            if started:
                section = started
                if section == "package":
                    self._package(line)
            elif section in ("preamble", "package"):
                self._tag(line, main=section == "preamble")
            if section == "prep":
                self._setup(line)

    def _tag(self, line: str, *, main: bool) -> None:
        match = _TAG.match(line)
        if match is None:
            return
        tag, number, value = match.group("tag").lower(), match.group("number"), match.group("value")
        if tag in ("source", "patch") and main:
            into = self.sources if tag == "source" else self.patches
            position = int(number) if number else (into[-1].number + 1 if into else 0)
            into.append(SourceTag(number=position, raw=value, value=_known(self._expand(value))))
        elif tag in ("buildrequires", "buildprereq"):
            self.build_requires += _names(value)
        elif tag in ("requires", "prereq"):
            self.requires += _names(value)
        elif tag == "provides":
            self.provides += _names(value)
        elif main and not number:
            self.tags.setdefault(tag, value)

    def _package(self, line: str) -> None:
        words = line.split()[1:]
        if not words:
            return
        if words[0] == "-n" and len(words) > 1:
            self.packages.append(words[1])
        elif not words[0].startswith("-"):
            self.packages.append(f"{self.tags.get('name', '')}-{words[0]}")

    def _setup(self, line: str) -> None:
        entered = _ENTERED.match(line)
        if entered and not self._setup_seen:
            self._setup_seen, self.prefix = True, entered.group(1)
        words = line.split()
        if self._setup_seen or not words or words[0] not in _SETUPS:
            return
        self._setup_seen = True
        for flag, value in zip(words, [*words[1:], ""]):
            if flag == "-n":
                self.prefix = self._expand(value.strip("\"'"))
            elif flag.startswith("-n") and len(flag) > 2:
                self.prefix = self._expand(flag[2:].strip("\"'"))

    def info(self, text: str, marked_release: str | None) -> SpecInfo:
        """What was read, with what could not be."""
        name = _known(self.tags.get("name", ""))
        if not self.tags.keys() & {"name", "version", "release"}:
            raise _Foreign
        if not self.tags.get("name") or not self.tags.get("version"):
            lacking = " and ".join(tag for tag in ("Name", "Version") if not self.tags.get(tag.lower()))
            raise _Unreadable(
                f"it has no {lacking}: tag", "an RPM spec has Name:, Version: and Release: tags"
            )
        if name is None:
            raise _Unreadable(
                f"its name {self.tags['name']!r} is only known by running it", "write Name: as plain text"
            )
        version, release = _known(self.tags["version"]), _known(self.tags.get("release", ""))
        marked = _known(marked_release or "")
        prefix = self.prefix if self.prefix is not None else (f"{name}-{version}" if version else None)
        unknown = [
            tag for tag in ("version", "release") if self.tags.get(tag) and _known(self.tags[tag]) is None
        ]
        unknown += [f"source{source.number}" for source in self.sources if source.value is None]
        unknown += [f"patch{patch.number}" for patch in self.patches if patch.value is None]
        main = [name] if _has_files(text) else []
        packages = [one for one in [*main, *self.packages] if _known(one) is not None]
        return SpecInfo(
            name=name,
            epoch=_known(self.tags.get("epoch", "")) or None,
            version=version,
            release=release,
            hidden_dist=marked.replace(_MARK, "\0", 1) if marked and _MARK in marked else None,
            sources=tuple(self.sources),
            patches=tuple(self.patches),
            prefix=_known(prefix or "") or None,
            packages=tuple(packages),
            provides=tuple(dict.fromkeys([*packages, *self.provides])),
            build_requires=tuple(dict.fromkeys(self.build_requires)),
            requires=tuple(dict.fromkeys(self.requires)),
            unknown=tuple(unknown),
        )


def _known(value: str) -> str | None:
    """The value, or None when a macro is left in it that only rpmbuild could expand."""
    return None if _UNEXPANDED.search(value) else value


def _names(value: str) -> list[str]:
    """The names in a dependency list; versions and rich-dependency words are dropped."""
    value = _UNEXPANDED_WHOLE.sub(" ", re.sub(r"(?:<=|>=|=|<|>)\s*\S+", " ", value))
    if value.lstrip().startswith("("):
        value = re.sub(r"\b(?:and|or|if|else|with|without|unless)\b", " ", value.replace("(", " ", 1))
        value = re.sub(r"\)\s*$", "", value)
        return [_unclosed(word) for word in _WORD.findall(value)]
    return _WORD.findall(value)


def _unclosed(word: str) -> str:
    """A word of a rich dependency without the brackets that close groups, with those of its own: `perl(A::B)`."""
    while word.endswith(")") and word.count(")") > word.count("("):
        word = word[:-1]
    return word


def _has_files(text: str) -> bool:
    """True when the main package is made at all: it has a %files section without a package name."""
    for line in text.split("\n"):
        words = line.split()
        if words and words[0] == "%files":
            names = [
                word
                for index, word in enumerate(words[1:], start=1)
                if word != "-f" and words[index - 1] != "-f" and not word.startswith("#")
            ]
            if not names:
                return True
    return False


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2])]
    _child()
