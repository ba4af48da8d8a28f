"""The shape of the package: floors without circles, one importer per foreign library, rooms of readable size."""

from __future__ import annotations

import ast
import configparser
import functools
import graphlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "altai_build"

# From the top of the house to its ground; a module imports from floors below its own, or from its own room.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("pipeline",),
    ("stages",),
    ("rules",),
    ("ledger", "workspace"),
    ("tools", "config"),
    ("model",),
    ("errors", "__init__"),
)

# Who may import what is not the standard library's, or is dangerous: files (patterns) below altai_build/.
# ANY_ONE: whichever file needs it, but one only. The reason stands where it is not plain from the name.
ANY_ONE = ("*",)
FOREIGN: dict[str, tuple[str, ...]] = {
    "subprocess": ("tools/process.py",),
    "norpm": ("tools/spec/child.py",),
    "rpm": ("tools/rpm/header.py",),
    "gnupg": ("tools/openpgp/keyring.py",),
    "createrepo_c": ("tools/repo/repodata.py",),
    # Two questions to one library: what is needed, and what becomes of what is installed.
    "solv": ("tools/solver/*.py",),
    "deflate": ("tools/git/archive.py",),
    "requests": ("tools/download.py",),
    # Two trades that share nothing: other people's templates in a sandbox, and our own pages with all escaped.
    "jinja2": ("tools/mock/jinja.py", "tools/page.py"),
    "pypi_simple": ANY_ONE,
    "spdx_tools": ("tools/sbom/spdx.py",),
    "cyclonedx": ("tools/sbom/cyclonedx.py",),
    "packageurl": ("tools/sbom/purl.py",),
    "yaml": ("config/*.py",),
    "click": ("cli/*.py",),
    "rich": ("tools/progress.py", "cli/*.py"),
}
# Every other library has one importer; click, rich and yaml are faces or formats, spoken in several files of one room.
SEVERAL_IMPORTERS = {"click", "jinja2", "rich", "solv", "yaml"}

# Import name of what setup.cfg calls otherwise.
IMPORT_NAMES = {
    "gitpython": "git",
    "pyyaml": "yaml",
    "python_gnupg": "gnupg",
    "cyclonedx_python_lib": "cyclonedx",
    "packageurl_python": "packageurl",
}

# Required for another library that uses it only where it is there.
FOR_OTHERS = {"jsonschema", "git", "templated_dictionary"}  # cyclonedx: its validation

# In no index: scripts/setup links them from the system's Python.
FROM_SYSTEM = {"rpm"}

LONGEST_MODULE = 460  # lines
LONGEST_FUNCTION = 100


@dataclass(frozen=True)
class Module:
    """One file of the package; `name` is dotted and without the package: `tools.files`, `config.__init__`."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def place(self) -> str:
        return self.path.relative_to(ROOT / PACKAGE).as_posix()

    @property
    def room(self) -> str:
        return self.name.split(".")[0]


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of the package by its name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT / PACKAGE).with_suffix("").parts)
        found[name] = Module(name=name, path=path, tree=ast.parse(path.read_bytes(), str(path)))
    return found


def imported(module: Module) -> Iterator[str]:
    """Absolute names a module imports, wherever in it: inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.place}:{node.lineno}: a relative import; name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner_imports(module: Module) -> set[str]:
    """Names of the package's own modules that a module imports."""
    found = {own_module(name) for name in imported(module) if name.split(".")[0] == PACKAGE}
    return found - {module.name}


def own_module(full: str) -> str:
    """The module that holds an imported name: `altai_build.tools.files` itself, or a thing in it."""
    parts = full.split(".")[1:]
    for shorter in (parts, parts[:-1]):
        for name in (".".join(shorter), ".".join([*shorter, "__init__"])):
            if name in modules():
                return name
    raise AssertionError(f"{full} is imported, and is no module of {PACKAGE}")


def floor(room: str) -> int:
    """The number of a room's floor, counted from the top."""
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"{PACKAGE}/{room} is on no floor: add it to FLOORS (and to the design)")


def is_standard(library: str) -> bool:
    """Whether a top-level name belongs to Python itself."""
    if library == "__future__" or library in sys.builtin_module_names:
        return True
    spec = importlib.util.find_spec(library)
    assert spec is not None, f"{library} is not installed: run scripts/setup"
    origin = spec.origin or ""
    standard = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return origin in ("built-in", "frozen") or (
        origin.startswith(standard) and "site-packages" not in origin and "dist-packages" not in origin
    )


