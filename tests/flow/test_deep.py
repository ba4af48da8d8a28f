"""`verify --deep` and `rebuild` on real releases of small components."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.srpm import SRPM_RECIPE_VERSION
from tests.kit.builds import Site, small_component
from tests.kit.keys import only_signing_key
from tests.kit.rpms import build_rpm
from tests.kit.superprojects import World, make_spec

_REPOS = """\
project: small
superproject: {path: ., components: [repos], root: false}
targets: {testbed: {mock_config: testbed-x86_64, arch: x86_64, macros: {dist: .tb}}}
keys: {small: {file: key, signs: true}}
repositories: {small: {source: superproject, target: testbed, key: small, source_rpms: sources}}
release: {baseurl: "http://127.0.0.1:1"}
"""


@pytest.fixture(scope="module")
def site(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A superproject of three components, released as 1.0.0; builds of `clock` differ each time."""
    place = tmp_path_factory.mktemp("deep") / "site"
    site = Site(world=World(place), testbed=testbed, workspace=place / "ws")
    site.definition.write_text(_REPOS)
    site.world.component("repos/floor", small_component("floor"))
    site.world.component("repos/roof", small_component("roof", needs=("floor",)))
    now = "mkdir -p %{buildroot}/opt && date +%N > %{buildroot}/opt/now"
    clock = make_spec("clock", tags="BuildArch: noarch", install=now, files="/opt/now")
    site.world.component("repos/clock", {"clock.spec": clock, "README": "tick\n"})
    site.world.pin()
    for words in (("keys", "init", "small", "--no-passphrase"), ("release", "1.0.0")):
        answer = site.call(*words)
        assert answer.code == 0, answer.err
    yield site


def releases(site: Site) -> Path:
    return site.definition.parent / "releases"


@pytest.fixture
def copy(site: Site, tmp_path: Path) -> Path:
    """A copy of release 1.0.0 that a test may change."""
    return Path(shutil.copytree(releases(site) / "1.0.0", tmp_path / "1.0.0"))


def deep(site: Site, named: str | Path, *, code: int = 0) -> Any:
    answer = site.call("verify", "--deep", str(named), "--json")
    assert answer.code == code, answer.err
    return answer.json


def unproved(answer: Any) -> set[tuple[str, str, str]]:
    """(severity, package, step) of the steps that are not proved."""
    return {
        (one["severity"], Path(one["subject"]).name.partition("-")[0], one["message"].partition(":")[0])
        for one in answer["findings"]
        if one["rule"] == "deep"
    }


def change_manifest(site: Site, release: Path, old: str, new: str) -> None:
    """Change the manifest and sign it again."""
    path = release / "release.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with only_signing_key(site.workspace / "gnupg") as key:
        key.sign_detached(path)


def test_every_step_of_a_release_is_proved(site: Site) -> None:
    answer = deep(site, "1.0.0")
    warned = [one for one in answer["findings"] if one["rule"] == "deep"]
    assert (answer["ok"], warned) == (True, [])
    assert answer["links"] == {
        "signature": {"proved": 6, "of": 6},
        "header": {"proved": 6, "of": 6},
        "source": {"proved": 6, "of": 6},
        "commit": {"proved": 6, "of": 6},
        "gitlink": {"proved": 6, "of": 6},
        "superproject": {"proved": 1, "of": 1},
    }


def test_a_manifest_that_names_another_commit_is_contradicted(site: Site, copy: Path) -> None:
    commit = site.world.components["repos/floor"].git("rev-parse", "HEAD")
    change_manifest(site, copy, commit, "0" * 40)
    answer = deep(site, copy, code=7)
    links = {("error", "floor", "header"), ("error", "floor", "gitlink")}
    assert {one for one in unproved(answer) if one[0] == "error"} == links
    messages = [one["message"] for one in answer["findings"] if one["rule"] == "deep"]
    assert f"header: the changelog names commit {commit}, the manifest {'0' * 40}" in messages


def test_a_source_package_that_the_commit_does_not_give_is_contradicted(
    site: Site, copy: Path, tmp_path: Path
) -> None:
    (source,) = (copy / "sources").glob("roof-*.src.rpm")
    release = source.name.removeprefix("roof-1.0-").removesuffix(".src.rpm")
    other = build_rpm(tmp_path / "other", "roof", "1.0", release, changelog="Made from commit " + "1" * 40)
    with only_signing_key(site.workspace / "gnupg") as key:
        key.sign_rpms([other.source])
    shutil.copy(other.source, source)
    answer = deep(site, copy, code=7)
    assert {one for one in unproved(answer) if one[0] == "error"} == {
        ("error", "roof", "source"),
        ("error", "roof", "header"),
    }


