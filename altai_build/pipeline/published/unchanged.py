"""`verify` of a release that was verified before: nothing is read again where nothing can have changed.

Only for a person who asks again: what publishes, promotes or approves a release reads all of it. Remembered is that a
release was sound, never that it was not. That counts on the same day, while every file and folder that was read has the
same state, and everything else that the rules know is the same: keys, configuration, repositories of the operating
system, this program, and the packages of this machine.
"""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity, VerificationReport, Waiver
from altai_build.model.release_files import KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.model.signature import SignatureCheck
from altai_build.model.trust import TrustLevel
from altai_build.pipeline.published.verify import open_view
from altai_build.pipeline.run import Run
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.rules.view import ReleaseView
from altai_build.stages.verify import verify_view
from altai_build.tools.commands import find_program
from altai_build.tools.files import keep_latest, write_atomically
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.repo.repomd import REPODATA
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.tools.tree import TreeEntry
from altai_build.tools.tree_state import list_tree, read_state

_MAX_REMEMBERED = 200
_MAX_KEY_FILE = 16 << 20  # bytes
_PROGRAMS = ("rpmkeys", "gpg", "gpgv")
# They change with every package of the system, such as rpm's library or the policy for cryptography.
_SYSTEM_PACKAGES = ("/var/lib/dpkg/status", "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite")
# Described by what they hold, or of no effect on findings.
_OTHER_FIELDS = ("base", "previous_releases", "signers", "cache", "known_packages", "packages", "now")


@dataclass(frozen=True)
class KnownVerification:
    """The report on a release, and when its files were read; None: just now."""

    report: VerificationReport
    read_at: datetime | None


class _Base:
    """The repositories of the operating system, and whether they were there whenever they were asked for."""

    def __init__(self, view: ReleaseView) -> None:
        self._read = view.context.base
        self.is_missing = False

    def __call__(self) -> Sequence[RepositoryMetadata]:
        try:
            return self._read() if self._read is not None else ()
        except BaseException:
            self.is_missing = True
            raise


def verify_unless_unchanged(
    run: Run, directory: Path, *, signers: Sequence[Path] = (), version: str = ""
) -> KnownVerification:
    """`verify_published`, or what it found earlier on this day if nothing changed; the same report in either case.

    Without repos.yaml nothing is remembered: the workspace may then be anybody's. Nor is what was downloaded, which is
    another copy each time.
    """
    view = open_view(run, directory, signers=signers, version=version)
    if run.config.file is None or resolve_links(run.workspace.root) in resolve_links(directory).parents:
        return KnownVerification(verify_view(view), None)
    view.context = replace(view.context, known_packages=run.workspace.known_packages)
    base = _Base(view)
    if view.context.base is not None:
        view.context = replace(view.context, base=base)
    name = hashlib.sha256(repr((directory, version, signers)).encode("utf-8", "surrogateescape")).hexdigest()
    file = run.workspace.cache / "verified" / f"{name}.json"
    started = datetime.now(timezone.utc)
    known = _recall(file, view, started)
    if known is not None:
        return known
    paths = _list_read_paths(view)
    before = read_state(paths)
    report = verify_view(view)
    is_settled = before is not None and before.was_quiet(started.timestamp()) and read_state(paths) == before
    if before is not None and is_settled and report.is_ok and not base.is_missing:
        document = {
            "inputs": _describe_inputs(view, started),
            "paths": paths,
            "state": before.digest,
            "read_at": started.timestamp(),
            "valid_until": min(_list_moments(view, started.timestamp()), default=None),
            **report.to_json(),
        }
        write_atomically(file, dump_sealed(document), durable=False)
        keep_latest(file.parent.glob("*.json"), _MAX_REMEMBERED)
    return KnownVerification(report, None)