def foreign_importers() -> dict[str, set[str]]:
    """Which files import which library that is foreign or watched."""
    importers: dict[str, set[str]] = {}
    for module in modules().values():
        for library in {name.split(".")[0] for name in imported(module)} - {PACKAGE}:
            if library in FOREIGN or not is_standard(library):
                importers.setdefault(library, set()).add(module.place)
    return importers


def test_there_is_something_to_check() -> None:
    assert {"errors", "tools.process", "model.nevra", "config.load"} <= set(modules())


def test_imports_go_down() -> None:
    wrong = []
    for module in modules().values():
        for name in inner_imports(module):
            room = name.split(".")[0]
            if room != module.room and floor(room) <= floor(module.room):
                wrong.append(f"{module.name} imports {name}, which is not on a floor below it")
    assert not wrong, "\n".join(wrong)


def test_no_import_goes_in_a_circle() -> None:
    graph = {module.name: inner_imports(module) for module in modules().values()}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("a circle of imports: " + " → ".join(error.args[1]))


def test_no_package_imports_in_a_circle() -> None:
    """As for modules: two packages of one layer that import each other are one package in two folders."""
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        package = package_of(module.name)
        others = {package_of(name) for name in inner_imports(module)} - {package}
        graph.setdefault(package, set()).update(others)
    assert {"tools.git", "tools.solver", "pipeline.build"} <= set(graph)
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("a circle of packages: " + " → ".join(error.args[1]))


def package_of(name: str) -> str:
    """The folder of a module below the package; a module that stands flat in `tools` or `pipeline` is its own."""
    parts = name.split(".")
    if parts[-1] == "__init__":
        parts.pop()
    if parts and parts[0] in ("tools", "pipeline"):
        return ".".join(parts[:2])
    return parts[0] if parts else PACKAGE


def test_a_stage_imports_no_stage() -> None:
    wrong = [
        f"{module.name} imports {name}"
        for module in modules().values()
        if module.room == "stages"
        for name in inner_imports(module)
        if name.startswith("stages.")
    ]
    assert not wrong, "\n".join(wrong)


def test_every_foreign_library_has_its_importers() -> None:
    wrong = []
    for library, places in sorted(foreign_importers().items()):
        if library not in FOREIGN:
            wrong.append(f"{library} (imported by {', '.join(sorted(places))}) is in no row of FOREIGN")
            continue
        allowed = FOREIGN[library]
        outside = {place for place in places if not any(fnmatch(place, one) for one in allowed)}
        if outside:
            wrong.append(
                f"{library} is imported by {', '.join(sorted(outside))}; only {', '.join(allowed)} may"
            )
        if library not in SEVERAL_IMPORTERS and len(places) > 1:
            wrong.append(f"{library} has more than one importer: {', '.join(sorted(places))}")
    assert not wrong, "\n".join(wrong)


def test_what_setup_cfg_requires_is_what_is_imported() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].splitlines()
    names = {
        found.group().lower().replace("-", "_")
        for line in lines
        if not line.startswith("#") and (found := re.match(r"[\w-]+", line))
    }
    required = {IMPORT_NAMES.get(name, name) for name in names}
    in_package = set(foreign_importers()) - {"subprocess"} - FROM_SYSTEM
    in_scripts = {
        name.split(".")[0]
        for path in (ROOT / "scripts").rglob("*.py")
        for name in imported(Module(name=path.stem, path=path, tree=ast.parse(path.read_bytes())))
    }
    assert in_package - required == set(), "imported, and not in install_requires"
    assert required - in_package - in_scripts <= FOR_OTHERS, "in install_requires, and imported by nothing"


BANNED_CALLS = {
    "os.system", "os.popen", "os.fork", "os.forkpty", "pty.spawn", "pty.fork",
    "eval", "exec", "builtins.eval", "builtins.exec", "__import__",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load",
    "pickle.load", "pickle.loads", "marshal.loads",
}  # fmt: skip
BANNED_PREFIXES = (
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
)


def test_files_that_are_no_modules_are_installed_too() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = [one.strip() for one in setup["options.package_data"][PACKAGE].split(",")]
    files = [path.relative_to(ROOT / PACKAGE) for path in (ROOT / PACKAGE).rglob("*.*") if path.is_file()]
    others = {str(path) for path in files if path.suffix not in (".py", ".pyc")}
    assert "tools/sandbox/overlay.sh" in others
    assert {path for path in others if not any(fnmatch(path, one) for one in patterns)} == set()


