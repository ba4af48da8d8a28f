"""Packages without sources, sources without packages, and packages in the wrong repository are findings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from altai_build.model.findings import Severity
from altai_build.rules.view import VerifyContext
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

CONTEXT = VerifyContext(source_repositories=(("deps/misc", "deps/misc-srpms"),))


def test_each_package_has_its_source_and_each_source_its_packages(
    materials: Materials, tmp_path: Path
) -> None:
    lonely = build_rpm(tmp_path / "lonely", "lonely")
    idle = build_rpm(tmp_path / "idle", "idle")
    sign(materials, lonely.binary, idle.source)
    plan = with_packages(make_release_contents(materials), "deps/misc", lonely.binary)
    release = make_release(tmp_path / "1.0.2", materials, with_packages(plan, "deps/misc-srpms", idle.source))
    expected = {
        f"deps/misc/{lonely.binary.name}": f"the source package {lonely.source.name} is not in deps/misc-srpms",
        f"deps/misc-srpms/{idle.source.name}": "no package of deps/misc was built from this source",
    }
    assert messages_by_subject(release, "source-packages", CONTEXT) == expected
    # Without a configuration the pairs are guessed.
    assert messages_by_subject(release, "source-packages") == expected


def test_a_release_without_any_sources_is_found(materials: Materials, tmp_path: Path) -> None:
    plan = with_repository(make_release_contents(materials), "deps/misc-srpms", packages=())
    release = make_release(tmp_path / "1.0.2", materials, plan)
    source = materials.third_party_source.name
    expected = {
        f"deps/misc/{materials.third_party.name}": f"the source package {source} is not in deps/misc-srpms"
    }
    assert messages_by_subject(release, "source-packages", CONTEXT) == expected
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
    assert answer[f"centos6/{swapped.source.name}"] == "clients cannot install a source package"
    assert answer[f"deps/misc-srpms/{swapped.binary.name}"] == "the repository is for source packages only"


def test_packages_of_ours_without_published_sources_are_a_warning(
    materials: Materials, tmp_path: Path
) -> None:
    """As with a definition that has no source_rpms: nothing else would say so."""
    plan = make_release_contents(materials)
    plan = replace(plan, repositories=tuple(one for one in plan.repositories if not one.source))
    release = make_release(tmp_path / "1.0.2", materials, plan)
    found = findings(release, "source-packages", VerifyContext())
    text = "the sources of packages that were built here are not published with the release"
    assert {(one.subject, one.severity, one.message) for one in found} == {
        ("centos6", Severity.WARNING, f"{text}: {materials.own_source.name}"),
        ("deps/misc", Severity.WARNING, f"{text}: {materials.third_party_source.name}"),
    }
    assert found[0].fix == (
        "set `source_rpms: centos6-srpms` of this repository in repos.yaml, or accept this with a waiver"
    )


def test_sources_in_any_repository_of_the_release_are_published(release: Path) -> None:
    assert findings(release, "source-packages", CONTEXT) == []
    assert findings(release, "source-packages", VerifyContext()) == []
