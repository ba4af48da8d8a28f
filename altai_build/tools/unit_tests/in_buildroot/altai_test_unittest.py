"""Runs the tests that unittest discovers, and records what each runs: `python -m altai_test_unittest discover ...`."""

import sys
import unittest

from altai_test_contexts import FILE_MARK, SESSION, get_recorder, make_relative

MYPY = False
if MYPY:
    from typing import Any


class _Result(unittest.TextTestResult):
    def startTest(self, test):
        # type: (unittest.TestCase) -> None
        suite, name = name_unittest(test)
        get_recorder().start(test.id(), suite, name, _find_file(test))
        super(_Result, self).startTest(test)

    def stopTest(self, test):
        # type: (unittest.TestCase) -> None
        super(_Result, self).stopTest(test)
        get_recorder().stop()

    def addError(self, test, err):
        # type: (unittest.TestCase, object) -> None
        super(_Result, self).addError(test, err)  # type: ignore[arg-type]
        get_recorder().note_failed()

    def addFailure(self, test, err):
        # type: (unittest.TestCase, object) -> None
        super(_Result, self).addFailure(test, err)  # type: ignore[arg-type]
        get_recorder().note_failed()

    def addUnexpectedSuccess(self, test):
        # type: (unittest.TestCase) -> None
        super(_Result, self).addUnexpectedSuccess(test)
        get_recorder().note_failed()

    def addSubTest(self, test, subtest, err):
        # type: (unittest.TestCase, unittest.TestCase, object) -> None
        super(_Result, self).addSubTest(test, subtest, err)  # type: ignore[arg-type]
        if err is not None:
            get_recorder().note_failed()

    def addSkip(self, test, reason):
        # type: (unittest.TestCase, str) -> None
        super(_Result, self).addSkip(test, reason)
        get_recorder().note_skipped()


def name_unittest(test):
    # type: (unittest.TestCase) -> tuple[str, str]
    """The class of a test and its name, as unittest prints them."""
    suite, _, name = test.id().rpartition(".")
    return suite, name


def _find_file(test):
    # type: (object) -> str
    return _find_file_of(type(test))


def _find_file_of(owner):
    # type: (type) -> str
    module = sys.modules.get(owner.__module__)
    return getattr(module, "__file__", None) or ""


def leave_out(suite):
    # type: (Any) -> Any
    """A suite without the tests that are not to run; what cannot be imported is one of its tests, and stays."""
    inner = getattr(suite, "_tests", None)
    if inner is not None:
        recorder = get_recorder()
        suite._tests[:] = [
            leave_out(one) if hasattr(one, "_tests") else one
            for one in inner
            if hasattr(one, "_tests") or not recorder.is_left_out(one.id())
        ]
    return suite


def _share_fixtures():
    # type: () -> None
    """What is set up for a class or module, and cleaned up behind it, belongs to all tests of its file."""

    def wrap(name):
        # type: (str) -> None
        real = getattr(unittest.TestSuite, name, None)
        if real is None:
            return

        def call(self, *arguments):
            # type: (unittest.TestSuite, *object) -> object
            # A test and the result, or the result alone: then it is about the class before.
            about = arguments[0] if len(arguments) > 1 and name in _SET_UP else None
            owner = type(about) if about is not None else getattr(arguments[-1], "_previousTestClass", None)
            path = make_relative(_find_file_of(owner)) if owner is not None else ""
            recorder = get_recorder()
            before = recorder.context
            recorder.switch(FILE_MARK + path if path else SESSION)
            try:
                return real(self, *arguments)
            finally:
                recorder.switch(before)

        setattr(unittest.TestSuite, name, call)

    for name in _SET_UP + ("_tearDownPreviousClass", "_handleModuleTearDown"):
        wrap(name)


_SET_UP = ("_handleModuleFixture", "_handleClassSetUp")


def main(arguments):
    # type: (list[str]) -> int
    """`python -m unittest` with these arguments, and its exit status."""
    recorder = get_recorder()
    _share_fixtures()

    class Program(unittest.TestProgram):
        def runTests(self):
            # type: () -> None
            self.test = leave_out(self.test)  # type: ignore[has-type]
            super(Program, self).runTests()

    class Runner(unittest.TextTestRunner):
        resultclass = _Result  # type: ignore[assignment]

    try:
        done = Program(module=None, argv=["unittest"] + arguments, testRunner=Runner, exit=False)
    except SystemExit as stop:
        # Python 3.12 and later end so where no test ran.
        code = stop.code if isinstance(stop.code, int) else 1
        return 0 if code == 5 and recorder.skipped else code
    return 0 if done.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
