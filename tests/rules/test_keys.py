"""Keys are findings before they expire; a release has exactly the keys that manifest and configuration name."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from altai_build.model.armor import dearmor
from altai_build.model.compat import Compat
from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from altai_build.stages.verify import verify_release
from tests.kit.findings import findings, list_errors, messages_by_subject
from tests.kit.keys import make_key
from tests.kit.releases import Materials, make_release, make_release_contents


def test_a_key_is_a_finding_from_the_horizon_on(materials: Materials, tmp_path: Path) -> None:
    brief = make_key(tmp_path, "brief", born="20260101", expires="1y")
    plan = make_release_contents(replace(materials, theirs=brief))
    release = make_release(tmp_path / "1.0.2", materials, plan)

    def at(day: str, horizon: int = 90) -> list[tuple[str, Severity, str]]:
        now = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
        report = findings(release, "key-expiry", VerifyContext(now=now, horizon_days=horizon))
        return [(one.subject, one.severity, one.message.partition(") ")[2]) for one in report]

    assert at("2026-09-01") == []
    soon = "expires on 2027-01-01, in 31 days"
    assert at("2026-12-01") == [("RPM-GPG-KEY-epel6", Severity.WARNING, soon)]
    assert at("2026-12-01", horizon=30) == []
    assert at("2027-02-01") == [("RPM-GPG-KEY-epel6", Severity.WARNING, "expired on 2027-01-01")]


def test_an_expired_key_of_the_metadata_is_an_error_for_clients_that_look(
    materials: Materials, tmp_path: Path
) -> None:
    """dnf's librepo refuses metadata that an expired key signed; yum of EL6 does not look."""
    brief = make_key(tmp_path, "brief", born="20200101", expires="1y")
    plan = make_release_contents(replace(materials, ours=brief))
    release = make_release(tmp_path / "1.0.2", materials, plan)
    for compat, severity in ((Compat.MODERN, Severity.ERROR), (Compat.EL6, Severity.WARNING)):
        report = findings(release, "key-expiry", VerifyContext(compat=compat))
        assert [(one.subject, one.severity) for one in report] == [("RPM-GPG-KEY-ours", severity)]


def test_a_key_that_the_manifest_does_not_name_is_a_finding(release: Path, materials: Materials) -> None:
    assert messages_by_subject(release, "keys") == {}
    shutil.copy(release / "RPM-GPG-KEY-epel6", release / "RPM-GPG-KEY-ours")
    assert messages_by_subject(release, "keys") == {
        "RPM-GPG-KEY-ours": f"the file holds {materials.theirs.fingerprint}; "
        f"the manifest names {materials.ours.fingerprint}"
    }


def test_keys_are_compared_with_those_of_the_configuration(release: Path, materials: Materials) -> None:
    report = verify_release(release, trusted_keys=[("ours", materials.theirs.public)])
    assert {finding.subject: finding.message for finding in report.findings if finding.rule == "keys"} == {
        "RPM-GPG-KEY-ours": f"the file holds {materials.ours.fingerprint}; "
        f"the configuration has {materials.theirs.fingerprint}",
        "RPM-GPG-KEY-epel6": "the configuration has no key of this name",
    }


@pytest.mark.parametrize("form", ["binary", "blanks"])
@pytest.mark.parametrize("compat", list(Compat))
def test_a_key_file_that_only_dnf_reads_is_a_finding(release: Path, form: str, compat: Compat) -> None:
    text = (release / "RPM-GPG-KEY-epel6").read_bytes()
    (release / "RPM-GPG-KEY-epel6").write_bytes(
        dearmor(text) if form == "binary" else text.replace(b"\n", b" \n")
    )
    (finding,) = findings(release, "keys", VerifyContext(compat=compat))
    assert finding.severity is (Severity.ERROR if compat is Compat.EL6 else Severity.WARNING)
    assert finding.message == "`rpm --import` refuses the file in this form; dnf reads it"
    assert "package-signatures" not in {rule for rule, _ in list_errors(verify_release(release))}


def test_a_key_expires_at_its_hour(materials: Materials, tmp_path: Path) -> None:
    noon = datetime(2027, 1, 1, 12, tzinfo=timezone.utc)
    seconds = int((noon - datetime(2026, 1, 1, tzinfo=timezone.utc)).total_seconds())
    brief = make_key(tmp_path, "brief", born="20260101", expires=f"seconds={seconds}")
    plan = make_release_contents(replace(materials, theirs=brief))
    release = make_release(tmp_path / "1.0.2", materials, plan)
    for hours, told in (
        (-25, "expires on 2027-01-01, in 1 day"),
        (-1, "expires today, at 12:00 UTC"),
        (0, "expired on 2027-01-01"),
    ):
        context = VerifyContext(now=noon + timedelta(hours=hours))
        (finding,) = findings(release, "key-expiry", context)
        assert finding.message.endswith(told)


def test_a_file_without_a_key_is_a_finding(release: Path) -> None:
    (release / "RPM-GPG-KEY-epel6").write_text("not a key\n")
    assert set(messages_by_subject(release, "keys")) == {"RPM-GPG-KEY-epel6"}
