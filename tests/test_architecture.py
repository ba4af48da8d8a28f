"""The structure of the package: layers, no import cycles, one importer per library, small files, mirrored tests."""

from __future__ import annotations

import ast
import configparser
import functools
import graphlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "altai_build"

# From the top down; a module imports from layers below its own, and from its own package.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__main__",),
    ("cli",),
    ("api",),
    ("pipeline",),
    ("stages",),
    ("rules",),
    ("ledger", "workspace"),
    ("tools", "config"),
    ("model",),
    ("errors", "regular_files", "__init__"),
)

# Which files below altai_build/ (patterns) may import a library that is dangerous or not in the standard library.
# ANY_FILE: any file, but only one. A comment gives the reason where the names do not.
ANY_FILE = ("*",)
FOREIGN: dict[str, tuple[str, ...]] = {
    "subprocess": ("tools/process.py",),
    "rpm": ("tools/rpm/bindings.py",),
    "gnupg": ("tools/openpgp/keyring.py",),
    # The metadata of a folder of packages, and that of several such folders as one.
    "createrepo_c": ("tools/repo/repodata.py", "tools/repo/whole_index.py"),
    # Two uses of one library: what a release needs, and how installed packages are upgraded.
    "solv": ("tools/solver/*.py",),
    # The user's own clone, where neither speed nor hostile input matters; the scripts use it too.
    "git": ("tools/git/revision_hints.py",),
    "deflate": ("tools/git/archive.py",),
    "requests": ("tools/http/session.py", "tools/http/transfer.py"),
    "jinja2": ("tools/html_page.py",),
    "templated_dictionary": ("tools/mock/evaluate_child.py",),
    "pypi_simple": ANY_FILE,
    # Names, versions, markers and metadata of Python distributions.
    "packaging": ("tools/pypi/*.py",),
    "resolvelib": ANY_FILE,
    "spdx_tools": ("tools/sbom/spdx.py",),
    "cyclonedx": ("tools/sbom/cyclonedx.py", "tools/sbom/license.py"),
    "packageurl": ("tools/sbom/purl.py",),
    "yaml": ("config/*.py", "tools/repo/modules.py"),
    "zstandard": ("tools/repo/compression.py",),
    "click": ("cli/*.py",),
    # What only a sandbox runs, and the worker, which is a program of its own: both unpickle what others send.
    "distributed": ("tools/dask/client_child.py", "tools/dask/worker.py"),
    # Messages, and the events of the sandboxed client.
    "msgspec": ("tools/dask/*.py",),
    "rich": ("tools/progress.py", "tools/live.py", "cli/*.py"),
}
# Every other library has one importer. The license list of cyclonedx serves both bills of materials.
SEVERAL_IMPORTERS = {
    *("click", "createrepo_c", "cyclonedx", "distributed", "msgspec"),
    *("packaging", "requests", "rich", "solv", "yaml"),
}

# Files that may be read without regular_files.py: a FIFO in place of any other would block, a device would never end.
READ_AS_THEY_ARE = {
    "tools/openpgp/agent.py": "/proc",
    "tools/openpgp/agents.py": "/proc",
    "tools/sandbox/bubblewrap.py": "/proc",
    "tools/sandbox/cgroup.py": "/proc and /sys/fs/cgroup",
    "tools/spec/macrofiles.py": "the macros of this machine's rpm",
    "tools/git/layout.py": "regular, because it looks before",
    "tools/git/revisions.py": "the file of git's own that lists the ends of a shallow clone",
    "tools/mock/evaluate_child.py": "in the sandbox",
    "tools/spec/reader_child.py": "in the sandbox",
}

# The import names of distributions that have another name in setup.cfg.
IMPORT_NAMES = {
    "gitpython": "git",
    "pyyaml": "yaml",
    "python_gnupg": "gnupg",
    "cyclonedx_python_lib": "cyclonedx",
    "packageurl_python": "packageurl",
}

# Not imported here: other libraries use them when they are installed.
FOR_OTHERS = {"jsonschema"}  # cyclonedx: its validation

# Not on PyPI: scripts/setup links it from the system's Python.
FROM_SYSTEM = {"rpm"}

# lines
LONGEST_MODULE = 400
LONGEST_FUNCTION = 100
# Files that may be longer: the limit of each, and the reason.
LONG_MODULES: dict[str, tuple[int, str]] = {}


