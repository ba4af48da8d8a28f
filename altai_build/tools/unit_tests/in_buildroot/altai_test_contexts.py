"""Tells coverage.py which test runs, and leaves tests out; runs in the buildroot, in the processes of the suite.

altai_test_pytest, altai_test_nose and altai_test_unittest call it. Python 2.7 and 3 run all of them.

The folder $ALTAI_CONTEXTS has a file `skip` with the names of the tests that are left out, as a JSON list; each process
leaves a file run-*.json there with the tests that it ran, and how they ended.
"""

import atexit
import json
import os
import sys
import threading
import time

MYPY = False
if MYPY:
    from typing import Any, Callable

# Contexts that are no test: what all tests of a file share, and what all tests do. No name of a test begins so.
FILE_MARK = "@"
SESSION = "@"
# Programs that run none of the project's code; Python's own library starts them.
_SYSTEM_PROGRAMS = frozenset(["cc", "file", "gcc", "ld", "ldconfig", "lsb_release", "objdump", "uname"])
_STARTS = frozenset(
    [
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    ]
)

# Of the source; tests may change both later.
_TOP = os.path.realpath(os.environ.get("ALTAI_SOURCE") or os.getcwd())


class Recorder(object):
    """The tests of this process: which one runs, how each ended, and what of them coverage.py cannot see."""

    def __init__(self, folder):
        # type: (str) -> None
        self.folder = folder
        self.skip = _read_skip(folder)
        self.skipped = []  # type: list[str]
        self.tests = []  # type: list[list[object]]
        self.outside = ""  # why what runs outside of tests is not known
        self.unusable = ""  # why nothing is known
        self.coverage = _find_coverage()
        self.context = ""
        self._current = None  # type: list[object] | None
        self._began = 0.0
        self._threads = 0
        self._trace = None  # type: object
        self._owner = os.getpid()
        self.is_starting = False  # a process, before Python 3.8
        if self.coverage is None:
            self.unusable = "coverage.py is older than 5.0, or did not measure this process"
        _watch_processes(self)
        atexit.register(self.write)

    def start(self, name, suite, title, path):
        # type: (str, str, str, str) -> None
        """A test begins: its name among all, its class or module, its own name, and the file that it is in."""
        self.switch(name)
        self._current = [name, suite, title, "passed", 0.0, make_relative(path), False]
        self._began = time.time()
        self._threads = threading.active_count()
        self._trace = sys.gettrace()

    def stop(self):
        # type: () -> None
        """The test that runs has ended, with all that cleans up behind it."""
        test, self._current = self._current, None
        self.switch("")
        if test is None:
            return
        test[4] = round(max(0.0, time.time() - self._began), 3)
        if threading.active_count() > self._threads:
            test[6] = True
        if sys.gettrace() is not self._trace:
            self.unusable = "the test %s ends the measurement (sys.settrace)" % test[0]
        self.tests.append(test)

    def note_failed(self):
        # type: () -> None
        """The test that runs has failed."""
        if self._current is not None:
            self._current[3] = "failed"

    def note_skipped(self):
        # type: () -> None
        """The test that runs is skipped."""
        if self._current is not None and self._current[3] == "passed":
            self._current[3] = "skipped"

    def note_process(self, program):
        # type: (str) -> None
        """A program was started; what it runs is not measured."""
        if os.getpid() != self._owner:
            return
        if self._current is not None:
            self._current[6] = True
        elif os.path.basename((program.split() or [""])[0]) not in _SYSTEM_PROGRAMS:
            self.outside = "the suite starts a process outside of its tests: %s" % (
                program[:100] or "unknown"
            )

    def is_left_out(self, name):
        # type: (str) -> bool
        """Whether a test is not to run."""
        if name not in self.skip:
            return False
        self.skipped.append(name)
        return True

    def switch(self, context):
        # type: (str) -> None
        """What runs from now on belongs to this context; "" is none."""
        self.context = context
        if self.coverage is None or self.unusable:
            return
        try:
            self.coverage.switch_context(context)
        except Exception as error:  # whatever a suite has done to it
            self.unusable = "coverage.py has no contexts: %s" % error

    def switch_back(self):
        # type: () -> None
        """What runs from now on belongs to the test that runs."""
        self.switch(str(self._current[0]) if self._current is not None else "")

    def write(self):
        # type: () -> None
        """Leave what is known for the record."""
        if os.getpid() != self._owner:
            return
        module = next((name for name in ("eventlet", "gevent") if name in sys.modules), "")
        if module and not self.unusable and module not in _list_concurrency(self.coverage):
            self.unusable = "%s switches between tests, and coverage.py is not configured for it" % module
        document = {
            "tests": self.tests,
            "skipped": self.skipped,
            "outside": self.outside,
            "unusable": self.unusable,
        }
        path = os.path.join(self.folder, "run-%d-%d.json" % (os.getpid(), time.time() * 1000))
        with open(path, "w") as stream:
            json.dump(document, stream)


