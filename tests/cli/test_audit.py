"""`audit`: every package of a release with signer, origin and what needs it; filters, totals, CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from altai_build.model.compat import Compat
from altai_build.tools.files import make_directory
from altai_build.tools.repo.repodata import write_repodata
from tests.kit.cli import CliResult, altai_build
from tests.kit.configs import make_site, write_config
from tests.kit.manifests import component, manifest, package, write_manifests
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign,
    with_packages,
)
from tests.kit.rpms import build_rpm


@pytest.fixture(scope="module")
def site(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with repos.yaml and release 1.0.2."""
    return make_site(tmp_path_factory.mktemp("site"), materials)


def audit(site: Path, *words: str) -> CliResult:
    return altai_build("audit", "1.0.2", *words, cwd=site)


ALL = {
    "focus-1.0-3.el6.noarch",
    "focus-1.0-3.el6.src",
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
        (("--origin", "component"), {"focus-1.0-3.el6.noarch", "focus-1.0-3.el6.src"}),
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


def test_csv_has_what_json_has(site: Path) -> None:
    text = audit(site, "--csv").out
    assert audit(site, "--format", "csv").out == text
    table = list(csv.DictReader(io.StringIO(text)))
    rows = {row["nevra"]: row for row in audit(site, "--json").json}
    assert {row["nevra"] for row in table} == ALL
    for row in table:
        record = rows[row["nevra"]]
        assert row["sha256"] == record["sha256"]
        assert row["size"] == str(record["size"])
        assert row["signer_fingerprint"] == record["signer"]["fingerprint"]
        assert row["origin"] == record["origin"]["kind"]
        assert row["needed_by"] == " ".join(record["needed_by"])


def test_totals_by_repository_and_signer_add_up(site: Path, materials: Materials) -> None:
    rows = audit(site, "--json").json
    totals = audit(site, "--totals", "--json").json
    size = sum(row["size"] for row in rows)
    assert (totals["packages"], totals["size"]) == (5, size)
    for part in ("repositories", "signers"):
        assert sum(total["size"] for total in totals[part]) == size
    assert {total["what"]: total["packages"] for total in totals["repositories"]} == {
        "centos6": 1,
        "centos6-srpms": 1,
        "deps/epel": 1,
        "deps/misc": 1,
        "deps/misc-srpms": 1,
    }
    ours = f"{materials.ours.fingerprint} ours <ours@example.org>"
    assert {total["what"]: total["packages"] for total in totals["signers"]}[ours] == 4
    assert f"{ours}: 4 packages" in audit(site).err


def test_filters_that_cannot_match_are_refused(site: Path) -> None:
    wrong = audit(site, "--repository", "deps/epl")
    assert (wrong.code, wrong.out) == (3, "")
    assert "deps/epel" in wrong.err
    assert audit(site, "--origin", "git").code == 3
    nothing = audit(site, "--name", "nothing*")
    assert (nothing.code, nothing.out) == (0, "")
    assert "warning: no package of release 1.0.2 is what these options select" in nothing.err
    for words in (("--csv", "--json"), ("--format", "csv", "--json"), ("--json", "--format", "csv")):
        assert audit(site, *words).code == 2


def test_needed_by_comes_from_the_packages_themselves(materials: Materials, tmp_path: Path) -> None:
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


def test_text_that_a_spreadsheet_would_run_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "repos.yaml").write_text(
        "project: altai\ntargets: {centos6: {mock_config: el6, arch: x86_64}}\n"
        "keys: {altai: {file: key, signs: true}}\n"
        "repositories: {centos6: {source: superproject, target: centos6, key: altai}}\n"
        'release: {baseurl: "https://repo.example.org"}\n'
    )
    origin = component("=cmd()", "c" * 40)
    write_manifests(tmp_path / "releases", manifest("1.0.2", [package("focus-1-1.noarch", origin)]))
    write_repodata(make_directory(tmp_path / "releases" / "1.0.2" / "centos6"), epoch=1, compat=Compat.EL6)
    (row,) = csv.DictReader(io.StringIO(audit(tmp_path, "--csv").out))
    assert (row["origin_path"], row["name"]) == ("'=cmd()", "focus")