def test_no_second_door_and_no_text_run_as_program() -> None:
    wrong = []
    for module in modules().values():
        for node in ast.walk(module.tree):
            where = f"{module.place}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called in BANNED_CALLS or called.startswith(BANNED_PREFIXES):
                    wrong.append(f"{where}: calls {called}")
                if any(word.arg == "shell" for word in node.keywords):
                    wrong.append(f"{where}: gives shell=")
            elif isinstance(node, ast.ImportFrom) and node.module in (
                "os",
                "pty",
                "yaml",
                "pickle",
                "marshal",
            ):
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                for name in sorted(names):
                    if name in BANNED_CALLS or name.startswith(BANNED_PREFIXES):
                        wrong.append(f"{where}: imports {name}")
    assert not wrong, "\n".join(wrong)


def test_git_is_started_in_one_place() -> None:
    """Elsewhere a protection could be left out: every git process has one of the profiles of tools/git/command.py."""
    found = set()
    for module in modules().values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("process.", "run", "start")):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.List) and first.elts and ast.unparse(first.elts[0]) == "'git'":
                    found.add(f"{module.place}:{node.lineno}")
            elif isinstance(node, ast.Constant) and node.value == "GIT_DIR":
                found.add(module.place)
    assert found == {"tools/git/command.py"}


def test_every_module_and_public_name_has_a_docstring() -> None:
    wrong = []
    for module in modules().values():
        text = ast.get_docstring(module.tree) or ""
        if not text.split("\n\n")[0].rstrip().endswith((".", "?", ")")):
            wrong.append(f"{module.place}: its docstring does not begin with a sentence")
        for owner, node in public_names(module.tree, module.place):
            if not ast.get_docstring(node):
                wrong.append(f"{owner}:{node.lineno}: {node.name} has no docstring")
    assert not wrong, "\n".join(wrong)


Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def public_names(
    tree: ast.Module | ast.ClassDef, owner: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public functions, classes and methods, with the file they stand in."""
    for node in tree.body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield owner, node
            if isinstance(node, ast.ClassDef):
                yield from public_names(node, owner)


def test_rooms_are_small_and_functions_read_on_one_screen() -> None:
    wrong = []
    for module in modules().values():
        lines = len(module.path.read_bytes().splitlines())
        if lines > LONGEST_MODULE:
            wrong.append(f"{module.place} has {lines} lines; {LONGEST_MODULE} are the limit: split it")
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    wrong.append(f"{module.place}:{node.lineno}: {node.name} has {length} lines: make it two")
    assert not wrong, "\n".join(wrong)


def test_tests_are_skipped_in_one_way_only() -> None:
    """`require` and `shared` of conftest.py: other skips would stay silent where CI is set."""
    wrong = []
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert Path(__file__) in files
    for path in files:
        for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
            if isinstance(node, ast.Attribute):
                name = ast.unparse(node)
                if re.fullmatch(r"pytest\.(skip|importorskip|mark\.skip|mark\.skipif)", name):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert not wrong, "\n".join(wrong)


def registry_hosts() -> set[str]:
    """Hosts that this machine's pip, npm and apt fetch from, by their own account."""
    texts = []
    for command in (
        [sys.executable, "-m", "pip", "config", "list"],
        ["npm", "config", "get", "registry"],
    ):
        if shutil.which(command[0]):
            result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
            texts.append(result.stdout.decode())
    index = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pip._internal.models.index import PyPI as i; print(i.url, f'https://{i.file_storage_domain}')",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    texts.append(index.stdout.decode())
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if path.is_file():
            texts.append(path.read_text("utf-8", "replace"))
    hosts = re.findall(
        r"https?://(?:[^/@\s]*@)?(?:www\.)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", "\n".join(texts)
    )
    return {host.lower() for host in hosts if not re.fullmatch(r"[0-9.]+|localhost.*", host)}


def test_no_tracked_file_names_a_package_registry() -> None:
    hosts = registry_hosts()
    assert hosts, "not even the default index of pip was found: the check would see nothing"
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = [name for name in listing.stdout.split(b"\0") if name]
    assert b"tests/test_architecture.py" in names
    pattern = re.compile("|".join(re.escape(host) for host in sorted(hosts)).encode(), re.IGNORECASE)
    wrong = []
    for name in names:
        path = ROOT / os.fsdecode(name)
        if path.is_file() and (found := pattern.search(path.read_bytes())):
            wrong.append(f"{os.fsdecode(name)}: {found.group().decode()}")
    assert not wrong, "read the host from the machine's own configuration instead:\n" + "\n".join(wrong)
