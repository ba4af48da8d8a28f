"""A release as it lies in its folder, what is known around it, and the words in which a rule answers."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import cached_property
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity, SignatureCheck, Waiver
from altai_build.model.manifest import manifest_from_json
from altai_build.model.package import RpmHeader
from altai_build.model.release import (
    CHECKSUMS_NAME,
    KEY_FILE_PREFIX,
    MANIFEST_NAME,
    Manifest,
    ReleasedRepository,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.repo.repodata import Repodata, list_package_files, read_repodata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import verify_signatures


@dataclass(frozen=True)
class VerifyContext:
    """What is known beside the release; the defaults are what somebody knows who has nothing but its folder."""

    compat: Compat = Compat.MODERN  # what the clients can read
    arch: str = "x86_64"
    base: Callable[[], Sequence[RepositoryMetadata]] | None = None  # the system's own; may raise InputError
    previous_releases: tuple[Path, ...] = ()  # the folders of the releases before it, oldest first
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
        trusted_keys: Sequence[tuple[str, Path]],
        context: VerifyContext = VerifyContext(),
        *,
        is_signed: bool = True,
    ) -> None:
        self.directory = directory
        self.trusted_keys = tuple(trusted_keys)
        self.context = context
        self.is_signed = is_signed
        self._noted = {} if is_signed else self.file_stats  # before anything is read
        self._checks: dict[str, SignatureCheck | str] = {}

    def get_signed_view(self) -> ReleaseView | None:
        """The release after its page and seal came; None where anything else did, or a file is not what it was.

        What was read here is not read again, for the files that it was read from are the same ones.
        """
        later = ReleaseView(self.directory, self.trusted_keys, self.context)
        came = set(later.files) - set(self.files) - {CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"}
        if any(later.file_stats.get(name) != mark for name, mark in self._noted.items()):
            return None
        if not all(name.startswith("report/") for name in came):
            return None
        later._checks.update(self._checks)
        for name in ("manifest_or_error", "repodata", "signature_checks", "headers", "binary_headers"):
            if name in self.__dict__:
                later.__dict__[name] = self.__dict__[name]
        later.__dict__["digests"] = {
            **self.digests,
            **later._hash(later.file_stats.keys() - self._noted.keys()),
        }
        return later

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
    def file_stats(self) -> dict[str, tuple[int, ...]]:
        """What changes of a regular file whenever it is written to: inode, size and times."""
        states = {name: (self.directory / name).lstat() for name in self.files}
        return {
            name: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
            for name, one in states.items()
            if stat.S_ISREG(one.st_mode)
        }

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every regular file."""
        return self._hash(self.file_stats)

    def _hash(self, names: Iterable[str]) -> dict[str, str]:
        listed = list(names)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return dict(zip(listed, pool.map(lambda name: sha256_file(self.directory / name), listed)))

    def check_detached_signatures(self, names: Sequence[str]) -> dict[str, SignatureCheck | str]:
        """The signature beside each file, judged by the release's own key, or why it cannot be."""

        def check(name: str) -> None:
            path = self.directory / name
            try:
                self._checks[name] = verify_detached(path, path.with_name(f"{path.name}.asc"), keys)
            except InputError as error:
                self._checks[name] = error.why

        keys = [self.key_file(self.manifest.signed_by)] if self.manifest else []
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            list(pool.map(check, (name for name in names if name not in self._checks)))
        return {name: self._checks[name] for name in names}

    @cached_property
    def manifest_or_error(self) -> Manifest | str:
        """release.json, or why it cannot be read."""
        try:
            return manifest_from_json((self.directory / MANIFEST_NAME).read_text(encoding="utf-8"))
        except InputError as error:
            return error.why
        except (OSError, UnicodeDecodeError) as error:
            return str(error)

    @property
    def version(self) -> str:
        """The release's version where the manifest tells it: a staged release lies in a folder of another name."""
        return self.manifest.version if self.manifest else self.directory.name

    @property
    def manifest(self) -> Manifest | None:
        """release.json where it is readable; the rule `manifest` tells of it where it is not."""
        return None if isinstance(self.manifest_or_error, str) else self.manifest_or_error

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

        def check(repository: ReleasedRepository) -> tuple[SignatureCheck, ...] | str:
            folder = self.directory / repository.name
            try:
                paths = [folder / name for name in list_package_files(folder)]
                return verify_signatures(paths, [self.key_file(name) for name in repository.keys])
            except (InputError, OSError) as error:
                return getattr(error, "why", "") or str(error)

        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return dict(zip((one.name for one in self.repositories), pool.map(check, self.repositories)))

    @cached_property
    def headers(self) -> dict[str, RpmHeader]:
        """`repository/file` → header of the packages with good signatures; of others nothing should be believed."""
        return {
            f"{repository}/{check.path.name}": read_header(check.path)
            for repository, checks in self.signature_checks.items()
            if not isinstance(checks, str)
            for check in checks
            if check.is_good
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
        return self.directory / f"{KEY_FILE_PREFIX}{name}"


def assess_signature(check: SignatureCheck | str) -> list[tuple[str, Severity]]:
    """What a check says against a signature: an error where it is not good, or could not be made, else what others
    will refuse."""
    if isinstance(check, str):
        return [(check, Severity.ERROR)]
    if not check.is_good:
        key = f" (key {check.signature.key_id})" if check.signature and check.signature.key_id else ""
        return [(f"{check.status.value}{key}: {check.detail}".rstrip(": "), Severity.ERROR)]
    told = []
    for weakness in check.weaknesses:
        severity = Severity.ERROR if weakness.startswith("revoked") else Severity.WARNING
        told.append((f"signed with a {weakness}", severity))
    if check.signed_after_expiry:
        told.append((f"signed after the key expired on {check.key_expired_on}", Severity.ERROR))
    elif check.key_expired_on:
        told.append((f"the key expired on {check.key_expired_on}, which newer dnf refuses", Severity.WARNING))
    return told
