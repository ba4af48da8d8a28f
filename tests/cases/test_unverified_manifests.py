"""Every verb that prints what release.json says tells when nobody vouches for it, and when only its own keys do."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit.cli import CliResult, altai_build
from tests.kit.configs import write_config
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.releases import Materials, make_release, make_release_contents, sign_again
from tests.kit.server import serving
from tests.kit.timed_keys import timed_keyring

READING = {
    "audit": ["audit", "1.0.2"],
    "which": ["which", "focus"],
    "diff": ["diff", "1.0.1", "1.0.2"],
    "releases": ["releases"],
    "report": ["report", "1.0.2"],
}


@pytest.fixture(scope="module")
def original(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    releases = tmp_path_factory.mktemp("original")
    for version in ("1.0.1", "1.0.2"):
        release = make_release(releases / version, materials, make_release_contents(materials, version))
        (release / "report").mkdir()
        (release / "report" / "index.html").write_text("<html>\n")
        sign_again(release, materials)
    return releases


@pytest.fixture
def site(original: Path, materials: Materials, tmp_path: Path) -> Path:
    write_config(tmp_path, materials)
    shutil.copytree(original, tmp_path / "releases")
    return tmp_path


def call(site: Path, *words: str | Path) -> CliResult:
    return altai_build(*words, cwd=site)


def edit_commit(site: Path) -> None:
    manifest = site / "releases" / "1.0.2" / "release.json"
    manifest.write_text(manifest.read_text().replace("c" * 40, "b" * 40))


@pytest.mark.parametrize("verb", READING)
def test_an_edited_manifest_is_unverified(site: Path, verb: str) -> None:
    answer = call(site, *READING[verb])
    assert (answer.code, "release.json is unverified" in answer.err) == (0, False), answer.err
    edit_commit(site)
    answer = call(site, *READING[verb])
    assert answer.code == 0
    assert "warning: release 1.0.2: release.json is unverified; bad signature" in answer.err
    document = call(site, *READING[verb], "--json").json
    rows = document if isinstance(document, list) else [document]
    of_all = verb in ("audit", "diff", "report")
    levels = [row["trust"] for row in rows if of_all or row["release"] == "1.0.2"]
    assert {level["new"] if isinstance(level, dict) else level for level in levels} == {"unverified"}


def test_a_warning_of_a_wrong_signature_is_one_line_of_plain_words(site: Path) -> None:
    """Who signed, what is wrong, what to do; what gpgv printed is shown with -v."""
    edit_commit(site)
    for options, is_raw in (((), False), (("-v",), True)):
        answer = call(site, *options, *READING["which"])
        (warning,) = (line for line in answer.err.splitlines() if line.startswith("warning: "))
        assert re.fullmatch(
            r"warning: release 1\.0\.2: release\.json is unverified; bad signature \(key [0-9A-F]{16}\): it was "
            r"changed after .+ <.+> signed it, or the signature is that of another file\. Do not rely on it: .*",
            warning,
        )
        assert ("gpgv: BAD signature" in answer.err) == is_raw


def test_a_key_file_of_a_release_that_cannot_be_read_does_not_hide_its_packages(site: Path) -> None:
    complete = call(site, "audit", "1.0.2", "--json").json
    (file, *_) = sorted((site / "releases" / "1.0.2").glob("RPM-GPG-KEY-*"))
    file.write_text("garbled\n")
    answer = call(site, "audit", "1.0.2", "--json")
    assert answer.code == 0, answer.err
    assert [row["nevra"] for row in answer.json] == [row["nevra"] for row in complete]
    assert f"release 1.0.2: {file.name} cannot be read, so the names of its keys are unknown: " in answer.err


def test_the_page_of_an_edited_report_is_unverified(site: Path) -> None:
    (site / "releases" / "1.0.2" / "report" / "index.html").write_text("<html>changed\n")
    answer = call(site, "report", "1.0.2")
    assert "release 1.0.2: report/index.html is unverified; SHA256SUMS lists another file" in answer.err


def test_a_key_that_the_user_names_counts_in_place_of_the_configured_ones(
    site: Path, materials: Materials, tmp_path: Path
) -> None:
    other = make_key(tmp_path / "other", "other").public
    assert call(site, "releases", "--key", materials.ours.public, "--json").json[0]["trust"] == "pinned"
    answer = call(site, "releases", "--key", other, "--json")
    assert [row["trust"] for row in answer.json] == ["own keys", "own keys"]
    assert "releases 1.0.1, 1.0.2, each: it agrees only with the keys it brought; no pinned key" in answer.err


def test_verify_says_whose_keys_it_agrees_with(
    site: Path, materials: Materials, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Not below the site, whose repos.yaml would be found upwards.
    elsewhere, other = tmp_path_factory.mktemp("elsewhere"), make_key(tmp_path / "other", "other").public
    release = site / "releases" / "1.0.2"

    def verify(*words: str | Path) -> CliResult:
        return call(elsewhere, "--workspace", tmp_path / "ws", "verify", release, *words)

    alone = verify()
    assert alone.code == 0
    assert alone.err.splitlines()[-2:] == [
        "warning: no key is pinned: name the key file that you have from elsewhere with --key FILE, or use repos.yaml",
        "release 1.0.2 passed verification, but agrees only with the keys it brought",
    ]
    assert verify("--json").json["trust"] == "own keys"
    pinned = verify("--key", materials.ours.public)
    assert pinned.err.splitlines()[-1] == "release 1.0.2 passed verification"
    assert verify("--key", other, "--key", materials.ours.public, "--json").json["trust"] == "pinned"
    refused = verify("--key", other, "--json")
    assert (refused.code, refused.json["trust"], refused.json["ok"]) == (7, "unverified", False)
    assert {finding["rule"] for finding in refused.json["findings"]} >= {"keys", "metadata-signatures"}
    assert verify("--key", tmp_path / "gone").code == 3


def test_the_configuration_s_copy_of_a_key_decides_whether_it_is_revoked(
    materials: Materials, tmp_path: Path
) -> None:
    """The release's own copy is as old as the release."""
    with timed_keyring(tmp_path) as keyring:
        fingerprint = keyring.make("ours", "20200101", algorithm="rsa2048")
        public = keyring.export(tmp_path / "ours.pub", fingerprint)
        secret = keyring.export_secret(tmp_path / "ours.sec", fingerprint)
        ours = ThrowawayKey(fingerprint=fingerprint, public=public, secret=secret, passphrase="")
        revoked = replace(materials, ours=ours)
        make_release(tmp_path / "releases" / "1.0.2", revoked, make_release_contents(revoked))
        keyring.revoke(fingerprint)
        keyring.export(public, fingerprint)
    write_config(tmp_path, revoked)
    findings = call(tmp_path, "verify", "1.0.2", "--json").json["findings"]
    messages = {one["subject"]: one["message"] for one in findings if one["rule"] == "metadata-signatures"}
    assert messages["release.json"].startswith("signed with a revoked key")
    assert "keys" not in {one["rule"] for one in findings}


def test_the_url_of_the_link_latest_and_of_a_server_s_root_name_no_version(
    site: Path, tmp_path: Path
) -> None:
    releases = site / "releases"
    (releases / "latest").symlink_to("1.0.2")
    with serving(releases) as url, serving(releases / "1.0.2") as root:
        for named in (f"{url}/latest", f"{url}/latest/", root, f"{root}/"):
            answer = call(site, "verify", named, "--json")
            assert (answer.code, answer.json["release"], answer.json["findings"]) == (0, "1.0.2", []), named
    shutil.copytree(releases / "1.0.2", tmp_path / "copy")
    copied = call(site, "verify", tmp_path / "copy", "--json")
    assert (copied.code, [one["severity"] for one in copied.json["findings"]]) == (0, ["warning"])
    # One release under the name of another is an old one that passes for a new one.
    shutil.copytree(releases / "1.0.1", tmp_path / "1.0.3")
    (releases / "1.0.4").symlink_to("1.0.1")
    for replayed in (tmp_path / "1.0.3", "1.0.4"):
        answer = call(site, "verify", replayed, "--json")
        assert answer.code == 7
        assert [one["rule"] for one in answer.json["findings"]] == ["manifest"], replayed
