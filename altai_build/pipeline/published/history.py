"""`verify --history`: whether the published releases are those that were published, in the order of the chain."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError, describe_cause
from altai_build.model.findings import Finding, Severity, select_errors, waive
from altai_build.model.release import FollowedRelease, Manifest, ReleasePart
from altai_build.model.release_chain import (
    HISTORY_RULE,
    PastRelease,
    find_chain_breaks,
    list_unchained,
    list_unfollowed,
)
from altai_build.model.release_files import CHECKSUMS_NAME, LATEST_LINK
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.manifest_trust import check_signature
from altai_build.pipeline.published.releases import load_manifest
from altai_build.tools import processors
from altai_build.tools.files import sha256_file

if TYPE_CHECKING:
    from altai_build.model.findings import Waiver
    from altai_build.pipeline.published.catalog import Catalog

_FIX = "restore the release from another copy (a mirror, a backup); its SHA256SUMS shows which copy is right"


@dataclass(frozen=True)
class HistoryReport:
    """What the check of all releases found.

    `releases` are their versions, lowest first, and `unchained` those that no digest of another release covers.
    `trust` says who vouches for the last of the chain, and so for all that it follows.
    """

    releases: tuple[str, ...]
    unchained: tuple[str, ...]
    trust: TrustLevel
    findings: tuple[Finding, ...]

    @property
    def is_ok(self) -> bool:
        """True when no finding is an error."""
        return not select_errors(self.findings)


def choose_followed_releases(
    releases: Path, published: Sequence[str], previous: str | None, warn: Callable[[str], None]
) -> tuple[FollowedRelease, ...]:
    """The published releases that the next one names, so that it follows all of them.

    These are `previous`, the one below it, and those that no release names yet. Breaks of the chain are warned of: one
    more release does not hide them. Raises InputError when a manifest or SHA256SUMS cannot be read.
    """
    past = [
        _read_past_release(releases / version, load_manifest(releases / version)) for version in published
    ]
    for release in past:
        if not release.sha256:
            raise InputError(
                f"release {release.version} has no {CHECKSUMS_NAME} that the next release could name",
                todo=f"restore it from another copy of the release: {releases / release.version}",
            )
    for broken in find_chain_breaks(past):
        warn(
            f"release {broken.version}: {broken.message} (`altai-build verify --history` checks all releases)"
        )
    unfollowed = {followed.version for followed in list_unfollowed(past)}
    return tuple(
        FollowedRelease(version=release.version, sha256=release.sha256)
        for release in past
        if release.version in unfollowed or release.version == previous
    )


def verify_history(
    catalog: Catalog, *, pinned_keys: Sequence[Path], waivers: Sequence[Waiver] = ()
) -> HistoryReport:
    """Check every file of every release and the chain that they form.

    Of releases on a server only the manifests, checksums and keys are read. Raises InputError when there is no release.
    """
    directories = catalog.list_all()
    if not directories:
        raise InputError(
            f"there are no releases in {catalog.location}", why="so there is no history to verify"
        )
    check = _HistoryCheck(pinned_keys, catalog.find_url)
    with ThreadPoolExecutor(processors.available()) as pool:
        checked = list(pool.map(check.check_release, directories))
    past = [release.past for release in checked]
    findings = [finding for release in checked for finding in release.findings]
    findings += [_make_finding(found.version, found.message) for found in find_chain_breaks(past)]
    findings += _find_unchained(past)
    findings += _check_latest(catalog, directories[-1].name)
    last = {followed.version for followed in list_unfollowed(past)}
    levels = {release.trust for release in checked if release.past.version in last}
    findings += [
        _make_finding(f"{release.directory.name}/{CHECKSUMS_NAME}", release.detail)
        for release in checked
        if _is_refused(release, last, bool(pinned_keys))
    ]
    return HistoryReport(
        releases=tuple(directory.name for directory in directories),
        unchained=list_unchained(past),
        trust=_get_lowest(levels),
        findings=waive(findings, waivers, datetime.now(timezone.utc).date()),
    )


@dataclass(frozen=True)
class _CheckedRelease:
    """One release; `detail` is why no pinned key vouches for it, "" too where its manifest cannot be read."""

    directory: Path
    past: PastRelease
    trust: TrustLevel
    detail: str
    findings: tuple[Finding, ...]


class _HistoryCheck:
    """Checks releases one by one. A file that several releases share as one inode is hashed once."""

    def __init__(self, pinned_keys: Sequence[Path], find_url: Callable[[Path], str | None]) -> None:
        from altai_build.rules.metadata import check_checksums, check_manifest, check_regular_files
        from altai_build.rules.rule import Rule

        self._pinned_keys = pinned_keys
        self._find_url = find_url
        self._checks = [
            Rule(
                id=HISTORY_RULE,
                reason=f"{CHECKSUMS_NAME} lists every file of a release",
                fix=_FIX,
                check=check,
            )
            for check in (check_manifest, check_checksums, check_regular_files)
        ]
        self._digests: dict[tuple[int, int], str] = {}
        self._lock = threading.Lock()

    def check_release(self, directory: Path) -> _CheckedRelease:
        """Check the files of a release against its checksums, and these against their signature."""
        from altai_build.rules.view import ReleaseView

        view = ReleaseView(directory, (), hash_file=self._hash_file)
        try:
            found = [finding for rule in self._checks for finding in rule.apply(view)]
        except OSError as error:
            found = [_make_finding(directory.name, describe_cause(error))]
        if self._find_url(directory) is not None:
            # The others were not downloaded.
            found = [finding for finding in found if ReleasePart.MANIFEST.has(finding.subject)]
        findings = [replace(finding, subject=_name_subject(directory, finding.subject)) for finding in found]
        manifest = view.manifest
        past = _read_past_release(directory, manifest)
        if manifest is None:
            return _CheckedRelease(directory, past, TrustLevel.UNVERIFIED, "", tuple(findings))
        trust = check_signature(directory, CHECKSUMS_NAME, manifest, self._pinned_keys)
        return _CheckedRelease(directory, past, trust.level, trust.detail, tuple(findings))

    def _hash_file(self, path: Path) -> str:
        status = path.stat()
        if status.st_nlink == 1 or not stat.S_ISREG(status.st_mode):
            return sha256_file(path)
        inode = (status.st_dev, status.st_ino)
        with self._lock:
            known = self._digests.get(inode)
        if known is None:
            known = sha256_file(path)
            with self._lock:
                self._digests[inode] = known
        return known


def _read_past_release(directory: Path, manifest: Manifest | None) -> PastRelease:
    sums = directory / CHECKSUMS_NAME
    try:
        digest: str = sha256_file(sums)
    except OSError:
        digest = ""
    # By the name of its folder: a manifest under another name is an error of its own.
    return PastRelease(
        version=directory.name,
        sha256=digest,
        follows=manifest.follows if manifest else None,
        is_readable=manifest is not None,
    )


def _name_subject(directory: Path, subject: str) -> str:
    return directory.name if subject == directory.name else f"{directory.name}/{subject}"


def _make_finding(
    subject: str, message: str, severity: Severity = Severity.ERROR, fix: str = _FIX
) -> Finding:
    return Finding(rule=HISTORY_RULE, severity=severity, subject=subject, message=message, fix=fix)


def _is_refused(release: _CheckedRelease, last: Iterable[str], has_pinned_keys: bool) -> bool:
    """True when the signature of the checksums is bad, or that of the last release is not of a pinned key.

    What a later release names by digest needs no key that is still trusted.
    """
    if release.trust is TrustLevel.UNVERIFIED:
        return bool(release.detail)
    return has_pinned_keys and release.trust is TrustLevel.OWN_KEYS and release.past.version in last


def _get_lowest(levels: Iterable[TrustLevel]) -> TrustLevel:
    order = (TrustLevel.UNVERIFIED, TrustLevel.OWN_KEYS, TrustLevel.PINNED)
    return min(levels, key=order.index, default=TrustLevel.UNVERIFIED)


def _find_unchained(past: Sequence[PastRelease]) -> Iterator[Finding]:
    """Where no release names another one, nothing but their signatures shows whether they were changed."""
    if any(release.follows is not None for release in past):
        return
    for version in list_unchained(past):
        yield _make_finding(
            version,
            "the release is not part of a chain: it was made before releases named those that they follow, so only its "
            "signature shows whether it was changed, and nothing whether others are missing",
            Severity.WARNING,
            "make the next release: it names all that are there now",
        )


def _check_latest(catalog: Catalog, highest: str) -> Iterator[Finding]:
    latest = catalog.find_latest()
    if latest is None:
        yield _make_finding(
            LATEST_LINK,
            "there is no such link, so it was not compared with the highest version",
            Severity.NOTE,
            "none is needed where only one release is served",
        )
    elif latest != highest:
        yield _make_finding(
            LATEST_LINK,
            f"it is {latest}, and the highest version is {highest}",
            fix=f"let `{LATEST_LINK}` point to {highest}, or restore {latest}",
        )
