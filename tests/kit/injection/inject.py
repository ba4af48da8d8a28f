"""Runs altai-build with one fault: killed at a point, refused something by the kernel, or with a child that dies.

A point is a call that asks the kernel for something: Python announces most of them to audit hooks (PEP 578), before
they happen. An error that the hook raises is one that the caller gets from the kernel, for all that it can tell.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import gnupg

import altai_build

# The events that change something: between two of them it makes no difference where a process is killed.
CHANGES = frozenset(
    ["write", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
     "os.chown", "start", "fsync"]
)  # fmt: skip
READS = frozenset(["open", "os.listdir", "os.scandir"])
# What the kernel may answer to an event.
ERRORS = {
    "open": ("EIO", "EACCES", "EMFILE"), "os.listdir": ("EIO", "EMFILE"), "os.scandir": ("EIO", "EMFILE"),
    "fsync": ("EIO", "ENOSPC"), "start": ("EAGAIN", "ENOMEM", "EMFILE"), "os.chmod": ("EPERM", "EROFS"),
    "os.chown": ("EPERM", "EROFS"), "os.remove": ("EIO", "EACCES"), "os.rmdir": ("EIO", "EACCES"),
}  # fmt: skip
OTHER_ERRORS = ("ENOSPC", "EIO", "EACCES")
# How a child dies: before it does anything, or when it has done all and printed everything.
DEATHS = {"at once": 'kill -9 "$$"', "at the end": '"$@"; kill -9 "$$"'}

_PACKAGE = str(Path(altai_build.__file__).parent)


@dataclass(frozen=True)
class Fault:
    """What happens at the `at`-th event, counted from 1: of all changes, or of those at one `place` of the code."""

    kind: str  # kill, error, child; disk, inodes, files: so much is free of a `place`; or none
    at: int = 0
    place: str = ""
    error: str = ""  # the name of an errno, or of a death

    def __str__(self) -> str:
        return {
            "kill": f"SIGKILL before change {self.at}",
            "error": f"{self.error} at {self.place}",
            "child": f"death {self.error} of child {self.at}",
            "disk": f"{self.at} KiB free in {self.place}",
            "inodes": f"{self.at} inodes free in {self.place}",
            "files": f"{self.at} open files at most",
        }.get(self.kind, "no fault")


NO_FAULT = Fault("none")


@dataclass
class Event:
    """A call to the kernel: its name, where altai-build makes it, and what it is about."""

    name: str
    place: str
    subject: str


class _Injector:
    def __init__(self, fault: Fault, top: Path, log: Path) -> None:
        self._fault = fault
        self._top = str(top)
        self._log = log
        self._events: list[Event] = []
        self._counts: Counter[str] = Counter()
        self._guard = threading.local()
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def hook(self, name: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook."""
        if name == "open":
            path, mode, flags = arguments
            is_write = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) or bool(
                mode and set(mode) & set("wax+")
            )
            self.meet("write" if is_write else "open", path)
        elif name in CHANGES or name in READS:
            self.meet(name, arguments[0] if arguments else "")

    def meet(self, name: str, subject: object) -> None:
        """An event: note it, and let the fault happen if it is due."""
        if getattr(self._guard, "busy", False) or os.getpid() != self._pid:
            return
        self._guard.busy = True
        try:
            text = self._describe(subject)
            if name != "start" and not text.startswith(self._top) and (text.startswith("/") or ":[" in text):
                return  # Python's own files; pipes, which nothing refuses
            place = f"{name} in {_find_caller()}"
            if place.endswith("in "):
                return
            self._note(Event(name, place, text))
        finally:
            self._guard.busy = False

    def _describe(self, subject: object) -> str:
        if isinstance(subject, int):
            try:
                return os.readlink(f"/proc/self/fd/{subject}")
            except OSError:
                return str(subject)
        if isinstance(subject, (str, bytes, os.PathLike)):
            return (
                os.path.abspath(os.fsdecode(subject))
                if os.sep in os.fsdecode(subject)
                else os.fsdecode(subject)
            )
        return repr(subject)

    def _note(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)
            self._counts["changes"] += event.name in CHANGES
            self._counts[event.place] += 1
            is_due = (
                self._fault.kind == "kill"
                and event.name in CHANGES
                and self._counts["changes"] == self._fault.at
            ) or (
                self._fault.kind == "error"
                and event.place == self._fault.place
                and self._counts[event.place] == self._fault.at
            )
        if not is_due:
            return
        self._mark(event)
        if self._fault.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        code = getattr(errno, self._fault.error)
        raise OSError(code, os.strerror(code), event.subject)

    def _mark(self, event: Event) -> None:
        """Say that the fault has happened, and to what."""
        self._log.write_text(json.dumps({"fault": asdict(event)}))

    def write_events(self) -> None:
        """Write down all events, for those who choose faults."""
        self._guard.busy = True
        self._log.write_text(json.dumps({"events": [asdict(event) for event in self._events]}))

    def make_children_die(self) -> None:
        """Have the chosen child die; the builder of the tests starts none that counts."""
        injector, real = self, subprocess.Popen
        children = 0

        class DyingChild(real):  # type: ignore[misc, valid-type]
            """A child that may be the one."""

            def __init__(self, argv: Any, **settings: Any) -> None:
                nonlocal children
                if _find_caller():
                    with injector._lock:
                        children += 1
                        is_due = children == injector._fault.at
                    if is_due:
                        injector._mark(
                            Event("start", f"start in {_find_caller()}", " ".join(map(str, argv))[:200])
                        )
                        argv = ["/bin/sh", "-c", DEATHS[injector._fault.error], "sh", *argv]
                super().__init__(argv, **settings)

        for module in (subprocess, gnupg):
            setattr(module, "Popen", DyingChild)  # noqa: B010 - a class is not to be assigned to


def _find_caller() -> str:
    """Where altai-build is: `tools/files.py:write_atomically:57`, its innermost function; "" in a builder."""
    frame: FrameType | None = sys._getframe(1)
    found = ""
    while frame is not None:
        code = frame.f_code
        if code.co_filename.endswith("tests/kit/builders.py"):
            return ""
        if not found and code.co_filename.startswith(_PACKAGE):
            found = f"{code.co_filename[len(_PACKAGE) + 1 :]}:{code.co_name}:{frame.f_lineno}"
        frame = frame.f_back
    return found


def run_with_fault(fault: Fault, main: Callable[[], None], *, top: Path, log: Path) -> None:
    """Call `main`, which ends the process, with a fault; events below `top` count.

    `log` says afterwards which event met the fault or, without a fault, which events there were.
    """
    injector = _Injector(fault, top, log)
    if fault.kind == "child":
        injector.make_children_die()
    else:
        sys.addaudithook(injector.hook)
        sync = os.fsync

        def fsync(target: Any) -> None:
            injector.meet("fsync", target if isinstance(target, int) else target.fileno())
            sync(target)

        setattr(os, "fsync", fsync)  # noqa: B010
        start = subprocess.Popen.__init__

        def popen(child: Any, argv: Any, *arguments: Any, **settings: Any) -> None:
            injector.meet("start", " ".join(map(str, argv))[:200])
            start(child, argv, *arguments, **settings)

        setattr(subprocess.Popen, "__init__", popen)  # noqa: B010
    leave = os._exit

    def leave_with_events(code: int) -> None:
        if fault.kind == "none":
            injector.write_events()
        leave(code)

    setattr(os, "_exit", leave_with_events)  # noqa: B010
    main()
