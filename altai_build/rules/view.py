"""A release as it lies in its folder, what is known around it, and the words in which a rule answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import cached_property
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.audit import Severity, SignatureCheck, Waiver
from altai_build.model.package import RpmHeader
from altai_build.model.release import (
    KEY_PREFIX,
    MANIFEST,
    Compat,
    Manifest,
    ReleasedRepository,
    manifest_from_json,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.metadata import RepositoryMetadata
from altai_build.tools.repodata import Repodata, package_names, read_repodata
from altai_build.tools.rpmfile import read_header
from altai_build.tools.rpmkeys import verify_signatures


@dataclass(frozen=True)
class Fault:
    """What a rule found, before it is given the rule's name."""

    subject: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Outcome:
    """How many things a rule looked at, and what was wrong with them."""

    examined: int
    faults: Sequence[Fault]


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of a release: why, and what to do when it does not."""

    id: str
    reason: str
    cure: str
    check: Callable[[ReleaseView], Outcome]


@dataclass(frozen=True)
class Surroundings:
    """What is known beside the release; the defaults are what somebody knows who has nothing but its folder."""

    compat: Compat = Compat.MODERN  # what the clients can read
    arch: str = "x86_64"
    base: Callable[[], Sequence[RepositoryMetadata]] | None = None  # the system's own; may raise InputError
    earlier: tuple[Path, ...] = ()  # the folders of the releases before it, oldest first
    source_repositories: tuple[
        tuple[str, str], ...
    ] = ()  # (repository, where the sources of its packages are)
    horizon_days: int = 90
    waivers: tuple[Waiver, ...] = ()
    cache: Path | None = None  # where the solver keeps what it has read; None: nowhere
    now: datetime | None = None

    @property
    def today(self) -> date:
        """The day that waivers and keys are held against."""
        return (self.now or datetime.now(timezone.utc)).date()


class ReleaseView:
    """A release as it lies in its folder; what several rules need is read once."""

    def __init__(
        self,
        directory: Path,
        trusted: Sequence[tuple[str, Path]],
        around: Surroundings = Surroundings(),
    ) -> None:
        self.directory = directory
        self.trusted = tuple(trusted)
        self.around = around

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file and link, relative to the release."""
        return tuple(
            sorted(
                Path(folder, name).relative_to(self.directory).as_posix()
                for folder, folders, names in os.walk(self.directory)
                for name in [*names, *(one for one in folders if Path(folder, one).is_symlink())]
            )
        )

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every regular file."""
        names = [name for name in self.files if not (self.directory / name).is_symlink()]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return dict(zip(names, pool.map(lambda name: sha256_file(self.directory / name), names)))

    @cached_property
    def manifest_or_fault(self) -> Manifest | str:
        """release.json, or why it cannot be read."""
        try:
            return manifest_from_json((self.directory / MANIFEST).read_text(encoding="utf-8"))
        except InputError as error:
            return error.why
        except (OSError, UnicodeDecodeError) as error:
            return str(error)

    @property
    def title(self) -> str:
        """The release's version where the manifest tells it: a staged release lies in a folder of another name."""
        return self.manifest.version if self.manifest else self.directory.name

    @property
    def manifest(self) -> Manifest | None:
        """release.json where it is readable; the rule `manifest` tells of it where it is not."""
        return None if isinstance(self.manifest_or_fault, str) else self.manifest_or_fault

    @property
    def repositories(self) -> tuple[ReleasedRepository, ...]:
        """The repositories that the manifest declares."""
        return self.manifest.repositories if self.manifest else ()

    @cached_property
    def repodata(self) -> dict[str, Repodata | str]:
        """Each declared repository's metadata, or why it cannot be read."""
        found: dict[str, Repodata | str] = {}
        for repository in self.repositories:
            try:
                found[repository.name] = read_repodata(self.directory / repository.name)
            except InputError as error:
                found[repository.name] = error.why
        return found

    @cached_property
    def signature_checks(self) -> dict[str, tuple[SignatureCheck, ...] | str]:
        """Each declared repository's packages judged by its own key, or why they cannot be."""
        found: dict[str, tuple[SignatureCheck, ...] | str] = {}
        for repository in self.repositories:
            folder = self.directory / repository.name
            try:
                paths = [folder / name for name in package_names(folder)]
                keys = [self.key_file(name) for name in repository.keys]
                found[repository.name] = verify_signatures(paths, keys)
            except (InputError, OSError) as error:
                found[repository.name] = getattr(error, "why", "") or str(error)
        return found

    @cached_property
    def headers(self) -> dict[str, RpmHeader]:
        """`repository/file` → header of the packages with good signatures; of others nothing should be believed."""
        return {
            f"{repository}/{check.path.name}": read_header(check.path)
            for repository, checks in self.signature_checks.items()
            if not isinstance(checks, str)
            for check in checks
            if check.good
        }

    @cached_property
    def binary_headers(self) -> dict[str, RpmHeader]:
        """The headers of what clients can install."""
        offered = {repository.name for repository in self.repositories if not repository.source}
        return {
            subject: header
            for subject, header in self.headers.items()
            if subject.rpartition("/")[0] in offered and not header.is_source
        }

    def key_file(self, name: str) -> Path:
        """Where the release keeps a public key."""
        return self.directory / f"{KEY_PREFIX}{name}"


def judge(check: SignatureCheck) -> list[tuple[str, Severity]]:
    """What a check says against a signature: an error where it is not good, else what others will refuse."""
    if not check.good:
        key = f" (key {check.signature.key_id})" if check.signature and check.signature.key_id else ""
        return [(f"{check.verdict.value}{key}: {check.detail}".rstrip(": "), Severity.ERROR)]
    told = []
    for weakness in check.weaknesses:
        severity = Severity.ERROR if weakness.startswith("revoked") else Severity.WARNING
        told.append((f"signed with a {weakness}", severity))
    if check.signed_after_expiry:
        told.append((f"signed after the key expired on {check.key_expired_on}", Severity.ERROR))
    elif check.key_expired_on:
        told.append((f"the key expired on {check.key_expired_on}, which newer dnf refuses", Severity.WARNING))
    return told
