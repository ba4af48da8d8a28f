"""`audit` and `which`: all that is known of every package, and the reverse question over all releases."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest

from tests.kit.cli import CliResult, altai_build
from tests.kit.configs import write_config
from tests.kit.git import Pin, gitmodules
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.releases import (
    Materials,
    make_materials,
    make_release,
    make_release_contents,
    sign,
    with_packages,
)
from tests.kit.rpms import build_rpm, flip_last_byte
from tests.kit.superprojects import World


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


@pytest.fixture(scope="module")
def site(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with repos.yaml and release 1.0.2."""
    folder = tmp_path_factory.mktemp("site")
    write_config(folder, materials)
    make_release(folder / "releases" / "1.0.2", materials, make_release_contents(materials))
    return folder


def audit(site: Path, *words: str) -> CliResult:
    return altai_build("audit", "1.0.2", *words, cwd=site)


ALL = {
    "focus-1.0-3.el6.noarch",
    "erlang-14-2.el6.noarch",
    "bunch-1:1.0.1-1.el6.noarch",
    "bunch-1:1.0.1-1.el6.src",
}


def test_every_package_with_its_signer_by_fingerprint_and_name(site: Path, materials: Materials) -> None:
    rows = {row["nevra"]: row for row in audit(site, "--json").json}
    assert set(rows) == ALL
    assert rows["focus-1.0-3.el6.noarch"]["signer"] == {
        "key_id": materials.ours.fingerprint[-16:],
        "fingerprint": materials.ours.fingerprint,
        "name": "ours <ours@example.org>",
    }
    assert rows["erlang-14-2.el6.noarch"]["signer"]["name"] == "theirs <theirs@example.org>"
    assert rows["erlang-14-2.el6.noarch"]["needed_by"] == ["focus"]
    assert rows["erlang-14-2.el6.noarch"]["origin"]["url"] == "https://example.org/epel/erlang.rpm"
    assert rows["focus-1.0-3.el6.noarch"]["origin"]["commit"] == "c" * 40
    assert rows["bunch-1:1.0.1-1.el6.noarch"]["sourcerpm"] == "bunch-1.0.1-1.el6.src.rpm"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--repository", "deps/epel"), {"erlang-14-2.el6.noarch"}),
        (("--origin", "component"), {"focus-1.0-3.el6.noarch"}),
        (("--origin", "mirror"), {"erlang-14-2.el6.noarch"}),
        (("--origin", "specs/bunch"), {"bunch-1:1.0.1-1.el6.noarch", "bunch-1:1.0.1-1.el6.src"}),
        (("--name", "*un*"), {"bunch-1:1.0.1-1.el6.noarch", "bunch-1:1.0.1-1.el6.src"}),
        (("--name", "bunch", "--repository", "deps/misc"), {"bunch-1:1.0.1-1.el6.noarch"}),
        (("--name", "nothing*"), set()),
    ],
)
def test_filters(words: tuple[str, ...], expected: set[str], site: Path) -> None:
    assert {row["nevra"] for row in audit(site, *words, "--json").json} == expected
    assert {line.split("\t")[0] for line in audit(site, *words).out.splitlines()} == expected


def test_csv_is_what_json_says(site: Path) -> None:
    table = list(csv.DictReader(io.StringIO(audit(site, "--csv").out)))
    rows = {row["nevra"]: row for row in audit(site, "--json").json}
    assert {row["nevra"] for row in table} == ALL
    for row in table:
        told = rows[row["nevra"]]
        assert row["sha256"] == told["sha256"]
        assert row["size"] == str(told["size"])
        assert row["signer_fingerprint"] == told["signer"]["fingerprint"]
        assert row["origin"] == told["origin"]["kind"]
        assert row["needed_by"] == " ".join(told["needed_by"])


def test_totals_by_repository_and_signer_add_up(site: Path, materials: Materials) -> None:
    rows = audit(site, "--json").json
    told = audit(site, "--totals", "--json").json
    size = sum(row["size"] for row in rows)
    assert (told["packages"], told["size"]) == (4, size)
    for part in ("repositories", "signers"):
        assert sum(one["size"] for one in told[part]) == size
    assert {one["what"]: one["packages"] for one in told["repositories"]} == {
        "centos6": 1,
        "deps/epel": 1,
        "deps/misc": 1,
        "deps/misc-srpms": 1,
    }
    ours = f"{materials.ours.fingerprint} ours <ours@example.org>"
    assert {one["what"]: one["packages"] for one in told["signers"]}[ours] == 3
    assert f"{ours}: 3 packages" in audit(site).err


def test_filters_that_cannot_match_are_refused(site: Path) -> None:
    wrong = audit(site, "--repository", "deps/epl")
    assert (wrong.code, wrong.out) == (3, "")
    assert "deps/epel" in wrong.err
    assert audit(site, "--origin", "git").code == 3
    assert audit(site, "--csv", "--json").code == 2


