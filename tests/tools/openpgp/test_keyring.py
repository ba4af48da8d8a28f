"""Keys and signatures with the real gpg and rpmsign: nothing left running, nothing told to anybody else."""

from __future__ import annotations

import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import InputError, SigningError
from altai_build.model.findings import SignatureStatus
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import Compat
from altai_build.tools import process, processors
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import check_signing_key, open_keyring
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, choose_passphrase_source
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.rpm.signatures import read_signatures, verify_signatures
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.rpms import build_rpm

ROOT = Path(__file__).resolve().parents[3]
SECRET = "a  pass % phrase ü"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("plain"), "plain")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("locked"), "locked", passphrase=SECRET)


def agents_of(place: Path) -> list[str]:
    """Command lines of the agents whose home lies in `place`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue  # it ended meanwhile
            if "gpg-agent" in command and str(place) in command:
                found.append(command)
    return found


def never(_key: PublicKey) -> str:
    raise AssertionError("a key without a passphrase was asked for one")


@pytest.mark.parametrize(("algorithm", "name"), [("rsa4096", "RSA"), ("ed25519", "EdDSA")])
def test_a_key_is_made_listed_exported_and_used(tmp_path: Path, algorithm: str, name: str) -> None:
    home, file = tmp_path / "keys", tmp_path / "RPM-GPG-KEY-mine"
    with open_keyring(home) as signer:
        made = signer.make_key(
            name="Release Key", email="release@example.org", algorithm=algorithm, expires="2y"
        )
    assert (made.algorithm, made.uid) == (name, "Release Key <release@example.org>")
    assert made.expires is not None and made.expires > datetime.now(timezone.utc)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    with open_keyring(home) as signer:
        assert signer.list_keys() == (made,)
        signer.export_public_key(made, file)
        signer.export_public_key(made, file)  # the same key may be written again
        signer.unlock(made, never)
        data = tmp_path / "data"
        data.write_text("text\n")
        signature = signer.detach_sign(data, made)
    assert read_public_keys(file) == (made,)
    assert file.read_bytes().startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")
    assert signature == tmp_path / "data.asc"
    assert verify_detached(data, signature, [file]).status is SignatureStatus.GOOD


def test_a_public_key_never_replaces_another(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    file = tmp_path / "key"
    shutil.copy(locked.public, file)
    with open_keyring(tmp_path / "keys") as signer:
        key = signer.import_secret_key(plain.secret)
        with pytest.raises(SigningError, match="holds another key"):
            signer.export_public_key(key, file)
    assert file.read_bytes() == locked.public.read_bytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "A\nKey-Length: 512"), ("email", "a@b\r"), ("passphrase", "x\n%no-protection")],
)
def test_no_line_can_be_smuggled_into_gpg_s_input(tmp_path: Path, field: str, value: str) -> None:
    fields = {"name": "Release Key", "email": "release@example.org", "passphrase": "x", field: value}
    with open_keyring(tmp_path / "keys") as signer:
        with pytest.raises(InputError, match=field):
            signer.make_key(**fields)
        assert signer.list_keys() == ()


def test_wrong_wishes_for_a_key_are_named(tmp_path: Path) -> None:
    with open_keyring(tmp_path / "keys") as signer:
        with pytest.raises(InputError, match="dsa1024"):
            signer.make_key(name="A", email="a@b.c", algorithm="dsa1024")
        with pytest.raises(InputError, match="someday"):
            signer.make_key(name="A", email="a@b.c", expires="someday")


def test_what_holds_no_secret_key_is_not_imported(tmp_path: Path, plain: ThrowawayKey) -> None:
    with open_keyring(tmp_path / "keys") as signer:
        with pytest.raises(SigningError, match="holds no secret key"):
            signer.import_secret_key(plain.public)
        with pytest.raises(InputError, match="cannot read"):
            signer.import_secret_key(tmp_path / "gone")


def test_packages_are_signed_in_place_and_their_other_names_are_not(
    tmp_path: Path, plain: ThrowawayKey
) -> None:
    rpms = [build_rpm(tmp_path, "one").binary, build_rpm(tmp_path, "two").source]
    linked = tmp_path / "published.rpm"
    os.link(rpms[0], linked)
    before = linked.read_bytes()
    with open_keyring(tmp_path / "keys") as signer:
        key = signer.import_secret_key(plain.secret)
        signer.sign_rpms(rpms, key)
        signer.sign_rpms([], key)
    assert linked.read_bytes() == before
    checks = verify_signatures(rpms, [plain.public])
    assert [(check.status, check.fingerprint) for check in checks] == [
        (SignatureStatus.GOOD, plain.fingerprint)
    ] * 2
    assert [[one.tag for one in read_signatures(rpm)] for rpm in rpms] == [["RSAHEADER"]] * 2
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
    with open_keyring(tmp_path / "keys") as signer:
        signer.sign_rpms(rpms, signer.import_secret_key(plain.secret))
    assert sorted(signed) == ([10] if cpus == 1 else [3, 3, 4])
    assert [check.status for check in verify_signatures(rpms, [plain.public])] == [SignatureStatus.GOOD] * 10


def test_old_rpm_gets_signatures_over_header_and_payload(tmp_path: Path, plain: ThrowawayKey) -> None:
    rpm = build_rpm(tmp_path).binary
    with open_keyring(tmp_path / "keys") as signer:
        signer.sign_rpms([rpm], signer.import_secret_key(plain.secret), rpmv3=True)
    assert [one.tag for one in read_signatures(rpm)] == ["RSAHEADER", "SIGPGP"]
    assert verify_signatures([rpm], [plain.public])[0].is_good


def test_what_is_no_package_cannot_be_signed(tmp_path: Path, plain: ThrowawayKey) -> None:
    text = tmp_path / "x.rpm"
    text.write_text("no package\n")
    with open_keyring(tmp_path / "keys") as signer:
        key = signer.import_secret_key(plain.secret)
        with pytest.raises(SigningError, match="could not be signed"):
            signer.sign_rpms([text], key)
        with pytest.raises(SigningError, match="could not be signed"):
            signer.detach_sign(tmp_path / "gone", key)


def test_a_passphrase_opens_the_key_once_for_all_and_stays_with_the_agent(
    tmp_path: Path,
    locked: ThrowawayKey,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)  # python-gnupg's own log
    told: list[str] = []
    monkeypatch.setattr(process, "_listeners", [told.append])
    rpms = [build_rpm(tmp_path, f"package{number}").binary for number in range(3)]
    asked = []

    def ask(key: PublicKey) -> str:
        asked.append(key.fingerprint)
        return SECRET

    with open_keyring(tmp_path / "keys") as signer:
        key = signer.import_secret_key(locked.secret)
        with pytest.raises(SigningError, match="could not be signed"):
            signer.sign_rpms(rpms, key)  # locked
        signer.unlock(key, ask)
        signer.unlock(key, ask)
        signer.sign_rpms(rpms, key)
        signer.detach_sign(rpms[0], key)
    assert asked == [locked.fingerprint]
    assert all(check.is_good for check in verify_signatures(rpms, [locked.public]))
    assert SECRET not in caplog.text
    assert told and SECRET not in "".join(told)
    with open_keyring(tmp_path / "keys") as signer, pytest.raises(SigningError, match="could not be signed"):
        signer.sign_rpms(rpms, key)  # the stored key is as locked as it was


def test_signing_with_a_passphrase_costs_what_signing_without_does(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    """A key derived for every signature would take 0.4 s each (and the copy is locked: see unlock)."""
    rpms = [build_rpm(tmp_path, f"package{number}").binary for number in range(8)]
    seconds = {}
    with open_keyring(tmp_path / "keys") as signer:
        for throwaway in (plain, locked):
            key = signer.import_secret_key(throwaway.secret)
            signer.unlock(key, lambda _key: SECRET)
            begin = time.monotonic()
            signer.sign_rpms(rpms, key)
            seconds[throwaway.passphrase] = time.monotonic() - begin
    assert seconds[SECRET] < 1.0 + seconds[""], seconds


def test_a_stored_key_is_hard_to_guess_although_the_session_s_copy_is_quick(tmp_path: Path) -> None:
    home = tmp_path / "keys"
    with open_keyring(home) as signer:
        signer.make_key(name="A", email="a@b.c", algorithm="ed25519", passphrase=SECRET)
    (stored,) = (home / "private-keys-v1.d").glob("*.key")
    text = re.sub(rb"\s+", b"", stored.read_bytes())
    # The salt between them is printed in hexadecimal, or quoted where libgcrypt takes its bytes for text.
    iterations = re.search(rb'\(sha1.+?"(\d+)"\)', text, re.DOTALL)
    assert iterations is not None, text
    assert int(iterations[1]) > 1_000_000


def test_a_wrong_passphrase_is_said_to_be_wrong(tmp_path: Path, locked: ThrowawayKey) -> None:
    with open_keyring(tmp_path / "keys") as signer:
        key = signer.import_secret_key(locked.secret)
        with pytest.raises(SigningError) as caught:
            signer.unlock(key, lambda _key: "wrong")
    assert caught.value.why == "the passphrase is wrong"
    assert "wrong" not in caught.value.what


def test_the_passphrase_comes_from_the_file_that_the_environment_names(
    tmp_path: Path, locked: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = read_public_keys(locked.public)[0]
    with pytest.raises(SigningError, match="is locked"):
        choose_passphrase_source(None)(key)
    assert choose_passphrase_source(lambda asked: asked.key_id)(key) == key.key_id
    file = tmp_path / "passphrase"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(file))
    file.chmod(0o644)
    with pytest.raises(SigningError, match="can be read by others"):
        choose_passphrase_source(never)(key)
    file.chmod(0o600)
    assert choose_passphrase_source(never)(key) == SECRET
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(SigningError, match="cannot be read"):
        choose_passphrase_source(never)(key)


def test_no_agent_outlives_its_block_and_a_long_path_does_not_hurt(
    tmp_path: Path, plain: ThrowawayKey
) -> None:
    home = tmp_path / ("long " * 40) / "keys"
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("altai-gpg.*"))
    with open_keyring(home) as signer:
        key = signer.import_secret_key(plain.secret)
        assert signer.list_keys() == (key,)
        sessions = set(Path(os.environ.get("TMPDIR", "/tmp")).glob("altai-gpg.*")) - before
        assert any(agents_of(session) for session in sessions)
    assert not any(session.exists() for session in sessions)
    assert [agents_of(session) for session in sessions] == [[] for _ in sessions]


KILLED = """
import os, sys
from pathlib import Path
from altai_build.tools import process
from altai_build.tools.openpgp.keyring import open_keyring
with open_keyring(Path(sys.argv[1])) as signer:
    signer.list_keys()
    os.kill(os.getpid(), 9)
