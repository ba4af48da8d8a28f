"""What the target's clients cannot read is found, and keys are told of before they expire."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from altai_build.model.compat import Compat
from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
from tests.kit.findings import findings, messages_by_subject
from tests.kit.keys import make_key, signing_key
from tests.kit.releases import Materials, make_release, make_release_contents, sign, with_packages
from tests.kit.rpms import build_rpm

EL6 = VerifyContext(compat=Compat.EL6)


def test_payloads_and_metadata_that_only_newer_clients_know(materials: Materials, tmp_path: Path) -> None:
    new = build_rpm(tmp_path, "new", payload="w3.zstdio").binary
    sign(materials, new)
    plan = replace(with_packages(make_release_contents(materials), "centos6", new), compat=Compat.MODERN)
    release = make_release(tmp_path / "1.0.2", materials, plan)
    answer = findings(release, "readable", EL6)
    assert {(one.subject, one.message) for one in answer if one.subject.endswith(".rpm")} == {
        (f"centos6/{new.name}", "its payload is compressed with zstd, which rpm 4.8 cannot read"),
    }
    assert {one.subject for one in answer} - {f"centos6/{new.name}"} == {
        f"{name}/repodata/repomd.xml" for name in ("centos6", "deps/epel", "deps/misc", "deps/misc-srpms")
    }
    assert findings(release, "readable", VerifyContext(compat=Compat.MODERN)) == []


def test_keys_that_only_newer_clients_know(tmp_path: Path) -> None:
    theirs = make_key(tmp_path, "theirs")
    ours = make_key(tmp_path, "ours", algorithm="ed25519")
    own = build_rpm(tmp_path / "own", "focus").binary
    third = build_rpm(tmp_path / "misc", "bunch")
    mirrored = build_rpm(tmp_path / "epel", "erlang").binary
    with signing_key(theirs) as signer:
        signer.sign_rpms([mirrored], rpmv3=True)
    with signing_key(ours) as signer:
        signer.sign_rpms([own, third.binary, third.source])
        key = signer.public
    materials = Materials(
        ours=ours,
        theirs=theirs,
        own=own,
        third_party=third.binary,
        third_party_source=third.source,
        mirrored=mirrored,
    )
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    signed = "it is signed with EdDSA, which rpm 4.8 cannot check"
    assert messages_by_subject(release, "readable", EL6) == {
        "RPM-GPG-KEY-ours": f"{key.key_id} is a key of the kind EdDSA, and rpm 4.8 knows RSA and DSA only",
        f"centos6/{own.name}": signed,
        f"deps/misc/{third.binary.name}": signed,
        f"deps/misc-srpms/{third.source.name}": signed,
    }
    assert findings(release, "readable") == []


def test_a_key_is_told_of_from_the_horizon_on(materials: Materials, tmp_path: Path) -> None:
    brief = make_key(tmp_path, "brief", born="20260101", expires="1y")
    plan = make_release_contents(replace(materials, theirs=brief))
    release = make_release(tmp_path / "1.0.2", materials, plan)

    def at(day: str, horizon: int = 90) -> list[tuple[str, Severity, str]]:
        now = datetime.fromisoformat(day).replace(tzinfo=timezone.utc)
        answer = findings(release, "key-expiry", VerifyContext(now=now, horizon_days=horizon))
        return [(one.subject, one.severity, one.message.partition(") ")[2]) for one in answer]

    assert at("2026-09-01") == []
    soon = "expires on 2027-01-01, in 31 days: introduce its successor now"
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
        answer = findings(release, "key-expiry", VerifyContext(compat=compat))
        assert [(one.subject, one.severity) for one in answer] == [("RPM-GPG-KEY-ours", severity)]
