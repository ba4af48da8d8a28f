"""Signatures of RPM files: every real file in the collection judged as its index says, and hostile ones survived."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
import yaml

from altai_build.errors import InputError
from altai_build.model.armor import dearmor
from altai_build.model.signature import SignatureStatus
from altai_build.tools import process
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.process import ProgramFailed
from altai_build.tools.rpm import signatures
from altai_build.tools.rpm.signatures import (
    find_damaged_packages,
    read_signatures,
    verify_signature,
    verify_signatures,
)
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.rpms import build_rpm, flip_last_byte, hide_signature_tag

# The collection's index was written then; keys have expired since.
INDEX_DAY = datetime(2026, 6, 1, tzinfo=timezone.utc)
WORDS = {"signature unreadable by rpm 4.18": "unreadable algorithm"}


@dataclass(frozen=True)
class Signed:
    """A package signed by a throwaway key, and an unsigned one."""

    key: ThrowawayKey
    other: ThrowawayKey
    signed: Path
    unsigned: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    folder = tmp_path_factory.mktemp("signed")
    key, other = make_key(folder, "one"), make_key(folder, "other", algorithm="ed25519")
    unsigned = build_rpm(folder / "unsigned").binary
    signed = Path(shutil.copy(unsigned, folder))
    with signing_key(key) as signer:
        signer.sign_rpms([signed], rpmv3=True)
    return Signed(key=key, other=other, signed=signed, unsigned=unsigned)


def test_every_real_package_is_judged_as_the_index_says(shared: Path) -> None:
    entries = yaml.safe_load((shared / "rpms" / "INDEX.yaml").read_text())["files"]
    judged, expected = {}, {}
    for entry in entries:
        path = shared / "rpms" / entry["file"]
        check = verify_signature(
            path, [shared / "keys" / name for name in entry["signer_keys"]], now=INDEX_DAY
        )
        judged[entry["file"]] = (check.status.value, set(check.weaknesses), check.key_expired_on)
        expected[entry["file"]] = (
            WORDS.get(entry["expected"], entry["expected"]),
            set(entry.get("weak_for_modern_policy", ())),
            entry.get("signer_key_expired_on"),
        )
    assert len(judged) >= 70
    assert judged == expected


def test_every_signature_of_every_real_package_is_read(shared: Path) -> None:
    for entry in yaml.safe_load((shared / "rpms" / "INDEX.yaml").read_text())["files"]:
        if "signatures" in entry:  # of damaged files the index says nothing
            found = [
                (found.tag, found.version, found.algorithm, found.hash_algorithm, found.key_id)
                for found in read_signatures(shared / "rpms" / entry["file"])
            ]
            assert found == [
                (known["tag"], known["version"], known["pubkey"], known["hash"], known["key_id"])
                for known in entry["signatures"]
            ], entry["file"]


def test_every_real_key_file_is_read(shared: Path) -> None:
    for entry in yaml.safe_load((shared / "keys" / "INDEX.yaml").read_text())["keys"]:
        wanted = [
            (
                key["key_id"],
                key["fingerprint"],
                key["algorithm"],
                key["bits"],
                key["created"],
                None if key["expires"] == "never" else key["expires"],
                key["uid"],
                key["subkeys"],
            )
            for key in entry["primary_keys"]
        ]
        found = [
            (
                key.key_id,
                key.fingerprint,
                key.algorithm,
                key.bits,
                key.created.date(),
                key.expires.date() if key.expires else None,
                key.uid,
                [f"{subkey.key_id} {subkey.algorithm}" for subkey in key.subkeys],
            )
            for key in read_public_keys(shared / "keys" / entry["file"])
        ]
        assert wanted == found or (not wanted and len(found) == 1), entry[
            "file"
        ]  # gpg 2.2 reads no version 6


def test_a_key_signed_by_key_is_good_for_that_key_only(made: Signed) -> None:
    good = verify_signature(made.signed, [made.key.public])
    assert (good.status, good.fingerprint) == (SignatureStatus.GOOD, made.key.fingerprint)
    assert verify_signature(made.signed, [made.other.public]).status is SignatureStatus.UNKNOWN_KEY
    assert verify_signature(made.signed, []).status is SignatureStatus.UNKNOWN_KEY
    assert verify_signature(made.unsigned, [made.key.public]).status is SignatureStatus.UNSIGNED


def test_a_batch_keeps_its_order_and_its_verdicts_apart(made: Signed, tmp_path: Path) -> None:
    tampered = tmp_path / "tampered.rpm"
    shutil.copy(made.signed, tampered)
    flip_last_byte(tampered)
    text = tmp_path / "text.rpm"
    text.write_text("no package\n")
    paths = [made.unsigned, made.signed, tampered, text, tmp_path / "gone.rpm", made.signed]
    verdicts = [check.status for check in verify_signatures(paths, [made.key.public])]
    assert verdicts == [
        SignatureStatus.UNSIGNED,
        SignatureStatus.GOOD,
        SignatureStatus.BAD_DIGEST,
        SignatureStatus.DAMAGED,
        SignatureStatus.DAMAGED,
        SignatureStatus.GOOD,
    ]


def test_more_files_than_one_process_takes(made: Signed, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number:04}.rpm" for number in range(600)]
    for path in paths:
        os.link(made.signed, path)
    paths[300].unlink()
    shutil.copy(made.unsigned, paths[300])
    checks = verify_signatures(paths, [made.key.public])
    assert [check.path for check in checks] == paths
    assert [check.path for check in checks if not check.is_good] == [paths[300]]


def test_a_header_signature_alone_does_not_vouch_for_an_old_payload(shared: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.rpm"
    old.write_bytes((shared / "rpms/ownerjossh_master-centos6/epel-release-6-8.noarch.rpm").read_bytes())
    key = shared / "keys" / "RPM-GPG-KEY-EPEL-6"
    assert verify_signature(old, [key]).status is SignatureStatus.GOOD
    hide_signature_tag(old, 1002)  # SIGPGP, over header and payload
    assert verify_signature(old, [key]).status is SignatureStatus.PARTLY_SIGNED


def test_the_host_s_own_keys_and_macros_do_not_count(
    made: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".rpmmacros").write_text("%_pkgverify_level none\n%_pkgverify_flags 0x80000\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert verify_signature(made.unsigned, [made.key.public]).status is SignatureStatus.UNSIGNED
    assert verify_signature(made.signed, []).status is SignatureStatus.UNKNOWN_KEY
    assert not (tmp_path / ".rpmdb").exists()


def test_a_name_that_looks_like_an_option_or_a_result(made: Signed, tmp_path: Path) -> None:
    for name in ("--import.rpm", "a b: OK.rpm", "*.rpm", "ünïcode.rpm"):
        path = tmp_path / name
        shutil.copy(made.unsigned, path)
        assert verify_signature(path, [made.key.public]).status is SignatureStatus.UNSIGNED, name
    with pytest.raises(InputError, match="line break"):
        verify_signature(tmp_path / "a:\n    Header V4 RSA/SHA256 Signature, key ID 0: OK", [made.key.public])


def test_expiry_is_told_and_a_signature_made_after_it(tmp_path: Path) -> None:
    key = make_key(tmp_path, "old", born="20200101", expires="1y", extended=True)
    rpm = build_rpm(tmp_path).binary
    with signing_key(key) as signer:
        signer.sign_rpms([rpm])
    check = verify_signature(rpm, [key.public])
    assert check.status is SignatureStatus.EXPIRED_KEY  # rpm itself does not look
    assert check.key_expired_on == date(2020, 12, 31)
    before = verify_signature(rpm, [key.public], now=datetime(2020, 6, 1, tzinfo=timezone.utc))
    assert (before.status, before.key_expired_on) == (SignatureStatus.WRONG_TIME, None)


def test_a_binary_key_file_and_blanks_at_line_ends_are_no_other_key(made: Signed, tmp_path: Path) -> None:
    text = made.key.public.read_bytes()
    forms = {
        "binary": dearmor(text),
        "blanks": text.replace(b"\n", b" \t\n"),
        "crlf": text.replace(b"\n", b" \r\n"),
        "without a checksum": b"".join(line for line in text.splitlines(keepends=True) if line[:1] != b"="),
        "indented": b"".join(b"  " + line for line in text.splitlines(keepends=True)),
    }
    for name, data in forms.items():
        file = tmp_path / name
        file.write_bytes(data)
        assert verify_signature(made.signed, [file]).is_good, name


def test_find_damaged_tells_good_from_changed_and_cut(made: Signed, tmp_path: Path) -> None:
    changed, cut = tmp_path / "changed.rpm", tmp_path / "cut.rpm"
    for path in (changed, cut):
        shutil.copy(made.signed, path)
    flip_last_byte(changed)
    cut.write_bytes(cut.read_bytes()[:-40])
    found = dict(find_damaged_packages([made.signed, changed, made.unsigned, cut]))
    assert set(found) == {changed, cut}
    assert found[changed] == "its payload differs from what was packed"
    assert find_damaged_packages([]) == ()


def test_what_is_wrong_is_said_in_plain_words_and_rpm_s_own_go_to_the_log(
    made: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(process, "_listeners", [lines.append])
    payload, header = tmp_path / "payload.rpm", tmp_path / "header.rpm"
    shutil.copy(made.signed, payload)
    flip_last_byte(payload)
    data = made.signed.read_bytes()
    at = data.index(b"hello", data.index(b"\x8e\xad\xe8\x01", 200))
    header.write_bytes(data[:at] + b"H" + data[at + 1 :])
    key = f"(key {made.key.fingerprint[-16:]})"
    checks = verify_signatures([payload, header, made.unsigned], [made.key.public])
    assert [check.description for check in checks] == [
        f"bad digest {key}: its payload differs from what was packed",
        f"bad digest {key}: its header differs from what was packed",
        "unsigned",
    ]
    assert [line for line in lines if "Payload SHA256 digest: BAD (Expected " in line]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not start like an RPM"),
        (b"text\n" * 50, "does not start like an RPM"),
        (b"\xed\xab\xee\xdb" + bytes(92), "no signature header"),
        (b"\xed\xab\xee\xdb" + bytes(92) + b"\x8e\xad\xe8\x01" + bytes(4) + b"\xff" * 8, "impossible size"),
        (
            b"\xed\xab\xee\xdb" + bytes(92) + b"\x8e\xad\xe8\x01" + bytes(4) + b"\0\0\0\1\0\0\1\0",
            "ends within its signature header",
        ),
    ],
)
def test_what_is_no_package_is_refused_with_the_reason(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "x.rpm"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_signatures(path)
    assert why in caught.value.why
    assert verify_signature(path, []).status is SignatureStatus.DAMAGED


def test_a_signature_that_cannot_be_parsed_is_not_no_signature(made: Signed, tmp_path: Path) -> None:
    path = tmp_path / "odd.rpm"
    data = bytearray(made.signed.read_bytes())
    packet = data.index(b"\x89\x01", 96)  # an old-format signature packet of RSA length
    data[packet] = 0x01
    path.write_bytes(bytes(data))
    assert 0 in {signature.version for signature in read_signatures(path)}
    assert verify_signature(path, [made.key.public]).status not in (
        SignatureStatus.GOOD,
        SignatureStatus.UNSIGNED,
    )


def test_a_killed_rpmkeys_says_nothing_about_a_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash is the file's fault; SIGKILL is the machine's, as when memory runs out."""
    package = build_rpm(tmp_path, "sound").binary
    stub = tmp_path / "bin" / "rpmkeys"
    stub.parent.mkdir()
    monkeypatch.setenv("PATH", f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("KILL", "SEGV"):
        stub.write_text(f"#!/bin/sh\nkill -s {name} $$\n")
        stub.chmod(0o755)
        if name == "KILL":
            with pytest.raises(ProgramFailed, match="rpmkeys was killed by SIGKILL"):
                find_damaged_packages([package])
        else:
            assert find_damaged_packages([package]) == ((package, "rpmkeys was killed by SIGSEGV on it"),)


@pytest.mark.parametrize(
    "text", ["    Header V4: hdr blob(1753): BAD, read returned -1", "error: open failed: Input/output error"]
)
def test_a_package_that_the_machine_does_not_let_rpmkeys_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    package = build_rpm(tmp_path, "sound").binary
    program = tmp_path / "bin" / "rpmkeys"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho '{text}'; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with pytest.raises(ProgramFailed, match="rpmkeys exited with 1") as caught:
        find_damaged_packages([package])
    assert text.strip() in caught.value.why


def test_the_same_keys_are_imported_once_and_refused_ones_each_time(
    made: Signed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    monkeypatch.setattr(signatures, "_rings", {})
    stub = tmp_path / "bin" / "rpmkeys"
    stub.parent.mkdir()
    stub.write_text("#!/bin/sh\nexit 1\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stub.parent}{os.pathsep}{os.environ['PATH']}")
    statuses = [verify_signature(made.signed, [made.key.public]).status]
    stub.unlink()
    statuses += [verify_signature(made.signed, [made.key.public]).status for _ in range(2)]
    assert statuses == [SignatureStatus.DAMAGED, SignatureStatus.GOOD, SignatureStatus.GOOD]
    assert len([command for command in commands if "--import" in command]) == 2
