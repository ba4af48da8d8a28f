"""The unit tests of a Python project: which program runs them, by what its files say."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from altai_build.model.unit_tests import Suite, SuiteKind
from altai_build.stages.unit_tests.files import MAX_FILES, ProjectFiles
from altai_build.stages.unit_tests.python_files import (
    REQUIREMENT_FILES,
    get_option,
    list_test_requirements,
    list_tox_commands,
    normalize_project,
    read_discover_arguments,
    read_ini,
    read_stestr_folders,
    read_testr_folders,
)

_ROOT_FILES = ("setup.py", "setup.cfg", "pyproject.toml")
_CONFIG_FILES = (
    *_ROOT_FILES, *REQUIREMENT_FILES, "tox.ini", "pytest.ini", ".stestr.conf", ".testr.conf", "run_tests.sh",
    "run_tests.py", "requirements.txt", "tools/pip-requires",
)  # fmt: skip
# Options of pytest that its plugins bring, which check style, measure, or use several processes.
_PLUGIN_OPTION = re.compile(
    r"--(?:cov|flake8|pep8|isort|black|mypy|ruff|benchmark|numprocesses|html|timeout|strict-cov|codestyle|doctest-plus|"
    r"xdist|dist|reruns|randomly|forked|pylint|docstyle|instafail|nbval|codespell)\b|(?:^|\s)-n[\s\d]"
)
# Options of nose 1.3 and its own plugins; and those of them that choose tests.
_NOSE_OPTION = re.compile(
    r"all-modules|attr|collect-only|cover-[\w-]+|debug[\w-]*|detailed-errors|doctest-[\w-]+|eval-attr|exclude|exe|failed|"
    r"failure-detail|first-package-wins|id-file|ignore-files|include|logging-[\w-]+|match|no-[\w-]+|nocapture|nologcapture|"
    r"pdb[\w-]*|plugins|process(?:es|-timeout|-restartworker)|profile-[\w-]+|py3where|quiet|stop|tests|testmatch|traverse-namespace|"
    r"verbos(?:e|ity)|where|with-(?:collect|coverage|doctest|id|isolation|profile|xunit|allmodules)|xunit-[\w-]+"
)
_NOSE_CHOICES = ("attr", "eval-attr", "exclude", "ignore-files", "include", "match", "tests", "where")
_USUAL_PATTERN = "test*.py"
_OTHER_TESTS = re.compile(r"(?:^|/)(?:examples?|docs?|benchmarks?|functional|integration|vendor|contrib)/")
_IMPORT = re.compile(r"^\s*(?:import|from)\s+([A-Za-z_]\w*)", re.MULTILINE)
_TEST_SUITE = re.compile(r"""test_suite\s*=\s*['"]([\w.:]+)['"]""")
_OTHER_RUNNERS = {
    "trial": re.compile(r"(?:^|\s)(?:\S*/)?trial(?:\s|$)"),
    "zope-testrunner": re.compile(r"zope-testrunner"),
    "manage.py test": re.compile(r"manage\.py\s+test"),
}


@dataclass(frozen=True)
class _Found:
    """A program that runs the tests, who says so, and the folders that it is given."""

    kind: SuiteKind
    why: str
    top: str = ""
    start: str = ""
    pattern: str = ""  # of the names of files; usually test*.py


def is_python_project(files: ProjectFiles) -> bool:
    """Whether the top folder has the files of one."""
    return any(map(files.has, _ROOT_FILES))


def detect_python_suite(files: ProjectFiles, python: str) -> Suite | str:
    """The suite, for an interpreter; or why none is known."""
    files.load(_CONFIG_FILES)
    commands = [*list_tox_commands(read_ini(files.get_text("tox.ini")))]
    others = [
        name for name, pattern in _OTHER_RUNNERS.items() if any(pattern.search(line) for line in commands)
    ]
    for search in _SEARCHES:
        found = search(files, commands)
        if found is not None:
            return _make_suite(files, found, python)
    if others:
        return f"tox.ini runs {others[0]}, which is not known here"
    if not _find_test_files(files):
        return "no file of a test suite (test_*.py, tox.ini, .stestr.conf, …)"
    return "there are tests, and no file says which program runs them"


def _search_tox(files: ProjectFiles, commands: Sequence[str]) -> _Found | None:
    for line in commands:
        found = _read_command(files, line, "tox.ini")
        if found is not None:
            return found
    return None