def _recall(file: Path, view: ReleaseView, now: datetime) -> KnownVerification | None:
    """The earlier result, if it is still valid; a damaged record is none."""
    known = read_sealed(file)
    if known is None or not known["read_at"] <= now.timestamp() < (known["valid_until"] or float("inf")):
        return None
    state = read_state(known["paths"])
    if state is None or state.digest != known["state"]:
        return None
    try:
        if _describe_inputs(view, now) != known["inputs"]:
            return None
    except InputError:
        # The repositories of the operating system are not available now.
        return None
    report = VerificationReport(
        release=known["release"],
        findings=tuple(map(_read_finding, known["findings"])),
        trust=TrustLevel(known["trust"]),
    )
    return KnownVerification(report, datetime.fromtimestamp(known["read_at"], timezone.utc))


def _read_finding(document: dict[str, Any]) -> Finding:
    """The reverse of `finding_to_json`."""
    waiver = document["waiver"]
    return Finding(
        rule=document["rule"],
        severity=Severity(document["severity"]),
        subject=document["subject"],
        message=document["message"],
        fix=document["fix"],
        waiver=waiver and Waiver(**{**waiver, "expires": date.fromisoformat(waiver["expires"])}),
        upgrade_from=document["release"] or "",
        scenarios=tuple(document["scenarios"]),
    )


# ---- what a verification depends on ------------------------------------------------------------------------------


def _list_read_paths(view: ReleaseView) -> list[str]:
    """The files and folders that rules read: all of the release and of the one before, the metadata of earlier ones."""
    *earlier, before = view.context.previous_releases or (view.directory,)
    paths = list_tree(view.directory)
    if before != view.directory:
        paths += list_tree(before)
    for release in earlier:
        paths += list_tree(release, _is_metadata)
    return paths


def _is_metadata(entry: TreeEntry) -> bool:
    return entry.path == MANIFEST_NAME or f"/{REPODATA}/" in f"/{entry.path}"


def _describe_inputs(view: ReleaseView, now: datetime) -> str:
    """The digest of everything besides the files of releases. Raises InputError where the base is unavailable."""
    context = view.context
    known = {
        field.name: repr(getattr(context, field.name))
        for field in fields(context)
        if field.name not in _OTHER_FIELDS
    }
    known["day"] = now.date().isoformat()
    known["releases"] = repr((view.directory, context.previous_releases))
    known["base"] = repr(context.base() if context.base is not None else None)
    keys = [*view.trusted_keys, *((str(file), file) for file in context.signers)]
    known["keys"] = repr([(name, _read_key_file(file)) for name, file in keys])
    known["programs"] = repr(list(_describe_programs()))
    return hashlib.sha256(repr(sorted(known.items())).encode("utf-8", "surrogateescape")).hexdigest()


def _read_key_file(file: Path) -> bytes | None:
    try:
        return read_regular_file(file, limit=_MAX_KEY_FILE)
    except OSError:
        return None


def _describe_programs() -> Iterator[tuple[str, str]]:
    """What the result is made with: this program, its libraries, the programs and packages of the system."""
    yield "python", sys.version
    own = list_tree(Path(__file__).parents[2], lambda entry: entry.name.endswith(".py"))
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *_SYSTEM_PACKAGES]
    places += [found for found in map(find_program, _PROGRAMS) if found is not None]
    # Folders of this program change with the caches of compiled modules.
    for path in (*(path for path in own if path.endswith(".py")), *places):
        try:
            status = os.stat(path)
        except OSError:
            yield path, ""
        else:
            yield path, f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def _list_moments(view: ReleaseView, now: float) -> Iterator[float]:
    """The times after `now` (Unix) from which a signature or key counts differently."""
    checks: list[SignatureCheck | str] = [*view.checked_files.values()]
    for found in view.signature_checks.values():
        checks += [found] if isinstance(found, str) else found
    moments = [
        check.signature.expires for check in checks if isinstance(check, SignatureCheck) and check.signature
    ]
    files = [*(file for _, file in view.trusted_keys), *view.context.signers]
    for file in (*files, *view.directory.glob(f"{KEY_FILE_PREFIX}*")):
        try:
            keys = read_public_keys(file)
        except InputError:
            continue
        moments += [part.expires for key in keys for part in key.parts]
        moments += [part.created for key in keys for part in key.parts]
    for moment in moments:
        if moment is not None and moment.timestamp() > now:
            yield moment.timestamp()
