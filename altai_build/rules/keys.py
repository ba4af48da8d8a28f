"""Rules on the release's public keys: which ones it holds, and when they expire."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta, timezone

from altai_build.errors import InputError
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import KEY_FILE_PREFIX
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.openpgp.keyfile import read_public_keys


def check_key_expiry(rule: Rule, view: ReleaseView) -> RuleResult:
    """No key of the release expires within the horizon.

    An expired key is an error where it signs the metadata of clients that look at expiry (librepo of dnf does, and yum
    of EL6 does not), and a warning everywhere else: rpm itself never looks.
    """
    keys = release_keys(view)
    signing = f"{KEY_FILE_PREFIX}{view.manifest.signed_by}" if view.manifest else ""
    now = view.context.now or datetime.now(timezone.utc)
    faults = []
    for name, held in keys.items():
        strict = name == signing and view.context.compat is not Compat.EL6
        for key in held:
            if key.expires is None or key.expires > now + timedelta(days=view.context.horizon_days):
                continue
            day, today = key.expires.date(), view.context.today
            severity = Severity.ERROR if strict and key.expires <= now else Severity.WARNING
            faults.append(
                rule.finding(name, f"{key.key_id} ({key.uid}) {_describe_expiry(day, today)}", severity)
            )
    return RuleResult(len(keys), faults)


def _describe_expiry(day: date, today: date) -> str:
    if day <= today:
        return f"expired on {day}"
    return f"expires on {day}, in {(day - today).days} days: introduce its successor now"


def release_keys(view: ReleaseView) -> dict[str, tuple[PublicKey, ...]]:
    """The keys in each RPM-GPG-KEY file; those that cannot be read are told by the rule `keys`."""
    found = {}
    for name in view.files:
        if name.startswith(KEY_FILE_PREFIX):
            try:
                found[name] = read_public_keys(view.directory / name)
            except InputError:
                continue
    return found


def check_keys(rule: Rule, view: ReleaseView) -> RuleResult:
    """The public keys are there, are those the manifest names, and those the configuration trusts."""
    faults = []
    declared = {repository.key: set(repository.fingerprints) for repository in view.repositories}
    for name in (name for repository in view.repositories for name in repository.further_keys):
        declared.setdefault(name, set())
    if view.manifest:
        declared.setdefault(view.manifest.signed_by, set())
    trusted_keys = dict(view.trusted_keys)
    for name, fingerprints in declared.items():
        file = view.key_file(name)
        try:
            here = {key.fingerprint for key in read_public_keys(file)}
            wanted = (
                {key.fingerprint for key in read_public_keys(trusted_keys[name])}
                if name in trusted_keys
                else None
            )
        except InputError as error:
            faults.append(rule.finding(file.name, error.why))
            continue
        if fingerprints and here != fingerprints:
            faults.append(
                rule.finding(
                    file.name,
                    f"it holds {_format_fingerprints(here)}, the manifest says {_format_fingerprints(fingerprints)}",
                )
            )
        if trusted_keys and wanted is None:
            faults.append(rule.finding(file.name, "no key of this name is in the configuration"))
        elif wanted is not None and here != wanted:
            faults.append(
                rule.finding(
                    file.name,
                    f"it holds {_format_fingerprints(here)}, the configuration says {_format_fingerprints(wanted)}",
                )
            )
    return RuleResult(len(declared), faults)


def _format_fingerprints(fingerprints: Collection[str]) -> str:
    return ", ".join(sorted(fingerprints)) or "nothing"