def test_who_needs_a_package_is_told_from_the_packages_themselves(
    materials: Materials, tmp_path: Path
) -> None:
    built = [
        build_rpm(tmp_path / "rpms", "app", requires=["libthing >= 1", "/usr/share/focus/greeting"]).binary,
        build_rpm(tmp_path / "rpms", "thing", provides=["libthing = 2"]).binary,
    ]
    sign(materials, *built)
    write_config(tmp_path / "site", materials)
    plan = with_packages(make_release_contents(materials), "centos6", *built)
    make_release(tmp_path / "site" / "releases" / "1.0.2", materials, plan)
    rows = {
        row["name"]: row["needed_by"]
        for row in audit(tmp_path / "site", "--json").json
        if row["arch"] != "src"
    }
    assert rows == {"app": [], "thing": ["app"], "focus": ["app"], "bunch": [], "erlang": ["focus"]}


# ---- which -----------------------------------------------------------------------------------------------------------


def which(folder: Path, thing: str | Path) -> list[tuple[str, str, str | None]]:
    answer = altai_build("which", str(thing), "--json", cwd=folder)
    rows = [(row["release"], row["matched"], row["nevra"]) for row in answer.json]
    assert answer.code == (0 if rows else 3), answer.err
    return rows


def test_which_by_name_nevra_file_and_content(site: Path, materials: Materials, tmp_path: Path) -> None:
    focus = ("1.0.2", "name", "focus-1.0-3.el6.noarch")
    assert which(site, "focus") == [focus]
    assert which(site, "foc*") == [focus]
    for spelling in ("bunch-1:1.0.1-1.el6.noarch", "bunch-1.0.1-1.el6.noarch"):
        assert which(site, spelling) == [("1.0.2", "nevra", "bunch-1:1.0.1-1.el6.noarch")]
    file = "focus-1.0-3.el6.noarch.rpm"
    assert which(site, file) == [("1.0.2", "file", "focus-1.0-3.el6.noarch")]
    assert which(site, f"centos6/{file}") == [("1.0.2", "file", "focus-1.0-3.el6.noarch")]
    assert which(site, "/usr/share/focus/greeting") == [("1.0.2", "content", "focus-1.0-3.el6.noarch")]
    renamed = tmp_path / "some.rpm"
    shutil.copy(materials.own, renamed)
    assert which(site, renamed) == [("1.0.2", "sha256", "focus-1.0-3.el6.noarch")]
    digest = next(row["sha256"] for row in audit(site, "--json").json if row["name"] == "focus")
    assert which(site, digest) == [("1.0.2", "sha256", "focus-1.0-3.el6.noarch")]


def test_a_file_of_the_same_name_and_other_bytes_is_told_as_such(
    site: Path, materials: Materials, tmp_path: Path
) -> None:
    forged = tmp_path / materials.own.name
    shutil.copy(materials.own, forged)
    flip_last_byte(forged)
    answer = altai_build("which", str(forged), "--json", cwd=site)
    (row,) = answer.json
    assert row["matched"] == "file"
    assert "has different bytes" in row["note"]


def test_what_no_release_has(site: Path) -> None:
    answer = altai_build("which", "focuss", "--json", cwd=site)
    assert (answer.code, answer.json) == (3, [])
    assert "no release has focuss" in answer.err and "similar names: focus" in answer.err


def test_which_by_commit_of_component_and_superproject(tmp_path: Path) -> None:
    world = World(tmp_path / "git")
    pins = [world.component("repos/focus", {"file": str(number)}) for number in range(3)]
    commits = [
        world.super.commit({".gitmodules": gitmodules(world.urls), "repos/focus": Pin(pin)})
        for pin in (pins[1], pins[2])
    ]
    clone = world.super.path / "repos" / "focus"
    shutil.copytree(world.components["repos/focus"].path, clone)
    (tmp_path / "repos.yaml").write_text(
        f"project: altai\nsuperproject: {{path: {world.super.path}}}\n"
        "targets: {centos6: {mock_config: el6, arch: x86_64}}\nkeys: {altai: {file: key, signs: true}}\n"
        "repositories: {centos6: {source: superproject, target: centos6, key: altai}}\n"
        'release: {baseurl: "https://repo.example.org"}\n'
    )
    write_manifests(
        tmp_path / "releases",
        *(
            manifest(
                version,
                [package(f"focus-{version}-1.noarch", component("repos/focus", pin))],
                commit=commit,
            )
            for version, pin, commit in zip(("1.0", "1.1"), pins[1:], commits)
        ),
    )
    assert which(tmp_path, pins[1]) == [
        ("1.0", "commit", "focus-1.0-1.noarch"),
        ("1.1", "contained", "focus-1.1-1.noarch"),
    ]
    assert which(tmp_path, pins[2][:9]) == [("1.1", "commit", "focus-1.1-1.noarch")]
    assert which(tmp_path, pins[0]) == [
        ("1.0", "contained", "focus-1.0-1.noarch"),
        ("1.1", "contained", "focus-1.1-1.noarch"),
    ]
    assert which(tmp_path, commits[1]) == [("1.1", "release", None)]
    assert which(tmp_path, commits[0][:10]) == [("1.0", "release", None), ("1.1", "release", None)]
    assert which(tmp_path, "0" * 40) == []