@dataclass(frozen=True)
class Module:
    """One file of the package; `name` is dotted and without the package: `tools.files`, `config.__init__`."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def file(self) -> str:
        return self.path.relative_to(ROOT / PACKAGE).as_posix()

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of its nodes: most tests look at each."""
        return tuple(ast.walk(self.tree))

    @property
    def top(self) -> str:
        """The package or module directly below altai_build/."""
        return self.name.split(".")[0]


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of the package by its name; without what buildroots run, with the Python of a component."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        if path.parent.name == "in_buildroot":
            continue
        name = ".".join(path.relative_to(ROOT / PACKAGE).with_suffix("").parts)
        found[name] = Module(name=name, path=path, tree=ast.parse(path.read_bytes(), str(path)))
    return found


def imported(module: Module) -> Iterator[str]:
    """Absolute names a module imports, wherever in it: inside functions and under TYPE_CHECKING too."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.file}:{node.lineno}: a relative import; name the package"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner_imports(module: Module) -> set[str]:
    """The modules of this package that a module imports."""
    found = {own_module(name) for name in imported(module) if name.split(".")[0] == PACKAGE}
    return found - {module.name}


@functools.cache
def own_module(full: str) -> str:
    """The module of an imported name: `altai_build.tools.files` itself, or the module that defines the name."""
    parts = full.split(".")[1:]
    for shorter in (parts, parts[:-1]):
        for name in (".".join(shorter), ".".join([*shorter, "__init__"])):
            if name in modules():
                return name
    raise AssertionError(f"{full} is imported, but is not a module of {PACKAGE}")


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` of such an expression, with (…) for what is no name before the first dot."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "(…)")
    return ".".join(reversed(parts))


def layer(top: str) -> int:
    """The number of a package's layer, counted from the top."""
    for number, packages in enumerate(LAYERS):
        if top in packages:
            return number
    raise AssertionError(f"{PACKAGE}/{top} is in no layer: add it to LAYERS and to docs/architecture.md")


@functools.cache
def is_standard(library: str) -> bool:
    """True for a top-level name of the standard library."""
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
    """For each library of FOREIGN or outside the standard library, the files that import it."""
    importers: dict[str, set[str]] = {}
    for module in modules().values():
        for library in {name.split(".")[0] for name in imported(module)} - {PACKAGE}:
            if library in FOREIGN or not is_standard(library):
                importers.setdefault(library, set()).add(module.file)
    return importers


def test_the_modules_are_found() -> None:
    assert {"errors", "tools.process", "model.nevra", "config.load"} <= set(modules())


def test_imports_go_down() -> None:
    wrong = []
    for module in modules().values():
        for name in inner_imports(module):
            top = name.split(".")[0]
            if top != module.top and layer(top) <= layer(module.top):
                wrong.append(f"{module.name} imports {name}, which is not in a layer below it")
    assert not wrong, "\n".join(wrong)


def test_modules_have_no_import_cycle() -> None:
    graph = {module.name: inner_imports(module) for module in modules().values()}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("an import cycle: " + " → ".join(error.args[1]))


def test_packages_have_no_import_cycle() -> None:
    """Two packages of one layer that import each other are one package in two folders."""
    graph: dict[str, set[str]] = {}
    for module in modules().values():
        package = package_of(module.name)
        others = {package_of(name) for name in inner_imports(module)} - {package}
        graph.setdefault(package, set()).update(others)
    assert {"tools.git", "tools.solver", "pipeline.build"} <= set(graph)
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail("a cycle of packages: " + " → ".join(error.args[1]))


def package_of(name: str) -> str:
    """The package of a module; a module directly in `tools` or `pipeline` counts as its own package."""
    parts = name.split(".")
    if parts[-1] == "__init__":
        parts.pop()
    if parts and parts[0] in ("tools", "pipeline"):
        return ".".join(parts[:2])
    return parts[0] if parts else PACKAGE


def test_links_are_resolved_by_the_function_that_copes_with_circles() -> None:
    """Path.resolve raises RuntimeError for a link to itself, which is no OSError."""
    wrong = [
        f"{module.file}:{node.lineno}"
        for module in modules().values()
        for node in module.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "resolve"
        and "esolver" not in ast.unparse(node.func.value)
        and "__file__" not in ast.unparse(node.func.value)
    ]
    assert not wrong, f"use resolve_links: {wrong}"


