"""`release` refuses a release that machines cannot upgrade to, and tags its commits: small real releases."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.config import load_config
from altai_build.errors import PublishError
from altai_build.pipeline.release import run as module
from altai_build.pipeline.release.plan import plan_release
from altai_build.pipeline.release.run import make_release
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.passphrase import choose_passphrase_source
from altai_build.tools.progress import ProgressReporter
from altai_build.tools.tree import walk_tree
from altai_build.workspace import Workspace
from tests.kit.builds import Site, small_component
from tests.kit.cli import CliResult
from tests.kit.git import Repo
from tests.kit.superprojects import World


@pytest.fixture(scope="module")
def site(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A superproject of two components, released as 1.0.0."""
    place = tmp_path_factory.mktemp("guards") / "site"
    site = Site(world=World(place), testbed=testbed, workspace=place / "ws")
    site.world.component("repos/floor", small_component("floor", "2.0"))
    site.world.component("repos/roof", small_component("roof"))
    site.world.pin()
    assert site.call("keys", "init", "small", "--no-passphrase").code == 0
    released(site.call("release", "1.0.0", "--json"))
    return site


def released(answer: CliResult) -> Any:
    assert answer.code == 0, answer.err
    return answer.json


def releases(site: Site) -> Path:
    return site.definition.parent / "releases"


def manifest(site: Site, version: str) -> Any:
    return json.loads((releases(site) / version / "release.json").read_text())


def test_a_downgrade_is_not_published_until_it_is_declared(site: Site) -> None:
    before = site.definition.read_text()
    site.world.component("repos/floor", small_component("floor", "1.0"))
    site.world.pin()
    refused = site.call("release", "1.0.1")
    assert refused.code == 7
    assert "release 1.0.1 was not published: 1 error\n" in refused.err
    assert "downgrade: floor: from 1.0.0: floor-2.0-" in refused.err
    assert "fix: write `Epoch: 1` in the spec of floor" in refused.err
    assert [entry.name for entry in releases(site).iterdir() if "1.0.1" in entry.name] == []
    site.definition.write_text(f"{before}allow_downgrades: [{{package: floor, reason: 2.0 leaks}}]\n")
    made = released(site.call("release", "1.0.1", "--json"))
    assert made["upgrades"] == [{"from": "1.0.0", "outcome": "distro-sync"}]
    (finding,) = (found for found in made["upgrade_findings"] if found["rule"] == "downgrade")
    assert (finding["severity"], finding["subject"], finding["release"]) == ("note", "floor", "1.0.0")
    assert "2.0 leaks" in (releases(site) / "1.0.1" / "report" / "index.html").read_text()


def test_the_commits_of_a_release_are_tagged(site: Site) -> None:
    site.world.component("repos/roof", small_component("roof", "3.0"))
    commit = site.world.pin()
    without = site.call("release", "1.0.2", "--tag")
    assert without.code == 3
    assert "no clone to tag for 2 components" in without.err
    clones = {path: site.world.super.path / path for path in site.world.components}
    for path, place in clones.items():
        shutil.copytree(site.world.components[path].path, place)
    assert site.call("release", "1.0.2", "--push-tags").code == 2
    build_plan = site.call("release", "1.0.2", "--tag", "--dry-run", "--json").json
    assert build_plan["tag"] == "small-1.0.2"
    made = released(site.call("release", "1.0.2", "--tag", "--push-tags", "--json"))
    assert made["tag"] == manifest(site, "1.0.2")["superproject"]["tag"] == "small-1.0.2"
    assert site.world.super.git("rev-parse", "small-1.0.2^{commit}") == commit
    for path, place in clones.items():
        pin = site.world.components[path].git("rev-parse", "HEAD")
        assert Repo(place).git("rev-parse", "small-1.0.2^{commit}") == pin
        assert Repo(place).git("cat-file", "-t", "small-1.0.2") == "tag"
        assert site.world.components[path].git("rev-parse", "small-1.0.2^{commit}") == pin


def test_an_existing_tag_is_refused_before_the_first_build(site: Site) -> None:
    for path in site.world.components:
        place = site.world.super.path / path
        if not place.is_dir():
            shutil.copytree(site.world.components[path].path, place)
    site.world.components["repos/roof"].git("tag", "small-1.0.3", "HEAD")
    refused = site.call("release", "1.0.3", "--tag")
    assert refused.code == 8
    assert "the tag small-1.0.3 exists already" in refused.err
    assert "built" not in refused.err and "reused" not in refused.err
    assert not (releases(site) / "1.0.3").exists()


