"""Which package goes to which repository, and what is signed anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.config import Target
from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.component import ComponentKind
from altai_build.model.package import LocalRpm
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.release import placements
from altai_build.pipeline.release.placements import place_packages, refuse_unreadable
from altai_build.stages.sign import SignedPackage
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from tests.kit.rpms import build_rpm

TARGET = Target(name="centos6", mock_config="m", arch="x86_64", macros=(), base=(), compat=Compat.EL6)


def local(path: Path) -> LocalRpm:
    return LocalRpm(path=path, header=read_header(path), sha256="0" * 64)


def make_build_run(*, srpm: Path, rpms: Sequence[Path]) -> Any:
    component = SimpleNamespace(
        name="focus",
        kind=ComponentKind.SUBMODULE,
        repository="centos6",
        path="repos/focus",
        commit="c" * 40,
        url="https://user:secret@example.org/focus.git",
    )
    result = SimpleNamespace(rpms=[local(rpm) for rpm in rpms], srpm=srpm, key="build key")
    sourced = SimpleNamespace(component=component)
    maker = SimpleNamespace(source_cache={})
    return SimpleNamespace(
        srpm_batch=SimpleNamespace(srpms=[(sourced, None)], maker=maker), results={"focus": result}
    )


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str], Compat]]:
    """What was handed over to be signed: key, file names, target."""
    calls: list[tuple[str, list[str], Compat]] = []

    def sign_packages(
        paths: Sequence[Path], *, key: Any, store: Path, compat: Compat
    ) -> tuple[SignedPackage, ...]:
        calls.append((key, [path.name for path in paths], compat))
        return tuple(
            SignedPackage(
                unsigned=path, path=store / path.name, reused=False, sha256=f"digest of {path.name}"
            )
            for path in paths
        )

    monkeypatch.setattr(placements, "sign_packages", sign_packages)
    return calls


def place(tmp_path: Path, build_run: Any, released: Sequence[Path]) -> dict[str, list[Path]]:
    repository = SimpleNamespace(name="centos6", key="ours", source_rpms="sources")
    run: Any = SimpleNamespace(
        config=SimpleNamespace(repositories={"centos6": repository}),
        workspace=SimpleNamespace(signed=tmp_path / "signed", packages=tmp_path / "packages"),
    )
    files = {str(read_header(path).nevra): path for path in released}
    digests = {path: sha256_file(path) for path in released}
    published = PublishedReleases(files=files, files_by_build={}, files_by_digest={}, digests=digests)
    keys: Any = {"ours": "the key"}
    found = place_packages(run, build_run, {}, keys, published, TARGET)
    origins = {placement.origin for placed in found.values() for placement in placed}
    assert [getattr(origin, "url", "") for origin in origins] == ["https://example.org/focus.git"]
    # Of what is signed now, for the metadata; released files are known by their inodes.
    assert {placement.path: placement.sha256 for placed in found.values() for placement in placed} == {
        path: "" if path in released else f"digest of {path.name}"
        for path in (placement.path for placed in found.values() for placement in placed)
    }
    return {name: [placement.path for placement in placed] for name, placed in found.items()}


def test_new_packages_and_their_source_package_are_signed_by_the_repository_s_key(
    tmp_path: Path, signed: list[tuple[str, list[str], Compat]]
) -> None:
    made = build_rpm(tmp_path / "new", "focus")
    found = place(tmp_path, make_build_run(srpm=made.source, rpms=[made.binary]), [])
    store = tmp_path / "signed"
    assert found == {"centos6": [store / made.binary.name], "sources": [store / made.source.name]}
    assert signed == [
        ("the key", [made.binary.name], Compat.EL6),
        ("the key", [made.source.name], Compat.EL6),
    ]


def test_released_packages_are_used_again_with_the_source_package_they_came_from(
    tmp_path: Path, signed: list[tuple[str, list[str], Compat]]
) -> None:
    made, old = build_rpm(tmp_path / "new", "focus"), build_rpm(tmp_path / "old", "focus")
    found = place(tmp_path, make_build_run(srpm=made.source, rpms=[made.binary]), [old.binary, old.source])
    assert found == {"centos6": [old.binary], "sources": [old.source]}
    assert signed == []


def test_the_source_package_of_a_new_package_is_not_taken_from_a_release(
    tmp_path: Path, signed: list[tuple[str, list[str], Compat]]
) -> None:
    made, old = build_rpm(tmp_path / "new", "focus"), build_rpm(tmp_path / "old", "focus")
    other = build_rpm(tmp_path / "new", "other")
    build_run = make_build_run(srpm=made.source, rpms=[made.binary, other.binary])
    found = place(tmp_path, build_run, [old.binary, old.source])
    store = tmp_path / "signed"
    assert found == {
        "centos6": [old.binary, store / other.binary.name],
        "sources": [store / made.source.name],
    }
    assert [names for _, names, _ in signed] == [[other.binary.name], [made.source.name]]


def test_packages_that_the_target_cannot_read_are_refused(tmp_path: Path) -> None:
    good = local(build_rpm(tmp_path / "good", "good").binary)
    bad = local(build_rpm(tmp_path / "bad", "bad", payload="w3.zstdio").binary)
    refuse_unreadable(TARGET, [good])
    with pytest.raises(InputError, match="rpm on centos6 cannot read some of the packages") as caught:
        refuse_unreadable(TARGET, [good, bad])
    assert bad.header.nevra.name in caught.value.why and "zstd" in caught.value.why


class Locked:
    """What matters here of a package in the lock."""

    repository = "deps/epel"

    def __init__(self, sha256: str) -> None:
        self.sha256 = sha256


def test_a_mirrored_package_names_the_released_file_with_its_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "make_mirror_origin", lambda _run, locked: locked.sha256)
    run: Any = SimpleNamespace(
        config=SimpleNamespace(repositories={}), workspace=SimpleNamespace(packages=tmp_path / "packages")
    )
    build_run: Any = SimpleNamespace(srpm_batch=SimpleNamespace(srpms=[]), results={})
    released = tmp_path / "released.rpm"
    published = PublishedReleases(files={}, files_by_build={}, files_by_digest={"a" * 64: released})
    mirrored: Any = {Locked(digest * 64): tmp_path / "fetched.rpm" for digest in "ab"}
    found = place_packages(run, build_run, mirrored, {}, published, TARGET)
    assert [(placed.released, placed.sha256) for placed in found["deps/epel"]] == [
        (released, "a" * 64),
        (None, "b" * 64),
    ]