def _read_skip(folder):
    # type: (str) -> frozenset[str]
    try:
        with open(os.path.join(folder, "skip")) as stream:
            return frozenset(to_text(name) for name in json.load(stream))
    except IOError:
        return frozenset()


def to_text(name):
    # type: (Any) -> str
    """A text as the names of tests are: bytes in Python 2."""
    return name if isinstance(name, str) else name.encode("utf-8")


def _find_coverage():
    # type: () -> Any
    """The measurement of this process, where it can be told of contexts."""
    try:
        import coverage

        found = coverage.Coverage.current()
        if found is None or found.get_option("run:dynamic_context"):
            return None
        return found
    except (ImportError, AttributeError):
        return None


def _list_concurrency(measurement):
    # type: (Any) -> tuple[str, ...]
    try:
        return tuple(measurement.get_option("run:concurrency") or ())
    except Exception:  # a setting that this version does not have
        return ()


def make_relative(path):
    # type: (str) -> str
    """A file by its path below the folder of the source."""
    path = os.path.realpath(path) if path else ""
    if path.endswith((".pyc", ".pyo")):
        path = path[:-1]
    return path[len(_TOP) + 1 :] if path.startswith(_TOP + os.sep) else ""


def _watch_processes(recorder):
    # type: (Recorder) -> None
    if hasattr(sys, "addaudithook"):

        def hook(event, arguments):
            # type: (str, tuple[object, ...]) -> None
            if event in _STARTS:
                recorder.note_process(_name_program(event, arguments))

        sys.addaudithook(hook)
        return
    # Before Python 3.8 nothing tells: each way to start a process is replaced by one that does.
    import subprocess

    for name in ("fork", "forkpty", "system", "popen", "posix_spawn"):
        if hasattr(os, name):
            setattr(os, name, _make_telling(recorder, getattr(os, name)))
    subprocess.Popen.__init__ = _make_telling(  # type: ignore[method-assign]
        recorder, subprocess.Popen.__init__
    )


def _make_telling(recorder, real):
    # type: (Recorder, Callable[..., object]) -> Any
    def call(*words, **named):
        # type: (*Any, **Any) -> object
        # The command is the first argument, behind `self` of Popen; Popen calls fork itself.
        command = named.get("args", words[-1] if len(words) < 2 else words[1]) if words else ""
        if not recorder.is_starting:
            recorder.note_process(_name_command(command))
        recorder.is_starting, before = True, recorder.is_starting
        try:
            return real(*words, **named)
        finally:
            recorder.is_starting = before

    return call


def _name_program(event, arguments):
    # type: (str, tuple[object, ...]) -> str
    """The program of an event; "" where the event does not name one."""
    return _name_command(arguments[1]) if event == "subprocess.Popen" and len(arguments) > 1 else ""


def _name_command(command):
    # type: (object) -> str
    """The program that a command starts; a shell may start anything."""
    first = command[0] if isinstance(command, (list, tuple)) and command else command
    if not isinstance(first, str):
        return ""
    return first if isinstance(command, (list, tuple)) or not set(first) & set(";&|`$(\n") else ""


_recorder = None  # type: Recorder | None


def get_recorder():
    # type: () -> Recorder
    """The recorder of this process; suites that a test starts are not recorded."""
    global _recorder
    if _recorder is None:
        _recorder = Recorder(os.environ.pop("ALTAI_CONTEXTS"))
        os.environ.pop("PYTEST_PLUGINS", None)
    return _recorder