def test_a_folder_of_releases_that_cannot_be_written_is_found_before_the_builds(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("something is built")

    monkeypatch.setattr(module, "_build_packages", refuse)
    config = load_config(site.definition)
    (tmp_path / "file").write_text("")
    config = replace(
        config,
        superproject=config.superproject._replace(folder=str(site.world.super.path)),
        release=replace(config.get_release_settings(), directory=tmp_path / "file" / "releases"),
    )
    run = Run(
        config=config,
        workspace=Workspace(site.workspace),
        jobs=2,
        builder="chroot",
        reporter=ProgressReporter(quiet=True),
    )
    plan = plan_release(run, "1.1.1", "HEAD")
    with pytest.raises(PublishError, match=r"release 1\.1\.1 could not be published"):
        make_release(run, plan, choose_passphrase_source(None))


def test_a_release_that_another_run_overtook_is_refused_and_succeeds_when_repeated(site: Site) -> None:
    """Two workspaces release into one folder: the later of the two was compared with an outdated set of releases."""
    workspace = Workspace(site.workspace.with_name("other-ws"))
    shutil.copytree(site.workspace / "gnupg", workspace.gnupg)
    config = load_config(site.definition)
    superproject = config.superproject._replace(folder=str(site.world.super.path))
    run = Run(
        config=replace(config, superproject=superproject),
        workspace=workspace,
        jobs=2,
        builder="chroot",
        reporter=ProgressReporter(quiet=True),
    )
    os.symlink(site.workspace / "roots", workspace.root / "roots")
    plan = plan_release(run, "1.1.1", "HEAD")
    released(site.call("release", "1.1.0", "--json"))
    with pytest.raises(PublishError, match="the published releases changed") as caught:
        make_release(run, plan, choose_passphrase_source(None))
    assert caught.value.why == "1.1.0 was published"
    assert not (releases(site) / "1.1.1").exists()
    made = released(site.call("release", "1.1.1", "--json"))
    assert (made["previous"], made["ok"]) == ("1.1.0", True)


def test_a_release_that_was_killed_before_its_last_step_is_finished_by_the_same_command(site: Site) -> None:
    folder = releases(site)
    umask = os.umask(0)
    try:
        released(site.call("release", "1.2.0", "--json"))
    finally:
        os.umask(umask)
    modes = {entry.stat().st_mode & 0o7777 for entry in walk_tree(folder / "1.2.0")}
    assert modes == {0o644, 0o755}
    released(site.call("release", "1.2.1", "--json"))
    (folder / "latest").unlink()
    (folder / "latest").symlink_to("1.2.0")
    (folder / ".latest.1.2.1.next").symlink_to("1.2.1")
    again = site.call("release", "1.2.1", "--json")
    assert "finished the interrupted publication of release 1.2.1" in again.err
    assert (released(again)["release"], again.json["previous"]) == ("1.2.1", "1.2.0")
    assert (folder / "latest").readlink().name == "1.2.1"
    refused = site.call("release", "1.2.1")
    assert (refused.code, "release 1.2.1 exists" in refused.err) == (8, True)


def test_a_release_is_the_same_with_what_is_remembered_and_without(site: Site) -> None:
    """But for its signatures, which have a time."""
    folder, cache = releases(site), site.workspace / "cache"
    latest = folder / "latest"
    before = latest.readlink()
    remembered = [cache / name for name in ("pins", "builds", "sbom")]
    released(site.call("release", "1.3.0", "--json"))

    def read() -> dict[str, bytes]:
        made = folder / "1.3.0"
        entries = [entry.path for entry in walk_tree(made) if not entry.is_folder]
        return {
            path: (made / path).read_bytes()
            for path in entries
            if not path.endswith(".asc") and path != "SHA256SUMS"
        }

    found = []
    for forgets in (False, True):
        shutil.rmtree(folder / "1.3.0")
        latest.unlink()
        latest.symlink_to(before)
        for path in remembered if forgets else ():
            shutil.rmtree(path)
        released(site.call("release", "1.3.0", "--json"))
        found.append(read())
    remembering, forgetting = found
    assert remembering == forgetting
    assert {"release.json", "provenance/release.spdx.json", "report/index.html"} < remembering.keys()
