"""Rules on what the clients of the target can read, and on keys that will not serve them for long."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from altai_build.errors import InputError
from altai_build.model.audit import Severity
from altai_build.model.compat import unfit_reason, unreadable_reasons
from altai_build.model.openpgp import PublicKey
from altai_build.model.release import KEY_PREFIX, Compat
from altai_build.rules.view import Fault, Outcome, ReleaseView
from altai_build.tools.repodata import REPOMD
from altai_build.tools.rpmkeys import read_public_keys

_METADATA = ("primary", "filelists", "other", "group")
_EL6_METADATA = (".xml", ".gz", ".bz2", ".xz")  # yum on el6


def check_readable(view: ReleaseView) -> Outcome:
    """Packages, keys and metadata are of kinds that the target's own programs know."""
    compat = view.around.compat
    faults = [
        Fault(subject, reason)
        for subject, header in view.headers.items()
        for reason in unreadable_reasons(compat, header)
    ]
    for name, keys in _keys(view).items():
        faults += [Fault(name, reason) for key in keys if (reason := unfit_reason(compat, key)) is not None]
    if compat is Compat.EL6:
        faults += [
            Fault(f"{name}/{REPOMD}", f"{file.location} is of a compression that yum of EL6 does not know")
            for name, found in view.repodata.items()
            if not isinstance(found, str)
            for file in found.files
            if file.kind in _METADATA and not file.location.endswith(_EL6_METADATA)
        ]
    return Outcome(len(view.headers), faults)


def check_key_expiry(view: ReleaseView) -> Outcome:
    """No key of the release expires within the horizon.

    An expired key is an error where it signs the metadata of clients that look at expiry (librepo of dnf does, and yum
    of EL6 does not), and a warning everywhere else: rpm itself never looks.
    """
    keys = _keys(view)
    signing = f"{KEY_PREFIX}{view.manifest.signed_by}" if view.manifest else ""
    now = view.around.now or datetime.now(timezone.utc)
    faults = []
    for name, held in keys.items():
        strict = name == signing and view.around.compat is not Compat.EL6
        for key in held:
            if key.expires is None or key.expires > now + timedelta(days=view.around.horizon_days):
                continue
            day, today = key.expires.date(), view.around.today
            severity = Severity.ERROR if strict and key.expires <= now else Severity.WARNING
            faults.append(Fault(name, f"{key.key_id} ({key.uid}) {_expiry(day, today)}", severity))
    return Outcome(len(keys), faults)


def _expiry(day: date, today: date) -> str:
    if day <= today:
        return f"expired on {day}"
    return f"expires on {day}, in {(day - today).days} days: introduce its successor now"


def _keys(view: ReleaseView) -> dict[str, tuple[PublicKey, ...]]:
    """The keys in each RPM-GPG-KEY file; those that cannot be read are told by the rule `keys`."""
    found = {}
    for name in view.files:
        if name.startswith(KEY_PREFIX):
            try:
                found[name] = read_public_keys(view.directory / name)
            except InputError:
                continue
    return found
