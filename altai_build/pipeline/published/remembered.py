"""`verify --remember FILE`: what changed for the worse since the highest release that was seen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altai_build.errors import InputError, describe_cause
from altai_build.model.findings import Finding, Severity, VerificationReport, select_errors, waive
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import FollowedRelease, Manifest, parse_time
from altai_build.model.release_files import CHECKSUMS_NAME, MANIFEST_NAME
from altai_build.model.trust import TrustLevel
from altai_build.model.verify_rules import FORK_RULE, FREEZE_RULE, ROLLBACK_RULE
from altai_build.pipeline.published.catalog import Catalog, locate_releases, open_catalog
from altai_build.pipeline.published.manifest_trust import read_digests
from altai_build.pipeline.published.releases import load_manifest
from altai_build.regular_files import read_regular_file
from altai_build.stages.publish import compare_releases
from altai_build.tools.files import lock_descriptor, sha256_file, write_atomically
from altai_build.tools.sealed_json import dump_sealed, load_sealed

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run

_FIX = "compare with another copy of the releases; if the change is meant, remove {file} and verify again"
_MAX_STATE_SIZE = 1 << 20  # bytes
# Releases between the remembered one and the new one.
_MAX_FOLLOWED = 1000


@dataclass(frozen=True)
class RememberedRelease:
    """The highest release that was seen: what FILE holds.

    `sha256` is that of its SHA256SUMS; `chained` says whether it names those that it follows; `expected_by` is when the
    release after it is expected.
    """

    release: str
    sha256: str
    chained: bool
    expected_by: str | None


@dataclass(frozen=True)
class RememberedVerification:
    """A verification with the findings of the comparison; what was remembered before, and what is from now on."""

    verification: VerificationReport
    before: RememberedRelease | None
    now: RememberedRelease | None


def read_remembered(file: Path) -> RememberedRelease | None:
    """What is remembered in a file; None where there is none yet. Raises InputError for one that is damaged."""
    if not file.parent.is_dir():
        raise InputError(f"cannot remember anything in {file}", why=f"{file.parent} is not a folder")
    try:
        document = load_sealed(read_regular_file(file, limit=_MAX_STATE_SIZE))
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not file.is_symlink():
            return None
        raise InputError(f"cannot read {file}", why=describe_cause(error)) from error
    try:
        if document is None:
            raise ValueError("it is not what altai-build wrote")
        return _parse_remembered(document)
    except ValueError as error:
        raise InputError(
            f"{file} is damaged",
            why=describe_cause(error),
            todo="restore it from a backup. Without it an older release looks like the newest: remove it only "
            "when you know by other means which release is the newest",
        ) from error


def _parse_remembered(document: Mapping[str, Any]) -> RememberedRelease:
    """Raises ValueError for fields that altai-build does not write."""
    if set(document) != {field.name for field in fields(RememberedRelease)}:
        raise ValueError(f"its fields are {', '.join(document)}")
    release, sha256, chained, expected_by = map(document.get, ("release", "sha256", "chained", "expected_by"))
    if not (isinstance(release, str) and is_safe_name(release)):
        raise ValueError(f"its release is {release!r}")
    if not (isinstance(sha256, str) and isinstance(chained, bool)):
        raise ValueError("it has no SHA-256, or does not say whether the release is part of a chain")
    if not (expected_by is None or isinstance(expected_by, str)):
        raise ValueError(f"the time of the next release is {expected_by!r}")
    if expected_by is not None:
        parse_time(expected_by)
    return RememberedRelease(release=release, sha256=sha256, chained=chained, expected_by=expected_by)


def verify_remembered(
    run: Run,
    directory: Path,
    verification: VerificationReport,
    *,
    file: Path,
    named: str,
    where: str | None,
    now: datetime | None = None,
) -> RememberedVerification:
    """Compare a verified release with the one remembered in `file`, and remember it if it is sound and not older.

    `named` and `where` are the release and the releases as the user named them, `directory` is its copy. Raises
    InputError for a damaged file.
    """
    with _locked(file):
        before = read_remembered(file)
        is_sound = not select_errors(verification.findings)
        if verification.trust is not TrustLevel.PINNED and not is_sound:
            # What nobody vouches for proves nothing about the releases.
            return RememberedVerification(verification, before, before)
        if verification.trust is not TrustLevel.PINNED:
            refused = _make_finding(
                "metadata-signatures",
                MANIFEST_NAME,
                "no pinned key signed it, so it is not remembered",
                fix="name the key that signs the releases with --key FILE",
            )
            return RememberedVerification(
                replace(verification, findings=(*verification.findings, refused)), before, before
            )
        manifest = load_manifest(directory)
        seen = RememberedRelease(
            release=manifest.version,
            sha256=sha256_file(directory / CHECKSUMS_NAME),
            chained=manifest.follows is not None,
            expected_by=manifest.expected_by,
        )
        found = list(_compare(before, seen)) if before is not None else []
        if before is not None and not found and before.release != seen.release:
            location = locate_releases(directory, named, where)
            with open_catalog(run, location) as catalog:
                found = list(_check_descent(before, manifest, catalog))
        found = [replace(finding, fix=_FIX.format(file=file)) for finding in found]
        moment = now or datetime.now(timezone.utc)
        waived = waive(found, run.config.waivers, moment.date())
        is_accepted = is_sound and (before is None or not select_errors(waived))
        remembered = seen if is_accepted else before
        if remembered is not None and remembered != before:
            write_atomically(file, dump_sealed(asdict(remembered)))
    # That it is late is no reason not to remember it.
    late = waive(_check_expectation(remembered, moment), run.config.waivers, moment.date())
    return RememberedVerification(
        replace(verification, findings=(*verification.findings, *waived, *late)), before, remembered
    )


def _compare(before: RememberedRelease, seen: RememberedRelease) -> Iterator[Finding]:
    """A release that is lower than the remembered one, or of the same version with other content."""
    order = compare_releases(seen.release, before.release)
    if order < 0:
        yield _make_finding(
            ROLLBACK_RULE, seen.release, f"the release is older than {before.release}, which was seen before"
        )
    elif order == 0 and seen.sha256 != before.sha256:
        yield _make_finding(
            FORK_RULE,
            seen.release,
            f"the release has other content than when it was seen before: the SHA-256 of its {CHECKSUMS_NAME} was "
            f"{before.sha256} and is {seen.sha256}",
        )


def _check_descent(before: RememberedRelease, manifest: Manifest, catalog: Catalog) -> Iterator[Finding]:
    """Whether a release follows the remembered one, directly or through others."""
    if manifest.follows is None:
        severity = Severity.ERROR if before.chained else Severity.WARNING
        message = f"it does not name the releases that it follows; whether {before.release} is among them is unknown"
        yield _make_finding(FORK_RULE, manifest.version, message, severity)
        return
    digest, unknown = _find_followed(before.release, manifest.follows, catalog)
    if digest == before.sha256:
        return
    if digest:
        message = f"it follows another {before.release} than the one that was seen before"
    elif unknown:
        message = f"whether it follows {before.release}, which was seen before, is unknown: {unknown}"
    else:
        message = f"it does not follow {before.release}, which was seen before"
    yield _make_finding(FORK_RULE, manifest.version, message)


def _find_followed(version: str, follows: Sequence[FollowedRelease], catalog: Catalog) -> tuple[str, str]:
    """The digest by which a release is named, by these or what they follow; else "", and why that is not certain."""
    waiting, seen, unknown = list(follows), set(follows), ""
    while waiting:
        followed = waiting.pop(0)
        if followed.version == version:
            return followed.sha256, ""
        try:
            manifest = _read_followed(followed, catalog)
        except InputError as error:
            unknown = unknown or f"{error.what}: {error.why}".rstrip(": ")
            continue
        new = [one for one in manifest.follows or () if one not in seen]
        if len(seen) + len(new) > _MAX_FOLLOWED:
            return "", f"more than {_MAX_FOLLOWED} releases were published since"
        seen.update(new)
        waiting += new
    return "", unknown


def _read_followed(followed: FollowedRelease, catalog: Catalog) -> Manifest:
    """The manifest of a release that is the one of this digest. Raises InputError for any other."""
    directory = catalog.find(followed.version)
    if sha256_file(directory / CHECKSUMS_NAME) != followed.sha256:
        raise InputError(f"release {followed.version} is not the one that a later release names")
    if read_digests(directory / CHECKSUMS_NAME).get(MANIFEST_NAME) != sha256_file(directory / MANIFEST_NAME):
        raise InputError(f"{MANIFEST_NAME} of release {followed.version} is not the one in {CHECKSUMS_NAME}")
    return load_manifest(directory)


def _check_expectation(known: RememberedRelease | None, now: datetime) -> Iterator[Finding]:
    """Whether a release after the highest one was expected by now."""
    if known is not None and known.expected_by is not None and parse_time(known.expected_by) < now:
        yield _make_finding(
            FREEZE_RULE,
            known.release,
            f"a release after it was expected by {known.expected_by}: this copy may be kept from the newest one",
            fix="look for a newer release in another copy; without one, whoever makes the releases is late",
        )


def _make_finding(
    rule: str, subject: str, message: str, severity: Severity = Severity.ERROR, fix: str = ""
) -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=message, fix=fix)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold the lock of the folder of `file`: of two runs at once the second compares with what the first remembers."""
    try:
        descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InputError(f"cannot remember anything in {file}", why=describe_cause(error)) from error
    try:
        lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)