"""


def test_the_agent_of_a_killed_run_is_ended_by_the_next(
    tmp_path: Path, plain: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Path(tempfile.mkdtemp(prefix="kit."))
    monkeypatch.setenv("TMPDIR", str(short))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    home = tmp_path / "keys"
    with open_keyring(home) as signer:
        signer.import_secret_key(plain.secret)
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(home)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert child.returncode == -9
    (session,) = short.glob("altai-gpg.*")
    assert agents_of(session)
    os.utime(session, (0, 0))
    with open_keyring(home) as signer:
        assert not session.exists()
        assert agents_of(session) == []
        (living,) = short.glob("altai-gpg.*")
        os.utime(living, (0, 0))
        with open_keyring(home):
            assert living.exists()
        assert len(signer.list_keys()) == 1
    shutil.rmtree(short)


def test_two_open_keyrings_do_not_end_each_other_s_agent(tmp_path: Path, locked: ThrowawayKey) -> None:
    home, data = tmp_path / "keys", tmp_path / "data"
    data.write_text("text\n")
    with open_keyring(home) as first:
        key = first.import_secret_key(locked.secret)
        first.unlock(key, lambda _key: SECRET)
        with open_keyring(home) as second:
            assert second.list_keys() == (key,)
        signature = first.detach_sign(data, key)
    assert verify_detached(data, signature, [locked.public]).is_good


def test_the_key_that_a_repository_declares_must_be_here(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    with open_keyring(tmp_path / "keys") as signer:
        with pytest.raises(SigningError) as caught:
            signer.find_key(read_public_keys(plain.public))
        assert "no secret key" in caught.value.why
        key = signer.import_secret_key(plain.secret)
        assert signer.find_key([*read_public_keys(locked.public), *read_public_keys(plain.public)]) == key


def test_keys_whose_signatures_would_be_refused_are_refused(tmp_path: Path, plain: ThrowawayKey) -> None:
    sound = read_public_keys(plain.public)[0]
    check_signing_key(sound, Compat.EL6)
    modern = read_public_keys(make_key(tmp_path, "modern", algorithm="ed25519").public)[0]
    check_signing_key(modern, Compat.MODERN)
    with pytest.raises(SigningError, match=r"EdDSA\) that the target's rpm cannot read"):
        check_signing_key(modern, Compat.EL6)
    expired = read_public_keys(make_key(tmp_path, "expired", born="20200101", expires="1y").public)[0]
    with pytest.raises(SigningError, match="expired on 2020-12-31"):
        check_signing_key(expired, Compat.MODERN)
    revoked = read_public_keys(make_key(tmp_path, "revoked", revoked=True).public)[0]
    with pytest.raises(SigningError, match="is revoked"):
        check_signing_key(revoked, Compat.MODERN)


def test_detached_signatures_are_judged_by_the_keys_given(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey
) -> None:
    data = tmp_path / "data"
    data.write_text("text\n")
    with open_keyring(tmp_path / "keys") as signer:
        signature = signer.detach_sign(data, signer.import_secret_key(plain.secret))
    good = verify_detached(data, signature, [locked.public, plain.public])
    assert (good.status, good.fingerprint) == (SignatureStatus.GOOD, plain.fingerprint)
    assert verify_detached(data, signature, [locked.public]).status is SignatureStatus.UNKNOWN_KEY
    assert verify_detached(data, tmp_path / "gone.asc", [plain.public]).status is SignatureStatus.UNSIGNED
    assert verify_detached(data, data, [plain.public]).status is SignatureStatus.DAMAGED
    gone = verify_detached(tmp_path / "gone", signature, [plain.public])
    assert gone.status is SignatureStatus.DAMAGED and "No such file" in gone.detail
    data.write_text("other\n")
    assert verify_detached(data, signature, [plain.public]).status is SignatureStatus.BAD_SIGNATURE


def test_gpgv_is_asked_once_about_the_same_bytes_and_again_about_others(
    tmp_path: Path, plain: ThrowawayKey, locked: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.write_text("asked once\n")
    with open_keyring(tmp_path / "keys") as signer:
        signature = signer.detach_sign(data, signer.import_secret_key(plain.secret))
    told: list[str] = []
    monkeypatch.setattr(process, "_listeners", [told.append])
    copy = tmp_path / "copy"
    shutil.copy(data, copy)
    for path in (data, copy, data):
        assert verify_detached(path, signature, [plain.public]).is_good
    assert len(told) == 1
    assert verify_detached(data, signature, [locked.public]).status is SignatureStatus.UNKNOWN_KEY
    data.write_text("asked again\n")
    assert verify_detached(data, signature, [plain.public]).status is SignatureStatus.BAD_SIGNATURE
    assert verify_detached(copy, signature, [plain.public]).is_good
    assert len(told) == 3
