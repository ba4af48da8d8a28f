"""A sound release has no findings; each thing that can go wrong is found by the rule that is there for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity, VerificationReport
from altai_build.rules import view
from altai_build.rules.registry import RULES
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.stages import verify
from altai_build.stages.compose import Placement
from altai_build.stages.verify import verify_before_checksums, verify_checksums, verify_release
from altai_build.tools.files import sha256_file
from altai_build.tools.repo.repodata import write_repodata
from tests.kit.keys import make_key, signing_key
from tests.kit.releases import (
    Materials,
    make_materials,
    make_release,
    make_release_contents,
    sign_again,
    with_repository,
)
from tests.kit.rpms import build_rpm, flip_last_byte

FOCUS = "centos6/focus-1.0-3.el6.noarch.rpm"
REPOMD = "centos6/repodata/repomd.xml"


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> Materials:
    return make_materials(tmp_path_factory.mktemp("materials"))


@pytest.fixture(scope="module")
def sound(materials: Materials, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_release(
        tmp_path_factory.mktemp("sound") / "1.0.2", materials, make_release_contents(materials)
    )


@pytest.fixture
def release(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "1.0.2"))


def trusted(materials: Materials) -> list[tuple[str, Path]]:
    return [("ours", materials.ours.public), ("epel6", materials.theirs.public)]


def found(answer: VerificationReport) -> set[tuple[str, str]]:
    """(rule, subject) of every error."""
    return {(one.rule, one.subject) for one in answer.findings if one.severity is Severity.ERROR}


def test_a_sound_release_has_no_findings(release: Path, materials: Materials) -> None:
    for keys in ([], trusted(materials)):
        answer = verify_release(release, trusted_keys=keys)
        assert answer.findings == ()
        assert answer.is_ok
    assert answer.to_json() == {"release": "1.0.2", "ok": True, "findings": []}


def test_a_staged_release_is_judged_by_its_own_name(release: Path) -> None:
    staged = release.rename(release.with_name(".1.0.2.staging-x"))
    assert verify_release(staged).findings == ()
    answer = verify_release(staged.rename(staged.with_name("1.0.3")))
    assert found(answer) == {("manifest", "release.json")}


def test_every_rule_examines_something_in_a_sound_release_and_says_why_it_is_there(release: Path) -> None:
    whole = ReleaseView(release, ())
    assert {rule.id: rule.check(rule, whole).examined_count > 0 for rule in RULES} == {
        rule.id: True for rule in RULES
    }
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.reason and rule.fix for rule in RULES)


def test_the_page_on_verification_has_every_rule_with_its_fix() -> None:
    page = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
    lines = {line for line in page.splitlines() if line.startswith("| `")}
    assert {f"| `{rule.id}` | {rule.reason} | {rule.fix} |" for rule in RULES} <= lines


def test_a_rule_that_examined_nothing_is_a_finding(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    idle = Rule(
        id="idle", reason="it looks at nothing", fix="none", check=lambda _rule, _view: RuleResult(0, [])
    )
    monkeypatch.setattr(verify, "RULES", (idle,))
    answer = verify_release(release)
    assert found(answer) == {("idle", "1.0.2")}
    assert answer.findings[0].message == "nothing to examine: it looks at nothing"
    assert answer.to_json()["ok"] is False


def test_an_empty_folder_passes_nothing(tmp_path: Path) -> None:
    (tmp_path / "1.0.2").mkdir()
    answer = verify_release(tmp_path / "1.0.2")
    assert {rule for rule, _ in found(answer)} == {rule.id for rule in RULES}
    with pytest.raises(InputError, match="there is no release"):
        verify_release(tmp_path / "gone")


def flip_package(release: Path) -> None:
    flip_last_byte(release / FOCUS)


def remove_package(release: Path) -> None:
    (release / FOCUS).unlink()


def add_package(release: Path) -> None:
    os.link(release / FOCUS, release / "centos6" / "extra-1-1.noarch.rpm")


def change_primary(release: Path) -> None:
    (primary,) = (release / "centos6/repodata").glob("*primary*")
    primary.write_bytes(primary.read_bytes() + b"\n")


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
# How a release is spoilt, and the (rule, subject) of every error that this is.
SPOILT: list[tuple[Callable[[Path], None], set[tuple[str, str]]]] = [
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


@pytest.mark.parametrize(("spoil", "expected"), SPOILT)
def test_what_was_changed_is_found(
    release: Path, spoil: Callable[[Path], None], expected: set[tuple[str, str]]
) -> None:
    spoil(release)
    assert found(verify_release(release)) == expected


@pytest.mark.parametrize("when", ["before", "between"])
@pytest.mark.parametrize("spoil", [change_checksums, *(spoil for spoil, _ in SPOILT)])
def test_in_two_parts_the_same_is_found_as_at_once(
    release: Path, tmp_path: Path, spoil: Callable[[Path], None], when: str
) -> None:
    """A release that is being made is verified before its seal and after; what changes in between is found too."""
    if when == "before":
        spoil(release)
    sign_checksums = [(release / name, tmp_path / name) for name in ("SHA256SUMS", "SHA256SUMS.asc")]
    for inside, outside in sign_checksums:
        inside.rename(outside)
    unsealed = verify_before_checksums(release)
    assert unsealed.verification.is_ok is (when == "between" or spoil is change_checksums)
    for inside, outside in sign_checksums:
        outside.rename(inside)
    if when == "between":
        spoil(release)
    assert set(verify_checksums(unsealed).findings) == set(verify_release(release).findings) != set()


def take_seal_off(release: Path) -> None:
    for name in ("SHA256SUMS", "SHA256SUMS.asc"):
        (release / name).unlink()


@pytest.mark.parametrize("name", ["centos6/late-1-1.noarch.rpm", "other.repo", "provenance/slsa/late.json"])
def test_what_comes_with_the_seal_and_is_no_part_of_it_is_found(
    release: Path, materials: Materials, name: str
) -> None:
    """It is in the checksums, and of a name that some rule on content looks at."""
    take_seal_off(release)
    unsealed = verify_before_checksums(release)
    (release / name).write_text("late\n")
    sign_again(release, materials)
    answer = verify_checksums(unsealed)
    assert not answer.is_ok
    assert set(answer.findings) == set(verify_release(release).findings)


def test_what_was_read_before_the_seal_is_not_read_again(
    materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    take_seal_off(release)
    unsealed = verify_before_checksums(release)
    (release / "report").mkdir()
    (release / "report" / "index.html").write_text("<html>\n")
    sign_again(release, materials)
    hashed = []

    def hash_file(path: Path) -> str:
        hashed.append(path.name)
        return sha256_file(path)

    monkeypatch.setattr(view, "sha256_file", hash_file)
    assert verify_checksums(unsealed).findings == ()
    assert sorted(hashed) == ["SHA256SUMS", "SHA256SUMS.asc", "index.html"]


def test_metadata_that_does_not_fit_its_repomd(release: Path) -> None:
    change_primary(release)
    rules = {rule for rule, _ in found(verify_release(release))}
    assert rules == {"checksums", "repodata"}


def test_missing_lines_in_the_checksums(release: Path) -> None:
    first = (release / "SHA256SUMS").read_text().split("\n")[0].split("  ")[1]
    change_checksums(release)
    assert found(verify_release(release)) == {("checksums", first), ("metadata-signatures", "SHA256SUMS")}


def test_a_key_that_was_swapped(release: Path, materials: Materials) -> None:
    swap_key(release)
    rules = {rule for rule, _ in found(verify_release(release, trusted_keys=trusted(materials)))}
    assert rules == {"keys", "checksums", "metadata-signatures", "package-signatures", "provenance"}


def test_a_release_that_agrees_with_itself_but_not_with_the_configuration(
    materials: Materials, tmp_path: Path
) -> None:
    """Somebody else's release, signed through and through by somebody else."""
    strangers = make_materials(tmp_path / "strangers")
    release = make_release(tmp_path / "1.0.2", strangers, make_release_contents(strangers))
    assert verify_release(release).is_ok
    answer = verify_release(release, trusted_keys=trusted(materials))
    assert found(answer) == {("keys", "RPM-GPG-KEY-ours"), ("keys", "RPM-GPG-KEY-epel6")}
    unknown = verify_release(release, trusted_keys=[("altai", materials.ours.public)])
    assert {one.message for one in unknown.findings} == {"the configuration has no key of this name"}


