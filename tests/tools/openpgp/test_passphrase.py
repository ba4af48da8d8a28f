"""Where passphrases come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, choose_passphrase_source
from tests.kit.keys import ThrowawayKey


def never(_key: PublicKey) -> str:
    raise AssertionError("nobody must be asked")


def test_the_passphrase_comes_from_the_file_that_the_environment_names(
    tmp_path: Path, locked: ThrowawayKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = read_public_keys(locked.public)[0]
    with pytest.raises(SigningError, match="is locked"):
        choose_passphrase_source(None)(key)
    assert choose_passphrase_source(lambda asked: asked.key_id)(key) == key.key_id
    file = tmp_path / "passphrase"
    file.write_text(f"{locked.passphrase}\n", encoding="utf-8")
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(file))
    file.chmod(0o644)
    with pytest.raises(SigningError, match="other users can read"):
        choose_passphrase_source(never)(key)
    file.chmod(0o600)
    assert choose_passphrase_source(never)(key) == locked.passphrase
    monkeypatch.setenv(PASSPHRASE_FILE_VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(SigningError, match="cannot read the passphrase file"):
        choose_passphrase_source(never)(key)
