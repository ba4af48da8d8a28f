"""A NEVRA that an earlier release gave to other bytes is a finding; so is a release that cannot be compared."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.findings import Severity
from altai_build.rules import known_packages
from altai_build.rules.view import VerifyContext
from altai_build.tools.repo.repodata import Repodata, read_repodata
from tests.kit.findings import findings, messages_by_subject
from tests.kit.releases import (
    Materials,
    make_release,
    make_release_contents,
    sign,
    with_packages,
    with_repository,
)
from tests.kit.rpms import build_rpm


def test_a_name_that_an_earlier_release_gave_to_other_bytes(materials: Materials, tmp_path: Path) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    other = build_rpm(tmp_path / "other", "focus", "1.0", "3.el6", summary="Another").binary
    assert other.name == materials.own.name
    sign(materials, other)
    plan = make_release_contents(materials, "1.0.1")
    origin = plan.repositories[0].packages[0]
    changed = with_packages(with_repository(plan, "centos6", packages=(origin,)), "centos6", other)
    changed = with_repository(changed, "centos6", packages=changed.repositories[0].packages[1:])
    second = make_release(tmp_path / "1.0.1", materials, changed)
    context = VerifyContext(previous_releases=(first,))
    assert messages_by_subject(second, "same-bytes", context) == {
        f"centos6/{other.name}": "the package has different bytes in 1.0.0/centos6"
    }
    same = make_release(tmp_path / "1.0.2", materials, make_release_contents(materials, "1.0.2"))
    assert messages_by_subject(same, "same-bytes", VerifyContext(previous_releases=(first, second))) == {}


def test_an_earlier_release_whose_metadata_is_damaged_is_not_passed_over(
    materials: Materials, tmp_path: Path
) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    (primary,) = (first / "centos6" / "repodata").glob("*primary*")
    primary.write_bytes(b"")
    second = make_release(tmp_path / "1.0.1", materials, make_release_contents(materials, "1.0.1"))
    (finding,) = findings(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert finding.message.startswith(
        "compared with release.json only: the metadata of centos6 cannot be used: "
    )
    assert f"the SHA-256 of repodata/{primary.name} differs" in finding.message
    assert (finding.subject, finding.severity) == ("1.0.0", Severity.WARNING)


def test_metadata_that_releases_share_is_read_once_and_counts_for_each(
    materials: Materials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_release_contents(materials, "1.0.0")
    first = make_release(tmp_path / "1.0.0", materials, plan)
    second = make_release(tmp_path / "1.0.1", materials, replace(plan, version="1.0.1"), previous=first)
    other = build_rpm(tmp_path / "other", "focus", "1.0", "3.el6", summary="Another").binary
    sign(materials, other)
    changed = with_packages(plan, "centos6", other)
    changed = with_repository(changed, "centos6", packages=changed.repositories[0].packages[1:])
    third = make_release(tmp_path / "1.0.2", materials, replace(changed, version="1.0.2"))
    read = []

    def look(folder: Path) -> Repodata:
        read.append(folder.relative_to(tmp_path).as_posix())
        return read_repodata(folder)

    monkeypatch.setattr(known_packages, "read_repodata", look)
    assert messages_by_subject(third, "same-bytes", VerifyContext(previous_releases=(first, second))) == {
        f"centos6/{other.name}": "the package has different bytes in 1.0.0/centos6"
    }
    assert sorted(read) == [
        f"1.0.0/{name}" for name in ("centos6", "centos6-srpms", "deps/epel", "deps/misc", "deps/misc-srpms")
    ]


def release_with_another_focus(folder: Path, materials: Materials, version: str) -> Path:
    """A release in which focus has the name of the usual one, and other bytes."""
    other = build_rpm(folder / f"other-{version}", "focus", "1.0", "3.el6", summary="Another").binary
    sign(materials, other)
    contents = with_packages(make_release_contents(materials, version), "centos6", other)
    packages = contents.repositories[0].packages[1:]
    return make_release(folder / version, materials, with_repository(contents, "centos6", packages=packages))


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_other_bytes_are_found_where_the_metadata_of_the_earlier_release_is_not_readable(
    materials: Materials, tmp_path: Path, damage: str
) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    second = release_with_another_focus(tmp_path, materials, "1.0.1")
    if damage == "gone":
        shutil.rmtree(first / "centos6" / "repodata")
    else:
        (first / "centos6" / "repodata" / "repomd.xml").write_text("<repomd")
    found = findings(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert [(finding.subject, finding.severity) for finding in found] == [
        ("1.0.0", Severity.WARNING),
        ("centos6/focus-1.0-3.el6.noarch.rpm", Severity.ERROR),
    ]
    assert "repodata/repomd.xml cannot be read" in found[0].message


def test_an_earlier_release_of_which_nothing_tells_the_packages_is_an_error(
    materials: Materials, tmp_path: Path
) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    (first / "release.json").write_text("{")
    second = release_with_another_focus(tmp_path, materials, "1.0.1")
    found = findings(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert [(finding.subject, finding.severity) for finding in found] == [
        ("1.0.0", Severity.ERROR),
        ("centos6/focus-1.0-3.el6.noarch.rpm", Severity.ERROR),
    ]
    assert "(rule same-bytes, subject 1.0.0)" in found[0].fix
    (first / "centos6" / "repodata" / "repomd.xml").unlink()
    (finding,) = findings(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert finding.message.startswith(
        "compared with its metadata only: release.json cannot be read: not JSON"
    )
