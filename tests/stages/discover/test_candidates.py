"""Specs are found in the root, in pinned repositories and in folders of specs, before any is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import Config, load_config
from altai_build.errors import InputError
from altai_build.model.component import ComponentKind, ComponentWithoutSrpm
from altai_build.stages.discover.candidates import CandidateFinder, Found, SpecCandidate, read_texts
from altai_build.stages.discover.known_pins import KnownPins
from altai_build.tools.git.superproject import Superproject
from tests.kit.git import Symlink
from tests.kit.superprojects import World, make_spec
from tests.stages.discover.test_specs import REPOS


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    (world.super.path / "repos.yaml").write_text(REPOS.replace("root: false", "root: true"))
    world.super.commit({"root.spec": make_spec("root"), "specs/misc/misc.spec": make_spec("misc")})
    world.component("repos/packed", {"x.txt": "x", "rpm/packed.spec": "text", "SPECS/other.spec": "other"})
    world.component("repos/bare", {"README": "x"})
    world.component("repos/deep", {"contrib/rpm/deep.spec": "x", "deep.spec.in": "x"})
    world.component("repos/upper", {"upper.SPEC": "x"})
    world.component("repos/made", {"packaging/made.spec.in": "x"})
    world.component("repos/odd", {"odd.spec": "x"})
    world.component("repos/linked", {"linked.spec": Symlink("contrib/x"), "contrib/x": "linked text"})
    world.pin()
    return world


def find(world: World, *only: str) -> dict[str, Found]:
    superproject = Superproject(world.super.path, state=world.folder / "state")
    config: Config = load_config(world.super.path / "repos.yaml")
    known = KnownPins(world.folder / "known.json")
    finder = CandidateFinder(superproject, config, superproject.resolve_revision("HEAD"), only, known)
    submodules = map(finder.find_in_submodule, finder.list_submodules())
    found = [*finder.find_in_root(), *submodules, *finder.find_in_spec_folders()]
    return {one.path: one for one in found}


def candidate(found: Found) -> SpecCandidate:
    assert isinstance(found, SpecCandidate)
    return found


def test_where_specs_are(world: World) -> None:
    found = find(world)
    kinds = {path: one.kind for path, one in found.items() if isinstance(one, SpecCandidate)}
    assert kinds == {
        ".": ComponentKind.ROOT,
        "repos/packed": ComponentKind.SUBMODULE,
        "repos/linked": ComponentKind.SUBMODULE,
        "specs/misc": ComponentKind.SPEC,
    }
    packed = candidate(found["repos/packed"])
    assert (packed.specs, packed.later, packed.repository) == (
        ("rpm/packed.spec",),
        (("SPECS/other.spec",),),
        "main",
    )
    assert candidate(found["specs/misc"]).repository == "deps/misc"


def test_why_there_is_none(world: World) -> None:
    found = find(world)
    reasons = {path: one.reason for path, one in found.items() if isinstance(one, ComponentWithoutSrpm)}
    assert reasons == {
        "repos/bare": "no spec file in its root, rpm/, packaging/, redhat/, SPECS/",
        "repos/deep": "no spec file in its root, rpm/, packaging/, redhat/, SPECS/, but contrib/rpm/deep.spec; "
        "if it is the component's, name it in components.deep.specs",
        "repos/upper": "no spec file in its root, rpm/, packaging/, redhat/, SPECS/, but upper.SPEC; "
        "if it is the component's, name it in components.upper.specs",
        "repos/made": "no spec file in its root, rpm/, packaging/, redhat/, SPECS/; packaging/made.spec.in is a "
        "template of one: commit what it makes",
        "repos/odd": "skipped in repos.yaml: not now",
    }


def test_only_those_that_a_name_can_mean(world: World) -> None:
    assert set(find(world, "packed", "misc")) == {"repos/packed", "specs/misc"}
    assert set(find(world, "specs/root")) == {"."}


def test_texts(world: World) -> None:
    found = find(world)
    assert [file.text for file in read_texts(candidate(found["repos/packed"])).texts] == ["text"]
    assert [file.text for file in read_texts(candidate(found["repos/linked"])).texts] == ["linked text"]


def test_a_spec_that_does_not_exist(world: World) -> None:
    text = REPOS.replace("odd: {skip: not now}", "packed: {specs: [none.spec]}")
    (world.super.path / "repos.yaml").write_text(text)
    with pytest.raises(InputError, match=r"repos/packed has no file none\.spec at "):
        read_texts(candidate(find(world)["repos/packed"]))


def test_a_link_to_nowhere(world: World) -> None:
    world.component("repos/linked", {"contrib/x": None})
    world.pin()
    read = read_texts(candidate(find(world)["repos/linked"]))
    assert read.error is not None and "leads to no file of the commit" in read.error.what
