"""Who supplies a package: the project, a vendor, a signer, or nobody knows."""

from __future__ import annotations

from altai_build.model.bill_of_materials import BillOfMaterials, PackageDescription, find_dependents
from altai_build.model.release import MirrorOrigin
from tests.kit.manifests import component, manifest, package


def test_the_supplier_of_a_mirrored_package_is_its_vendor_else_its_signer() -> None:
    own = package("focus-1-1.noarch", component("repos/focus", "c" * 40))
    vendor, signed, nobody = (
        package(f"{name}-1-1.noarch", key=key * 40) for name, key in (("a", "B"), ("b", "B"), ("c", "C"))
    )
    bill = BillOfMaterials(
        manifest=manifest("1.0", [own, vendor, signed, nobody]),
        project="altai",
        url="https://repo.example.org/1.0",
        descriptions={
            own.path: PackageDescription(vendor="Somebody else"),
            vendor.path: PackageDescription(vendor="Fedora Project"),
            signed.path: PackageDescription(),
            nobody.path: PackageDescription(),
        },
        signers={"B" * 40: "EPEL (6) <epel@fedoraproject.org>"},
    )
    assert [bill.find_supplier(one) for one in (own, vendor, signed, nobody)] == [
        "altai",
        "Fedora Project",
        "EPEL (6)",
        "",
    ]


def test_dependents_are_what_requires_a_package_and_what_it_was_locked_for() -> None:
    mirrored = MirrorOrigin("https://example.org/x.rpm", "f" * 64, ("nova", "glance"))
    own = component("repos/thing", "c" * 40)
    source, app = package("thing-1-1.src", own), package("app-1-1.noarch", own)
    thing, lib = package("thing-1-1.noarch", own), package("lib-1-1.noarch", mirrored)
    descriptions = {
        app.path: PackageDescription(needs=(thing.path, lib.path, "gone/x.rpm")),
        thing.path: PackageDescription(needs=(thing.path,)),
        "other/y.rpm": PackageDescription(needs=(thing.path,)),
    }
    assert find_dependents(manifest("1", [source, app, thing, lib]), descriptions) == {
        source.path: (),
        app.path: (),
        thing.path: ("app",),
        lib.path: ("app", "glance", "nova"),
    }
