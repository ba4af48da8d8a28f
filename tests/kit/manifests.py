"""Manifests written by hand: releases whose packages nobody has to build, for questions that read manifests only."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from altai_build.model.manifest import manifest_to_json
from altai_build.model.nevra import parse_nevra
from altai_build.model.release import (
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    Origin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SpecOrigin,
    SuperprojectPin,
)
from altai_build.model.release_files import CHECKSUMS_NAME, MANIFEST_NAME

MIRRORED = MirrorOrigin(url="https://example.org/some.rpm", sha256="f" * 64, needed_by=("focus",))


def component(path: str, commit: str) -> ComponentOrigin:
    """The origin of a package that was built from a pin."""
    return ComponentOrigin(path=path, commit=commit, url=f"https://example.org/{path}.git", build_key="key")


def third_party(path: str, commit: str) -> SpecOrigin:
    """The origin of a package that was built from a folder of specs."""
    return SpecOrigin(path=path, commit=commit, sources=(), build_key="key")


def package(
    nevra: str,
    origin: Origin = MIRRORED,
    *,
    repository: str = "centos6",
    size: int = 1000,
    content: str = "",
    key: str = "A" * 40,
) -> ReleasedPackage:
    """A package by its NEVRA; `content` stands for its bytes, of which the SHA-256 is made."""
    parsed = parse_nevra(nevra)
    assert parsed is not None, nevra
    return ReleasedPackage(
        name=parsed.name,
        epoch=parsed.epoch,
        version=parsed.version,
        release=parsed.release,
        arch=parsed.arch,
        file=parsed.filename,
        repository=repository,
        sha256=hashlib.sha256((content or nevra).encode()).hexdigest(),
        size=size,
        signer=Signer(key_id=key[-16:], fingerprint=key),
        sourcerpm="",
        origin=origin,
    )


def manifest(
    version: str, packages: Sequence[ReleasedPackage], *, commit: str = "a" * 40, previous: str | None = None
) -> Manifest:
    """A manifest of these packages and their repositories."""
    repositories: dict[str, set[str]] = {}
    for one in packages:
        repositories.setdefault(one.repository, set()).add(one.signer.fingerprint)
    return Manifest(
        version=version,
        created="2013-02-28T12:00:00Z",
        superproject=SuperprojectPin(url="https://example.org/altai.git", commit=commit, tag=None),
        previous=previous,
        target="centos6",
        tool_version="0.1",
        signed_by="altai",
        repositories=tuple(
            ReleasedRepository(name=name, source=False, key="altai", fingerprints=tuple(sorted(keys)))
            for name, keys in repositories.items()
        ),
        packages=tuple(packages),
        builds=(),
        skipped=(),
    )


def write_manifests(releases: Path, *manifests: Manifest) -> None:
    """Lay the manifests where releases are published, each with its checksums, unsigned."""
    for one in manifests:
        folder = releases / one.version
        folder.mkdir(parents=True)
        text = manifest_to_json(one)
        (folder / MANIFEST_NAME).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        (folder / CHECKSUMS_NAME).write_text(f"{digest}  {MANIFEST_NAME}\n")
