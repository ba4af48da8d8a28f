"""Public key files, read without importing them."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.openpgp.keyfile import read_public_keys
from tests.kit.keys import make_key


def test_an_unusable_key_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("text", b"not a key\n"), ("cut", b"\x99\x01\x0d\x04abc")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=name):
            read_public_keys(path)
    with pytest.raises(InputError, match="gone"):
        read_public_keys(tmp_path / "gone")


def test_a_key_file_tells_whether_its_key_is_revoked(tmp_path: Path) -> None:
    key = make_key(tmp_path, "revoked", revoked=True)
    assert read_public_keys(key.public)[0].revoked
    assert not read_public_keys(make_key(tmp_path, "sound").public)[0].revoked
