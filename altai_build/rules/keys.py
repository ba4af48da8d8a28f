"""Rules on the release's public keys: which keys it holds, and when they expire."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Finding, Severity
from altai_build.model.openpgp import PublicKey, describe_expiry
from altai_build.model.release_files import KEY_FILE_PREFIX
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.rpm.signatures import can_import_keys

_FORM_FIX = "write the file with `gpg --export --armor`, or release again"


def check_key_expiry(rule: Rule, view: ReleaseView) -> RuleResult:
    """No key of the release expires within the horizon.

    An expired key is an error if it signs metadata for clients that check its expiry (librepo of dnf does, yum of EL6
    does not), else a warning: rpm itself never checks it.
    """
    keys_by_file = read_release_keys(view)
    metadata_key_file = f"{KEY_FILE_PREFIX}{view.manifest.signed_by}" if view.manifest else ""
    now = view.context.now or datetime.now(timezone.utc)
    horizon = now + timedelta(days=view.context.horizon_days)
    findings = []
    for file, keys in keys_by_file.items():
        is_strict = file == metadata_key_file and view.context.compat is not Compat.EL6
        for key in keys:
            end = key.signing_ends
            if end is None or end > horizon:
                continue
            severity = Severity.ERROR if is_strict and end <= now else Severity.WARNING
            expiry = describe_expiry(end, now)
            findings.append(rule.finding(file, f"key {key.key_id} ({key.uid}) {expiry}", severity))
    return RuleResult(len(keys_by_file), findings)


def read_release_keys(view: ReleaseView) -> dict[str, tuple[PublicKey, ...]]:
    """The keys in each RPM-GPG-KEY file; the rule `keys` reports files that cannot be read."""
    keys_by_file = {}
    for name in view.files:
        if name.startswith(KEY_FILE_PREFIX):
            try:
                keys_by_file[name] = read_public_keys(view.directory / name)
            except InputError:
                continue
    return keys_by_file


def check_keys(rule: Rule, view: ReleaseView) -> RuleResult:
    """The release has the public keys that its manifest names, and they are those in the configuration."""
    declared = _list_declared_keys(view)
    findings: list[Finding] = []
    for name, fingerprints in declared.items():
        file = view.key_file(name)
        try:
            messages = _compare_key_file(file, fingerprints, view, name)
        except InputError as error:
            messages = [error.why]
        else:
            if not can_import_keys(file):
                severity = Severity.ERROR if view.context.compat is Compat.EL6 else Severity.WARNING
                message = "`rpm --import` refuses the file in this form; dnf reads it"
                findings.append(rule.finding(file.name, message, severity, fix=_FORM_FIX))
        findings += [rule.finding(file.name, message) for message in messages]
    return RuleResult(len(declared), findings)


def _list_declared_keys(view: ReleaseView) -> dict[str, set[str]]:
    """Name of each key in the manifest → its fingerprints; none where the manifest names only the key."""
    declared = {repository.key: set(repository.fingerprints) for repository in view.repositories}
    further = [name for repository in view.repositories for name in repository.further_keys]
    for name in [*further, *([view.manifest.signed_by] if view.manifest else [])]:
        declared.setdefault(name, set())
    return declared


def _compare_key_file(file: Path, fingerprints: set[str], view: ReleaseView, name: str) -> list[str]:
    """How a key file differs from manifest and configuration. Raises InputError when a key cannot be read."""
    trusted_keys = dict(view.trusted_keys)
    held = _read_fingerprints(file)
    messages = []
    if fingerprints and held != fingerprints:
        messages.append(_describe_mismatch(held, fingerprints, "the manifest names"))
    if view.context.signers:
        pinned = {one for signer in view.context.signers for one in _read_fingerprints(signer)}
        if view.manifest and name == view.manifest.signed_by and not held <= pinned:
            messages.append(_describe_mismatch(held, pinned, "--key names"))
    elif name in trusted_keys:
        trusted = _read_fingerprints(trusted_keys[name])
        if held != trusted:
            messages.append(_describe_mismatch(held, trusted, "the configuration has"))
    elif trusted_keys:
        messages.append("the configuration has no key of this name")
    return messages


def _read_fingerprints(file: Path) -> set[str]:
    return {key.fingerprint for key in read_public_keys(file)}


def _describe_mismatch(held: set[str], expected: set[str], source: str) -> str:
    return f"the file holds {_join_fingerprints(held)}; {source} {_join_fingerprints(expected)}"


def _join_fingerprints(fingerprints: set[str]) -> str:
    return ", ".join(sorted(fingerprints)) or "no key"
