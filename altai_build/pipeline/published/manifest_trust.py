"""Read manifests of published releases, each with the check of its signature: what is printed of it needs no verify."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.release import Manifest
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.model.signature import SignatureCheck
from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.pipeline.published.releases import load_manifest
from altai_build.regular_files import read_regular_file
from altai_build.tools import processors
from altai_build.tools.files import sha256_file
from altai_build.tools.openpgp.verify import verify_detached

if TYPE_CHECKING:
    from altai_build.config import Config

_NOTHING_PINNED = "repos.yaml and --key name no key to compare them with"


@dataclass(frozen=True)
class CheckedManifest:
    """The manifest of the release in a folder, and who vouches for it."""

    directory: Path
    manifest: Manifest
    trust: ManifestTrust


class ManifestReader:
    """Reads each manifest once, checks its signature once, and warns once of one that no pinned key signed."""

    def __init__(
        self,
        pinned_keys: Sequence[Path],
        warn: Callable[[str], None],
        find_url: Callable[[Path], str | None] = lambda directory: None,
    ) -> None:
        """`find_url` tells of which URL a folder has the copy."""
        self._find_url = find_url
        self._pinned_keys = tuple(pinned_keys)
        self._warn = warn
        self._read: dict[Path, CheckedManifest] = {}
        self._unreadable: dict[Path, InputError] = {}

    def read(self, directory: Path) -> CheckedManifest:
        """The manifest of the release in a folder. Raises InputError when it cannot be read."""
        return self.read_all([directory])[0]

    def read_all(self, directories: Iterable[Path]) -> tuple[CheckedManifest, ...]:
        """The manifests of the releases in folders, in their order. Raises InputError for one that is unreadable."""
        wanted = list(directories)
        readable = self.read_readable(wanted)
        for directory in wanted:
            if directory in self._unreadable:
                raise self._unreadable[directory]
        return readable

    def read_readable(self, directories: Iterable[Path]) -> tuple[CheckedManifest, ...]:
        """Those of the manifests that can be read; `refuse_unreadable` then tells of the others."""
        wanted = list(directories)
        known = self._read.keys() | self._unreadable.keys()
        new = [directory for directory in dict.fromkeys(wanted) if directory not in known]
        with ThreadPoolExecutor(processors.available()) as pool:
            for directory, checked in zip(new, pool.map(self._check, new)):
                if isinstance(checked, InputError):
                    self._unreadable[directory] = checked
                else:
                    self._read[directory] = checked
        self._warn_of_trust([self._read[directory] for directory in new if directory in self._read])
        return tuple(self._read[directory] for directory in wanted if directory in self._read)

    def leave_out(self, directory: Path, error: InputError) -> None:
        """Count a release as unreadable of which another file than the manifest cannot be read."""
        self._unreadable[directory] = error

    def explain_unreadable(self, directory: Path) -> InputError:
        """Why a release could not be read; only for those that `read_readable` left out."""
        return self._unreadable[directory]

    def refuse_unreadable(self, consequence: str) -> None:
        """Raise InputError when a release could not be read: what was printed lacks it."""
        if self._unreadable:
            names = ", ".join(directory.name for directory in self._unreadable)
            raise InputError(
                f"{consequence}: {names}",
                why="\n".join(f"{error.what}\n{error.why}" for error in self._unreadable.values()),
                todo="restore these files from another copy of the release; `altai-build verify` finds what else is "
                "damaged",
            )

    def _warn_of_trust(self, found: Iterable[CheckedManifest]) -> None:
        """Warn of what no pinned key signed; what is said of several releases is one line."""
        versions: dict[str, list[str]] = {}
        for checked in found:
            versions.setdefault(checked.trust.warning, []).append(checked.manifest.version)
        for warning, named in versions.items():
            if warning:
                releases = f"release {named[0]}" if len(named) == 1 else f"releases {', '.join(named)}, each"
                self._warn(f"{releases}: {warning}")

    def warn_of_changed_files(self, release: CheckedManifest, names: Sequence[str]) -> None:
        """Warn of each file of a release that is not the one that its signed checksums list."""
        trust = check_signature(release.directory, CHECKSUMS_NAME, release.manifest, self._pinned_keys)
        is_signed = trust.level is not TrustLevel.UNVERIFIED
        digests = read_digests(release.directory / CHECKSUMS_NAME) if is_signed else {}
        reason = f"{CHECKSUMS_NAME} lists another file" if is_signed else trust.detail
        for name in names:
            if not is_signed or digests.get(name, "") != sha256_file(release.directory / name):
                self._warn(f"release {release.manifest.version}: {name} is unverified; {reason}")

    @property
    def levels(self) -> dict[str, TrustLevel]:
        """The version of each release that was read, and how far it may be believed."""
        return {checked.manifest.version: checked.trust.level for checked in self._read.values()}

    def _check(self, directory: Path) -> CheckedManifest | InputError:
        try:
            manifest = load_manifest(directory, self._find_url(directory))
        except InputError as error:
            return error
        trust = check_signature(directory, MANIFEST_NAME, manifest, self._pinned_keys)
        return CheckedManifest(directory=directory, manifest=manifest, trust=trust)


def open_reader(
    config: Config,
    keys: Sequence[str],
    warn: Callable[[str], None],
    find_url: Callable[[Path], str | None] = lambda directory: None,
) -> ManifestReader:
    """A reader that trusts the key files `keys`, or else the signing keys of the configuration."""
    configured = [key.file for key in config.keys.values() if key.is_signing_key]
    return ManifestReader([Path(key) for key in keys] or configured, warn, find_url)


def check_signature(
    directory: Path, name: str, manifest: Manifest, pinned_keys: Sequence[Path]
) -> ManifestTrust:
    """Who vouches for a signed file of a release: a pinned key, only a key that came with it, or nobody."""
    path = directory / name
    checks = [_verify(path, file) for file in pinned_keys]
    if any(isinstance(check, SignatureCheck) and check.is_good for check in checks):
        return ManifestTrust(TrustLevel.PINNED)
    own = _verify(path, directory / f"{KEY_FILE_PREFIX}{manifest.signed_by}")
    if isinstance(own, str):
        return ManifestTrust(TrustLevel.UNVERIFIED, own)
    if not own.is_good:
        return ManifestTrust(TrustLevel.UNVERIFIED, own.description)
    errors = [check for check in checks if isinstance(check, str)]
    if not pinned_keys:
        errors = [_NOTHING_PINNED]
    return ManifestTrust(
        TrustLevel.OWN_KEYS, "; ".join(errors) or f"no pinned key signed it, but {own.fingerprint}"
    )


def _verify(path: Path, key_file: Path) -> SignatureCheck | str:
    """The check of a file's signature by the keys in a file, or why there is none."""
    try:
        return verify_detached(path, path.with_name(f"{path.name}.asc"), [key_file])
    except InputError as error:
        return f"{error.what}: {error.why}"


_MAX_CHECKSUMS = 64 << 20  # bytes


def read_digests(sums: Path) -> dict[str, str]:
    """File → the first SHA-256 that SHA256SUMS gives for it; nothing when it cannot be read."""
    try:
        lines = read_regular_file(sums, limit=_MAX_CHECKSUMS).decode("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {line[66:]: line[:64] for line in reversed(lines) if line[64:66] == "  "}