def test_what_another_recipe_made_is_unknown_and_not_distrusted(
    site: Site, copy: Path, tmp_path: Path
) -> None:
    """The bytes of roof and clock differ; what made them was another recipe, or is not recorded."""
    document = json.loads((copy / "release.json").read_text())
    builds = {build["component"]: build for build in document["builds"]}
    assert builds["roof"]["made_with"]["recipe"] == SRPM_RECIPE_VERSION
    builds["roof"]["made_with"]["recipe"] = "1"
    del builds["clock"]["made_with"]
    change_manifest(site, copy, (copy / "release.json").read_text(), json.dumps(document))
    others: dict[Path, Path] = {}
    for name in ("roof", "clock"):
        (source,) = (copy / "sources").glob(f"{name}-*.src.rpm")
        release = source.name.removeprefix(f"{name}-1.0-").removesuffix(".src.rpm")
        commit = site.world.components[f"repos/{name}"].git("rev-parse", "HEAD")
        text = f"Made from commit {commit}"
        others[source] = build_rpm(tmp_path / name, name, "1.0", release, changelog=text).source
    with only_signing_key(site.workspace / "gnupg") as key:
        key.sign_rpms(list(others.values()))
    for source, other in others.items():
        shutil.copy(other, source)
    answer = deep(site, copy, code=7)  # the checksums of the copy are not those of its files
    messages = {
        (one["severity"], Path(one["subject"]).name.partition("-")[0], one["message"])
        for one in answer["findings"]
        if one["rule"] == "deep"
    }
    head = "source: the source package cannot be made as it was: "
    assert messages == {
        (
            "warning",
            "roof",
            f"{head}recipe 1 for source packages made it, and this altai-build has recipe {SRPM_RECIPE_VERSION}",
        ),
        ("warning", "clock", f"{head}release.json does not record what made it"),
    }
    assert answer["links"]["source"] == {"proved": 2, "of": 6}


def test_without_the_component_its_steps_are_not_examined_but_its_pin_is_proved(site: Site) -> None:
    floor = site.world.components["repos/floor"].path
    mirrors = site.workspace / "git" / "mirrors"
    hidden = mirrors.rename(mirrors.with_name("hidden"))
    away = floor.rename(floor.with_name("away"))
    try:
        answer = deep(site, "1.0.0", code=7)
    finally:
        away.rename(floor)
        shutil.rmtree(mirrors, ignore_errors=True)
        hidden.rename(mirrors)
    (finding,) = (finding for finding in answer["findings"] if finding["rule"] == "deep")
    assert (finding["severity"], finding["subject"]) == ("error", "repos/floor")
    assert finding["message"].startswith("source and commit could not be examined: ")
    proved = {kind: row["proved"] for kind, row in answer["links"].items()}
    assert proved == {"signature": 6, "header": 6, "source": 4, "commit": 4, "gitlink": 6, "superproject": 1}


def test_a_commit_on_no_branch_is_a_warning(site: Site) -> None:
    repo = site.world.super
    head, branch = repo.git("rev-parse", "HEAD"), repo.git("symbolic-ref", "HEAD")
    repo.git("update-ref", "-d", branch)
    try:
        answer = deep(site, "1.0.0")
    finally:
        repo.git("update-ref", branch, head)
    assert unproved(answer) == {("warning", "1.0.0", "superproject")}


def test_proved_steps_are_counted_on_stderr(site: Site) -> None:
    answer = site.call("verify", "--deep", "1.0.0")
    assert "signature: 6 of 6 proved" in answer.err.splitlines()


def test_a_later_release_by_another_workspace_keeps_the_released_bytes(site: Site) -> None:
    """Source packages, too: a new signature would put different bytes under the same name."""
    other = Site(world=site.world, testbed=site.testbed, workspace=site.workspace.with_name("other"))
    other.definition.write_text(_REPOS)
    shutil.copytree(site.workspace / "gnupg", other.workspace / "gnupg")
    answer = other.call("release", "1.0.1")
    assert answer.code == 0, answer.err
    packages = [
        path.relative_to(releases(site) / "1.0.0") for path in (releases(site) / "1.0.0").rglob("*.rpm")
    ]
    assert len(packages) == 6
    for name in packages:
        assert (releases(site) / "1.0.1" / name).samefile(releases(site) / "1.0.0" / name), name


# ---- rebuild ------------------------------------------------------------------------------------------------


def test_a_rebuild_gives_the_same_packages(site: Site) -> None:
    for name, buildroot in (("floor", "identical"), ("repos/roof", "unknown")):
        answer = site.call("rebuild", "--compare", name, "1.0.0", "--json")
        assert answer.code == 0, answer.err
        assert answer.json["sameness"] == "identical but for signature and times"
        assert answer.json["buildroot"] == buildroot
        (package,) = answer.json["packages"]
        assert package["released"] == f"small/{package['package']}.rpm"
        assert package["where"] == "signature"
    assert list((site.workspace / "tmp").iterdir()) == []


