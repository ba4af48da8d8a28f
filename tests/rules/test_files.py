"""Stray files, conflicting files and risky permissions are findings, as rpm would meet them."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from tests.kit.findings import findings, messages_by_subject
from tests.kit.releases import Materials, make_release, make_release_contents, sign, sign_again, with_packages
from tests.kit.rpms import build_rpm


def release_with(folder: Path, materials: Materials, *rpms: Path, version: str = "1.0.2") -> Path:
    sign(materials, *rpms)
    plan = with_packages(make_release_contents(materials, version), "centos6", *rpms)
    return make_release(folder / version, materials, plan)


def test_a_file_that_is_not_part_of_the_release(release: Path, materials: Materials) -> None:
    (release / "report").mkdir()
    (release / "report" / "index.html").write_text("fine\n")
    for name in (
        "notes.txt",
        "centos6/repodata/old-primary.xml.gz",
        "RPM-GPG-KEY-other",
        "centos6/sub/x.rpm",
    ):
        (release / name).parent.mkdir(exist_ok=True)
        (release / name).write_text("stray\n")
    sign_again(release, materials)
    assert set(messages_by_subject(release, "stray-files")) == {
        "notes.txt",
        "centos6/repodata/old-primary.xml.gz",
        "RPM-GPG-KEY-other",
        "centos6/sub/x.rpm",
    }


RISKY = {
    "/usr/bin/su2": "%attr(4755, root, root)",
    "/usr/bin/wall2": "%attr(2755, root, tty)",
    "/var/lib/open": "%dir %attr(777, root, root)",
    "/var/tmp2": "%dir %attr(1777, root, root)",
    "/home/user": "%dir",
    "/usr/local/bin/tool": "%attr(755, root, root)",
}


def test_risky_files_are_reported_once(materials: Materials, tmp_path: Path) -> None:
    files = {path: "x\n" for path in RISKY if path.startswith("/usr")}
    old = build_rpm(tmp_path / "old", "risky", "1.0", files=files, attributes=RISKY).binary
    release = release_with(tmp_path, materials, old, version="1.0.1")
    answer = findings(release, "permissions")
    assert {one.severity for one in answer} == {Severity.WARNING}
    assert {one.message for one in answer} == {
        "/usr/bin/su2 is setuid root",
        "/usr/bin/wall2 is setgid tty",
        "/var/lib/open is world-writable",
        "/home/user is outside the folders that packages install into",
        "/usr/local/bin/tool is outside the folders that packages install into",
    }
    more = {**RISKY, "/usr/bin/more2": "%attr(4755, root, root)"}
    new = build_rpm(
        tmp_path / "new", "risky", "2.0", files={**files, "/usr/bin/more2": "x\n"}, attributes=more
    ).binary
    later = release_with(tmp_path, materials, new, version="1.0.2")
    assert messages_by_subject(later, "permissions", VerifyContext(previous_releases=(release,))) == {
        f"centos6/{new.name}": "/usr/bin/more2 is setuid root; new since 1.0.1"
    }


def test_files_that_a_web_server_cannot_read_or_everybody_can_change(release: Path) -> None:
    assert messages_by_subject(release, "modes") == {}
    (release / "deps" / "epel").chmod(0o700)
    for name in ("release.json", "SHA256SUMS"):
        (release / name).chmod(0o600)
    (release / "deps" / "epel" / "repodata" / "repomd.xml").chmod(0o666)
    assert messages_by_subject(release, "modes") == {
        "1.0.2": "a web server cannot read a file with mode 0600: SHA256SUMS, release.json",
        "deps/epel": "a web server cannot read a folder with mode 0700",
        "deps/epel/repodata": "every account can change a file with mode 0666: repomd.xml",
    }
    release.chmod(0o711)
    messages = [finding.message for finding in findings(release, "modes") if finding.subject == "1.0.2"]
    assert "a web server cannot read a folder with mode 0711" in messages
