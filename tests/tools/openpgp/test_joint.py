"""Many detached signatures in one gpg: what is proved, and that nothing else is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from altai_build.model.openpgp import split_signatures
from altai_build.model.signature import SignatureStatus
from altai_build.tools import commands, process
from altai_build.tools.openpgp.joint import SignedData, find_proved
from altai_build.tools.openpgp.keyfile import read_key_packets
from altai_build.tools.openpgp.verify import verify_all_detached, verify_detached
from tests.kit.keys import ThrowawayKey, signing_key


def sign(folder: Path, key: ThrowawayKey, *texts: bytes) -> list[SignedData]:
    """So many files of these bytes, each signed."""
    signed = []
    with signing_key(key) as signer:
        for number, text in enumerate(texts):
            path = folder / f"{number}"
            path.write_bytes(text)
            ((_, packet),) = split_signatures(signer.sign_detached(path).read_bytes())
            signed.append(SignedData(text, packet))
    return signed


def test_exactly_the_good_signatures_are_proved(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    keys = [read_key_packets(plain.public)]
    texts = [b"", b"one\n", b"two\r\n lines \n", b"\0\xff" * 40_000, b"last"]
    signed = sign(tmp_path, plain, *texts)
    assert find_proved(signed, keys) == {0, 1, 2, 3, 4}
    (tmp_path / "other").mkdir()
    (foreign,) = sign(tmp_path / "other", locked, b"one\n")
    hostile = [
        SignedData(b"one", signed[1].signature),
        foreign,
        signed[1],
        SignedData(b"one\n", signed[4].signature),
        # Packets of its own in the data, and in the place of the signature.
        SignedData(b"\xcb\x0ab\0\0\0\0\0one\n", signed[1].signature),
        SignedData(b"one\n", signed[1].signature * 2),
        SignedData(b"one\n", signed[1].signature[:-1] + bytes([signed[1].signature[-1] ^ 1])),
        signed[4],
    ]
    assert find_proved(hostile, keys) == {2, 7}
    assert find_proved(hostile, [keys[0], read_key_packets(locked.public)]) == {1, 2, 7}
    assert find_proved(signed, [read_key_packets(locked.public)]) == set()


def test_a_text_signature_is_left_to_gpgv(tmp_path: Path, plain: ThrowawayKey) -> None:
    """It is over other bytes than those of the file."""
    path = tmp_path / "text"
    path.write_bytes(b"line \n")
    with signing_key(plain) as key:
        command = ["gpg", "--homedir", key.session.environment["GNUPGHOME"], "--batch", "--textmode"]
        subprocess.run([*command, "--detach-sign", str(path)], stdin=subprocess.DEVNULL, check=True)
    ((_, packet),) = split_signatures((tmp_path / "text.sig").read_bytes())
    assert find_proved([SignedData(b"line \n", packet)], [read_key_packets(plain.public)]) == set()
    names = (path, tmp_path / "text.sig")
    assert [check.is_good for check in verify_all_detached([names] * 4, [plain.public])] == [True] * 4


def test_many_files_are_checked_by_one_process_and_judged_as_one_by_one(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("altai_build.tools.processors.available", lambda: 1)
    texts = [b"number %d of many\n" % number for number in range(12)]
    sign(tmp_path, plain, *texts)
    (tmp_path / "3").write_bytes(b"changed")
    (tmp_path / "5.asc").unlink()
    (tmp_path / "7.asc").write_bytes(b"none")
    files = [(tmp_path / f"{number}", tmp_path / f"{number}.asc") for number in range(12)]
    ran: list[str] = []
    monkeypatch.setattr(process, "_listeners", [ran.append])
    checks = verify_all_detached(files, [plain.public])
    started = [line.split()[1] for line in ran if line.startswith("$ ")]
    # The second gpg continues behind the changed file, which is gpgv's.
    assert started == ["gpg", "gpg", "gpgv"]
    assert [check.status for check in checks] == [
        {3: SignatureStatus.BAD_SIGNATURE, 5: SignatureStatus.UNSIGNED, 7: SignatureStatus.DAMAGED}.get(
            number, SignatureStatus.GOOD
        )
        for number in range(12)
    ]
    assert list(checks) == [verify_detached(*names, [plain.public]) for names in files]


def test_whoever_has_no_gpg_verifies_with_gpgv(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(tmp_path, plain, b"without gpg 1", b"without gpg 2", b"without gpg 3")
    files = [(tmp_path / f"{number}", tmp_path / f"{number}.asc") for number in range(3)]
    found = commands.program_missing_error("gpg")

    def run(argv: list[str], **more: object) -> process.ProcessResult:
        if argv[0] == "gpg":
            raise found
        return real(argv, **more)  # type: ignore[arg-type]

    real = process.run
    monkeypatch.setattr(process, "run", run)
    assert all(check.is_good for check in verify_all_detached(files, [plain.public]))