def test_a_package_signed_by_another_key_than_its_repository_s(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    origin = plan.repositories[1].packages[0].origin
    stranger = Placement(path=materials.own, origin=origin)  # ours, in the mirror of theirs
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=(stranger,))
    )
    answer = verify_release(release)
    subject = f"deps/epel/{materials.own.name}"
    assert ("package-signatures", subject) in found(answer)
    message = next(one.message for one in answer.findings if one.subject == subject)
    assert message.startswith(f"unknown key (key {materials.ours.fingerprint[-16:]})")


def test_an_unsigned_package(materials: Materials, tmp_path: Path) -> None:
    rpm = build_rpm(tmp_path / "unsigned").binary
    plan = make_release_contents(materials)
    placement = Placement(path=rpm, origin=plan.repositories[0].packages[0].origin)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "centos6", packages=(placement,))
    )
    answer = verify_release(release)
    assert found(answer) == {("package-signatures", f"centos6/{rpm.name}")}
    assert answer.findings[0].message.startswith("unsigned")


def test_the_same_package_in_two_repositories(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    twice = (*plan.repositories[2].packages, plan.repositories[0].packages[0])
    release = make_release(tmp_path / "1.0.2", materials, with_repository(plan, "deps/misc", packages=twice))
    assert found(verify_release(release)) == {
        ("duplicates", "focus-1.0-3.el6.noarch"),
        ("source-packages", "deps/misc/focus-1.0-3.el6.noarch.rpm"),
    }


def test_a_package_that_yum_cannot_see(release: Path, materials: Materials) -> None:
    """Everything signed and summed, but the package is not in the metadata: only the comparison finds that."""
    hidden = release / FOCUS
    away = hidden.rename(release / "hidden")
    write_repodata(release / "centos6", epoch=1, compat=Compat.EL6)
    away.rename(hidden)
    sign_again(release, materials, "centos6/repodata/repomd.xml")
    assert found(verify_release(release)) == {("packages-listed", FOCUS)}


def test_a_manifest_that_tells_another_story(release: Path, materials: Materials) -> None:
    document = json.loads((release / "release.json").read_text())
    (focus,) = (one for one in document["packages"] if one["name"] == "focus")
    focus["version"] = "9.9"
    focus["signer"]["fingerprint"] = "0" * 40
    (release / "release.json").write_text(json.dumps(document))
    sign_again(release, materials, "release.json")
    answer = verify_release(release)
    assert found(answer) == {("packages-listed", FOCUS), ("package-signatures", FOCUS)}


def test_an_expired_key_is_one_warning_for_a_repository(tmp_path: Path, materials: Materials) -> None:
    old = make_key(tmp_path, "old", born="20200101", expires="1y", extended=True)
    rpms = [build_rpm(tmp_path / "old rpms", name).binary for name in ("one", "two")]
    with signing_key(old) as key:
        key.sign_rpms(rpms, rpmv3=True)
    plan = make_release_contents(replace(materials, theirs=old))
    origin = plan.repositories[1].packages[0].origin
    placements = tuple(Placement(path=rpm, origin=origin) for rpm in rpms)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=placements)
    )
    answer = verify_release(release)
    assert [(one.rule, one.subject, one.severity, one.message) for one in answer.findings] == [
        (
            "package-signatures",
            "deps/epel",
            Severity.ERROR,
            "signed after the key expired on 2020-12-31 (2 packages)",
        ),
        (
            "key-expiry",
            "RPM-GPG-KEY-epel6",
            Severity.WARNING,
            f"key {old.fingerprint[-16:]} (old <old@example.org>) expired on 2020-12-31",
        ),
    ]


