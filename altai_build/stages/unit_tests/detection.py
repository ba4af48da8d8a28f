"""Which unit tests a component has: what repos.yaml says, else what the files of its commit say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from altai_build.config.unit_tests import TestSettings
from altai_build.model.unit_tests import NoSuite, Suite, SuiteKind, SuiteStatus
from altai_build.stages.unit_tests.files import MAX_FILE_SIZE, ProjectFiles
from altai_build.stages.unit_tests.other_suites import OTHER_SUITES, detect_make_suite
from altai_build.stages.unit_tests.python_suites import (
    choose_python,
    detect_python_suite,
    is_python_project,
    list_interpreters,
)
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry

# What a spec that builds a kind of suite requires, by the beginning of the names.
_BUILD_TOOLS = {
    SuiteKind.CTEST: ("cmake",),
    SuiteKind.MESON: ("meson",),
    SuiteKind.CARGO: ("cargo", "rust"),
    SuiteKind.GO: ("go", "compiler(go"),
    SuiteKind.AUTOMAKE: ("autoconf", "automake", "libtool", "gcc", "make", "autoconf-archive"),
}


def find_suite(files: ProjectFiles, settings: TestSettings, build_requires: Sequence[str]) -> Suite | NoSuite:
    """The suite of a component; `build_requires` are the names in its spec.

    What more than one kind of project could mean, and what no file says, is not guessed.
    """
    if settings.skip is not None:
        return NoSuite(settings.skip, SuiteStatus.SKIPPED)
    found = detect_suite(files, build_requires)
    if settings.command is not None:
        # What the files ask for is most probably what the command needs.
        wants = (*found.needs, *found.wants) if isinstance(found, Suite) else ()
        python = choose_python(build_requires) or "python3"
        found = Suite(SuiteKind.COMMAND, settings.command, "repos.yaml", python=python, wants=wants)
    if isinstance(found, NoSuite):
        return found
    found = replace(found, requires=settings.requires, start=settings.after or found.start)
    return _parallelize(found) if (settings.parallel or 1) > 1 else found


def _parallelize(suite: Suite) -> Suite:
    """The suite in several processes, where its program does not take $JOBS anyway."""
    if suite.kind is SuiteKind.PYTEST:
        more = ' -n "$JOBS"'
        needs = (*suite.needs, "pytest-xdist")
        return replace(suite, command=suite.command + more, rerun=suite.rerun + more, needs=needs)
    if suite.kind is SuiteKind.AUTOMAKE:
        command, rerun = (
            text.replace("make -k", 'make -k -j"$JOBS"') for text in (suite.command, suite.rerun)
        )
        return replace(suite, command=command, rerun=rerun)
    if suite.python:
        return replace(
            suite, notes=(*suite.notes, f"test.parallel has no effect: {suite.kind.value} runs one process")
        )
    return suite


def detect_suite(files: ProjectFiles, build_requires: Sequence[str]) -> Suite | NoSuite:
    """The suite that the files of a component tell of."""
    python = choose_python(build_requires)
    found = [suite for detect in OTHER_SUITES if (suite := detect(files)) is not None]
    reason = ""
    if is_python_project(files) or (python and not found):
        in_python = detect_python_suite(files, python or "python3")
        if isinstance(in_python, Suite):
            found.insert(0, _note_interpreters(in_python, build_requires))
        else:
            reason = in_python
    chosen = found if len(found) == 1 else [suite for suite in found if _is_built(suite, build_requires)]
    if len(chosen) == 1:
        return chosen[0]
    if found:
        kinds = ", ".join(f"{suite.kind.value} ({suite.why})" for suite in found)
        return NoSuite(f"it may be one of {kinds}")
    return detect_make_suite(files) or NoSuite(reason or "no file of a test suite that is known here")


def _is_built(suite: Suite, build_requires: Iterable[str]) -> bool:
    """Whether the spec builds what a suite tests, where a repository has several projects in one."""
    if suite.python:
        return bool(choose_python(build_requires))
    return any(name.startswith(_BUILD_TOOLS[suite.kind]) for name in build_requires)


def _note_interpreters(suite: Suite, build_requires: Iterable[str]) -> Suite:
    others = [python for python in list_interpreters(build_requires) if python != suite.python]
    notes = [f"tests run with {suite.python} only, and the spec builds for {others[0]} too"] if others else []
    return replace(suite, notes=(*suite.notes, *notes))


def open_files(store: ObjectStore, tree: Sequence[TreeEntry]) -> ProjectFiles:
    """The files of a commit; links and files that are too long are left out when they are read."""
    oids = {entry.path: entry.oid for entry in tree if entry.is_file}

    def read(paths: Sequence[str]) -> Mapping[str, str]:
        sizes = dict(zip(paths, store.read_blob_sizes([oids[path] for path in paths])))
        short = [path for path in paths if sizes[path] <= MAX_FILE_SIZE]
        blobs = store.read_blobs([oids[path] for path in short])
        return {path: blob.decode("utf-8", "replace") for path, blob in zip(short, blobs)}

    return ProjectFiles(tuple(oids), read)
