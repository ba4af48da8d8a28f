"""A release that a stranger wrote: whatever is in its files, `verify` has findings and never a bug (exit 70)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.model.armor import dearmor
from altai_build.model.findings import Finding
from altai_build.stages.verify import verify_release
from tests.kit.cli import altai_build
from tests.kit.server import serving


def find(release: Path, rule: str) -> list[Finding]:
    return [finding for finding in verify_release(release).findings if finding.rule == rule]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "nested too deeply"),
        ("[" * 200_000 + "]" * 200_000, "nested too deeply"),
        ('{"version": ' + "1" * 4_000 + "}", "a number has 4000 digits"),
    ],
)
def test_a_manifest_that_is_hardly_json(release: Path, text: str, why: str) -> None:
    (release / "release.json").write_text(text)
    (finding,) = find(release, "manifest")
    assert (finding.subject, why in finding.message) == ("release.json", True)


FIELDS = {
    "version": ("version",),
    "created": ("created",),
    "commit": ("superproject", "commit"),
    "signed_by": ("signed_by",),
    "repository": ("repositories", 0, "name"),
    "key": ("repositories", 0, "key"),
    "name": ("packages", 0, "name"),
    "file": ("packages", 0, "file"),
    "sha256": ("packages", 0, "sha256"),
    "url": ("packages", 0, "origin", "url"),
    "reason": ("builds", 0, "reason"),
    "log": ("builds", 0, "log"),
}


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["\ud800", "\udc80", "\0", "x" * 300, "../../x"])
def test_odd_texts_in_a_manifest_are_findings(release: Path, name: str, value: str) -> None:
    manifest = release / "release.json"
    document = json.loads(manifest.read_text())
    place = document
    for key in FIELDS[name][:-1]:
        place = place[key]
    place[FIELDS[name][-1]] = value
    manifest.write_text(json.dumps(document))
    report = verify_release(release)
    assert not report.is_ok
    json.dumps(report.to_json()).encode()
    if value == "\ud800":
        (finding,) = (finding for finding in report.findings if finding.rule == "manifest")
        assert "a text has half of a character" in finding.message


def test_a_number_of_seconds_that_no_clock_has(release: Path) -> None:
    manifest = release / "release.json"
    text = manifest.read_text()
    assert '"seconds": 1.0' in text
    for number, why in (("1" * 4_000, "a number has 4000 digits"), ("1e999", "too large"), ("NaN", "NaN")):
        manifest.write_text(text.replace('"seconds": 1.0', f'"seconds": {number}'))
        (finding,) = find(release, "manifest")
        assert why in finding.message


def test_provenance_that_is_hardly_json(release: Path) -> None:
    statement = next((release / "provenance" / "slsa").rglob("*.json"))
    for path in (statement, release / "provenance" / "release.spdx.json"):
        path.write_text("[" * 200_000)
        name = path.relative_to(release).as_posix()
        messages = [finding.message for finding in find(release, "provenance") if finding.subject == name]
        assert "the file is not JSON: lists or objects are nested too deeply" in messages


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "\ud7ff\x1b[2J", "../../etc/passwd"])
def test_checksums_of_files_that_cannot_be(release: Path, name: str) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(f"{sums.read_text()}{'0' * 64}  {name}\n")
    messages = {finding.subject: finding.message for finding in find(release, "checksums")}
    assert messages[name] == "the file is missing; SHA256SUMS lists it"


def lengthen_time(packets: bytes) -> bytes:
    """The first signature with the octet of its creation time's length changed: the time takes what follows."""
    at = packets.index(b"\x05\x02")
    return packets[:at] + b"\x07" + packets[at + 1 :]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("release.json.asc", "metadata-signatures"),
        ("SHA256SUMS.asc", "metadata-signatures"),
        ("RPM-GPG-KEY-ours", "keys"),
    ],
)
def test_times_of_odd_length_in_signatures_and_keys(release: Path, name: str, rule: str) -> None:
    path = release / name
    path.write_bytes(lengthen_time(dearmor(path.read_bytes())))
    findings = find(release, rule)
    assert any("OpenPGP" in finding.message for finding in findings), findings


@pytest.mark.parametrize(
    "data",
    [b"-----BEGIN PGP SIGNATURE-----\n" * 20_000, b"\0" * 5_000, b"\xc2\xff\xff\xff\xff\xff", b""],
    ids=["many begins", "zeros", "huge packet", "empty"],
)
def test_signatures_and_keys_that_are_none(release: Path, data: bytes) -> None:
    for name in ("release.json.asc", "RPM-GPG-KEY-epel6", "deps/epel/repodata/repomd.xml.asc"):
        (release / name).write_bytes(data)
    subjects = {finding.subject for finding in verify_release(release).findings}
    assert {"release.json", "RPM-GPG-KEY-epel6", "deps/epel/repodata/repomd.xml"} <= subjects


def spoil_manifest(release: Path) -> None:
    (release / "release.json").write_text("[" * 200_000)


def spoil_checksums(release: Path) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(f"{sums.read_text()}{'0' * 64}  {'x' * 300}\n{'0' * 64}  a\0b\n")


@pytest.mark.parametrize("spoil", [spoil_manifest, spoil_checksums])
def test_the_command_ends_with_findings_by_folder_and_url(
    release: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(release)
    with serving(tmp_path) as url:
        for named in (release, f"{url}/1.0.2"):
            answer = altai_build("--workspace", tmp_path / "ws", "verify", named, "--json", cwd=tmp_path)
            assert (answer.code, answer.json["ok"]) == (7, False), answer.err