def test_a_stage_imports_no_stage() -> None:
    """A stage is a module or a package of stages/."""
    wrong = [
        f"{module.name} imports {name}"
        for module in modules().values()
        if module.top == "stages"
        for name in inner_imports(module)
        if name.startswith("stages.") and name.split(".")[1] != module.name.split(".")[1]
    ]
    assert not wrong, "\n".join(wrong)


def test_libraries_are_imported_only_where_allowed() -> None:
    wrong = []
    for library, files in sorted(foreign_importers().items()):
        if library not in FOREIGN:
            wrong.append(f"{library} (imported by {', '.join(sorted(files))}) is not in FOREIGN")
            continue
        allowed = FOREIGN[library]
        outside = {file for file in files if not any(fnmatch(file, pattern) for pattern in allowed)}
        if outside:
            wrong.append(
                f"{library} is imported by {', '.join(sorted(outside))}; only {', '.join(allowed)} may import it"
            )
        if library not in SEVERAL_IMPORTERS and len(files) > 1:
            wrong.append(f"{library} has more than one importer: {', '.join(sorted(files))}")
    assert not wrong, "\n".join(wrong)


def test_setup_cfg_requires_exactly_what_is_imported() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].splitlines()
    # Without these everything but builds on other machines works.
    lines += setup["options.extras_require"]["dask"].splitlines()
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
    assert in_package - required == set(), "imported, but not in install_requires"
    assert required - in_package - in_scripts <= FOR_OTHERS, "in install_requires, but never imported"


BANNED_CALLS = {
    "os.system", "os.popen", "os.fork", "os.forkpty", "pty.spawn", "pty.fork",
    "eval", "exec", "builtins.eval", "builtins.exec", "__import__",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load",
    "pickle.load", "pickle.loads", "marshal.loads",
}  # fmt: skip
# Runs in a sandbox only, and is made to run a foreign text.
EXEC_ALLOWED = {("tools/mock/evaluate_child.py", "exec")}
BANNED_PREFIXES = (
    "os.exec",
    "os.spawn",
    "os.posix_spawn",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
)


def test_data_files_are_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    patterns = [pattern.strip() for pattern in setup["options.package_data"][PACKAGE].split(",")]
    files = [path.relative_to(ROOT / PACKAGE) for path in (ROOT / PACKAGE).rglob("*.*") if path.is_file()]
    others = {str(path) for path in files if path.suffix not in (".py", ".pyc")}
    assert "tools/sandbox/overlay.sh" in others
    assert {path for path in others if not any(fnmatch(path, pattern) for pattern in patterns)} == set()


def test_no_other_way_to_start_a_program_and_no_text_run_as_code() -> None:
    wrong = []
    for module in modules().values():
        for node in module.nodes:
            where = f"{module.file}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                called = dotted_name(node.func)
                is_banned = called in BANNED_CALLS or called.startswith(BANNED_PREFIXES)
                if is_banned and (module.file, called) not in EXEC_ALLOWED:
                    wrong.append(f"{where}: calls {called}")
                if any(word.arg == "shell" for word in node.keywords):
                    wrong.append(f"{where}: passes shell=")
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
    """Every git process has one of the profiles of tools/git/command.py, so that none lacks its protections."""
    found = set()
    for module in modules().values():
        for node in module.nodes:
            if isinstance(node, ast.Call) and dotted_name(node.func).startswith(("process.", "run", "start")):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.List) and first.elts and ast.unparse(first.elts[0]) == "'git'":
                    found.add(f"{module.file}:{node.lineno}")
            elif isinstance(node, ast.Constant) and node.value == "GIT_DIR":
                found.add(module.file)
    assert found == {"tools/git/command.py"}


def test_every_module_and_public_name_has_a_docstring() -> None:
    wrong = []
    for module in modules().values():
        text = ast.get_docstring(module.tree) or ""
        if not text.split("\n\n")[0].rstrip().endswith((".", "?", ")")):
            wrong.append(f"{module.file}: its docstring does not start with a sentence")
        for owner, node in public_names(module.tree, module.file):
            if not ast.get_docstring(node):
                wrong.append(f"{owner}:{node.lineno}: {node.name} has no docstring")
    assert not wrong, "\n".join(wrong)


FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITION = (*FUNCTION, ast.ClassDef)


