"""Packages without sources, sources without packages, and names that are given to other bytes, are found."""

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

TWINS = VerifyContext(source_repositories=(("deps/misc", "deps/misc-srpms"),))


def test_each_package_has_its_source_and_each_source_its_packages(
    materials: Materials, tmp_path: Path
) -> None:
    lonely = build_rpm(tmp_path / "lonely", "lonely")
    idle = build_rpm(tmp_path / "idle", "idle")
    sign(materials, lonely.binary, idle.source)
    plan = with_packages(make_release_contents(materials), "deps/misc", lonely.binary)
    release = make_release(tmp_path / "1.0.2", materials, with_packages(plan, "deps/misc-srpms", idle.source))
    expected = {
        f"deps/misc/{lonely.binary.name}": f"its source {lonely.source.name} is not in deps/misc-srpms",
        f"deps/misc-srpms/{idle.source.name}": "no package of deps/misc was built from it",
    }
    assert messages_by_subject(release, "source-packages", TWINS) == expected
    assert messages_by_subject(release, "source-packages") == expected  # who has no repos.yaml sees it too


def test_no_sources_at_all_are_seen(materials: Materials, tmp_path: Path) -> None:
    plan = with_repository(make_release_contents(materials), "deps/misc-srpms", packages=())
    release = make_release(tmp_path / "1.0.2", materials, plan)
    source = materials.third_party_source.name
    expected = {f"deps/misc/{materials.third_party.name}": f"its source {source} is not in deps/misc-srpms"}
    assert messages_by_subject(release, "source-packages", TWINS) == expected
    # The manifest says that it was built from a spec.
    assert messages_by_subject(release, "source-packages") == expected


def test_sources_and_packages_in_the_wrong_place(materials: Materials, tmp_path: Path) -> None:
    swapped = build_rpm(tmp_path / "swapped", "swapped")
    sign(materials, swapped.binary, swapped.source)
    plan = with_packages(make_release_contents(materials), "centos6", swapped.source)
    release = make_release(
        tmp_path / "1.0.2", materials, with_packages(plan, "deps/misc-srpms", swapped.binary)
    )
    answer = messages_by_subject(release, "source-packages")
    assert answer[f"centos6/{swapped.source.name}"] == "no client can install a source RPM"
    assert answer[f"deps/misc-srpms/{swapped.binary.name}"] == (
        "it is no source RPM, and only those belong there"
    )


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
        f"centos6/{other.name}": "it has other bytes in 1.0.0/centos6"
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
    assert message.startswith(f"it cannot be compared: repodata/{primary.name} is not what")


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
        f"centos6/{other.name}": "it has other bytes in 1.0.0/centos6"
    }
    assert sorted(read) == [
        f"1.0.0/{name}" for name in ("centos6", "deps/epel", "deps/misc", "deps/misc-srpms")
    ]


def test_an_earlier_release_that_cannot_be_read(materials: Materials, tmp_path: Path) -> None:
    first = make_release(tmp_path / "1.0.0", materials, make_release_contents(materials, "1.0.0"))
    (first / "centos6" / "repodata" / "repomd.xml").write_text("<repomd")
    second = make_release(tmp_path / "1.0.1", materials, make_release_contents(materials, "1.0.1"))
    answer = messages_by_subject(second, "same-bytes", VerifyContext(previous_releases=(first,)))
    assert answer["1.0.0"].startswith("it cannot be compared: repodata/repomd.xml cannot be read")
