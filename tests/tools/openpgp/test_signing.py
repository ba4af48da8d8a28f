"""Signatures by the real gpg and rpmsign; passphrases are asked once and never printed."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import SigningError
from altai_build.model.compat import Compat
from altai_build.model.openpgp import PublicKey
from altai_build.model.signature import SignatureStatus
from altai_build.tools import process, processors
from altai_build.tools.openpgp import verify
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import SigningKey, check_signing_key, unlock
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.rpm.signatures import read_signatures, verify_signatures
from tests.kit.keys import ThrowawayKey, import_secret_key, make_key, signing_key
from tests.kit.rpms import build_rpm
from tests.kit.timed_keys import timed_keyring

HOME = Path("/work space/gnupg")


def test_packages_are_signed_in_place_and_their_other_names_are_not(
    tmp_path: Path, plain: ThrowawayKey
) -> None:
    rpms = [build_rpm(tmp_path, "one").binary, build_rpm(tmp_path, "two").source]
    linked = tmp_path / "published.rpm"
    os.link(rpms[0], linked)
    before = linked.read_bytes()
    with signing_key(plain) as key:
        key.sign_rpms(rpms)
        key.sign_rpms([])
    assert linked.read_bytes() == before
    checks = verify_signatures(rpms, [plain.public])
    assert [(check.status, check.fingerprint) for check in checks] == [
        (SignatureStatus.GOOD, plain.fingerprint)
    ] * 2
    assert [[signature.tag for signature in read_signatures(rpm)] for rpm in rpms] == [["RSAHEADER"]] * 2
    assert {read_signatures(rpm)[0].hash_algorithm for rpm in rpms} == {"SHA256"}


@pytest.mark.parametrize("cpus", [1, 3])
def test_every_package_of_many_is_signed_by_one_process_or_several(
    tmp_path: Path, plain: ThrowawayKey, cpus: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "available", lambda: cpus)
    original = process.run
    signed: list[int] = []

    def run(argv: Sequence[str], **options: Any) -> process.ProcessResult:
        if argv[0] == "rpmsign":
            signed.append(sum(word.endswith(".rpm") for word in argv))
        return original(argv, **options)

    monkeypatch.setattr(process, "run", run)
    made = build_rpm(tmp_path).binary
    rpms = [tmp_path / f"{number}.rpm" for number in range(10)]
    for rpm in rpms:
        shutil.copyfile(made, rpm)
    with signing_key(plain) as key:
        key.sign_rpms(rpms)
    assert sorted(signed) == ([10] if cpus == 1 else [3, 3, 4])
    assert [check.status for check in verify_signatures(rpms, [plain.public])] == [SignatureStatus.GOOD] * 10


def test_old_rpm_gets_signatures_over_header_and_payload(tmp_path: Path, plain: ThrowawayKey) -> None:
    rpm = build_rpm(tmp_path).binary
    with signing_key(plain) as key:
        key.sign_rpms([rpm], rpmv3=True)
    assert [signature.tag for signature in read_signatures(rpm)] == ["RSAHEADER", "SIGPGP"]
    assert verify_signatures([rpm], [plain.public])[0].is_good


def test_what_is_no_package_cannot_be_signed(tmp_path: Path, plain: ThrowawayKey) -> None:
    text = tmp_path / "x.rpm"
    text.write_text("no package\n")
    with signing_key(plain) as key:
        with pytest.raises(SigningError, match="cannot sign 1 package with the key"):
            key.sign_rpms([text])
        with pytest.raises(SigningError, match="cannot sign gone"):
            key.sign_detached(tmp_path / "gone")


def test_a_passphrase_opens_the_key_once_for_all_and_stays_with_the_agent(
    tmp_path: Path,
    locked: ThrowawayKey,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)  # python-gnupg's own log
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    rpms = [build_rpm(tmp_path, f"package{number}").binary for number in range(3)]
    asked = []

    def ask(key: PublicKey) -> str:
        asked.append(key.fingerprint)
        return locked.passphrase

    with open_keyring(tmp_path / "keys") as keyring:
        public = import_secret_key(keyring, locked.secret)
        still_locked = SigningKey(public=public, file=locked.public, session=keyring.session)
        with pytest.raises(SigningError, match="cannot sign 3 packages"):
            still_locked.sign_rpms(rpms)
        with unlock(keyring, public, locked.public, ask) as key:
            key.sign_rpms(rpms)
            key.sign_detached(rpms[0])
        # The stored key is as locked as it was.
        with pytest.raises(SigningError, match="cannot sign 3 packages"):
            still_locked.sign_rpms(rpms)
    assert asked == [locked.fingerprint]
    assert all(check.is_good for check in verify_signatures(rpms, [locked.public]))
    assert locked.passphrase not in caplog.text
    assert commands and locked.passphrase not in "".join(commands)


def test_signing_with_a_passphrase_costs_what_signing_without_does(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    """A key derived for every signature would take 0.4 s each (and the copy is locked: see unlock)."""
    rpms = [build_rpm(tmp_path, f"package{number}").binary for number in range(8)]
    seconds = {}
    for throwaway in (plain, locked):
        with signing_key(throwaway) as key:
            begin = time.monotonic()
            key.sign_rpms(rpms)
            seconds[throwaway.passphrase] = time.monotonic() - begin
    assert seconds[locked.passphrase] < 1.0 + seconds[""], seconds


def test_a_wrong_passphrase_is_said_to_be_wrong(tmp_path: Path, locked: ThrowawayKey) -> None:
    with open_keyring(tmp_path / "keys") as keyring:
        key = import_secret_key(keyring, locked.secret)
        with pytest.raises(SigningError) as caught, unlock(keyring, key, locked.public, lambda _key: "wrong"):
            pass
    assert caught.value.what.startswith("cannot unlock the signing key ")
    assert caught.value.why == "the passphrase is wrong"
    assert "wrong" not in caught.value.what


def test_keys_whose_signatures_would_be_refused_are_refused(tmp_path: Path, plain: ThrowawayKey) -> None:
    sound = read_public_keys(plain.public)[0]
    check_signing_key(sound, Compat.EL6, HOME)
    modern = read_public_keys(make_key(tmp_path, "modern", algorithm="ed25519").public)[0]
    check_signing_key(modern, Compat.MODERN, HOME)
    with pytest.raises(SigningError, match=r"EdDSA, which the target's rpm cannot read"):
        check_signing_key(modern, Compat.EL6, HOME)
    expired = read_public_keys(make_key(tmp_path, "expired", born="20200101", expires="1y").public)[0]
    with pytest.raises(SigningError, match="expired on 2020-12-31") as caught:
        check_signing_key(expired, Compat.MODERN, HOME)
    assert caught.value.todo == (
        f"extend it (`gpg --homedir '/work space/gnupg' --quick-set-expire {expired.fingerprint} 2y`) and export the "
        f"public key file again (`gpg --homedir '/work space/gnupg' --armor --export {expired.fingerprint}`), or make "
        "another key"
    )
    revoked = read_public_keys(make_key(tmp_path, "revoked", revoked=True).public)[0]
    with pytest.raises(SigningError, match="is revoked"):
        check_signing_key(revoked, Compat.MODERN, HOME)


def test_a_key_whose_subkey_for_signing_has_ended_is_not_called_locked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with timed_keyring(tmp_path / "made") as made:
        key = made.make("one", "20200101", usage="cert")
        made.add_subkey(key, "20200101", expires="1y")
        (public,) = read_public_keys(made.export(tmp_path / "public", key))
        secret = made.export_secret(tmp_path / "secret", key)
    with pytest.raises(SigningError) as caught:
        check_signing_key(public, Compat.MODERN, HOME)
    subkey = public.subkeys[0].key_id
    assert (
        caught.value.what == f"the signing key {public.key_id} ({public.uid}) has no valid subkey for signing"
    )
    assert caught.value.why == f"its subkey {subkey} expired on 2020-12-31"
    assert (
        f"`gpg --homedir '/work space/gnupg' --quick-set-expire {public.fingerprint} 2y SUBKEY`"
        in caught.value.todo
    )
    before = datetime(2020, 6, 1, tzinfo=timezone.utc)
    check_signing_key(public, Compat.MODERN, HOME, now=before)

    def never(_key: PublicKey) -> str:
        raise AssertionError("no passphrase helps an expired key")

    with open_keyring(tmp_path / "keys") as keyring:
        import_secret_key(keyring, secret)
        with (
            pytest.raises(SigningError, match="gpg cannot sign with the key") as refused,
            unlock(keyring, public, tmp_path / "public", never),
        ):
            pass
    assert "Unusable secret key" in refused.value.why


def test_the_algorithm_of_the_subkey_that_signs_counts(tmp_path: Path) -> None:
    with timed_keyring(tmp_path / "made") as made:
        key = made.make("one", "20200101", algorithm="rsa2048", usage="cert")
        made.add_subkey(key, "20200101")
        (public,) = read_public_keys(made.export(tmp_path / "public", key))
    check_signing_key(public, Compat.MODERN, HOME)
    with pytest.raises(SigningError, match="signs with EdDSA, which the target's rpm cannot read"):
        check_signing_key(public, Compat.EL6, HOME)


def test_a_signature_is_reused_only_for_the_same_file_and_the_same_key(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    previous, same, other = (tmp_path / name for name in ("previous", "same", "other"))
    previous.write_text("text\n")
    os.link(previous, same)
    shutil.copy(previous, other)
    with signing_key(plain) as key:
        first = key.sign_detached(previous)
        key.sign_or_reuse(same, previous)
        key.sign_or_reuse(other, previous)
    assert os.path.samefile(tmp_path / "same.asc", first)
    assert verify_detached(other, tmp_path / "other.asc", [plain.public]).is_good
    assert not os.path.samefile(tmp_path / "other.asc", first)
    with signing_key(locked) as key:
        key.sign_or_reuse(same, previous)
    assert verify_detached(same, tmp_path / "same.asc", [locked.public]).is_good
    assert verify_detached(previous, first, [plain.public]).is_good


def test_signatures_to_reuse_are_checked_together_and_each_is_judged(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: dict[Path, Path | None] = {tmp_path / "new": None}
    asked: list[bytes] = []
    run_gpgv = verify._run_gpgv

    def count(data: bytes, signature: bytes, keys: tuple[bytes, ...]) -> SignatureStatus:
        asked.append(data)
        return run_gpgv(data, signature, keys)

    with signing_key(plain) as key:
        for number in range(12):
            previous, path = tmp_path / f"previous{number}", tmp_path / f"same{number}"
            previous.write_text(f"{number}\n")
            os.link(previous, path)
            key.sign_detached(previous)
            files[path] = previous
        (tmp_path / "new").write_text("new\n")
        shutil.copy(tmp_path / "previous1.asc", tmp_path / "previous3.asc")
        monkeypatch.setattr(verify, "_run_gpgv", count)
        key.sign_or_reuse_all(files)
    assert asked == [b"3\n"]
    for path, released in files.items():
        signature = path.with_name(f"{path.name}.asc")
        assert verify_detached(path, signature, [plain.public]).is_good
        if released is not None:
            same = os.path.samefile(signature, released.with_name(f"{released.name}.asc"))
            assert same == (path.name != "same3")


def test_a_damaged_signature_is_not_reused(tmp_path: Path, plain: ThrowawayKey) -> None:
    previous, same = tmp_path / "previous", tmp_path / "same"
    previous.write_text("text\n")
    os.link(previous, same)
    with signing_key(plain) as key:
        key.sign_detached(previous).write_text("not a signature\n")
        key.sign_or_reuse(same, previous)
    assert verify_detached(same, tmp_path / "same.asc", [plain.public]).is_good
