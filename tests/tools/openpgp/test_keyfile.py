"""Public key files, read without importing them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.armor import dearmor
from altai_build.tools.openpgp.keyfile import read_key_packets, read_public_keys, read_rewritten_keys
from tests.kit.keys import make_key


def test_an_unusable_key_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("text", b"not a key\n"), ("cut", b"\x99\x01\x0d\x04abc")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(InputError, match=name):
            read_public_keys(path)
    with pytest.raises(InputError, match="gone"):
        read_public_keys(tmp_path / "gone")


def test_a_missing_key_file_is_one_to_make(tmp_path: Path) -> None:
    for name, begins in (
        ("missing", "make your own key with `altai-build keys init NAME`, export"),
        ("bad", "export"),
    ):
        (tmp_path / "bad").write_text("no key")
        with pytest.raises(InputError) as caught:
            read_public_keys(tmp_path / name)
        assert caught.value.todo.startswith(begins)


def test_only_regular_files_of_a_sane_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with open(tmp_path / "huge", "wb") as stream:
        stream.truncate(1 << 40)
    for name, why in (
        ("pipe", "not a regular file"),
        ("folder", "not a regular file"),
        ("huge", "larger than"),
    ):
        with pytest.raises(InputError) as caught:
            read_public_keys(tmp_path / name)
        assert why in caught.value.why, name


def test_every_form_of_a_key_file_is_rewritten_to_one(tmp_path: Path) -> None:
    key = make_key(tmp_path, "one")
    binary = tmp_path / "binary"
    binary.write_bytes(dearmor(key.public.read_bytes()))
    assert read_key_packets(key.public) == read_key_packets(binary) == binary.read_bytes()
    assert read_rewritten_keys(binary) == read_rewritten_keys(key.public) == key.public.read_bytes()


def test_a_key_file_tells_whether_its_key_is_revoked(tmp_path: Path) -> None:
    key = make_key(tmp_path, "revoked", revoked=True)
    assert read_public_keys(key.public)[0].revoked
    assert not read_public_keys(make_key(tmp_path, "sound").public)[0].revoked


def test_a_key_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keys = [make_key(tmp_path / name, name) for name in ("one", "other")]
    for key in keys:
        path.write_bytes(key.public.read_bytes())
        assert [found.fingerprint for found in read_public_keys(path)] == [key.fingerprint]
        assert read_key_packets(path) == dearmor(key.public.read_bytes())