def public_names(
    tree: ast.Module | ast.ClassDef, owner: str
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    """Public functions, classes and methods, with their file."""
    for node in tree.body:
        if isinstance(node, DEFINITION) and not node.name.startswith("_"):
            yield owner, node
            if isinstance(node, ast.ClassDef):
                yield from public_names(node, owner)


def test_files_and_functions_are_short() -> None:
    wrong = []
    for module in modules().values():
        lines = len(module.path.read_bytes().splitlines())
        limit, _ = LONG_MODULES.get(module.file, (LONGEST_MODULE, ""))
        if lines > limit:
            wrong.append(f"{module.file} has {lines} lines; the limit is {limit}: split it")
        for node in module.nodes:
            if isinstance(node, FUNCTION):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    wrong.append(f"{module.file}:{node.lineno}: {node.name} has {length} lines: split it")
    assert set(LONG_MODULES) <= {module.file for module in modules().values()}
    assert not wrong, "\n".join(wrong)


def test_every_module_has_a_test_file_of_its_name() -> None:
    """The tests of tools/git/tags.py are in tests/tools/git/test_tags.py. Packages' __init__ and records need none."""
    missing = {
        module.file
        for module in modules().values()
        if not module.path.name.startswith("__")
        and has_behaviour(module.tree)
        and not path_of_tests(module).exists()
    }
    assert path_of_tests(modules()["config.load"]).exists() and has_behaviour(modules()["config.load"].tree)
    assert not missing, "no test file of this name: " + ", ".join(sorted(missing))


def has_behaviour(tree: ast.Module) -> bool:
    """False for definitions of records and protocols: all their functions are methods of at most one statement."""
    functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTION)]
    return any(node in tree.body or len(statements(node)) > 1 for node in functions)


def statements(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """The statements of a function without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def path_of_tests(module: Module) -> Path:
    """Where the tests of a module are."""
    folder = ROOT / "tests" / Path(module.file).parent
    return folder / f"test_{module.path.name}"


def test_no_code_asks_which_builder_it_has() -> None:
    """What differs between builders is in the Builder protocol, so that a third one is one file and one line."""
    wrong = []
    for module in modules().values():
        for node in module.nodes:
            if isinstance(node, ast.Call) and dotted_name(node.func) in ("isinstance", "issubclass"):
                classes = ast.unparse(node.args[1])
                if re.search(r"Builder\b", classes):
                    wrong.append(f"{module.file}:{node.lineno}: {ast.unparse(node)}")
    assert not wrong, "\n".join(wrong)


def test_tests_are_skipped_only_by_require_and_shared() -> None:
    """`require` and `shared` of conftest.py fail instead of skipping where CI is set; other skips would stay unseen."""
    wrong = []
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    texts = {path: path.read_text() for path in files}
    suspects = {path: text for path, text in texts.items() if "skip" in text}
    assert Path(__file__) in suspects
    for path, text in suspects.items():
        for node in ast.walk(ast.parse(text, str(path))):
            if isinstance(node, ast.Attribute):
                name = dotted_name(node)
                if re.fullmatch(r"pytest\.(skip|importorskip|mark\.skip|mark\.skipif)", name):
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert not wrong, "\n".join(wrong)


def test_dependencies_of_the_solver_are_read_in_one_place() -> None:
    """`lookup_deparray` alone leaves out the requirements of scriptlets; `list_dependencies` does not."""
    callers = {
        module.file
        for module in modules().values()
        for node in module.nodes
        if isinstance(node, ast.Attribute) and node.attr == "lookup_deparray"
    }
    assert callers == {"tools/solver/dependencies.py"}


def test_files_are_opened_by_one_module_which_takes_regular_ones_only() -> None:
    """Specs, keys, packages, manifests, records, caches: others may have put anything in their place."""
    found = {
        f"{module.file}:{call.lineno}"
        for module in modules().values()
        for call in module.nodes
        if isinstance(call, ast.Call)
        and _reads_a_file(call)
        and module.file != "regular_files.py"
        and module.file not in READ_AS_THEY_ARE
    }
    assert found == set()


def _reads_a_file(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    constants = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if name == "read_text":
        return (
            bool({"encoding", "errors"} & {keyword.arg for keyword in call.keywords}) or "utf-8" in constants
        )
    if isinstance(call.func, ast.Name) and name == "open":
        modes = [
            node.value for mode in call.args[1:] for node in ast.walk(mode) if isinstance(node, ast.Constant)
        ]
        return not any(set(str(mode)) & set("wax") for mode in modes)
    return name == "read_bytes"
