"""What a Python project's own files say about its tests: tox.ini, setup.cfg, pyproject.toml, setup.py and the like."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterable, Iterator

from altai_build.stages.unit_tests.files import ProjectFiles

# Files of requirements for tests, in the order in which they are looked for.
REQUIREMENT_FILES = (
    "test-requirements.txt", "test_requirements.txt", "requirements-test.txt", "requirements-tests.txt",
    "requirements/test.txt", "requirements/tests.txt", "requirements/testing.txt", "requirements_test.txt",
    "requirements-dev.txt", "requirements_dev.txt", "dev-requirements.txt", "requirements/dev.txt",
    "tools/test-requires", "tests/requirements.txt", "test/requirements.txt",
)  # fmt: skip
# What checks the style of code, builds documents, or makes releases, and runs no tests.
_NO_TEST_TOOLS = frozenset({
    "bandit", "bashate", "black", "build", "check-manifest", "codecov", "coverage", "coveralls", "distribute", "doc8",
    "flake8", "flake8-docstrings", "flake8-import-order", "furo", "hacking", "isort", "mypy", "nose-exclude",
    "nosehtmloutput", "nosexcover", "openstack-doc-tools", "openstack-nose-plugin", "openstackdocstheme", "os-api-ref",
    "oslosphinx", "pep8", "pip", "pip-tools", "pre-commit", "pycodestyle", "pydocstyle", "pyflakes", "pylint",
    "pytest-black", "pytest-cov", "pytest-flake8", "pytest-isort", "pytest-mypy", "pytest-xdist", "python-coveralls",
    "python-subunit", "reno", "ruff", "setuptools", "sphinx", "sphinx-autobuild", "sphinx-rtd-theme",
    "sphinxcontrib-apidoc", "sphinxcontrib-httpdomain", "sphinxcontrib-pecanwsme", "sphinxcontrib-svg2pdfconverter",
    "stestr", "testrepository", "tox", "twine", "virtualenv", "wheel", "whereto", "wsgiref",
})  # fmt: skip
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*([^;#]*)(;[^#]*)?")
_PYTHON_2_ONLY = re.compile(r"python_version\s*(?:==\s*['\"]2|<\s*['\"]?3(?:\.[0-4])?['\"])")
_OTHER_SYSTEM = re.compile(
    r"(?:sys_platform|platform_system|os_name)\s*==\s*['\"](?:win|Win|nt|darwin|Darwin)"
)
_EXTRA_NAMES = ("test", "tests", "testing", "dev", "develop")
_POSARGS = re.compile(r"\{posargs(?::[^{}]*)?\}|\{toxinidir\}/?|\{tty:[^{}]*\}")


def normalize_project(name: str) -> str:
    """A project's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_ini(text: str) -> configparser.RawConfigParser:
    """An .ini file; empty where it cannot be read."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(text)
    # The last where a line without a value is continued.
    except (configparser.Error, AttributeError):
        return configparser.RawConfigParser()
    return parser


def get_option(parser: configparser.RawConfigParser, section: str, option: str) -> str:
    """The value of an option; "" where there is none."""
    return parser.get(section, option, fallback=None) or ""


def list_requirements(text: str, python: str) -> list[str]:
    """The projects that a list of requirements names for an interpreter, without tools that run no tests."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if not line or line.startswith(("#", "-", "http:", "https:", "git+", ".", "/", "{")):
            continue
        match = _NAME.match(line)
        if match is None:
            continue
        marker = match[3] or ""
        if _OTHER_SYSTEM.search(marker) or (python == "python3" and _PYTHON_2_ONLY.search(marker)):
            continue
        found.append(normalize_project(match[1]))
    return [name for name in dict.fromkeys(found) if name not in _NO_TEST_TOOLS]


def list_test_requirements(files: ProjectFiles, python: str) -> list[str]:
    """The projects that the files of a component ask for to run its tests, and it itself."""
    files.load(
        [*REQUIREMENT_FILES, "requirements.txt", "tools/pip-requires", "setup.cfg", "tox.ini", "setup.py"]
    )
    texts = [files.get_text(path) for path in (*REQUIREMENT_FILES, "requirements.txt", "tools/pip-requires")]
    setup = read_ini(files.get_text("setup.cfg"))
    texts += [get_option(setup, "options", name) for name in ("install_requires", "tests_require")]
    texts += [get_option(setup, "options.extras_require", name) for name in _EXTRA_NAMES]
    tox = read_ini(files.get_text("tox.ini"))
    texts += [get_option(tox, section, "deps") for section in list_tox_sections(tox)]
    texts += read_setup_lists(files.get_text("setup.py"))
    texts += read_pyproject_lists(files.get_text("pyproject.toml"))
    return list(
        dict.fromkeys(name for text in texts for name in list_requirements(_drop_factors(text), python))
    )


