"""What a pinned commit holds is remembered: never with another result than without, and never in place of a commit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.model.spec import SourceTag, SpecInfo, UnknownSpec
from altai_build.stages.discover import known_pins
from altai_build.stages.discover.components import Discovery, discover
from altai_build.stages.discover.known_pins import KnownPin, KnownPins, digest_context
from altai_build.tools.git import repository_state
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.rpm.evaluate import SpecEvaluator
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.workspace import Workspace
from tests.kit.spec_infos import make_info
from tests.kit.superprojects import World, make_spec
from tests.stages.discover.test_specs import REPOS

PIN = KnownPin(
    common=Path("/r"),
    state=["/r", None, [1, 2]],
    files=3,
    specs=(
        (
            "a\udcff.spec",
            make_info()._replace(
                epoch="1",
                hidden_dist="1\0",
                sources=(SourceTag(number=0, value="x"),),
                unlisted=("u",),
            ),
        ),
        ("b.spec", UnknownSpec(reason="Lua")),
    ),
)


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if all repositories had been there for some time."""
    monkeypatch.setattr(repository_state, "_SETTLED", -3600.0)


# ---- the file -----------------------------------------------------------------------------------------------------


def test_what_is_kept_is_what_was_added(tmp_path: Path) -> None:
    known = KnownPins(tmp_path / "pins")
    info = PIN.specs[0][1]
    assert isinstance(info, SpecInfo)
    known.add_pin("p", PIN)
    known.add_pin("none", dataclasses.replace(PIN, specs=(), state=None, reason="no spec"))
    known.add_spec("s", info)
    known.save()
    again = KnownPins(tmp_path / "pins")
    assert again.find_pin("p") == PIN and again.find_spec("s") == info
    assert again.find_pin("none") == dataclasses.replace(PIN, specs=(), state=None, reason="no spec")
    assert again.find_pin("s") is None and again.find_spec("p") is None


def test_all_of_a_spec_is_kept() -> None:
    kept = (*known_pins._TEXTS, *known_pins._OPTIONAL_TEXTS, *known_pins._TAGS, *known_pins._NAMES)
    assert sorted(kept) == sorted(SpecInfo._fields)


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: None,
        lambda row: row[:-1],
        lambda row: [1, *row[1:]],
        lambda row: [row[0], "x", *row[2:]],
        lambda row: [*row[:2], "3", *row[3:]],
        lambda row: [*row[:3], None, row[4]],
        lambda row: [*row[:4], [["a.spec", [["a"], [], [], []]]]],
        lambda row: [*row[:4], [["a.spec", [[1, "", "", "", ""], *row[4][0][1][1:]]]]],
        lambda row: [*row[:4], [["a.spec", [*row[4][0][1][:3], ["ab", [], [], [], []]]]]],
        lambda row: [*row[:4], [["a.spec", [*row[4][0][1][:2], [[["0", "x"]], [], []], row[4][0][1][3]]]]],
    ],
)
def test_another_form_is_not_known(tmp_path: Path, damage: Callable[[Any], Any]) -> None:
    path = tmp_path / "pins"
    known = KnownPins(path)
    known.add_pin("p", PIN)
    known.save()
    document = read_sealed(path)
    assert document is not None
    document["rows"]["pin p"] = damage(document["rows"]["pin p"])
    path.write_bytes(dump_sealed(document))
    assert KnownPins(path).find_pin("p") is None


def test_the_context_is_all_that_is_not_in_a_commit() -> None:
    digests = [
        digest_context("x86_64", {"a": "1"}),
        digest_context("x86_64", {"a": "2"}),
        digest_context("i686", {"a": "1"}),
        digest_context("x86_64", {"a": "1"}, "b"),
    ]
    assert len({*digests}) == 4 and digests[0] == digest_context("x86_64", {"a": "1"})


# ---- components ---------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for name in ("one", "two"):
        world.component(f"repos/{name}", {f"{name}.spec": make_spec(name, release="1%{?dist}")})
    world.component(
        "repos/shell", {"shell.spec": make_spec("shell", version="%(cat %{_sourcedir}/V)"), "V": "3"}
    )
    world.component("repos/pair", {"rpm/a.spec": make_spec("a"), "rpm/b.spec": make_spec("b")})
    world.component("repos/none", {"README": ""})
    world.component("repos/other", {"other.spec": "no RPM spec"})
    world.component("repos/wrong", {"wrong.spec": "Name: wrong\n"})
    world.component("repos/odd", {"odd.spec": make_spec("odd")})
    world.pin()
    (world.super.path / "repos.yaml").write_text(REPOS)
    return world


