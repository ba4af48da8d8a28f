"""A plugin of nose 1 (by its entry point) that records what each test runs; modules are imported between tests."""

import os
import sys
import unittest

from altai_test_contexts import FILE_MARK, SESSION, get_recorder, make_relative
from nose.plugins.base import Plugin
from nose.plugins.xunit import id_split

MYPY = False
if MYPY:
    from typing import Any

if "ALTAI_CONTEXTS" in os.environ:
    get_recorder()  # before the tests are imported, which may start processes


class NosePlugin(Plugin):  # type: ignore[misc]
    """Follows the tests that nose runs; their modules are imported between them."""

    name = "altai-contexts"
    score = 10000  # before the plugin that takes skipped tests away

    def begin(self):
        # type: () -> None
        """Suites that a test starts are not recorded."""
        os.environ.pop("NOSE_WITH_ALTAI_CONTEXTS", None)

    def startContext(self, context):
        # type: (Any) -> None
        """What is set up for a class or module belongs to all tests of its file, for a package to all."""
        module = context if isinstance(context, type(sys)) else sys.modules.get(context.__module__)
        path = make_relative(getattr(module, "__file__", None) or "")
        is_package = not path or os.path.basename(path) == "__init__.py"
        get_recorder().switch(SESSION if is_package else FILE_MARK + path)

    def stopContext(self, context):
        # type: (Any) -> None
        """What follows is no test's."""
        get_recorder().switch("")

    def beforeTest(self, test):
        # type: (Any) -> None
        """A test begins."""
        recorder, name = get_recorder(), test.id()
        if name in recorder.skip:
            recorder.switch("")
            return
        parts = id_split(name)
        path = test.address()[0] or ""
        recorder.start(name, parts[0] if len(parts) > 1 else "", parts[-1], path)

    def afterTest(self, test):
        # type: (Any) -> None
        """A test has ended."""
        get_recorder().stop()

    def prepareTestCase(self, test):
        # type: (Any) -> object
        """Nothing in place of a test that is not to run."""
        if get_recorder().is_left_out(test.id()):
            return lambda result: None
        return None

    def addError(self, test, err):
        # type: (Any, tuple[Any, ...]) -> None
        """A test could not be run, or is skipped."""
        if issubclass(err[0], unittest.SkipTest):
            get_recorder().note_skipped()
        else:
            get_recorder().note_failed()

    def addFailure(self, test, err):
        # type: (Any, object) -> None
        """A test failed."""
        get_recorder().note_failed()
