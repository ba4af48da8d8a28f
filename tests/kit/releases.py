"""A small signed release in a folder: own packages, third-party ones with sources, and a mirror with its own key."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.model.openpgp import PublicKey
from altai_build.model.release import (
    BuildRecord,
    Compat,
    ComponentOrigin,
    MirrorOrigin,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
)
from altai_build.stages.compose import (
    KeyFile,
    Placement,
    ReleasePlan,
    RepositoryPlan,
    compose,
    sign_checksums,
)
from altai_build.stages.provenance import buildroot_digest, write_provenance
from altai_build.tools.openpgp.keyring import Keyring, open_keyring
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.rpms import build_rpm

BUILDROOT = (f"bash-4.1.2-48.el6.x86_64 sha256:{'b' * 64}", f"make-3.81-23.el6.x86_64 sha256:{'c' * 64}")


@dataclass(frozen=True)
class Materials:
    """Signed packages and keys of which releases can be made; `home` holds the secret half of `ours`."""

    home: Path
    ours: ThrowawayKey
    theirs: ThrowawayKey
    own: Path
    third_party: Path
    third_party_source: Path
    mirrored: Path


def make_materials(folder: Path) -> Materials:
    """Build and sign the packages; seconds, so once for a file of tests."""
    ours, theirs = make_key(folder, "ours"), make_key(folder, "theirs")
    own = build_rpm(folder / "own", "focus", "1.0", "3.el6").binary
    third = build_rpm(folder / "misc", "bunch", "1.0.1", "1.el6", epoch=1)
    mirrored = build_rpm(folder / "epel", "erlang", "14", "2.el6").binary
    with open_keyring(folder / "their home") as signer:
        signer.sign_rpms([mirrored], signer.import_secret_key(theirs.secret), rpmv3=True)
    with open_keyring(folder / "home") as signer:
        key = signer.import_secret_key(ours.secret)
        signer.sign_rpms([own, third.binary, third.source], key, rpmv3=True)
    return Materials(
        home=folder / "home",
        ours=ours,
        theirs=theirs,
        own=own,
        third_party=third.binary,
        third_party_source=third.source,
        mirrored=mirrored,
    )


def make_release_plan(materials: Materials, version: str = "1.0.2") -> ReleasePlan:
    """The plan of a release of every kind of repository."""
    spec = SpecOrigin(
        path="specs/bunch",
        commit="d" * 40,
        sources=(SourceFile(file="bunch-1.0.1.tar.gz", sha256="e" * 64),),
        build_key="key of bunch",
    )
    return ReleasePlan(
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
            RepositoryPlan(
                name="centos6",
                key="ours",
                source=False,
                packages=(
                    Placement(
                        path=materials.own,
                        origin=ComponentOrigin(
                            path="repos/altai/focus",
                            commit="c" * 40,
                            url="https://example.org/focus.git",
                            build_key="key of focus",
                        ),
                    ),
                ),
            ),
            RepositoryPlan(
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
            RepositoryPlan(
                name="deps/misc",
                key="ours",
                source=False,
                packages=(Placement(path=materials.third_party, origin=spec),),
            ),
            RepositoryPlan(
                name="deps/misc-srpms",
                key="ours",
                source=True,
                packages=(Placement(path=materials.third_party_source, origin=spec),),
            ),
        ),
        builds=(
            BuildRecord(
                component="focus",
                status="built",
                reason="new",
                seconds=1.0,
                buildroot=buildroot_digest(BUILDROOT),
                log="",
                source="focus-1.0-3.el6.src.rpm",
                source_sha256="5" * 64,
                key="key of focus",
            ),
        ),
    )


def sign(materials: Materials, *rpms: Path) -> None:
    """Sign packages with our key, for old and new clients."""
    with open_keyring(materials.home) as signer:
        signer.sign_rpms(list(rpms), our_key(signer), rpmv3=True)


def with_packages(plan: ReleasePlan, name: str, *rpms: Path) -> ReleasePlan:
    """The plan with more packages in one repository, of the same origin as its first."""
    (repository,) = (one for one in plan.repositories if one.name == name)
    origin = repository.packages[0].origin
    more = tuple(Placement(path=rpm, origin=origin) for rpm in rpms)
    return with_repository(plan, name, packages=(*repository.packages, *more))


def with_repository(plan: ReleasePlan, name: str, **changes: object) -> ReleasePlan:
    """The plan with one repository changed."""
    repositories = tuple(
        replace(one, **changes) if one.name == name else one  # type: ignore[arg-type]
        for one in plan.repositories
    )
    return replace(plan, repositories=repositories)


def make_release(
    directory: Path, materials: Materials, plan: ReleasePlan, *, earlier: Path | None = None
) -> Path:
    """Compose and seal the release in `directory`; what the one in `earlier` has too is taken over."""
    directory.mkdir(parents=True)
    if earlier is not None:
        reusing = (replace(one, reuse_from=earlier / one.name) for one in plan.repositories)
        plan = replace(plan, repositories=tuple(reusing))
    with open_keyring(materials.home) as signer:
        key = our_key(signer)
        manifest = compose(directory, plan, signer, key)
        write_provenance(
            directory,
            manifest,
            project=plan.project,
            baseurl=plan.baseurl,
            buildroots=[BUILDROOT],
            signer=signer,
            key=key,
            earlier=earlier,
        )
        sign_checksums(directory, signer, key, manifest)
    return directory


def sign_again(directory: Path, materials: Materials, *names: str) -> None:
    """Make the signatures of changed files right again, as somebody who holds the key could."""
    with open_keyring(materials.home) as signer:
        key = our_key(signer)
        for name in names:
            signer.detach_sign(directory / name, key)
        sign_checksums(directory, signer, key)


def our_key(signer: Keyring) -> PublicKey:
    """The only key of the home."""
    (key,) = signer.list_keys()
    return key
