"""Streams and packages of modules as real dnf treats them (tests/cases/test_as_dnf.py compares them)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra
from altai_build.tools.repo.modules import ModuleDefault, Modules, ModuleStream
from altai_build.tools.solver.modules import select_active_streams
from tests.kit.closures import close_over, refusal, shipped
from tests.kit.repodata import describe_default, describe_module
from tests.kit.repositories import Package

P = Package
OUR = P("our", requires=["nodejs"])
NODES = (P("nodejs", "10", epoch=1), P("nodejs", "18", epoch=1))
STREAMS = describe_module("nodejs", "10", "nodejs-1:10-1.noarch") + describe_module(
    "nodejs", "18", "nodejs-1:18-1.noarch"
)
DEFAULT_10 = STREAMS + describe_default("nodejs", "10")


def make_stream(label: str, **requires: tuple[str, ...]) -> ModuleStream:
    name, _, version = label.partition(":")
    artifact = Nevra(name=name, epoch=0, version=version, release="1", arch="noarch")
    return ModuleStream(name, version, (tuple(requires.items()),), (artifact,))


def active(*streams: ModuleStream, defaults: str = "", chosen: str = "", platform: str = "") -> set[str]:
    def pairs(text: str) -> dict[str, str]:
        return dict(label.split(":") for label in text.split())

    found = [ModuleDefault(name, version, 0) for name, version in pairs(defaults).items()]
    chosen_streams = select_active_streams([Modules(streams, tuple(found))], pairs(chosen), platform)
    return {stream.label for stream in chosen_streams}


PERLS = (make_stream("perl:5.26"), make_stream("perl:5.30"))


def test_default_and_chosen_streams_are_active_with_what_they_require() -> None:
    assert active(*PERLS) == set()
    assert active(*PERLS, defaults="perl:5.26") == {"perl:5.26"}
    assert active(*PERLS, defaults="perl:5.26", chosen="perl:5.30") == {"perl:5.30"}
    assert active(*PERLS, defaults="perl:none") == set()
    app = make_stream("app:1", perl=("5.30",))
    assert active(app, *PERLS, defaults="app:1") == {"app:1", "perl:5.30"}
    assert active(app, *PERLS, chosen="app:1", defaults="perl:5.26") == {"app:1", "perl:5.30"}
    assert active(make_stream("app:1", perl=("-5.30",)), *PERLS, defaults="app:1") == {"app:1", "perl:5.26"}
    assert "app:1" in active(make_stream("app:1", perl=()), *PERLS, defaults="app:1")


def test_of_builds_for_several_streams_those_for_the_active_one_are_active() -> None:
    def build(version: int, **requires: tuple[str, ...]) -> ModuleStream:
        artifact = Nevra(name="dbi", epoch=0, version=f"{version}", release="1", arch="noarch")
        return replace(make_stream("dbi:1", **requires), artifacts=(artifact,))

    builds = [build(1, perl=("5.30",)), build(2, perl=("5.26",)), build(3, perl=("5.26",))]
    defaults = [ModuleDefault("dbi", "1", 0), ModuleDefault("perl", "5.26", 0)]

    def list_active(chosen: dict[str, str], *defaults: ModuleDefault) -> list[str]:
        found = select_active_streams([Modules((*builds, *PERLS), defaults)], chosen, "")
        return [nevra.version for stream in found for nevra in stream.artifacts if nevra.name == "dbi"]

    assert list_active({}, *defaults) == ["2", "3"]
    assert list_active({"perl": "5.30"}, *defaults) == ["1"]
    # As in dnf, the first by name.
    assert list_active({}, defaults[0]) == ["2", "3"]


def test_default_streams_that_cannot_be_active_are_left_out() -> None:
    assert active(make_stream("app:1", perl=("5.99",)), *PERLS, defaults="app:1 perl:5.26") == {"perl:5.26"}
    both = (make_stream("app:1", perl=("5.30",)), make_stream("web:1", perl=("5.26",)))
    assert len(active(*both, *PERLS, defaults="app:1 web:1")) == 2


def test_the_platform_counts_where_it_is_known() -> None:
    app = make_stream("app:1", platform=("el8",))
    assert active(app, defaults="app:1") == active(app, defaults="app:1", platform="el8") == {"app:1"}
    assert active(app, defaults="app:1", platform="el9") == set()
    assert active(make_stream("app:1", platform=("-el9",)), defaults="app:1", platform="el9") == set()
    assert active(make_stream("app:1", platform=()), defaults="app:1", platform="el9") == {"app:1"}


def test_streams_that_do_not_exist_or_exclude_one_another_cannot_be_chosen() -> None:
    with pytest.raises(InputError, match="chooses streams that no repository has") as caught:
        active(*PERLS, chosen="perl:6 pearl:1")
    assert caught.value.why == "  perl: 6; there is 5.26, 5.30\n  pearl: 1; there is no such module"
    with pytest.raises(InputError, match="cannot be active together"):
        active(make_stream("app:1", perl=("5.30",)), *PERLS, chosen="app:1 perl:5.26")


def test_the_package_of_the_default_stream_is_locked(tmp_path: Path) -> None:
    assert shipped(close_over(tmp_path, OUR, mirror=NODES, modules=DEFAULT_10)) == {"epel/nodejs-1:10-1"}


def test_the_package_of_the_chosen_stream_is_locked(tmp_path: Path) -> None:
    closure = close_over(tmp_path, OUR, mirror=NODES, modules=DEFAULT_10, chosen={"nodejs": "18"})
    assert shipped(closure) == {"epel/nodejs-1:18-1"}


def test_without_a_default_stream_the_packages_are_not_there(tmp_path: Path) -> None:
    error = refusal(lambda: close_over(tmp_path, OUR, mirror=NODES, modules=STREAMS))
    assert error.why.splitlines() == [
        "  our-1.0-1.noarch requires nodejs",
        "    only nodejs-1:10-1.noarch (epel), nodejs-1:18-1.noarch (epel) provides it, in a module stream that is not "
        "active (`modules` in repos.yaml chooses streams)",
    ]


def test_packages_of_active_streams_take_the_place_of_others_of_their_name(tmp_path: Path) -> None:
    others = (P("nodejs", "12", epoch=1), P("iojs", "99", provides=["nodejs = 2:99"]))
    closure = close_over(tmp_path, OUR, mirror=(*NODES, *others), modules=DEFAULT_10)
    assert shipped(closure) == {"epel/nodejs-1:10-1"}


def test_default_streams_of_base_count_for_mirrors(tmp_path: Path) -> None:
    ours = P("our", requires=["nodejs >= 1:12"])
    error = refusal(
        lambda: close_over(
            tmp_path, ours, base=NODES, base_modules=DEFAULT_10, mirror=[P("nodejs", "12", epoch=1)]
        )
    )
    assert "nodejs-1:12-1.noarch (epel)" in error.why and "module stream" in error.why
