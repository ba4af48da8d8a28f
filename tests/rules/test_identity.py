"""A NEVRA that an earlier release gave to other bytes is a finding; so is a release that cannot be compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.rules import identity
from altai_build.rules.view import VerifyContext
from altai_build.tools.repo.repodata import Repodata, read_repodata
from tests.kit.findings import messages_by_subject
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
    (message,) = messages_by_subject(second, "same-bytes", VerifyContext(previous_releases=(first,))).values()
    assert message.startswith(f"cannot compare with this release: the SHA-256 of repodata/{primary.name}")


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

    monkeypatch.setattr(identity, "read_repodata", look)
    assert messages_by_subject(third, "same-bytes", VerifyContext(previous_releases=(first, second))) == {
        f"centos6/{other.name}": "the package has different bytes in 1.0.0/centos6"
    }
    assert sorted(read) == [
        f"1.0.0/{name}" for name in ("centos6", "deps/epel", "deps/misc", "deps/misc-srpms")
    ]


def test_an_earlier_release_that_cannot_be_read(materials: Materials, tmp_path: Path) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    (first / "centos6" / "repodata" / "repomd.xml").write_text("<repomd")
    second = make_release(tmp_path / "1.0.1", materials, make_release_contents(materials, "1.0.1"))
    answer = messages_by_subject(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert answer["1.0.0"].startswith("cannot compare with this release: repodata/repomd.xml cannot be read")