def _drop_factors(text: str) -> str:
    """The lines of tox's `deps`, without `py27,py36: ` in front."""
    return "\n".join(re.sub(r"^\s*!?[\w.,{}!-]+:\s+", "", line) for line in text.splitlines())


_SETUP_LIST = re.compile(
    r"""(?:\b(?:install_requires|tests_require|requires_tests)|['"]tests?['"])\s*[=:]\s*\[([^\]]{0,5000})\]""",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"""(['"])((?:(?!\1).)+)\1""")


def read_setup_lists(text: str) -> list[str]:
    """The lists of requirements that setup.py writes down as lists; what it computes is not known."""
    return [
        "\n".join(quoted for _, quoted in _QUOTED.findall(inside)) for inside in _SETUP_LIST.findall(text)
    ]


_PYPROJECT_LIST = re.compile(
    r"^\s*[\"']?(dependencies|tests?|testing|dev)[\"']?\s*=\s*\[((?:[^\[\]\"']|\"[^\"]*\"|'[^']*')*)\]",
    re.MULTILINE,
)


def read_pyproject_lists(text: str) -> list[str]:
    """The lists of requirements in pyproject.toml: of the project, its extras, and its groups.

    Read without tomllib, which Python has since 3.11 only.
    """
    return [
        "\n".join(quoted for _, quoted in _QUOTED.findall(inside))
        for _, inside in _PYPROJECT_LIST.findall(re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))
    ]


def list_tox_sections(tox: configparser.RawConfigParser) -> list[str]:
    """The sections of environments that run tests: [testenv], and those of Python versions."""
    versions = [
        name for name in tox.sections() if re.fullmatch(r"testenv:(?:py\d*|unit|tests?|py\{.*)", name)
    ]
    return [name for name in ("testenv", *versions) if tox.has_section(name)]


def list_tox_commands(tox: configparser.RawConfigParser) -> Iterator[str]:
    """The commands of the environments that run tests, without what only tox can fill in."""
    for section in list_tox_sections(tox):
        text = get_option(tox, section, "commands").replace("\\\n", " ")
        for line in text.splitlines():
            line = _POSARGS.sub("", re.sub(r"^\s*!?[\w.,{}!-]+:\s+", "", line)).strip().lstrip("-").strip()
            if line and not line.startswith("#"):
                yield line


def read_discover_arguments(words: Iterable[str]) -> tuple[str, str]:
    """The top folder and the folder of tests among the arguments of `discover`; "" where they are not given."""
    top = start = ""
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word in ("-t", "--top-level-directory") and queue:
            top = queue.pop(0)
        elif word in ("-s", "--start-directory") and queue:
            start = queue.pop(0)
        elif word in ("-p", "--pattern") and queue:
            queue.pop(0)
        elif not word.startswith(("-", "$", "{")) and not start:
            start = word
        elif word.startswith("$"):
            break
    return top, start


_VARIABLE = re.compile(r"\$\{\w+:-?([^{}$]*)\}")


def read_testr_folders(text: str) -> tuple[str, str]:
    """The top folder and the folder of tests in .testr.conf; "" where it does not say."""
    command = _VARIABLE.sub(r"\1", get_option(read_ini(text), "DEFAULT", "test_command").replace("\\\n", " "))
    try:
        words = shlex.split(command.replace("\n", " "))
    except ValueError:
        return "", ""
    if "discover" in words:
        return read_discover_arguments(words[words.index("discover") + 1 :])
    # `-m subunit.run $LISTOPT $IDOPTION some.tests`
    return "", ""


def read_stestr_folders(text: str) -> tuple[str, str]:
    """The same in .stestr.conf."""
    parser = read_ini(text)
    start = _VARIABLE.sub(r"\1", get_option(parser, "DEFAULT", "test_path"))
    return get_option(parser, "DEFAULT", "top_dir"), start
