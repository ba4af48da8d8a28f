"""A document made with parts of earlier ones is the one that is made without, and known parts are not made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.tools.remembered import Remembered
from altai_build.tools.sbom import cyclonedx, parts, spdx
from altai_build.tools.sbom.parts import DocumentParts, Part

FORMATS: tuple[tuple[Callable[[BillOfMaterials, DocumentParts], str], str], ...] = (
    (spdx.format_spdx, "_make_packages"),
    (cyclonedx.format_cyclonedx, "_make_components"),
)


def in_version(bill: BillOfMaterials, version: str) -> BillOfMaterials:
    """The same packages in another release."""
    url = bill.url.replace(bill.manifest.version, version)
    return replace(bill, manifest=replace(bill.manifest, version=version), url=url)


@pytest.mark.parametrize("format_document", [one for one, _ in FORMATS])
@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_the_bytes_are_the_same_with_known_parts_and_without(
    bill: BillOfMaterials,
    tmp_path: Path,
    format_document: Callable[[BillOfMaterials, DocumentParts], str],
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "parts.json"
    without = format_document(bill, DocumentParts(tmp_path / "none"))
    monkeypatch.setattr(parts, "_AT_ONCE", at_once)
    packages = bill.manifest.packages
    # The first package, which needs two others, has another number in the later release.
    known = DocumentParts(path)
    format_document(
        in_version(replace(bill, manifest=replace(bill.manifest, packages=packages[:3])), "1.0.1"), known
    )
    known.save()
    assert format_document(bill, DocumentParts(path)) == without
    later = in_version(replace(bill, manifest=replace(bill.manifest, packages=packages[1:])), "1.0.10~rc+1")
    assert format_document(later, DocumentParts(path)) == format_document(
        later, DocumentParts(tmp_path / "none")
    )
    assert "1.0.10~rc+1/" in format_document(later, DocumentParts(path))


@pytest.mark.parametrize(("format_document", "maker"), FORMATS)
def test_known_parts_are_not_made_again(
    bill: BillOfMaterials,
    tmp_path: Path,
    format_document: Callable[[BillOfMaterials, DocumentParts], str],
    maker: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = DocumentParts(tmp_path / "parts.json")
    format_document(bill, known)
    module = spdx if format_document is spdx.format_spdx else cyclonedx
    original = getattr(module, maker)
    made: list[str] = []

    def make(some: BillOfMaterials, *rest: object) -> Sequence[Part]:
        made.extend(package.name for package in some.manifest.packages)
        parts: Sequence[Part] = original(some, *rest)
        return parts

    monkeypatch.setattr(module, maker, make)
    format_document(in_version(bill, "1.0.3"), known)
    assert made == []
    first, *others = bill.manifest.packages
    about = bill.descriptions[first.path]
    changes = (
        replace(bill, descriptions={**bill.descriptions, first.path: replace(about, summary="other")}),
        replace(bill, descriptions={**bill.descriptions, first.path: replace(about, license="MIT")}),
        replace(bill, manifest=replace(bill.manifest, packages=(replace(first, sha256="0" * 64), *others))),
    )
    for changed in changes:
        format_document(changed, known)
    assert made == ["focus"] * len(changes)
    made.clear()
    format_document(replace(bill, project="other"), known)
    format_document(replace(bill, url="https://other.example.org/1.0.2"), known)
    monkeypatch.setattr(parts, "_describe_makers", lambda: "others")
    format_document(bill, known)
    assert made == [package.name for package in bill.manifest.packages] * 3


def test_a_row_of_another_form_is_as_none(bill: BillOfMaterials, tmp_path: Path) -> None:
    path = tmp_path / "parts.json"
    known = DocumentParts(path)
    expected = spdx.format_spdx(bill, known)
    known.save()
    rows = Remembered(path)
    for key in [*rows._rows]:
        rows.add(key, ["no text"])
    rows.save()
    assert spdx.format_spdx(bill, DocumentParts(path)) == expected


def test_a_url_without_the_version_stays_as_it_is(bill: BillOfMaterials, tmp_path: Path) -> None:
    known = DocumentParts(tmp_path / "none")
    text = spdx.format_spdx(replace(bill, url="https://example.org/latest"), known)
    assert '"published at https://example.org/latest/centos6/focus' in text
