"""A release in its folder, and what else is known about it: what the rules read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity, Waiver
from altai_build.model.manifest import MAX_MANIFEST_SIZE, manifest_from_json
from altai_build.model.release import Manifest, ReleasedRepository
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.model.trust import TrustLevel
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.tools import processors
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.verify import verify_all_detached
from altai_build.tools.repo.repodata import Repodata, list_package_files, read_repodata
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.signatures import verify_signatures
from altai_build.tools.tree import walk_tree

if TYPE_CHECKING:
    from altai_build.model.package import RpmHeader
    from altai_build.model.signature import SignatureCheck
    from altai_build.tools.repo.metadata import RepositoryMetadata

# Files for a thread to hash: handing over each takes as long as hashing a small one.
_HASHED_AT_ONCE = 64
_MAX_TEXT = 64 << 20  # bytes of one file that rules read whole


@dataclass(frozen=True)
class VerifyContext:
    """What is known besides the release itself. The defaults are for a reader of its folder alone."""

    compat: Compat = Compat.MODERN  # what the clients can read
    arch: str = "x86_64"
    # The repositories of the operating system; the call may raise InputError.
    base: Callable[[], Sequence[RepositoryMetadata]] | None = None
    previous_releases: tuple[Path, ...] = ()  # the folders of the releases below this one, oldest first
    # (repository, repository that has the sources of its packages)
    source_repositories: tuple[tuple[str, str], ...] = ()
    horizon_days: int = 90  # a key that expires earlier is a finding
    waivers: tuple[Waiver, ...] = ()
    # The key files, given for this verification, one of which must have signed the release; none: as configured.
    signers: tuple[Path, ...] = ()
    # The names of the keys that may sign releases; none: the configuration does not say.
    release_keys: tuple[str, ...] = ()
    # The version that the user asked for by name; "": whatever version the release has.
    version: str = ""
    cache: Path | None = None  # the solver's cache; None: no cache
    # The file with what earlier releases say, by the digest of their metadata; None: they are read.
    known_packages: Path | None = None
    # Downloaded packages of the operating system; None: a temporary directory.
    packages: Path | None = None
    now: datetime | None = None

    @property
    def today(self) -> date:
        """The day on which waivers and keys are checked."""
        return (self.now or datetime.now(timezone.utc)).date()


class ReleaseView:
    """A release in its folder. What several rules need is read once."""

    def __init__(
        self,
        directory: Path,
        trusted_keys: Sequence[tuple[str, Path]],
        context: VerifyContext = VerifyContext(),
        *,
        is_signed: bool = True,
        hash_file: Callable[[Path], str] | None = None,
    ) -> None:
        """`trusted_keys` are (name, file); `is_signed` is False for a release that has no report and checksums yet.

        `hash_file` computes the SHA-256 of a file; default: reading it.
        """
        self.directory = directory
        self.trusted_keys = tuple(trusted_keys)
        self.context = context
        self.is_signed = is_signed
        self._hash_file = hash_file or (lambda path: sha256_file(path))
        self._initial_stats = {} if is_signed else self.file_stats  # taken before anything is read
        self._signature_checks: dict[str, SignatureCheck | str] = {}

    def get_signed_view(self) -> ReleaseView | None:
        """The same release now that it has its report and checksums; None if anything else changed.

        What was read before is not read again: the files are the same.
        """
        view = ReleaseView(self.directory, self.trusted_keys, self.context)
        added = set(view.files) - set(self.files) - {CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"}
        if any(view.file_stats.get(name) != stats for name, stats in self._initial_stats.items()):
            return None
        if not all(name.startswith("report/") for name in added):
            return None
        view._signature_checks.update(self._signature_checks)
        for name in (
            "manifest_or_error",
            "repodata",
            "index",
            "signature_checks",
            "headers",
            "binary_headers",
        ):
            if name in self.__dict__:
                view.__dict__[name] = self.__dict__[name]
        new_files = view.file_stats.keys() - self._initial_stats.keys()
        view.__dict__["digests"] = {**self.digests, **view._hash_files(new_files)}
        return view

    def find_unchanged_digests(self) -> dict[str, str]:
        """The SHA-256 of the files of a release without checksums that have not changed since it was looked at."""
        now = ReleaseView(self.directory, ()).file_stats
        return {
            name: self.digests[name] for name, stats in self._initial_stats.items() if now.get(name) == stats
        }

    @cached_property
    def tree(self) -> dict[str, os.stat_result]:
        """The status of every file, link and folder, by its path in the release."""
        return {entry.path: entry.stat() for entry in walk_tree(resolve_links(self.directory))}

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file and link, relative to the release."""
        return tuple(sorted(path for path, status in self.tree.items() if not stat.S_ISDIR(status.st_mode)))

    @cached_property
    def file_stats(self) -> dict[str, tuple[int, ...]]:
        """Regular file → inode, size and times: they change with every write."""
        return {
            name: (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            for name, status in self.tree.items()
            if stat.S_ISREG(status.st_mode)
        }

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every regular file."""
        return self._hash_files(self.file_stats)

    def _hash_files(self, names: Iterable[str]) -> dict[str, str]:
        listed = list(names)
        batches = [listed[at : at + _HASHED_AT_ONCE] for at in range(0, len(listed), _HASHED_AT_ONCE)]

        def hash_batch(batch: Sequence[str]) -> list[str]:
            return [self._hash_file(self.directory / name) for name in batch]

        with ThreadPoolExecutor(max_workers=processors.available()) as pool:
            return dict(zip(listed, chain.from_iterable(pool.map(hash_batch, batches))))

    def check_detached_signatures(self, names: Sequence[str]) -> dict[str, SignatureCheck | str]:
        """File → the check of its signature by the key of the metadata, or why there is no check."""

        missing = [name for name in names if name not in self._signature_checks]
        paths = [self.directory / name for name in missing]
        files = [(path, path.with_name(f"{path.name}.asc")) for path in paths]
        try:
            checks = verify_all_detached(files, self._signer_files, now=self.context.now)
            self._signature_checks.update(zip(missing, checks))
        except InputError as error:
            # A key file is unreadable, and with it no signature can be checked.
            self._signature_checks.update(dict.fromkeys(missing, error.why))
        return {name: self._signature_checks[name] for name in names}

    @property
    def checked_files(self) -> Mapping[str, SignatureCheck | str]:
        """File → the check of its signature, as far as rules have asked for it."""
        return dict(self._signature_checks)

    @cached_property
    def manifest_or_error(self) -> Manifest | str:
        """release.json, or why it cannot be read."""
        try:
            return manifest_from_json(self.read_text(MANIFEST_NAME, limit=MAX_MANIFEST_SIZE))
        except InputError as error:
            return error.why
        except (OSError, UnicodeDecodeError) as error:
            return describe_cause(error)

    def read_text(self, name: str, *, limit: int = _MAX_TEXT) -> str:
        """The text of a regular file. Raises OSError, or UnicodeDecodeError."""
        return read_regular_file(self.directory / name, limit=limit).decode("utf-8")

    @property
    def version(self) -> str:
        """The version in the manifest: the folder of a staged release has another name. Else the folder's name."""
        return self.manifest.version if self.manifest else self.directory.name

    @property
    def manifest(self) -> Manifest | None:
        """release.json, if it can be read; the rule `manifest` reports it if not."""
        return None if isinstance(self.manifest_or_error, str) else self.manifest_or_error

    @property
    def repositories(self) -> tuple[ReleasedRepository, ...]:
        """The repositories that the manifest declares."""
        return self.manifest.repositories if self.manifest else ()

    @cached_property
    def repodata(self) -> dict[str, Repodata | str]:
        """Declared repository → its metadata, or why it cannot be read."""
        found: dict[str, Repodata | str] = {}
        for repository in self.repositories:
            try:
                found[repository.name] = read_repodata(self.directory / repository.name)
            except InputError as error:
                found[repository.name] = error.why
        return found

    @property
    def has_index(self) -> bool:
        """Whether there is an index of the whole release: those of an earlier altai-build have none."""
        return REPOMD in self.file_stats

    @cached_property
    def index(self) -> Repodata | str | None:
        """The index of the whole release, or why it cannot be read; None where it has none."""
        if not self.has_index:
            return None
        try:
            return read_repodata(self.directory)
        except InputError as error:
            return error.why

    @cached_property
    def signature_checks(self) -> dict[str, tuple[SignatureCheck, ...] | str]:
        """Declared repository → checks of its packages by its own keys, or why there are none."""

        def check(repository: ReleasedRepository) -> tuple[SignatureCheck, ...] | str:
            folder = self.directory / repository.name
            try:
                paths = [folder / name for name in list_package_files(folder)]
            except OSError as error:
                return describe_cause(error)
            try:
                keys = [self.find_trusted_key(name) for name in repository.keys]
                return verify_signatures(paths, keys, now=self.context.now)
            except InputError as error:
                return error.why or error.what

        names = [repository.name for repository in self.repositories]
        with ThreadPoolExecutor(max_workers=processors.available()) as pool:
            return dict(zip(names, pool.map(check, self.repositories)))

    @cached_property
    def headers(self) -> dict[str, RpmHeader]:
        """`repository/file` → header of the packages with good signatures; other headers cannot be trusted."""
        return {
            f"{repository}/{check.path.name}": read_header(check.path)
            for repository, checks in self.signature_checks.items()
            if not isinstance(checks, str)
            for check in checks
            if check.is_good
        }

    @cached_property
    def binary_headers(self) -> dict[str, RpmHeader]:
        """The headers of the packages that clients can install."""
        binary_repositories = {repository.name for repository in self.repositories if not repository.source}
        return {
            subject: header
            for subject, header in self.headers.items()
            if subject.rpartition("/")[0] in binary_repositories and not header.is_source
        }

    def key_file(self, name: str) -> Path:
        """The public key file of a key."""
        return self.directory / f"{KEY_FILE_PREFIX}{name}"

    def find_trusted_key(self, name: str) -> Path:
        """The file of a key that signatures are checked with: the configured one, else that of the release.

        The rule `keys` sees to it that both hold the same keys. What the configuration says of a key, that it was
        revoked for example, may be newer.
        """
        return dict(self.trusted_keys).get(name) or self.key_file(name)

    @property
    def _signer_files(self) -> list[Path]:
        """The key files one of which must have signed the metadata."""
        if self.context.signers:
            return list(self.context.signers)
        return [self.find_trusted_key(self.manifest.signed_by)] if self.manifest else []

    @property
    def may_sign_releases(self) -> bool:
        """False when the manifest names a key that signs packages of others, or approvals, and no releases."""
        if self.manifest is None or self.context.signers or not self.context.release_keys:
            return True
        name = self.manifest.signed_by
        # Another rule reports a key that repos.yaml does not have.
        return name in self.context.release_keys or name not in dict(self.trusted_keys)

    @property
    def trust(self) -> TrustLevel:
        """Who vouches for the manifest."""
        check = self.check_detached_signatures([MANIFEST_NAME])[MANIFEST_NAME] if self.manifest else ""
        if self.manifest is None or isinstance(check, str) or not check.is_good:
            return TrustLevel.UNVERIFIED
        is_known = self.manifest.signed_by in dict(self.trusted_keys) and self.may_sign_releases
        is_pinned = bool(self.context.signers) or is_known
        return TrustLevel.PINNED if is_pinned else TrustLevel.OWN_KEYS


def assess_signature(check: SignatureCheck | str) -> list[tuple[str, Severity]]:
    """(message, severity) of what is wrong with a signature: an error if it is not good, else what others refuse.

    A text is the reason why the signature could not be checked.
    """
    if isinstance(check, str):
        return [(check, Severity.ERROR)]
    if not check.is_good:
        return [(check.description, Severity.ERROR)]
    messages = [(f"signed with a {weakness}", Severity.WARNING) for weakness in check.weaknesses]
    if check.key_expired_on:
        messages.append(
            (f"the key expired on {check.key_expired_on}; newer versions of dnf refuse it", Severity.WARNING)
        )
    return messages
