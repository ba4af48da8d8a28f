"""A plugin of pytest (PYTEST_PLUGINS) that records what each test runs. Its hooks are found by their names."""

import pytest
from altai_test_contexts import FILE_MARK, SESSION, get_recorder, make_relative, to_text

get_recorder()  # before the tests are imported, which may start processes


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    # type: (pytest.Config, list[pytest.Item]) -> None
    """Leave out the tests that are not to run."""
    recorder = get_recorder()
    if getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
        recorder.unusable = "pytest runs its tests in several processes"
    left_out = [item for item in items if recorder.is_left_out(to_text(item.nodeid))]
    if left_out:
        gone = set(item.nodeid for item in left_out)
        items[:] = [item for item in items if item.nodeid not in gone]
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_protocol(item):
    # type: (pytest.Item) -> object
    """One test, with what is set up and cleaned up for it."""
    from _pytest.junitxml import mangle_test_address

    names = mangle_test_address(item.nodeid)
    recorder = get_recorder()
    recorder.start(to_text(item.nodeid), ".".join(names[:-1]), names[-1], str(item.fspath))
    yield
    recorder.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(fixturedef, request):
    # type: (pytest.FixtureDef[object], pytest.FixtureRequest) -> object
    """A fixture for more than one test belongs to all of them."""
    if fixturedef.scope == "function":
        yield
        return
    recorder = get_recorder()
    path = make_relative(str(getattr(request.node, "fspath", "")))
    inside = fixturedef.scope in ("class", "module") and path.endswith(".py")
    context = FILE_MARK + path if inside else SESSION
    fixturedef.addfinalizer(recorder.switch_back)
    recorder.switch(context)
    yield
    recorder.switch_back()
    # Finalizers run in reverse order: this one before those of the fixture.
    fixturedef.addfinalizer(lambda: recorder.switch(context))


def pytest_runtest_logreport(report):
    # type: (pytest.TestReport) -> None
    """How a part of a test has ended."""
    if report.failed:
        get_recorder().note_failed()
    elif report.skipped:
        get_recorder().note_skipped()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    # type: (pytest.Session) -> None
    """Where every test was left out, nothing has failed."""
    if session.exitstatus == 5 and get_recorder().skipped:
        session.exitstatus = 0
