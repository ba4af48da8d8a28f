"""Packages, keys and metadata that the target's clients cannot read are findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from altai_build.model.compat import Compat
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
        (f"centos6/{new.name}", "the payload is compressed with zstd, which rpm 4.8 cannot read"),
    }
    assert {one.subject for one in answer} - {f"centos6/{new.name}"} == {
        f"{folder}repodata/repomd.xml"
        for folder in ("", "centos6/", "centos6-srpms/", "deps/epel/", "deps/misc/", "deps/misc-srpms/")
    }
    assert findings(release, "readable", VerifyContext(compat=Compat.MODERN)) == []


def test_keys_that_only_newer_clients_know(tmp_path: Path) -> None:
    theirs = make_key(tmp_path, "theirs")
    ours = make_key(tmp_path, "ours", algorithm="ed25519")
    own = build_rpm(tmp_path / "own", "focus")
    third = build_rpm(tmp_path / "misc", "bunch")
    mirrored = build_rpm(tmp_path / "epel", "erlang").binary
    with signing_key(theirs) as signer:
        signer.sign_rpms([mirrored], rpmv3=True)
    with signing_key(ours) as signer:
        signer.sign_rpms([own.binary, own.source, third.binary, third.source])
        key = signer.public
    materials = Materials(
        ours=ours,
        theirs=theirs,
        own=own.binary,
        own_source=own.source,
        third_party=third.binary,
        third_party_source=third.source,
        mirrored=mirrored,
    )
    release = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials))
    signed = "the signature algorithm is EdDSA, which rpm 4.8 cannot check"
    assert messages_by_subject(release, "readable", EL6) == {
        "RPM-GPG-KEY-ours": f"key {key.key_id} has the algorithm EdDSA; rpm 4.8 supports only RSA and DSA",
        f"centos6/{own.binary.name}": signed,
        f"centos6-srpms/{own.source.name}": signed,
        f"deps/misc/{third.binary.name}": signed,
        f"deps/misc-srpms/{third.source.name}": signed,
    }
    assert findings(release, "readable") == []