def test_weak_signatures_are_warnings(tmp_path: Path, materials: Materials, shared: Path) -> None:
    """DSA-1024 and SHA-1: good for the CentOS 6 client, refused by newer policies."""
    weak = shared / "rpms" / "ownerjossh_master-centos6" / "remi-release-6.rpm"
    rpm = Path(shutil.copy(weak, tmp_path / "remi-release-6.8-1.el6.remi.noarch.rpm"))
    key = replace(materials.theirs, public=shared / "keys" / "RPM-GPG-KEY-remi")
    plan = make_release_contents(replace(materials, theirs=key))
    placement = Placement(path=rpm, origin=plan.repositories[1].packages[0].origin)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=(placement,))
    )
    answer = verify_release(release)
    assert answer.is_ok
    weaknesses = [one for one in answer.findings if one.rule == "package-signatures"]
    assert {(one.subject, one.message) for one in weaknesses} == {
        ("deps/epel", "signed with a DSA-1024 key (1 package)"),
        ("deps/epel", "signed with a SHA1 signature hash (1 package)"),
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("gpgcheck=1", "gpgcheck=0", "does not set gpgcheck=1"),
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
    answer = verify_release(release)
    assert {rule for rule, _ in found(answer)} == {"repo-file"}
    assert any(message in one.message for one in answer.findings)


def test_no_repo_file_or_two(release: Path, materials: Materials) -> None:
    shutil.copy(release / "altai.repo", release / "other.repo")
    sign_again(release, materials)
    assert found(verify_release(release)) == {("repo-file", "1.0.2")}
