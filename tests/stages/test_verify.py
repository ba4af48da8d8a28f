"""An intact release has no findings; every change to one is found by the rule for it, in one step or in two."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.trust import TrustLevel
from altai_build.rules import view
from altai_build.rules.registry import RULES
from altai_build.stages.verify import verify_before_checksums, verify_checksums, verify_release
from altai_build.tools.files import sha256_file
from tests.kit.findings import list_errors
from tests.kit.releases import (
    Materials,
    make_materials,
    make_release,
    make_release_contents,
    sign_again,
)
from tests.kit.rpms import flip_last_byte

FOCUS = "centos6/focus-1.0-3.el6.noarch.rpm"
REPOMD = "centos6/repodata/repomd.xml"


def trusted(materials: Materials) -> list[tuple[str, Path]]:
    return [("ours", materials.ours.public), ("epel6", materials.theirs.public)]


def test_a_intact_release_has_no_findings(release: Path, materials: Materials) -> None:
    for keys, trust in (([], "own keys"), (trusted(materials), "pinned")):
        report = verify_release(release, trusted_keys=keys)
        assert report.findings == ()
        assert report.is_ok
        assert report.to_json() == {"release": "1.0.2", "ok": True, "trust": trust, "findings": []}


def test_an_empty_folder_fails_every_rule(tmp_path: Path) -> None:
    (tmp_path / "1.0.2").mkdir()
    report = verify_release(tmp_path / "1.0.2")
    assert {rule for rule, _ in list_errors(report)} == {rule.id for rule in RULES}
    with pytest.raises(InputError, match="there is no release"):
        verify_release(tmp_path / "gone")


def flip_package(release: Path) -> None:
    flip_last_byte(release / FOCUS)


def remove_package(release: Path) -> None:
    (release / FOCUS).unlink()


def add_package(release: Path) -> None:
    os.link(release / FOCUS, release / "centos6" / "extra-1-1.noarch.rpm")


def change_repomd(release: Path) -> None:
    repomd = release / "centos6/repodata/repomd.xml"
    repomd.write_text(repomd.read_text() + "<!-- -->\n")


def change_manifest(release: Path) -> None:
    text = (release / "release.json").read_text()
    (release / "release.json").write_text(
        text.replace("https://example.org/focus.git", "https://evil.example/x")
    )


def remove_signature(release: Path) -> None:
    (release / "release.json.asc").unlink()


def add_file(release: Path) -> None:
    (release / "notes.txt").write_text("new\n")


def link_out(release: Path) -> None:
    (release / "passwd").symlink_to("/etc/passwd")


def link_folder(release: Path) -> None:
    (release / "also").symlink_to("centos6")


def change_checksums(release: Path) -> None:
    text = (release / "SHA256SUMS").read_text()
    (release / "SHA256SUMS").write_text("".join(text.splitlines(keepends=True)[1:]))


def switch_checks_off(release: Path) -> None:
    repo = release / "altai.repo"
    repo.write_text(repo.read_text().replace("repo_gpgcheck=1", "repo_gpgcheck=0", 1))


def swap_key(release: Path) -> None:
    shutil.copy(release / "RPM-GPG-KEY-epel6", release / "RPM-GPG-KEY-ours")


FOCUS_GONE = {("checksums", FOCUS), ("packages-listed", FOCUS)}
# A change of a release, and the (rule, subject) of every error that this is.
CHANGES: list[tuple[Callable[[Path], None], set[tuple[str, str]]]] = [
    (flip_package, {("checksums", FOCUS), ("packages-listed", FOCUS), ("package-signatures", FOCUS)}),
    (remove_package, FOCUS_GONE),
    (
        add_package,
        {
            ("checksums", "centos6/extra-1-1.noarch.rpm"),
            ("packages-listed", "centos6/extra-1-1.noarch.rpm"),
        },
    ),
    (
        change_repomd,
        {
            ("checksums", "centos6/repodata/repomd.xml"),
            ("metadata-signatures", "centos6/repodata/repomd.xml"),
        },
    ),
    (change_manifest, {("checksums", "release.json"), ("metadata-signatures", "release.json")}),
    (remove_signature, {("checksums", "release.json.asc"), ("metadata-signatures", "release.json")}),
    (add_file, {("checksums", "notes.txt"), ("stray-files", "notes.txt")}),
    (link_out, {("plain-files", "passwd"), ("stray-files", "passwd")}),
    (link_folder, {("plain-files", "also"), ("stray-files", "also")}),
    (switch_checks_off, {("checksums", "altai.repo"), ("repo-file", "altai.repo")}),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_every_change_is_list_errors(
    release: Path, change: Callable[[Path], None], expected: set[tuple[str, str]]
) -> None:
    change(release)
    assert list_errors(verify_release(release)) == expected


@pytest.mark.parametrize("when", ["before", "between"])
@pytest.mark.parametrize("change", [change_checksums, *(change for change, _ in CHANGES)])
def test_verification_in_two_steps_finds_the_same(
    release: Path, tmp_path: Path, change: Callable[[Path], None], when: str
) -> None:
    """A release is verified before its checksums are signed and after; what changes in between is found too."""
    if when == "before":
        change(release)
    sign_checksums = [(release / name, tmp_path / name) for name in ("SHA256SUMS", "SHA256SUMS.asc")]
    for inside, outside in sign_checksums:
        inside.rename(outside)
    staged = verify_before_checksums(release)
    assert staged.verification.is_ok is (when == "between" or change is change_checksums)
    for inside, outside in sign_checksums:
        outside.rename(inside)
    if when == "between":
        change(release)
    assert set(verify_checksums(staged).findings) == set(verify_release(release).findings) != set()


def remove_checksums(release: Path) -> None:
    for name in ("SHA256SUMS", "SHA256SUMS.asc"):
        (release / name).unlink()


@pytest.mark.parametrize("name", ["centos6/late-1-1.noarch.rpm", "other.repo", "provenance/slsa/late.json"])
def test_files_added_with_the_checksums_are_list_errors(
    release: Path, materials: Materials, name: str
) -> None:
    """It is in the checksums, and of a name that some rule on content looks at."""
    remove_checksums(release)
    staged = verify_before_checksums(release)
    (release / name).write_text("late\n")
    sign_again(release, materials)
    report = verify_checksums(staged)
    assert not report.is_ok
    assert set(report.findings) == set(verify_release(release).findings)


def test_files_read_before_the_checksums_are_not_read_again(
    release: Path, materials: Materials, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_checksums(release)
    staged = verify_before_checksums(release)
    (release / "report").mkdir()
    (release / "report" / "index.html").write_text("<html>\n")
    sign_again(release, materials)
    hashed = []

    def hash_file(path: Path) -> str:
        hashed.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(view, "sha256_file", hash_file)
    assert verify_checksums(staged).findings == ()
    assert sorted(hashed) == ["SHA256SUMS", "SHA256SUMS.asc", "index.html"]


def test_a_key_that_was_swapped(release: Path, materials: Materials) -> None:
    swap_key(release)
    """Against the configured key all signatures are good; without it nothing fits the release's own key."""
    rules = {rule for rule, _ in list_errors(verify_release(release, trusted_keys=trusted(materials)))}
    assert rules == {"keys", "checksums"}
    alone = {rule for rule, _ in list_errors(verify_release(release))}
    assert alone >= {"keys", "checksums", "metadata-signatures", "package-signatures", "provenance"}


def test_a_release_that_agrees_with_itself_but_not_with_the_configuration(
    materials: Materials, tmp_path: Path
) -> None:
    """Somebody else's release, signed through and through by somebody else."""
    strangers = make_materials(tmp_path / "strangers")
    release = make_release(tmp_path / "1.0.2", strangers, make_release_contents(strangers))
    assert verify_release(release).is_ok
    report = verify_release(release, trusted_keys=trusted(materials))
    assert list_errors(report) >= {
        ("keys", "RPM-GPG-KEY-ours"),
        ("keys", "RPM-GPG-KEY-epel6"),
        ("metadata-signatures", "release.json"),
        ("metadata-signatures", "SHA256SUMS"),
    }
    assert report.trust is TrustLevel.UNVERIFIED
    unknown = verify_release(release, trusted_keys=[("altai", materials.ours.public)])
    assert {one.message for one in unknown.findings} == {"the configuration has no key of this name"}
