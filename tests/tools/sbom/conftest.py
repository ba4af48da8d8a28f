"""A release of every kind of package, as a manifest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from altai_build.model.bill_of_materials import BillOfMaterials, PackageDescription
from altai_build.model.release import Manifest, MirrorOrigin, SourceFile, SpecOrigin
from tests.kit.manifests import component, manifest, package

SPEC = SpecOrigin(
    path="specs/bunch",
    commit="d" * 40,
    sources=(SourceFile(file="bunch-1.0.1.tar.gz", sha256="e" * 64),),
    build_key="key of bunch",
)
MIRROR = MirrorOrigin(url="https://example.org/epel/erlang.rpm", sha256="f" * 64, needed_by=("focus",))


@pytest.fixture
def released() -> Manifest:
    """`bunch` with its source package, `focus`, and the mirrored `erlang` that `focus` needs."""
    bunch = package("bunch-1:1.0.1-1.el6.noarch", SPEC, repository="deps/misc")
    return manifest(
        "1.0.2",
        [
            package("focus-1.0-3.el6.noarch", component("repos/altai/focus", "c" * 40)),
            package("erlang-14-2.el6.noarch", MIRROR, repository="deps/epel"),
            replace(bunch, sourcerpm="bunch-1.0.1-1.el6.src.rpm"),
            package("bunch-1:1.0.1-1.el6.src", SPEC, repository="deps/misc-srpms"),
        ],
    )


@pytest.fixture
def bill(released: Manifest) -> BillOfMaterials:
    """The same with what the packages say of themselves; nobody knows who made `erlang`, or its license."""
    descriptions = {
        "centos6/focus-1.0-3.el6.noarch.rpm": PackageDescription(
            license="GPLv2+ and BSD",
            vendor="Somebody",
            url="https://example.org/focus",
            summary="A dashboard",
            needs=("deps/epel/erlang-14-2.el6.noarch.rpm", "deps/misc/bunch-1.0.1-1.el6.noarch.rpm"),
            outside=("/bin/sh", "python >= 2.6"),
        ),
        "deps/epel/erlang-14-2.el6.noarch.rpm": PackageDescription(),
        "deps/misc/bunch-1.0.1-1.el6.noarch.rpm": PackageDescription(
            license="mit and Apache-2.0", url="no url"
        ),
        "deps/misc-srpms/bunch-1.0.1-1.el6.src.rpm": PackageDescription(license="MIT"),
    }
    return BillOfMaterials(
        manifest=released,
        project="altai",
        url="https://repo.example.org/altai/1.0.2",
        descriptions=descriptions,
        signers={},
    )
