"""Versions that fit together for a target's Python: markers, extras, wheels before source archives, kept versions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from altai_build.errors import InputError
from altai_build.tools.pypi.interpreter import Interpreter
from altai_build.tools.pypi.metadata import Metadata
from altai_build.tools.pypi.resolve import Chosen, Index, is_pure_wheel_for, resolve_distributions

PY2, PY3 = Interpreter("2.7.18", "x86_64"), Interpreter("3.6.8", "x86_64")


@dataclass(frozen=True)
class File:
    project: str
    version: str
    name: str
    requires_python: str
    is_sdist: bool
    is_yanked: bool
    requires: tuple[str, ...] | None


class World:
    """An index in memory."""

    def __init__(self) -> None:
        self.files: dict[str, list[File]] = {}

    def add(
        self, name: str, *requires: str, python: str = "", yanked: bool = False, unknown: bool = False
    ) -> None:
        """A file, by its name."""
        is_sdist = name.endswith(".tar.gz")
        project, version = name.removesuffix(".tar.gz").split("-")[:2]
        known = None if unknown else requires
        self.files.setdefault(project, []).append(
            File(project, version, name, python, is_sdist, yanked, known)
        )

    def resolve(
        self, *requirements: str, interpreter: Interpreter = PY2, locked: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Project → file."""
        return {one.project: one.file.name for one in self.choose(requirements, interpreter, locked or {})}

    def choose(
        self, requirements: Sequence[str], interpreter: Interpreter, locked: dict[str, str]
    ) -> tuple[Chosen, ...]:
        index = Index(self.files.get, lambda file: Metadata(file.requires))
        return resolve_distributions(requirements, interpreter, index, locked)

    def refusal(self, *requirements: str) -> InputError:
        with pytest.raises(InputError) as caught:
            self.resolve(*requirements)
        return caught.value


@pytest.fixture
def world() -> World:
    world = World()
    world.add("mock-4.0-py3-none-any.whl", python=">=3.6")
    world.add("mock-3.0-py2.py3-none-any.whl", "six", 'funcsigs>=1; python_version < "3.3"', python=">=2.7")
    world.add("mock-1.0.tar.gz")
    world.add("six-1.2-py2.py3-none-any.whl")
    world.add("six-1.3.dev1-py2.py3-none-any.whl")
    world.add("six-1.1-py2.py3-none-any.whl")
    world.add("funcsigs-1.0-py2.py3-none-any.whl")
    return world


def test_the_newest_versions_for_each_python(world: World) -> None:
    assert world.resolve("mock") == {
        "mock": "mock-3.0-py2.py3-none-any.whl",
        "six": "six-1.2-py2.py3-none-any.whl",
        "funcsigs": "funcsigs-1.0-py2.py3-none-any.whl",
    }
    assert world.resolve("mock", interpreter=PY3) == {"mock": "mock-4.0-py3-none-any.whl"}


def test_a_kept_version_stays_as_long_as_it_fits(world: World) -> None:
    assert world.resolve("six", locked={"six": "1.1"}) == {"six": "six-1.1-py2.py3-none-any.whl"}
    assert world.resolve("six>1.1", locked={"six": "1.1"}) == {"six": "six-1.2-py2.py3-none-any.whl"}


def test_a_pure_wheel_comes_before_a_source_archive_and_others_do_not_count(world: World) -> None:
    world.add("a-2-cp27-cp27mu-manylinux1_x86_64.whl")
    world.add("a-2.tar.gz")
    world.add("b-2.tar.gz")
    world.add("b-2-py2-none-any.whl")
    assert world.resolve("a", "b") == {"a": "a-2.tar.gz", "b": "b-2-py2-none-any.whl"}


def test_pre_releases_and_withdrawn_files_are_the_last_choice(world: World) -> None:
    world.add("six-1.4-py2.py3-none-any.whl", yanked=True)
    assert world.resolve("six") == {"six": "six-1.2-py2.py3-none-any.whl"}
    assert world.resolve("six>=1.3.dev0") == {"six": "six-1.3.dev1-py2.py3-none-any.whl"}
    assert world.resolve("six==1.4") == {"six": "six-1.4-py2.py3-none-any.whl"}
    world.add("pre-1.0b1-py2-none-any.whl")
    assert world.resolve("pre") == {"pre": "pre-1.0b1-py2-none-any.whl"}


def test_extras_bring_their_requirements(world: World) -> None:
    world.add("tool-1-py2-none-any.whl", 'mock<2; extra == "old"', 'six; extra == "More_Things"')
    assert world.resolve("Tool") == {"tool": "tool-1-py2-none-any.whl"}
    assert set(world.resolve("tool[old]")) == {"tool", "mock"}
    assert set(world.resolve("tool[old,more-things]")) == {"tool", "mock", "six"}


def test_an_older_version_is_taken_where_the_newest_does_not_fit(world: World) -> None:
    world.add("x-2-py2-none-any.whl", "six<1")
    world.add("x-1-py2-none-any.whl", "six>1")
    assert world.resolve("x", "six") == {"x": "x-1-py2-none-any.whl", "six": "six-1.2-py2.py3-none-any.whl"}


def test_who_needs_each_and_what_is_uncertain(world: World) -> None:
    world.add("y-1.tar.gz", unknown=True)
    chosen = world.choose(["mock>=2", "six", "y"], PY2, {})
    assert [(one.project, one.version, one.needed_by, one.is_certain) for one in chosen] == [
        ("funcsigs", "1.0", ("mock",), True),
        ("mock", "3.0", ("mock>=2",), True),
        ("six", "1.2", ("mock", "six"), True),
        ("y", "1", ("y",), False),
    ]


def test_a_conflict_is_explained(world: World) -> None:
    world.add("x-1-py2-none-any.whl", "six<1")
    error = world.refusal("x", "six>=1")
    assert error.what == "the requirements x, six>=1 cannot be fulfilled for Python 2.7.18"
    assert set(error.why.split("\n")) == {
        "repos.yaml requires six>=1",
        "x 1 requires six<1",
        "the package index has six 1.3.dev1, 1.2, 1.1 for Python 2.7.18",
    }


def test_what_the_index_does_not_have(world: World) -> None:
    world.files["gone"] = []
    assert "the package index has no project nothing" in world.refusal("nothing").why
    assert "the package index has no version of gone for Python 2.7.18" in world.refusal("gone").why


def test_urls_and_texts_that_are_no_requirements_are_refused(world: World) -> None:
    assert world.refusal("x @ https://example.org/x.zip").what == "'x @ https://example.org/x.zip' is a URL"
    assert world.refusal("x y").what == "'x y' is no requirement"
    world.add("z-1-py2-none-any.whl", "a @ file:///etc/passwd")
    assert world.refusal("z").what == "z 1 requires 'a @ file:///etc/passwd', which is a URL"


@pytest.mark.parametrize(
    ("name", "usable"),
    [
        ("a-1-py2.py3-none-any.whl", [True, True]),
        ("a-1-py3-none-any.whl", [False, True]),
        ("a-1-py27-none-any.whl", [True, False]),
        ("a-1-py36-none-any.whl", [False, True]),
        ("a-1-py37-none-any.whl", [False, False]),
        ("a-1-cp27-cp27mu-manylinux1_x86_64.whl", [False, False]),
        ("a-1-py3-none-manylinux1_x86_64.whl", [False, False]),
        ("a.whl", [False, False]),
    ],
)
def test_pure_wheels(name: str, usable: list[bool]) -> None:
    assert [is_pure_wheel_for(name, one) for one in (PY2, PY3)] == usable
