"""Package URLs as the purl specification writes those of rpm packages."""

from __future__ import annotations

import pytest

from altai_build.tools.sbom.purl import format_rpm_purl
from tests.kit.manifests import component, package


@pytest.mark.parametrize(
    ("nevra", "mirrored", "purl"),
    [
        ("focus-1.0-3.el6.noarch", False, "pkg:rpm/altai/focus@1.0-3.el6?arch=noarch"),
        ("bunch-1:1.0.1-1.el6.src", False, "pkg:rpm/altai/bunch@1.0.1-1.el6?arch=src&epoch=1"),
        ("erlang-14-2.el6.x86_64", True, "pkg:rpm/erlang@14-2.el6?arch=x86_64"),
    ],
)
def test_the_namespace_is_the_project_unless_the_package_is_mirrored(
    nevra: str, mirrored: bool, purl: str
) -> None:
    released = package(nevra) if mirrored else package(nevra, component("repos/focus", "c" * 40))
    assert format_rpm_purl(released, "Altai").to_string() == purl
