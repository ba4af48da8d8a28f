"""A small signed release in a folder: own packages, third-party ones with sources, and a mirror with its own key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.model.compat import Compat
from altai_build.model.release import (
    BuildRecord,
    ComponentOrigin,
    MirrorOrigin,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
)
from altai_build.stages.compose import (
    KeyFile,
    Placement,
    ReleaseContents,
    RepositoryContents,
    compose,
    sign_checksums,
)
from altai_build.stages.provenance import compute_buildroot_digest, write_provenance
from tests.kit.keys import ThrowawayKey, make_key, signing_key
from tests.kit.rpms import build_rpm

BUILDROOT = (f"bash-4.1.2-48.el6.x86_64 sha256:{'b' * 64}", f"make-3.81-23.el6.x86_64 sha256:{'c' * 64}")


@dataclass(frozen=True)
class Materials:
    """Signed packages and keys of which releases can be made."""

    ours: ThrowawayKey
    theirs: ThrowawayKey
    own: Path
    own_source: Path
    third_party: Path
    third_party_source: Path
    mirrored: Path


def make_materials(folder: Path) -> Materials:
    """Build and sign the packages; seconds, so once for a file of tests."""
    ours, theirs = make_key(folder, "ours"), make_key(folder, "theirs")
    own = build_rpm(folder / "own", "focus", "1.0", "3.el6")
    third = build_rpm(folder / "misc", "bunch", "1.0.1", "1.el6", epoch=1)
    mirrored = build_rpm(folder / "epel", "erlang", "14", "2.el6").binary
    with signing_key(theirs) as key:
        key.sign_rpms([mirrored], rpmv3=True)
    with signing_key(ours) as key:
        key.sign_rpms([own.binary, own.source, third.binary, third.source], rpmv3=True)
    return Materials(
        ours=ours,
        theirs=theirs,
        own=own.binary,
        own_source=own.source,
        third_party=third.binary,
        third_party_source=third.source,
        mirrored=mirrored,
    )


def make_release_contents(materials: Materials, version: str = "1.0.2") -> ReleaseContents:
    """The contents of a release with every kind of repository."""
    spec = SpecOrigin(
        path="specs/bunch",
        commit="d" * 40,
        sources=(SourceFile(file="bunch-1.0.1.tar.gz", sha256="e" * 64),),
        build_key="key of bunch",
    )
    focus = ComponentOrigin(
        path="repos/altai/focus",
        commit="c" * 40,
        url="https://example.org/focus.git",
        build_key="key of focus",
    )
    return ReleaseContents(
        project="altai",
        version=version,
        baseurl="https://repo.example.org/altai/",
        epoch=1362052800,
        compat=Compat.EL6,
        superproject=SuperprojectPin(url="https://example.org/altai.git", commit="a" * 40, tag=None),
        previous=None,
        target="centos6",
        tool_version="0.1",
        keys=(
            KeyFile(name="ours", file=materials.ours.public),
            KeyFile(name="epel6", file=materials.theirs.public),
        ),
        signing_key="ours",
        repositories=(
            RepositoryContents(
                name="centos6",
                key="ours",
                source=False,
                packages=(Placement(path=materials.own, origin=focus),),
            ),
            RepositoryContents(
                name="deps/epel",
                key="epel6",
                source=False,
                packages=(
                    Placement(
                        path=materials.mirrored,
                        origin=MirrorOrigin(
                            url="https://example.org/epel/erlang.rpm", sha256="f" * 64, needed_by=("focus",)
                        ),
                    ),
                ),
            ),
            RepositoryContents(
                name="deps/misc",
                key="ours",
                source=False,
                packages=(Placement(path=materials.third_party, origin=spec),),
            ),
            RepositoryContents(
                name="deps/misc-srpms",
                key="ours",
                source=True,
                packages=(Placement(path=materials.third_party_source, origin=spec),),
            ),
            RepositoryContents(
                name="centos6-srpms",
                key="ours",
                source=True,
                packages=(Placement(path=materials.own_source, origin=focus),),
            ),
        ),
        builds=(
            BuildRecord(
                component="focus",
                status="built",
                reason="new",
                seconds=1.0,
                buildroot=compute_buildroot_digest(BUILDROOT),
                log="",
                source="focus-1.0-3.el6.src.rpm",
                source_sha256="5" * 64,
                key="key of focus",
            ),
        ),
    )


def sign(materials: Materials, *rpms: Path) -> None:
    """Sign packages with our key, for old and new clients."""
    with signing_key(materials.ours) as key:
        key.sign_rpms(list(rpms), rpmv3=True)


def with_packages(contents: ReleaseContents, name: str, *rpms: Path) -> ReleaseContents:
    """The contents with more packages in one repository, of the same origin as its first."""
    (repository,) = (repository for repository in contents.repositories if repository.name == name)
    origin = repository.packages[0].origin
    more = tuple(Placement(path=rpm, origin=origin) for rpm in rpms)
    return with_repository(contents, name, packages=(*repository.packages, *more))


def with_repository(contents: ReleaseContents, name: str, **changes: object) -> ReleaseContents:
    """The contents with one repository changed."""
    repositories = tuple(
        replace(repository, **changes) if repository.name == name else repository  # type: ignore[arg-type]
        for repository in contents.repositories
    )
    return replace(contents, repositories=repositories)


def make_release(
    directory: Path, materials: Materials, contents: ReleaseContents, *, previous: Path | None = None
) -> Path:
    """Compose and sign the release in `directory`; it reuses what the release in `previous` has too."""
    directory.mkdir(parents=True)
    if previous is not None:
        reusing = (
            replace(repository, reuse_from=previous / repository.name) for repository in contents.repositories
        )
        contents = replace(contents, repositories=tuple(reusing), reuse_index_from=previous)
    signed_by_theirs = contents.get_key_file(contents.signing_key) == materials.theirs.public
    with signing_key(materials.theirs if signed_by_theirs else materials.ours) as key:
        manifest = compose(directory, contents, key)
        write_provenance(
            directory,
            manifest,
            project=contents.project,
            baseurl=contents.baseurl,
            buildroots=[BUILDROOT],
            key=key,
            cache=materials.ours.public.parent / "solv",
            parts=materials.ours.public.parent / "parts.json",
            previous=previous,
        )
        sign_checksums(directory, key, manifest)
    return directory


def sign_again(directory: Path, materials: Materials, *names: str) -> None:
    """Make the signatures of changed files right again, as somebody who holds the key could."""
    with signing_key(materials.ours) as key:
        for name in names:
            key.sign_detached(directory / name)
        sign_checksums(directory, key)
