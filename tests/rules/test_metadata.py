"""Errors in what a client reads before any package are found: manifest, checksums, metadata, .repo file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.stages.verify import verify_release
from tests.kit.findings import list_errors
from tests.kit.releases import Materials, sign_again


def test_a_staged_release_may_be_in_a_folder_of_another_name(release: Path) -> None:
    staged = release.rename(release.with_name(".1.0.2.staging-x"))
    assert verify_release(staged).findings == ()
    report = verify_release(staged.rename(staged.with_name("1.0.3")))
    assert list_errors(report) == {("manifest", "release.json")}


def test_metadata_that_does_not_match_its_repomd(release: Path) -> None:
    (primary,) = (release / "centos6/repodata").glob("*primary*")
    primary.write_bytes(primary.read_bytes() + b"\n")
    rules = {rule for rule, _ in list_errors(verify_release(release))}
    assert rules == {"checksums", "repodata"}


def test_a_file_missing_from_the_checksums(release: Path) -> None:
    sums = release / "SHA256SUMS"
    removed, *kept = sums.read_text().splitlines(keepends=True)
    first = removed.rstrip().partition("  ")[2]
    sums.write_text("".join(kept))
    assert list_errors(verify_release(release)) == {
        ("checksums", first),
        ("metadata-signatures", "SHA256SUMS"),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gpgcheck=1", "gpgcheck=0", "does not set gpgcheck=1"),
        ("skip_if_unavailable=0", "skip_if_unavailable=True", "does not set skip_if_unavailable=0"),
        ("pkg_gpgcheck=1", "pkg_gpgcheck=0", "does not set pkg_gpgcheck=1"),
        ("[altai-deps-epel]", "[altai-other]", "the section [altai-deps-epel] is missing"),
        ("/1.0.2/deps/epel/", "/1.0.1/deps/epel/", "has a baseurl that does not end in /1.0.2/deps/epel"),
        (
            "RPM-GPG-KEY-epel6",
            "RPM-GPG-KEY-epel7",
            "lists the key RPM-GPG-KEY-epel7, which the release does not have",
        ),
        ("[altai-centos6]", "altai-centos6", "File contains no section headers"),
    ],
)
def test_a_repo_file_that_would_mislead_clients(
    release: Path, materials: Materials, old: str, new: str, message: str
) -> None:
    repo = release / "altai.repo"
    text = repo.read_text()
    assert old in text
    repo.write_text(text.replace(old, new))
    sign_again(release, materials)
    report = verify_release(release)
    assert {rule for rule, _ in list_errors(report)} == {"repo-file"}
    assert any(message in one.message for one in report.findings)


@pytest.mark.parametrize(
    ("chain", "severity"),
    [({}, Severity.WARNING), ({"previous_sha256": None, "also_follows": []}, Severity.ERROR)],
)
def test_a_repo_file_lets_clients_pass_over_a_refused_signature(
    release: Path, materials: Materials, chain: dict[str, object], severity: Severity
) -> None:
    """An error where we write the setting; earlier versions, whose releases are not part of a chain, did not."""
    repo, manifest = release / "altai.repo", release / "release.json"
    repo.write_text(repo.read_text().replace("skip_if_unavailable=0\n", "", 1))
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), **chain}))
    sign_again(release, materials, "release.json")
    (finding,) = verify_release(release).findings
    assert (finding.rule, finding.severity) == ("repo-file", severity)
    assert finding.message.startswith("[altai-centos6] does not set skip_if_unavailable=0: ")


def test_no_repo_file_or_two(release: Path, materials: Materials) -> None:
    shutil.copy(release / "altai.repo", release / "other.repo")
    sign_again(release, materials)
    assert list_errors(verify_release(release)) == {("repo-file", "1.0.2")}


@pytest.mark.parametrize("line", ["no digest", f"{'0' * 64}  release.json", f"{'0' * 63}  release.json"])
def test_a_line_of_checksums_that_is_invalid_or_double(release: Path, line: str) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(f"{sums.read_text()}{line}\n")
    messages = {
        finding.message for finding in verify_release(release).findings if finding.rule == "checksums"
    }
    assert f"invalid line: {line!r}" in messages