def find(world: World, *, workspace: str = "workspace") -> Discovery:
    config = load_config(world.super.path / "repos.yaml")
    superproject = Superproject(world.super.path, state=world.folder / "state")
    return discover(superproject, config, Workspace(world.folder / workspace), "HEAD", jobs=2)


def show(found: Discovery) -> str:
    """All of it, without where it was read."""
    sourced = [(one.component, one.info, one.content.files) for one in found.sourced]
    without = [dataclasses.replace(one, error=None) for one in found.without_srpm]
    errors = [repr(str(one.error)) for one in found.without_srpm]
    return "\n".join(map(str, (found.commit, found.time, *sourced, *without, *errors)))


def forbid(monkeypatch: pytest.MonkeyPatch, kind: type, name: str, *, but: str = "") -> None:
    whole = getattr(kind, name)

    def call(self: object, *words: Any, **more: Any) -> Any:
        assert but and but in repr(words), (name, words)
        return whole(self, *words, **more)

    monkeypatch.setattr(kind, name, call)


def test_a_second_run_asks_no_git_and_no_rpm_and_says_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = find(world)
    assert [source.component.name for source in cold.sourced] == ["one", "pair/a", "pair/b", "shell", "two"]
    file = world.folder / "workspace" / "cache" / "pins" / "known.json"
    # The mirrors were fetched just before: git was asked where they are.
    assert show(find(world)) == show(cold)
    with monkeypatch.context() as patch:
        # Errors are found anew.
        forbid(patch, Superproject, "open_component_store", but="repos/wrong")
        forbid(patch, SpecEvaluator, "read_with_origin")
        warm = find(world)
    assert show(warm) == show(cold)
    pairs = [(one.text, one.tree) for one in warm.sourced], [(one.text, one.tree) for one in cold.sourced]
    assert pairs[0] == pairs[1] and all(
        one.store.has_commit_object(one.component.commit) for one in warm.sourced
    )
    file.write_bytes(file.read_bytes()[:-100])
    assert show(find(world)) == show(cold) == show(find(world, workspace="other"))


def test_another_definition_and_another_commit_are_read_anew(world: World) -> None:
    find(world)
    definition = world.super.path / "repos.yaml"
    text = definition.read_text()
    definition.write_text(
        text.replace("dist: .new", "dist: .newer").replace(
            "odd: {skip: not now}", "pair: {specs: [rpm/b.spec]}"
        )
    )
    world.component("repos/two", {"two.spec": make_spec("two", version="7")})
    world.pin()
    warm = find(world)
    assert show(warm) == show(find(world, workspace="other"))
    versions = {one.component.name: f"{one.info.version}-{one.info.release}" for one in warm.sourced}
    assert versions == {"odd": "1.0-1", "one": "1.0-1.newer", "pair": "1.0-1", "shell": "3-1", "two": "7-1"}


@pytest.fixture
def small(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/one", {"one.spec": make_spec("one")})
    world.pin()
    (world.super.path / "repos.yaml").write_text(REPOS)
    return world


@pytest.mark.parametrize("gone", ["mirror", "pack"])
def test_a_known_commit_that_is_gone_is_an_error(small: World, gone: str) -> None:
    world = small
    find(world)
    find(world)
    shutil.rmtree(world.folder / "one")
    for mirror in (world.folder / "state" / "mirrors").glob("*.git"):
        if not (mirror / "objects").joinpath("pack").exists():
            continue
        for pack in [mirror] if gone == "mirror" else (mirror / "objects" / "pack").glob("*"):
            shutil.rmtree(pack) if pack.is_dir() else pack.unlink()
    warm = find(world)
    assert show(warm) == show(find(world, workspace="other"))
    (error,) = (one.error for one in warm.without_srpm if one.path == "repos/one")
    assert isinstance(error, InputError) and "is not available" in str(error)


def test_a_known_commit_that_moved_is_found(small: World) -> None:
    world = small
    find(world)
    shutil.rmtree(world.folder / "state" / "mirrors")
    clone = world.super.path / "repos" / "one"
    world.super.git("clone", "--quiet", "--bare", str(world.folder / "one"), str(clone))
    shutil.rmtree(world.folder / "one")
    assert show(find(world)) == show(find(world, workspace="other"))
    kept = json.loads((world.folder / "workspace" / "cache" / "pins" / "known.json").read_bytes())["rows"]
    assert {row[0] for row in kept.values()} == {str(clone)}
