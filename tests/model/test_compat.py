"""What EL6 can read, on packages that rpmbuild really wrote, and what rpmbuild is configured to write for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.compat import (
    Compat,
    build_macros,
    get_unsupported_key_reason,
    list_unreadable_packages,
)
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.rpm.header import read_header
from tests.kit.keys import make_key
from tests.kit.repositories import Package, build_packages


@pytest.mark.parametrize(
    ("package", "payload", "reason"),
    [
        (Package("plain"), "w9.gzdio", ""),
        (Package("packed"), "w2.xzdio", ""),
        (Package("modern"), "w3.zstdio", "the payload is compressed with zstd, which rpm 4.8 cannot read"),
        (
            Package("rich", requires=["(a or b)"]),
            "w9.gzdio",
            "the package requires the rpm feature RichDependencies, which rpm 4.8 does not have",
        ),
        (
            Package("early", "1.0~rc1"),
            "w9.gzdio",
            "the package requires the rpm feature TildeInVersions, which rpm 4.8 does not have",
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Package) else "",
)
def test_what_el6_can_read(tmp_path: Path, package: Package, payload: str, reason: str) -> None:
    (path,) = build_packages(tmp_path, [package], payload=payload)
    header = read_header(path)
    assert list_unreadable_packages(Compat.EL6, [header]) == (
        (f"  {header.nevra}: {reason}",) if reason else ()
    )
    assert list_unreadable_packages(Compat.MODERN, [header]) == ()


def test_real_packages_of_el6_are_readable(shared: Path) -> None:
    paths = sorted((shared / "rpms").rglob("*.el6*.rpm"))
    paths = [path for path in paths if "derived" not in path.parts]
    assert paths
    assert list_unreadable_packages(Compat.EL6, [read_header(path) for path in paths]) == ()


@pytest.mark.parametrize(("algorithm", "fit"), [("rsa2048", True), ("ed25519", False)])
def test_el6_knows_no_new_kinds_of_keys(tmp_path: Path, algorithm: str, fit: bool) -> None:
    (key,) = read_public_keys(make_key(tmp_path, algorithm=algorithm).public)
    reason = f"key {key.key_id} has the algorithm {key.algorithm}; rpm 4.8 supports only RSA and DSA"
    assert get_unsupported_key_reason(Compat.EL6, key) == (None if fit else reason)
    assert get_unsupported_key_reason(Compat.MODERN, key) is None


def test_rpmbuild_gets_macros_to_write_what_el6_can_read() -> None:
    macros = dict(build_macros(Compat.EL6))
    assert macros["_binary_payload"] == macros["_source_payload"] == "w9.gzdio"
    assert macros["_binary_filedigest_algorithm"] == "8"
    assert build_macros(Compat.MODERN) == ()
