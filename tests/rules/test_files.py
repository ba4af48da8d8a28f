"""Stray files, conflicting files and risky permissions are findings, as rpm would meet them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from tests.kit.findings import findings, messages_by_subject
from tests.kit.releases import Materials, make_release, make_release_contents, sign, sign_again, with_packages
from tests.kit.rpms import build_rpm


def release_with(folder: Path, materials: Materials, *rpms: Path, version: str = "1.0.2") -> Path:
    sign(materials, *rpms)
    plan = with_packages(make_release_contents(materials, version), "centos6", *rpms)
    return make_release(folder / version, materials, plan)


def test_a_file_that_is_not_part_of_the_release(materials: Materials, tmp_path: Path) -> None:
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
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


def rpm_installs(folder: Path, *rpms: Path) -> bool:
    """Whether the real rpm puts these packages into one root."""
    root = folder / "root"
    root.mkdir()
    words = [
        "rpm",
        "--root",
        str(root),
        "--dbpath",
        "/db",
        "--install",
        "--nodeps",
        "--noscripts",
        *map(str, rpms),
    ]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("one", "other", "conflicts_in_rpm"),
    [
        ({"files": {"/opt/x": "one\n"}}, {"files": {"/opt/x": "other\n"}}, True),
        ({"files": {"/opt/x": "same\n"}}, {"files": {"/opt/x": "same\n"}}, False),
        (
            {"files": {"/opt/x": "same\n"}},
            {"files": {"/opt/x": "same\n"}, "attributes": {"/opt/x": "%attr(755, root, root)"}},
            True,
        ),
        ({"files": {"/opt/x": "file\n"}}, {"files": {}, "attributes": {"/opt/x": "%dir"}}, True),
        (
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            False,
        ),
        (
            {"files": {}, "attributes": {"/opt/x": "%dir"}},
            {"files": {}, "attributes": {"/opt/x": "%dir %attr(700, root, root)"}},
            True,
        ),
        (
            {"files": {"/opt/x": "one\n"}},
            {"files": {"/opt/x": "2\n"}, "attributes": {"/opt/x": "%ghost"}},
            False,
        ),
    ],
)
def test_conflicts_are_those_of_rpm(
    materials: Materials,
    tmp_path: Path,
    one: dict[str, object],
    other: dict[str, object],
    conflicts_in_rpm: bool,
) -> None:
    rpms = [
        build_rpm(tmp_path / name, name, **settings).binary  # type: ignore[arg-type]
        for name, settings in (("first", one), ("second", other))
    ]
    release = release_with(tmp_path, materials, *rpms)
    assert rpm_installs(tmp_path, *rpms) is not conflicts_in_rpm
    answer = messages_by_subject(release, "file-conflicts")
    message = f"the package conflicts with centos6/{rpms[1].name}: different files at /opt/x"
    assert answer == ({f"centos6/{rpms[0].name}": message} if conflicts_in_rpm else {})


@pytest.mark.parametrize(
    "dependency",
    [
        {"conflicts": ["first"]},
        {"conflicts": ["first < 2"]},
        {"conflicts": ["thing"]},
        {"obsoletes": ["first < 2"]},
    ],
)
def test_packages_that_exclude_one_another_have_no_conflict(
    materials: Materials, tmp_path: Path, dependency: dict[str, list[str]]
) -> None:
    first = build_rpm(tmp_path / "1", "first", files={"/opt/x": "one\n"}, provides=["thing"]).binary
    second = build_rpm(tmp_path / "2", "second", files={"/opt/x": "two\n"}, **dependency).binary  # type: ignore[arg-type]
    assert messages_by_subject(release_with(tmp_path, materials, first, second), "file-conflicts") == {}


def test_an_exclusion_of_other_versions_does_not_help(materials: Materials, tmp_path: Path) -> None:
    first = build_rpm(tmp_path / "1", "first", "2.0", files={"/opt/x": "one\n"}).binary
    second = build_rpm(
        tmp_path / "2",
        "second",
        files={"/opt/x": "two\n"},
        conflicts=["first < 2"],
        obsoletes=["first < 1.9"],
    ).binary
    assert len(messages_by_subject(release_with(tmp_path, materials, first, second), "file-conflicts")) == 1


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
