"""The files of a component by the names in a report: build folders are left out, other places are no files of it."""

from __future__ import annotations

import pytest

from altai_build.tools.coverage.paths import ComponentFiles, find_module_prefix

FILES = ComponentFiles(
    frozenset({"nova/api.py", "setup.py", "src/main.c", "api.py"}),
    ("/builddir/build/BUILD/nova-1.0", "/src/"),
)


@pytest.mark.parametrize(
    ("name", "folders", "path"),
    [
        ("nova/api.py", [], "nova/api.py"),
        ("./nova/../nova//api.py", [], "nova/api.py"),
        ("/builddir/build/BUILD/nova-1.0/nova/api.py", [], "nova/api.py"),
        ("/src/src/main.c", [], "src/main.c"),
        # Cobertura's sources.
        ("api.py", ["/builddir/build/BUILD/nova-1.0/nova"], "nova/api.py"),
        ("api.py", ["nova"], "nova/api.py"),
        ("main.c", ["/elsewhere", "/src/src"], "src/main.c"),
        ("main.c", ["./src"], "src/main.c"),
        # Copies in build folders.
        ("/builddir/build/BUILD/nova-1.0/build/lib.linux-x86_64-2.7/nova/api.py", [], "nova/api.py"),
        ("build/lib/nova/api.py", [], "nova/api.py"),
        (".tox/py27/lib/python2.7/site-packages/nova/api.py", [], "nova/api.py"),
        # Other files.
        ("/usr/lib/python2.7/site-packages/nova/api.py", [], None),
        ("/builddir/build/BUILD/nova-1.0evil/nova/api.py", [], None),
        ("../nova-1.0/nova/api.py", [], None),
        ("/builddir/build/BUILD/nova-1.0/../../../etc/passwd", [], None),
        ("nova/version.py", [], None),
        ("/etc/passwd", ["/builddir/build/BUILD/nova-1.0"], None),
        ("..", [], None),
        ("/", [], None),
    ],
)
def test_the_file_that_a_name_means(name: str, folders: list[str], path: str | None) -> None:
    assert FILES.locate(name, folders) == path


@pytest.mark.parametrize(
    ("names", "prefix"),
    [
        (["example.org/m/main.go", "example.org/m/sub/a.go"], "example.org/m/"),
        (["main.go"], ""),
        (["example.org/m/v2/sub/a.go", "example.org/m/v2/gone.go"], "example.org/m/v2/"),
        (["example.org/other.go"], ""),
        ([], ""),
    ],
)
def test_the_name_of_a_go_module(names: list[str], prefix: str) -> None:
    assert find_module_prefix(names, frozenset({"main.go", "sub/a.go"})) == prefix
