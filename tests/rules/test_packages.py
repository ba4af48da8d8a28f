"""Packages that are missing, not listed, unsigned, signed by another key, or there twice are found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from altai_build.model.compat import Compat
from altai_build.model.findings import Severity
from altai_build.model.manifest import manifest_from_json
from altai_build.model.release import ComponentOrigin, MirrorOrigin, ReleasedPackage
from altai_build.rules.registry import RULES
from altai_build.stages.compose import Placement
from altai_build.stages.verify import verify_release
from altai_build.tools.repo.repodata import write_repodata
from altai_build.tools.repo.whole_index import write_whole_index
from altai_build.tools.rpm.signatures import read_signatures
from tests.kit.findings import list_errors
from tests.kit.keys import make_key, signing_key
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign_again,
    with_repository,
)
from tests.kit.rpms import build_rpm

FOCUS = "centos6/focus-1.0-3.el6.noarch.rpm"


def test_a_package_signed_by_another_key_than_its_repository_s(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    origin = plan.repositories[1].packages[0].origin
    stranger = Placement(path=materials.own, origin=origin)  # ours, in the mirror of theirs
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=(stranger,))
    )
    report = verify_release(release)
    subject = f"deps/epel/{materials.own.name}"
    assert ("package-signatures", subject) in list_errors(report)
    message = next(one.message for one in report.findings if one.subject == subject)
    assert message.startswith(f"unknown key (key {materials.ours.fingerprint[-16:]})")


def test_an_unsigned_package(materials: Materials, tmp_path: Path) -> None:
    rpm = build_rpm(tmp_path / "unsigned").binary
    plan = make_release_contents(materials)
    placement = Placement(path=rpm, origin=plan.repositories[0].packages[0].origin)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "centos6", packages=(placement,))
    )
    report = verify_release(release)
    assert list_errors(report) == {("package-signatures", f"centos6/{rpm.name}")}
    assert report.findings[0].message.startswith("unsigned")


def test_the_same_package_in_two_repositories(materials: Materials, tmp_path: Path) -> None:
    plan = make_release_contents(materials)
    twice = (*plan.repositories[2].packages, plan.repositories[0].packages[0])
    release = make_release(tmp_path / "1.0.2", materials, with_repository(plan, "deps/misc", packages=twice))
    assert list_errors(verify_release(release)) == {("duplicates", "focus-1.0-3.el6.noarch")}


def test_packages_of_one_name_that_two_components_make(intact: Path) -> None:
    manifest = manifest_from_json((intact / "release.json").read_text())
    (focus,) = (one for one in manifest.packages if one.nevra.name == "focus" and not one.is_source)
    assert isinstance(focus.origin, ComponentOrigin)
    second = replace(focus, arch="x86_64")
    evil = replace(
        focus,
        version="99",
        sourcerpm="evil-99-1.src.rpm",
        origin=replace(focus.origin, path="repos/evil"),
    )
    rule = next(rule for rule in RULES if rule.id == "package-names")

    def check(*packages: ReleasedPackage) -> list[tuple[str, str]]:
        view: Any = SimpleNamespace(manifest=replace(manifest, packages=packages), version="1.0.2")
        return [(finding.subject, finding.message) for finding in rule.apply(view)]

    assert check(focus, second) == []
    makers = f"focus-1.0-3.el6.noarch of {focus.origin.path}, focus-99-3.el6.noarch of repos/evil"
    assert check(focus, second, evil) == [("focus", f"several components make it: {makers}")]
    assert check(focus, replace(evil, origin=MirrorOrigin(url="", sha256="", needed_by=()))) == []
    assert check() == [("1.0.2", f"nothing to examine: {rule.reason}")]


def test_a_package_that_yum_cannot_see(release: Path, materials: Materials) -> None:
    """Everything signed and summed, but the package is not in the metadata: only the comparison finds that."""
    hidden = release / FOCUS
    away = hidden.rename(release / "hidden")
    write_repodata(release / "centos6", epoch=1, compat=Compat.EL6)
    away.rename(hidden)
    sign_again(release, materials, "centos6/repodata/repomd.xml")
    assert list_errors(verify_release(release)) == {("packages-listed", FOCUS)}


def test_a_manifest_that_disagrees_with_the_package(release: Path, materials: Materials) -> None:
    document = json.loads((release / "release.json").read_text())
    (focus,) = (package for package in document["packages"] if package["repository"] == "centos6")
    focus["version"] = "9.9"
    focus["signer"]["fingerprint"] = "0" * 40
    (release / "release.json").write_text(json.dumps(document))
    sign_again(release, materials, "release.json")
    report = verify_release(release)
    assert list_errors(report) == {("packages-listed", FOCUS), ("package-signatures", FOCUS)}


def test_an_expired_key_is_one_warning_for_a_repository(tmp_path: Path, materials: Materials) -> None:
    old = make_key(tmp_path, "old", born="20200101", expires="1y", extended=True)
    rpms = [build_rpm(tmp_path / "old rpms", name).binary for name in ("one", "two")]
    with signing_key(old) as key:
        key.sign_rpms(rpms, rpmv3=True)
    plan = make_release_contents(replace(materials, theirs=old))
    origin = plan.repositories[1].packages[0].origin
    placements = tuple(Placement(path=rpm, origin=origin) for rpm in rpms)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=placements)
    )
    report = verify_release(release)
    signed = read_signatures(rpms[0])[0].created
    expired = f"signed {signed:%Y-%m-%d %H:%M:%S} UTC, expired 2020-12-31 00:00:00 UTC"
    assert [(one.rule, one.subject, one.severity, one.message) for one in report.findings] == [
        (
            "package-signatures",
            "deps/epel",
            Severity.ERROR,
            f"signed after the key expired (key {old.fingerprint[-16:]}) "
            f"(2 packages, such as {rpms[0].name}: {expired})",
        ),
        (
            "key-expiry",
            "RPM-GPG-KEY-epel6",
            Severity.WARNING,
            f"key {old.fingerprint[-16:]} (old <old@example.org>) expired on 2020-12-31",
        ),
    ]


def test_weak_signatures_are_warnings(tmp_path: Path, materials: Materials, shared: Path) -> None:
    """DSA-1024 and SHA-1: good for the CentOS 6 client, refused by newer policies."""
    weak = shared / "rpms" / "ownerjossh_master-centos6" / "remi-release-6.rpm"
    rpm = Path(shutil.copy(weak, tmp_path / "remi-release-6.8-1.el6.remi.noarch.rpm"))
    key = replace(materials.theirs, public=shared / "keys" / "RPM-GPG-KEY-remi")
    plan = make_release_contents(replace(materials, theirs=key))
    placement = Placement(path=rpm, origin=plan.repositories[1].packages[0].origin)
    release = make_release(
        tmp_path / "1.0.2", materials, with_repository(plan, "deps/epel", packages=(placement,))
    )
    report = verify_release(release)
    assert report.is_ok
    weaknesses = [one for one in report.findings if one.rule == "package-signatures"]
    assert {(one.subject, one.message) for one in weaknesses} == {
        ("deps/epel", "signed with a DSA-1024 key (1 package)"),
        ("deps/epel", "signed with a SHA1 signature hash (1 package)"),
    }


def test_an_index_of_the_whole_release_that_offers_something_else(
    release: Path, materials: Materials
) -> None:
    """Signed and summed: whoever follows a channel would install another set of packages than the repositories have."""
    write_whole_index(release, ["centos6", "deps/misc"], epoch=1, compat=Compat.EL6)
    sign_again(release, materials, "repodata/repomd.xml")
    erlang = "deps/epel/erlang-14-2.el6.noarch.rpm"
    assert list_errors(verify_release(release)) == {("packages-listed", erlang)}


def test_a_release_of_an_earlier_version_has_no_index_of_the_whole(
    release: Path, materials: Materials
) -> None:
    shutil.rmtree(release / "repodata")
    sign_again(release, materials)
    assert verify_release(release).findings == ()
