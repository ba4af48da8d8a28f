"""What the rules read of a release: files and links, digests, headers, and the same again after it is signed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.model.signature import SignatureCheck, SignatureStatus
from altai_build.rules.view import ReleaseView, VerifyContext, assess_signature
from altai_build.tools.files import sha256_file
from tests.kit.rpms import flip_last_byte

FOCUS = "centos6/focus-1.0-3.el6.noarch.rpm"


def test_links_are_files_without_a_digest(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("text\n")
    (tmp_path / "link").symlink_to("folder")
    view = ReleaseView(tmp_path, ())
    assert view.files == ("folder/file", "link")
    assert view.digests == {"folder/file": sha256_file(tmp_path / "folder" / "file")}


def test_headers_are_read_of_packages_with_good_signatures_only(release: Path) -> None:
    assert FOCUS in ReleaseView(release, ()).binary_headers
    flip_last_byte(release / FOCUS)
    view = ReleaseView(release, ())
    assert FOCUS not in view.headers
    assert "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm" in view.headers
    assert "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm" not in view.binary_headers


def test_a_release_whose_manifest_is_damaged_has_the_version_of_its_folder(release: Path) -> None:
    (release / "release.json").write_text("{")
    view = ReleaseView(release, ())
    assert (view.version, view.manifest, view.repositories) == ("1.0.2", None, ())
    assert isinstance(view.manifest_or_error, str) and view.manifest_or_error.startswith("not JSON")


def write_report(release: Path) -> None:
    (release / "report").mkdir(exist_ok=True)
    (release / "report" / "index.html").write_text("<html>\n")


def change_a_file(release: Path) -> None:
    (release / "altai.repo").write_text("changed\n")


def add_a_file(release: Path) -> None:
    (release / "notes.txt").write_text("new\n")


def remove_a_file(release: Path) -> None:
    (release / "altai.repo").unlink()


@pytest.mark.parametrize(
    ("change", "is_same"),
    [(write_report, True), (change_a_file, False), (add_a_file, False), (remove_a_file, False)],
)
def test_a_release_is_the_same_after_it_got_its_report_and_checksums_and_nothing_else(
    release: Path, tmp_path: Path, change: Callable[[Path], None], is_same: bool
) -> None:
    kept = {name: shutil.move(release / name, tmp_path / name) for name in ("SHA256SUMS", "SHA256SUMS.asc")}
    view = ReleaseView(release, (), is_signed=False)
    assert "SHA256SUMS" not in view.digests
    for name, path in kept.items():
        shutil.move(path, release / name)
    change(release)
    signed = view.get_signed_view()
    assert (signed is not None) is is_same
    assert signed is None or set(signed.digests) == set(signed.files)


def test_the_day_of_a_context_is_that_of_its_time() -> None:
    assert VerifyContext(now=datetime(2027, 3, 31, 23, 59, tzinfo=timezone.utc)).today == date(2027, 3, 31)


def make_check(
    status: SignatureStatus = SignatureStatus.GOOD,
    *,
    weaknesses: tuple[str, ...] = (),
    expired: date | None = None,
) -> SignatureCheck:
    return SignatureCheck(
        path=Path("x.rpm"),
        status=status,
        signature=None,
        fingerprint=None,
        weaknesses=weaknesses,
        key_expired_on=expired,
        detail="",
    )


DAY = date(2020, 12, 31)


@pytest.mark.parametrize(
    ("check", "messages"),
    [
        (make_check(), []),
        ("no such file", [("no such file", Severity.ERROR)]),
        (make_check(SignatureStatus.UNSIGNED), [("unsigned", Severity.ERROR)]),
        (
            make_check(weaknesses=("SHA1 signature hash",)),
            [("signed with a SHA1 signature hash", Severity.WARNING)],
        ),
        (make_check(SignatureStatus.REVOKED_KEY), [("signed with a revoked key", Severity.ERROR)]),
        (
            make_check(SignatureStatus.EXPIRED_KEY, expired=DAY),
            [("signed after the key expired", Severity.ERROR)],
        ),
        (
            make_check(expired=DAY),
            [("the key expired on 2020-12-31; newer versions of dnf refuse it", Severity.WARNING)],
        ),
    ],
)
def test_a_signature_is_assessed(check: SignatureCheck | str, messages: list[tuple[str, Severity]]) -> None:
    assert assess_signature(check) == messages


def test_only_files_that_are_as_they_were_have_known_digests(release: Path) -> None:
    view = ReleaseView(release, (), is_signed=False)
    digests = dict(view.digests)
    assert view.find_unchanged_digests() == digests
    (release / "release.json").write_text("{}")
    (release / "release.json.asc").unlink()
    (release / "new").write_text("")
    gone = {"release.json", "release.json.asc"}
    assert gone < digests.keys() and view.find_unchanged_digests().keys() == digests.keys() - gone
