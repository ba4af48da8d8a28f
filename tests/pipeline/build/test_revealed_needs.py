"""Finished builds reveal who needs whom: by what packages provide, and by what buildroots hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.model.order import OrderedComponent
from altai_build.pipeline.build.revealed_needs import (
    NeedsWatch,
    RevealedNeed,
    add_revealed_needs,
    read_revealed_needs,
    write_revealed_needs,
)
from altai_build.tools.sealed_json import dump_sealed


def component(name: str, *requires: str, provides: str = "") -> OrderedComponent:
    return OrderedComponent(name, frozenset({name, provides} - {""}), requires, ())


def built(name: str, *provides: str, files: tuple[str, ...] = (), root: tuple[str, ...] = ()) -> BuildResult:
    header = SimpleNamespace(
        nevra=SimpleNamespace(name=f"python3-{name}"),
        provides=tuple(SimpleNamespace(name=one) for one in provides),
        files=tuple(SimpleNamespace(path=path) for path in files),
    )
    rpm: Any = SimpleNamespace(header=header)
    return BuildResult(name, "c", ComponentStatus.BUILT, "", rpms=(rpm,), buildroot=root)


def test_what_packages_provide() -> None:
    watch = NeedsWatch([component("app", "python3dist(six)", "/usr/bin/six"), component("six")], {})
    assert watch.add(built("app")) == []
    assert watch.add(built("six", "python3dist(six)", "other", files=("/usr/bin/six", "/x"))) == [
        RevealedNeed("app", "six", "/usr/bin/six"),
        RevealedNeed("app", "six", "python3dist(six)"),
    ]


def test_what_buildroots_hold() -> None:
    root = ("python3-six-1.0-1.noarch sha256:0", "bash-5-1.x86_64 sha256:1")
    need = RevealedNeed("app", "six", "python3-six")
    for first, second in ((built("app", root=root), built("six")), (built("six"), built("app", root=root))):
        watch = NeedsWatch([component("app"), component("six")], {})
        assert watch.add(first) == [] and watch.add(second) == [need]


def test_the_base_of_a_buildroot_is_never_replaced() -> None:
    watch = NeedsWatch([component("app")], {"app": frozenset({"python3-six"})})
    watch.add(built("six"))
    assert watch.add(built("app", root=("python3-six-1.0-1.noarch sha256:0",))) == []


def test_nobody_needs_its_own_packages_or_those_of_a_failed_build() -> None:
    watch = NeedsWatch([component("six", "python3-six")], {})
    root = ("python3-six-1.0-1.noarch sha256:0",)
    assert watch.add(built("six", root=root)) == []
    assert watch.add(BuildResult("app", "c", ComponentStatus.FAILED, "", buildroot=root)) == []


def test_needs_are_added_to_the_order() -> None:
    extended, left_out = add_revealed_needs(
        [component("app", "gcc"), component("six")],
        [RevealedNeed("app", "six", "python3dist(six)"), RevealedNeed("app", "gone", "x")],
    )
    assert left_out == []
    assert [(one.build_requires, one.provides) for one in extended] == [
        (("gcc", "python3dist(six)"), frozenset({"app"})),
        ((), frozenset({"six", "python3dist(six)"})),
    ]


def test_needs_that_make_a_cycle_are_left_out() -> None:
    components = [component("app"), component("six", "app"), component("b"), component("c", "six")]
    circular = [RevealedNeed("app", "six", "x"), RevealedNeed("app", "c", "z")]
    extended, left_out = add_revealed_needs(components, [*circular, RevealedNeed("b", "c", "y")])
    assert left_out == circular
    assert [one.build_requires for one in extended] == [(), ("app",), ("y",), ("six",)]


def test_notes_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "needs.json"
    assert read_revealed_needs(path) == []
    first, other = RevealedNeed("app", "six", "x"), RevealedNeed("b", "c", "y")
    write_revealed_needs(path, [first, other], {"app", "b"})
    assert read_revealed_needs(path) == [first, other]
    write_revealed_needs(path, [], {"app"})
    assert read_revealed_needs(path) == [other]
    noted = path.read_bytes()
    for place in range(len(noted)):
        path.write_bytes(noted[:place] + bytes([noted[place] ^ 1]) + noted[place + 1 :])
        assert read_revealed_needs(path) == []
    for wrong in ({"x": 1}, {"needs": 7}, {"needs": [[1]]}, {"needs": [{"a": 1}]}):
        path.write_bytes(dump_sealed(wrong))
        assert read_revealed_needs(path) == []