def _read_command(files: ProjectFiles, line: str, why: str) -> _Found | None:
    """What a command line runs, if that is a test runner."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        words = line.split()
    names = [posixpath.basename(word) for word in words]
    if any(name in ("pytest", "py.test") for name in names):
        return _Found(SuiteKind.PYTEST, why)
    if any(name in ("stestr", "testr", "ostestr") for name in names):
        return _search_testr(files, ()) or _Found(SuiteKind.UNITTEST, why)
    if any(re.fullmatch(r"nose2|nosetests?\S*|nose", name) for name in names):
        return _Found(SuiteKind.NOSE, why) if "nose2" not in names else _Found(SuiteKind.UNITTEST, why)
    if any(name in ("unittest", "unittest2", "unit2", "testtools.run") for name in names):
        place = next((words.index(word) for word in words if word == "discover"), -1)
        top, start = read_discover_arguments(words[place + 1 :]) if place >= 0 else ("", "")
        return _Found(SuiteKind.UNITTEST, why, top, start)
    return None


def _search_testr(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    for name, read in ((".stestr.conf", read_stestr_folders), (".testr.conf", read_testr_folders)):
        if files.has(name):
            return _Found(SuiteKind.UNITTEST, name, *read(files.get_text(name)))
    return None


def _search_pytest(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    setup, tox = read_ini(files.get_text("setup.cfg")), read_ini(files.get_text("tox.ini"))
    places = [
        ("pytest.ini", files.has("pytest.ini")),
        ("setup.cfg", setup.has_section("tool:pytest") or setup.has_section("pytest")),
        ("tox.ini", tox.has_section("pytest")),
        ("pyproject.toml", "[tool.pytest" in files.get_text("pyproject.toml")),
        *((path, files.has(path)) for path in ("conftest.py", "tests/conftest.py", "test/conftest.py")),
    ]
    return next((_Found(SuiteKind.PYTEST, path) for path, is_there in places if is_there), None)


def _search_nose(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    if read_ini(files.get_text("setup.cfg")).has_section("nosetests"):
        return _Found(SuiteKind.NOSE, "setup.cfg")
    for name in ("run_tests.sh", "run_tests.py"):
        text = files.get_text(name)
        if re.search(r"\bnosetests\b|^\s*(?:from|import) nose\b", text, re.MULTILINE):
            return _Found(SuiteKind.NOSE, name)
    return None


def _search_requirements(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    """A list of requirements for tests that has a runner in it."""
    for path in REQUIREMENT_FILES:
        lines = files.get_text(path).splitlines()
        names = {normalize_project(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]) for line in lines}
        for project, kind in (("pytest", SuiteKind.PYTEST), ("nose", SuiteKind.NOSE)):
            if project in names:
                return _Found(kind, path)
        if names & {"testrepository", "stestr", "unittest2"}:
            return _Found(SuiteKind.UNITTEST, path)
    return None


def _search_setup(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    found = _TEST_SUITE.search(files.get_text("setup.py"))
    named = found[1] if found else get_option(read_ini(files.get_text("setup.cfg")), "options", "test_suite")
    if not named:
        return None
    if named == "nose.collector":
        return _Found(SuiteKind.NOSE, "setup.py")
    folder = named.partition(":")[0].replace(".", "/")
    is_package = files.has(f"{folder}/__init__.py") or any(
        path.startswith(f"{folder}/") for path in files.paths
    )
    if not is_package and not files.has(f"{folder}.py") and not _find_test_files(files):
        return None
    return _Found(SuiteKind.UNITTEST, "setup.py", start=folder if is_package else "")


def _search_imports(files: ProjectFiles, _commands: Sequence[str]) -> _Found | None:
    """The tests themselves: what they import."""
    tests = _find_test_files(files)[:MAX_FILES]
    files.load(tests)
    imports = {name: path for path in reversed(tests) for name in _IMPORT.findall(files.get_text(path))}
    for name, kind in (("pytest", SuiteKind.PYTEST), ("nose", SuiteKind.NOSE)):
        if name in imports:
            return _Found(kind, imports[name])
    for name in ("unittest", "unittest2", "testtools"):
        if name in imports:
            # As `discover` does, by one pattern.
            usual = [path for path in tests if fnmatchcase(posixpath.basename(path), _USUAL_PATTERN)]
            found = (
                usual or [path for path in tests if posixpath.splitext(path)[0].endswith("_test")] or tests
            )
            pattern = "" if usual else f"*_{posixpath.basename(found[0]).rpartition('_')[2]}"
            return _Found(SuiteKind.UNITTEST, imports[name], start=_find_test_folder(found), pattern=pattern)
    return None


def _find_test_files(files: ProjectFiles) -> list[str]:
    """Files of tests; in a repository that is no Python project, those in its own folder of tests."""
    inside = ("",) if is_python_project(files) else ("test/", "tests/")
    return [
        path
        for path in files.find(_USUAL_PATTERN, "*_test.py", "*_tests.py")
        if path.startswith(inside) and not _OTHER_TESTS.search(path)
    ]


def _find_test_folder(tests: Sequence[str]) -> str:
    """The folder that all tests are in."""
    return posixpath.commonpath([posixpath.dirname(path) for path in tests]) if tests else ""


_SEARCHES: tuple[Callable[[ProjectFiles, Sequence[str]], _Found | None], ...] = (
    _search_tox, _search_testr, _search_pytest, _search_nose, _search_requirements, _search_setup, _search_imports,
)  # fmt: skip


def _make_suite(files: ProjectFiles, found: _Found, python: str) -> Suite:
    wanted = list_test_requirements(files, python)
    notes: list[str] = []
    needs: tuple[str, ...] = ()
    if found.kind is SuiteKind.PYTEST:
        command, rerun, needs = *_write_pytest(files, notes), ("pytest",)
    elif found.kind is SuiteKind.NOSE:
        command = _write_nose(files, notes)
        rerun, needs = f"{command} --failed", ("nose",)
    else:
        command, rerun = _write_unittest(files, found), ""
    return Suite(
        kind=found.kind,
        command=command,
        why=found.why,
        rerun=rerun,
        python=python,
        needs=needs,
        wants=tuple(name for name in wanted if name not in needs),
        notes=tuple(notes),
    )


def _write_nose(files: ProjectFiles, notes: list[str]) -> str:
    """nose refuses to start where setup.cfg has an option of a plugin that is not installed."""
    command = '$PYTHON -m nose --with-id --with-xunit --xunit-file="$ALTAI_TEST_RESULTS/junit.xml"'
    setup = read_ini(files.get_text("setup.cfg"))
    options = dict(setup.items("nosetests")) if setup.has_section("nosetests") else {}
    unknown = sorted(name for name in options if not _NOSE_OPTION.fullmatch(name))
    if not unknown:
        return command
    notes.append(f"[nosetests] of setup.cfg is left out, because it needs plugins: {', '.join(unknown)}")
    words = [
        shlex.quote(f"--{name}={value}")
        for name, given in options.items()
        if name in _NOSE_CHOICES
        for value in given.split("\n")
        if value
    ]
    return " ".join(["NOSE_IGNORE_CONFIG_FILES=1", command, *words])


def _write_pytest(files: ProjectFiles, notes: list[str]) -> tuple[str, str]:
    command = '$PYTHON -m pytest --junitxml="$ALTAI_TEST_RESULTS/junit.xml"'
    for path, options in _list_pytest_options(files):
        if _PLUGIN_OPTION.search(options):
            notes.append(
                f"addopts of {path} are left out, because they need plugins: {' '.join(options.split())}"
            )
            command += ' --override-ini="addopts="'
            break
    return command, f"{command} --last-failed"


def _list_pytest_options(files: ProjectFiles) -> Iterable[tuple[str, str]]:
    for path, section in (
        ("pytest.ini", "pytest"),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
        ("setup.cfg", "pytest"),
    ):
        yield path, get_option(read_ini(files.get_text(path)), section, "addopts")
    found = re.search(
        r"^\s*addopts\s*=\s*(\[[^\]]*\]|\"\"\".*?\"\"\"|\"[^\"\n]*\"|'[^'\n]*')",
        files.get_text("pyproject.toml"),
        re.MULTILINE | re.DOTALL,
    )
    yield "pyproject.toml", re.sub(r"[\[\]\"',]", " ", found[1]) if found else ""


def _write_unittest(files: ProjectFiles, found: _Found) -> str:
    """`discover`, which Python 2.6 has as unit2 only ($DISCOVER is either)."""
    start = posixpath.normpath(found.start) if found.start else ""
    parents = [start.rsplit("/", depth)[0] for depth in range(start.count("/") + 1)] if start else []
    is_package = bool(parents) and all(files.has(f"{parent}/__init__.py") for parent in parents)
    top = posixpath.normpath(found.top) if found.top else "."
    words = ["$DISCOVER", "-v"]
    if is_package or (found.top and not start):
        words += ["-t", shlex.quote(top)]
    if start:
        words += ["-s", shlex.quote(start)]
    if found.pattern:
        words += ["-p", shlex.quote(found.pattern)]
    return " ".join(words)


def choose_python(build_requires: Iterable[str]) -> str:
    """The interpreter that a spec builds for, by the names in its BuildRequires; "" where none is among them."""
    names = set(build_requires)
    for python, pattern in (
        ("python3", r"python(?:3|%\{python3)|pyproject-rpm-macros|/usr/bin/python3"),
        ("python2", r"python2|/usr/bin/python2"),
        ("python", r"python(?:$|[-(])|/usr/bin/python$"),
    ):
        if any(re.match(pattern, name) for name in names):
            return python
    return ""


def list_interpreters(build_requires: Iterable[str]) -> Iterator[str]:
    """Every interpreter that a spec builds for."""
    names = list(build_requires)
    for python in ("python3", "python2"):
        if any(re.match(rf"{python}(?!\d)", name) for name in names):
            yield python
