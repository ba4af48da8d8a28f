"""Approvals of a release: detached signatures of persons over its digest, in files beside the releases.

`approvals/VERSION/KEY.asc` is the signature of KEY over the text of `make_statement`. A release never changes by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.findings import Finding, Severity, waive
from altai_build.model.release_files import CHECKSUMS_NAME
from altai_build.model.signature import SignatureCheck, SignatureStatus
from altai_build.model.verify_rules import APPROVALS_RULE
from altai_build.pipeline.published.releases import load_manifest
from altai_build.tools.files import make_directory, scratch_directory, sha256_file
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.url import is_web_url, join_url

if TYPE_CHECKING:
    from altai_build.config.schema import ApprovalSettings
    from altai_build.pipeline.run import Run

APPROVALS_FOLDER = "approvals"
_MAX_SIGNATURE = 1 << 20  # bytes


@dataclass(frozen=True)
class Approval:
    """What one key says of a release: `fingerprint` is None where it does not approve it, and `detail` is why."""

    key: str
    fingerprint: str | None
    detail: str
    is_missing: bool


@dataclass(frozen=True)
class ReleaseApprovals:
    """The approvals of a release, one for each key of repos.yaml, and how many different keys are needed."""

    release: str
    sha256: str
    needed: int
    approvals: tuple[Approval, ...]

    @property
    def given(self) -> int:
        """How many different keys approve it: two names of one key count once."""
        return len({approval.fingerprint for approval in self.approvals if approval.fingerprint})

    @property
    def is_enough(self) -> bool:
        """True when the release may be shown to machines."""
        return self.given >= self.needed

    @property
    def description(self) -> str:
        """`1 of 2 approvals (alice); missing: bob, carol`."""
        approved = [approval.key for approval in self.approvals if approval.fingerprint]
        others = [approval.key for approval in self.approvals if not approval.fingerprint]
        by = f" ({', '.join(approved)})" if approved else ""
        missing = f"; missing: {', '.join(others)}" if others and not self.is_enough else ""
        return f"{self.given} of {self.needed} approvals{by}{missing}"


def get_approval_settings(run: Run) -> ApprovalSettings:
    """Whose approvals repos.yaml asks for. Raises InputError where it asks for none."""
    settings = run.config.get_release_settings().approvals
    if settings is None:
        raise InputError(
            "repos.yaml asks for no approvals",
            todo="name the keys and how many of them are needed: release: {approvals: {keys: [alice, bob], needed: 2}}",
        )
    return settings


def make_statement(project: str, version: str, sha256: str) -> bytes:
    """The text that an approval signs. Nothing else that the project signs looks like it."""
    return (
        f"I approve this release.\nproject: {project}\nrelease: {version}\n{CHECKSUMS_NAME}: sha256:{sha256}\n"
    ).encode()


def make_release_statement(run: Run, directory: Path) -> bytes:
    """The text for the release in a folder. Raises InputError when it cannot be read."""
    return make_statement(run.config.project, load_manifest(directory).version, _read_digest(directory))


def get_approval_file(releases: Path, version: str, key: str) -> Path:
    """Where the approval of a key is, below the folder of all releases."""
    return releases / APPROVALS_FOLDER / version / f"{key}.asc"


def read_approvals(run: Run, directory: Path, location: str | None = None) -> ReleaseApprovals:
    """The approvals of the release in a folder, whose releases are at `location`, a folder or URL; default: beside it.

    Raises InputError where repos.yaml asks for none, or a key file cannot be read; UnreachableError.
    """
    settings = get_approval_settings(run)
    version = load_manifest(directory).version
    with _open_statement(run, directory) as statement:
        approvals = []
        for name in settings.keys:
            if location is not None and is_web_url(location):
                signature = _download(location, version, name, statement.parent)
            else:
                signature = get_approval_file(Path(location or directory.parent), version, name)
            check = verify_detached(statement, signature, [run.config.keys[name].file])
            approvals.append(_judge(name, check))
    return ReleaseApprovals(version, _read_digest(directory), settings.needed, tuple(approvals))


def check_approvals(run: Run, directory: Path, location: str | None = None) -> tuple[Finding, ...]:
    """The findings about the approvals of a release, as for `read_approvals`; none where repos.yaml asks for none.

    Too few of them are an error. One that is not good is a warning: it does not count.
    """
    if run.config.release is None or run.config.release.approvals is None:
        return ()
    found = read_approvals(run, directory, location)
    findings = [
        Finding(
            rule=APPROVALS_RULE,
            severity=Severity.WARNING,
            subject=f"{APPROVALS_FOLDER}/{found.release}/{approval.key}.asc",
            message=f"it does not count: {approval.detail}",
            fix=f"remove it, or replace it: `altai-build approve {found.release} --key {approval.key}`",
        )
        for approval in found.approvals
        if not approval.fingerprint and not approval.is_missing
    ]
    if not found.is_enough:
        findings.append(
            Finding(
                rule=APPROVALS_RULE,
                severity=Severity.ERROR,
                subject=found.release,
                message=found.description,
                fix=f"review the release, then `altai-build approve {found.release} --key NAME`",
            )
        )
    return waive(findings, run.config.waivers, datetime.now(timezone.utc).date())


@contextmanager
def _open_statement(run: Run, directory: Path) -> Iterator[Path]:
    """A file with the text to sign, in a folder of its own."""
    run.workspace.prepare()
    with scratch_directory(run.workspace.scratch, "approvals") as scratch:
        statement = scratch / "statement"
        statement.write_bytes(make_release_statement(run, directory))
        yield statement


def _read_digest(directory: Path) -> str:
    try:
        return sha256_file(directory / CHECKSUMS_NAME)
    except OSError as error:
        raise InputError(
            f"the release in {directory} has no digest to approve", why=f"{CHECKSUMS_NAME}: {error.strerror}"
        ) from error


def _download(location: str, version: str, key: str, scratch: Path) -> Path:
    """The approval of a key on a server; a path where there is nothing if the server has none."""
    from altai_build.tools.http.download import fetch_file
    from altai_build.tools.http.transfer import FileNotOnServer

    destination = get_approval_file(scratch, version, key)
    make_directory(destination.parent)
    try:
        path = f"{APPROVALS_FOLDER}/{version}/{key}.asc"
        return fetch_file(join_url(location, path), destination, limit=_MAX_SIGNATURE)
    except FileNotOnServer:
        return destination


def _judge(name: str, check: SignatureCheck) -> Approval:
    if check.status is SignatureStatus.UNSIGNED:
        return Approval(key=name, fingerprint=None, detail="", is_missing=True)
    detail = "" if check.is_good else check.description
    # Whoever can make two texts with one weak digest could have one approved and show the other.
    detail = detail or ", ".join(f"signed with a {weakness}" for weakness in check.weaknesses)
    return Approval(
        key=name, fingerprint=None if detail else check.fingerprint, detail=detail, is_missing=False
    )
