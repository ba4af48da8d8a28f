"""The signing keys of a release are unlocked before any work starts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.config import Key, SourceKind, Target
from altai_build.errors import SigningError
from altai_build.model.compat import Compat
from altai_build.model.openpgp import PublicKey
from altai_build.pipeline.release.signing import unlock_signing_keys
from altai_build.tools.openpgp.keyring import open_keyring
from tests.kit.keys import ThrowawayKey, import_secret_key, make_key

TARGET = Target(name="t", mock_config="m", arch="x86_64", macros=(), base=(), compat=Compat.EL6)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("ours"), "ours", passphrase="secret")


def make_run(tmp_path: Path, ours: ThrowawayKey, *, other_file: Path | None = None) -> Any:
    """Two repositories of our own key and a mirror whose key cannot sign."""
    with open_keyring(tmp_path / "gnupg") as keyring:
        import_secret_key(keyring, ours.secret)
    files = {"ours": other_file or ours.public, "theirs": tmp_path / "no such file"}
    kinds = {
        "centos6": (SourceKind.SUPERPROJECT, "ours"),
        "misc": (SourceKind.SPECS, "ours"),
        "epel": (SourceKind.MIRROR, "theirs"),
    }
    return SimpleNamespace(
        workspace=SimpleNamespace(gnupg=tmp_path / "gnupg"),
        config=SimpleNamespace(
            keys={name: Key(name=name, file=file, is_signing_key=True) for name, file in files.items()},
            repositories={name: SimpleNamespace(source=kind, key=key) for name, (kind, key) in kinds.items()},
        ),
    )


def test_each_key_is_asked_for_once_and_those_of_mirrors_never(tmp_path: Path, ours: ThrowawayKey) -> None:
    asked: list[str] = []

    def ask(key: PublicKey) -> str:
        asked.append(key.fingerprint)
        return ours.passphrase

    data = tmp_path / "data"
    data.write_text("text\n")
    with unlock_signing_keys(make_run(tmp_path, ours), TARGET, ask) as keys:
        assert {name: (key.public.fingerprint, key.file) for name, key in keys.items()} == {
            "ours": (ours.fingerprint, ours.public)
        }
        assert keys["ours"].sign_detached(data).is_file()
    assert asked == [ours.fingerprint]


def test_a_key_that_is_missing_or_unfit_stops_the_release(tmp_path: Path, ours: ThrowawayKey) -> None:
    def never(_key: PublicKey) -> str:
        raise AssertionError("no passphrase is needed to refuse a key")

    unfit = make_key(tmp_path / "unfit", "unfit", algorithm="ed25519")
    files = {
        tmp_path / "gone": "the key ours has no public key file",
        make_key(tmp_path / "absent", "absent").public: "the keyring has no secret key for ",
        unfit.public: "EdDSA, which the target's rpm cannot read",
    }
    for number, (file, message) in enumerate(files.items()):
        run = make_run(tmp_path / str(number), ours, other_file=file)
        with open_keyring(run.workspace.gnupg) as keyring:
            import_secret_key(keyring, unfit.secret)
        with pytest.raises(SigningError, match=message), unlock_signing_keys(run, TARGET, never):
            pass
