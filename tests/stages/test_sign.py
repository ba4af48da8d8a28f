"""Packages are signed once; every signature is read again before anybody relies on it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import SigningError
from altai_build.model.compat import Compat
from altai_build.model.signature import SignatureCheck
from altai_build.stages import sign
from altai_build.stages.sign import sign_packages
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.signatures import read_signatures, verify_signatures
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.rpms import build_rpm, flip_last_byte


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> ThrowawayKey:
    return make_key(tmp_path_factory.mktemp("key"), "ours")


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("unsigned")
    return [
        build_rpm(folder / "a", "one").binary,
        build_rpm(folder / "a", "two").source,
        build_rpm(folder / "b", "one", summary="The same name, other bytes").binary,
    ]


class Desk:
    """What a signing needs, in a folder of the test's own."""

    def __init__(self, folder: Path, key: ThrowawayKey) -> None:
        self.folder, self.key, self.store = folder, key, folder / "store"

    def sign(
        self, rpms: list[Path], compat: Compat = Compat.MODERN, key_file: Path | None = None
    ) -> list[tuple[Path, bool]]:
        """(signed path, reused) of each."""
        with signing_key(self.key, self.folder / "home") as key:
            signed = sign_packages(
                rpms,
                key=replace(key, file=key_file or self.key.public),
                store=self.store,
                compat=compat,
            )
        assert [package.unsigned for package in signed] == rpms
        return [(package.path, package.reused) for package in signed]


@pytest.fixture
def desk(tmp_path: Path, key: ThrowawayKey) -> Desk:
    return Desk(tmp_path, key)


def inodes(signed: list[tuple[Path, bool]]) -> list[int]:
    return [path.stat().st_ino for path, _ in signed]


def test_copies_are_signed_and_the_originals_are_not(desk: Desk, unsigned: list[Path]) -> None:
    before = [path.read_bytes() for path in unsigned]
    signed = desk.sign(unsigned)
    assert [path.read_bytes() for path in unsigned] == before
    assert [path.name for path, _ in signed] == [path.name for path in unsigned]
    assert len({path for path, _ in signed}) == 3
    assert [reused for _, reused in signed] == [False] * 3
    assert all(check.is_good for check in verify_signatures([path for path, _ in signed], [desk.key.public]))


def test_the_same_package_is_never_signed_twice(desk: Desk, unsigned: list[Path]) -> None:
    first = desk.sign(unsigned[:2])
    again = desk.sign(unsigned)
    assert [reused for _, reused in again] == [True, True, False]
    assert inodes(again)[:2] == inodes(first)


def test_a_new_copy_has_the_digest_that_it_had_before_its_signature_was_found_good(
    desk: Desk, unsigned: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    def damage_then_check(paths: Sequence[Path], keys: Sequence[Path]) -> tuple[SignatureCheck, ...]:
        hashed.extend(sha256_file(path) for path in paths)
        checks = verify_signatures(paths, keys)
        for path in paths:
            flip_last_byte(path)
        return checks

    monkeypatch.setattr(sign, "verify_signatures", damage_then_check)
    with signing_key(desk.key, desk.folder / "home") as key:
        made = sign_packages(unsigned[:2], key=key, store=desk.store, compat=Compat.MODERN)
        monkeypatch.undo()
        again = sign_packages(unsigned[2:], key=key, store=desk.store, compat=Compat.MODERN)
        reused = sign_packages(unsigned[2:], key=key, store=desk.store, compat=Compat.MODERN)
    # What was damaged after the check does not have the digest of the sound copy.
    assert [package.sha256 for package in made] == hashed
    assert all(sha256_file(package.path) != package.sha256 for package in made)
    assert [package.sha256 for package in (*again, *reused)] == [sha256_file(again[0].path), ""]


def test_the_same_bytes_under_two_paths_become_one_file(
    desk: Desk, unsigned: list[Path], tmp_path: Path
) -> None:
    twin = Path(shutil.copy(unsigned[0], tmp_path))
    signed = desk.sign([unsigned[0], twin])
    assert signed[0] == signed[1]


def test_another_key_or_form_is_another_file(desk: Desk, unsigned: list[Path], tmp_path: Path) -> None:
    first, el6 = desk.sign(unsigned[:1]), desk.sign(unsigned[:1], Compat.EL6)
    assert [[signature.tag for signature in read_signatures(path)] for path, _ in (*first, *el6)] == [
        ["RSAHEADER"],
        ["RSAHEADER", "SIGPGP"],
    ]
    desk.key = make_key(tmp_path, "other")
    assert desk.sign(unsigned[:1])[0] not in (*first, *el6)


def test_a_damaged_copy_in_the_store_is_signed_again(desk: Desk, unsigned: list[Path]) -> None:
    ((path, _), other) = desk.sign(unsigned[:2])
    path.chmod(0o644)
    flip_last_byte(path)
    again = desk.sign(unsigned[:2])
    assert [reused for _, reused in again] == [False, True]
    assert verify_signatures([again[0][0]], [desk.key.public])[0].is_good
    assert inodes(again)[1] == other[0].stat().st_ino


def test_a_public_key_that_is_not_the_other_half_is_found_out(
    desk: Desk, unsigned: list[Path], tmp_path: Path
) -> None:
    other = make_key(tmp_path, "other")
    with pytest.raises(SigningError, match="1 package cannot be verified after signing") as caught:
        desk.sign(unsigned[:1], key_file=other.public)
    assert unsigned[0].name in caught.value.why and "unknown key" in caught.value.why
    assert not list(desk.store.rglob("*.rpm"))


def test_what_cannot_be_signed_leaves_the_store_as_it_was(
    desk: Desk, unsigned: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.rpm"
    broken.write_text("no package\n")
    first = desk.sign(unsigned[:1])
    with pytest.raises(SigningError, match="cannot sign"):
        desk.sign([*unsigned, broken])
    assert list(desk.store.rglob("*.rpm")) == [first[0][0]]
    assert [entry.name for entry in os.scandir(first[0][0].parents[1]) if entry.name.startswith(".")] == []


def test_nothing_to_sign_is_nothing_done(desk: Desk) -> None:
    assert desk.sign([]) == []