def test_a_build_that_is_not_reproducible_is_different(site: Site, tmp_path: Path) -> None:
    answer = site.call("rebuild", "--compare", "-o", str(tmp_path / "kept"), "clock", "1.0.0", "--json")
    assert answer.code == 7
    (package,) = answer.json["packages"]
    assert (package["sameness"], package["where"]) == ("different", "/opt/now: FILEDIGESTS")
    assert answer.json["source_package"] == []
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{package['package']}.rpm"]


def test_a_released_package_with_other_content_is_different(site: Site, copy: Path, tmp_path: Path) -> None:
    (released,) = (copy / "small").glob("floor-*.rpm")
    release = released.name.removeprefix("floor-1.0-").removesuffix(".noarch.rpm")
    shutil.copy(build_rpm(tmp_path / "other", "floor", "1.0", release).binary, released)
    change_manifest(site, copy, '"made_with"', '"made_by"')  # as in manifests of earlier versions
    answer = site.call("rebuild", "--compare", "floor", str(copy))
    assert answer.code == 7
    assert (
        "the source package of release 1.0.0 may differ from that of the rebuild: release.json" in answer.err
    )
    assert answer.out == (
        f"{released.name.removesuffix('.rpm')}\tdifferent\t/usr/share/floor/greeting: only one of the packages has it\n"
    )


def test_a_dependency_with_a_bad_signature_is_refused(site: Site, copy: Path, tmp_path: Path) -> None:
    (floor,) = (copy / "small").glob("floor-*.rpm")
    release = floor.name.removeprefix("floor-1.0-").removesuffix(".noarch.rpm")
    shutil.copy(build_rpm(tmp_path / "other", "floor", "1.0", release).binary, floor)
    answer = site.call("rebuild", "--compare", "roof", str(copy))
    assert answer.code == 3
    assert f"cannot build with {floor.name} of release 1.0.0\nunsigned" in answer.err


def test_mistakes_in_the_arguments_are_errors(site: Site) -> None:
    assert site.call("rebuild", "floor", "1.0.0").code == 2
    for words, text in (
        (("nosuch", "1.0.0"), "no such component: nosuch"),
        (("floor", "1.0.9"), "there is no release 1.0.9"),
    ):
        answer = site.call("rebuild", "--compare", *words)
        assert answer.code == 3
        assert text in answer.err


def test_a_rebuild_that_fails_keeps_its_log(site: Site, copy: Path) -> None:
    """The build needs a package of ours that this copy does not have."""
    document = json.loads((copy / "release.json").read_text())
    document["packages"] = [one for one in document["packages"] if one["name"] != "floor"]
    (copy / "release.json").write_text(json.dumps(document))
    answer = site.call("rebuild", "--compare", "roof", str(copy))
    assert answer.code == 5
    assert "roof of release 1.0.0 does not build any more" in answer.err
    assert "nothing provides floor" in answer.err


# ---- refused (last: it changes the superproject) -----------------------------------------------------------------


def test_an_error_keeps_a_release_from_being_published_until_it_is_waived(site: Site) -> None:
    install = "mkdir -p %{buildroot}/usr/share/small && echo rival > %{buildroot}/usr/share/small/floor"
    rival = make_spec("rival", tags="BuildArch: noarch", install=install, files="/usr/share/small/floor")
    site.world.component("repos/rival", {"rival.spec": rival, "README": "mine\n"})
    site.world.pin()
    refused = site.call("release", "2.0.0")
    assert refused.code == 7
    assert "file-conflicts: small/floor-1.0-" in refused.err
    assert "different files at /usr/share/small/floor" in refused.err
    assert not [name for name in releases(site).iterdir() if "2.0.0" in name.name]
    waiver = (
        "{rule: file-conflicts, subject: small/floor-*, reason: only one is installed, expires: 2999-12-31}"
    )
    site.definition.write_text(f"{_REPOS}waivers: [{waiver}]\n")
    accepted = site.call("release", "2.0.0", "--json")
    site.definition.write_text(_REPOS)
    assert accepted.code == 0, accepted.err
    (finding,) = (one for one in accepted.json["findings"] if one["rule"] == "file-conflicts")
    assert (finding["severity"], finding["waiver"]["reason"]) == ("note", "only one is installed")
    manifest = json.loads((releases(site) / "2.0.0" / "release.json").read_text())
    assert [one["rule"] for one in manifest["waivers"]] == ["file-conflicts"]
    assert "only one is installed" in (releases(site) / "2.0.0" / "report" / "index.html").read_text()
    assert site.call("verify", "2.0.0").code == 7  # without the waiver it counts again
