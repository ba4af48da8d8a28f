"""One source package made and stored: reused while its inputs are the same, numbered when it is made again."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from altai_build.config import Bootstrap, Config, load_config
from altai_build.errors import InputError
from altai_build.ledger import Ledger
from altai_build.stages.discover.components import discover
from altai_build.stages.srpm import SrpmMaker
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.rpm.rpmbuild import rpm_version_key
from altai_build.workspace import Workspace
from tests.kit.git import Entry, Pin, gitmodules
from tests.kit.superprojects import DEFINITION, World, make_files, make_spec, members, unpack


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.component("repos/one", make_files("one"))
    world.pin()
    return world


def make_maker(world: World, definition: str = DEFINITION, version: str | None = None) -> SrpmMaker:
    file = world.super.path / "repos.yaml"
    file.write_text(definition)
    config: Config = load_config(file)
    workspace = Workspace(world.folder / "workspace")
    workspace.prepare()
    return SrpmMaker(
        superproject=Superproject(world.super.path, state=workspace.git),
        config=config,
        workspace=workspace,
        ledger=Ledger(workspace.ledger),
        rpm_version=rpm_version_key(),
        version=version,
    )


def find_component(maker: SrpmMaker) -> ComponentSource:
    (sourced,) = discover(maker.superproject, maker.config, maker.workspace, "HEAD", jobs=1).sourced
    return sourced


def test_a_package_is_stored_under_its_key_and_reused(world: World) -> None:
    maker = make_maker(world)
    sourced = find_component(maker)
    first, second = maker.make_srpm(sourced), maker.make_srpm(sourced)
    assert (first.reused, second.reused) == (False, True)
    assert first.path == second.path == maker.workspace.srpms / first.key / first.path.name
    record = maker.ledger.find("srpm", first.key)
    assert record is not None and record.artefacts[0].sha256 == first.sha256
    assert (record.component, record.commit) == ("one", sourced.component.commit)
    assert not list(maker.workspace.scratch.iterdir())


@pytest.mark.parametrize("tags", ["BuildArch: noarch", "Source1: none.txt"])
def test_a_submodule_that_is_not_available_is_named_with_the_ways_out(tmp_path: Path, tags: str) -> None:
    """Where a source is missing too, that comes first: it may be in the submodule."""
    world = World(tmp_path)
    nested: dict[str, Entry] = {".gitmodules": gitmodules({"lib/x": "../gone"}), "lib/x": Pin("d" * 40)}
    world.component("repos/one", {**make_files("one", tags=tags), **nested})
    world.pin()
    maker = make_maker(world)
    with pytest.raises(InputError) as caught:
        maker.make_srpm(find_component(maker))
    repository = world.components["repos/one"].path
    lost = f"commit {'d' * 40} of lib/x (a submodule of {repository}) is not available from {tmp_path}/gone"
    is_missing = "none.txt" in tags
    assert caught.value.what == ("one: 1 source is missing" if is_missing else lost)
    assert not is_missing or lost in caught.value.why
    assert "leave it out by components.one.exclude_submodules" in caught.value.todo
    maker = make_maker(world, f"{DEFINITION}components: {{one: {{exclude_submodules: [lib/*]}}}}\n")
    if not is_missing:
        assert maker.make_srpm(find_component(maker)).path.is_file()
        return
    with pytest.raises(InputError) as caught:
        maker.make_srpm(find_component(maker))
    assert caught.value.why == "  Source1: none.txt is neither in the repository nor generated"


def test_rebuilds_and_bootstrap_builds_have_releases_of_their_own(world: World) -> None:
    maker = make_maker(world)
    sourced = find_component(maker)
    commit = sourced.component.commit[:7]
    nevras = [
        maker.make_srpm(sourced).nevra,
        maker.make_srpm(sourced, rebuild_count=2).nevra,
        maker.make_srpm(sourced, bootstrap=Bootstrap(macros=(("bootstrap", "1"),))).nevra,
    ]
    assert nevras == [
        f"one-1.0-1.1.g{commit}.x.src",
        f"one-1.0-1.1.g{commit}.2.x.src",
        f"one-1.0-0.bootstrap.1.1.g{commit}.x.src",
    ]


def test_generated_sources_name_the_release_and_its_keys(world: World) -> None:
    spec = make_spec("one", prep="%setup -q").replace("Summary:", "Source1: one.repo\nSummary:")
    world.component("repos/one", {"one.spec": spec})
    world.pin()
    definition = (
        DEFINITION + "components: {one: {sources: {one.repo: '{project} {baseurl}/{version} {gpgkeys}'}}}\n"
    )
    sourced = find_component(make_maker(world, definition))
    texts = [
        unpack(make_maker(world, definition, version).make_srpm(sourced).path)["one.repo"].decode()
        for version in ("2.5", None)
    ]
    assert texts == [
        "p http://localhost/p/2.5 http://localhost/p/2.5/RPM-GPG-KEY-k\n",
        "p http://localhost/p/1.0 http://localhost/p/1.0/RPM-GPG-KEY-k\n",
    ]


def test_a_spec_that_rpm_refuses_leaves_nothing_behind(world: World) -> None:
    world.component("repos/one", {"one.spec": make_spec("one").replace("License: MIT\n", "")})
    world.pin()
    maker = make_maker(world)
    with pytest.raises(InputError, match=r"rpm refuses one\.spec: License field must be present"):
        maker.make_srpm(find_component(maker))
    assert not list(maker.workspace.scratch.iterdir()) and not maker.workspace.srpms.exists()


def test_files_of_git_lfs_are_packed_themselves_or_not_at_all(world: World) -> None:
    content = b"the file itself\n"
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    spec = make_spec("one").replace("Summary:", "Source1: one.dat\nSummary:")
    files: dict[str, Entry] = {"one.spec": spec, ".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer}
    world.component("repos/one", {**files, "one.dat": pointer})
    world.pin()
    maker = make_maker(world)
    with pytest.raises(InputError, match=r"Source1: one\.dat is a Git LFS pointer"):
        maker.make_srpm(find_component(maker))
    # git clones the submodule there, and `git lfs fetch` puts the content beside its objects.
    clone = world.super.path / ".git/modules/repos/one"
    clone.parent.mkdir(parents=True)
    shutil.copytree(world.components["repos/one"].path / ".git", clone)
    stored = clone / "lfs/objects" / oid[:2] / oid[2:4] / oid
    stored.parent.mkdir(parents=True)
    stored.write_bytes(content)
    made = unpack(maker.make_srpm(find_component(maker)).path)
    assert made["one.dat"] == content
    packed = members(made["one-1.0.tar.gz"])
    # Only what has the attribute is a file of Git LFS.
    assert (packed["one-1.0/a.bin"], packed["one-1.0/one.dat"]) == (content.decode(), pointer)
    shutil.rmtree(clone)
    world.component("repos/one", {"one.dat": "plain"})
    world.pin()
    with pytest.raises(InputError, match="would have Git LFS pointers in place of files"):
        maker.make_srpm(find_component(maker))
