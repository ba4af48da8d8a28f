"""What bills of materials say of one package: the next release says the same, so it is made and validated once.

The libraries make and validate documents about some packages at a time. The part of each package is kept as text, in
which a mark stands for the version of the release, and is a part of the document about the whole release.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.model.indented_json import WrittenJson, format_json
from altai_build.model.release import ReleasedPackage
from altai_build.tools.remembered import Remembered, digest_code

# Of the rows; part of their keys.
_FORMAT = 1
# Those that decide on the texts.
_LIBRARIES = ("cyclonedx-python-lib", "license-expression", "packageurl-python", "spdx-tools")
# In place of the version of the release, at the end of its URL. No package has such a text by chance.
_VERSION_MARK = "version-7c2e9a41d0b65f38"
# Packages of a document that is validated: the time that the libraries take grows with the square of it.
_AT_ONCE = 100

Part = dict[str, Any]


class DocumentParts:
    """Parts of documents as texts, by all that they depend on."""

    def __init__(self, path: Path) -> None:
        self._rows = Remembered(path)

    def render(
        self,
        bill: BillOfMaterials,
        standard: str,
        make: Callable[[BillOfMaterials], Sequence[Part]],
        *,
        indent: int,
        sort_keys: bool,
    ) -> list[str]:
        """The part of each package as text, indented as the element of a list in the document.

        `make` gives the parts of a bill of materials, validated, in the order of its packages; it is called for those
        that no earlier release had.
        """
        version = bill.manifest.version
        template = bill
        if bill.url.endswith(version):
            template = replace(bill, url=bill.url.removesuffix(version) + _VERSION_MARK)
        keys = [_digest(template, standard, package) for package in bill.manifest.packages]
        found: dict[str, str] = {key: row for key in keys if isinstance(row := self._rows.find(key), str)}
        new = [(key, one) for key, one in zip(keys, bill.manifest.packages) if key not in found]
        for at in range(0, len(new), _AT_ONCE):
            chunk = new[at : at + _AT_ONCE]
            parts = make(_select(template, [package for _, package in chunk]))
            for (key, _), part in zip(chunk, parts):
                found[key] = format_json(part, indent=indent, sort_keys=sort_keys, margin=2 * indent * " ")
                self._rows.add(key, found[key])
        written = json.dumps(version)[1:-1]
        return [found[key].replace(_VERSION_MARK, written) for key in keys]

    def save(self) -> None:
        """Write what is new. Raises CannotWriteError."""
        self._rows.save()


def format_document(
    document: Mapping[str, Any], field: str, parts: Sequence[str], *, indent: int, sort_keys: bool
) -> str:
    """A document as JSON, with the parts at the end of one of its lists."""
    whole = {**document, field: [*document.get(field, ()), *map(WrittenJson, parts)]}
    return format_json(whole, indent=indent, sort_keys=sort_keys) + "\n"


def _select(bill: BillOfMaterials, packages: Sequence[ReleasedPackage]) -> BillOfMaterials:
    """The bill of some packages, without what they need of others."""
    paths = {package.path for package in packages}
    descriptions = {
        path: replace(one, needs=tuple(needed for needed in one.needs if needed in paths))
        for path, one in bill.descriptions.items()
        if path in paths
    }
    return replace(bill, manifest=replace(bill.manifest, packages=tuple(packages)), descriptions=descriptions)


def _digest(bill: BillOfMaterials, standard: str, package: ReleasedPackage) -> str:
    about = bill.describe(package)
    says = (about.license, about.vendor, about.url, about.summary)
    parts = [_describe_makers(), standard, bill.url, bill.project, bill.find_supplier(package), says, package]
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


@cache
def _describe_makers() -> str:
    """What makes the texts: the libraries, and the code that calls them."""
    makers = [_FORMAT, [metadata.version(name) for name in _LIBRARIES], digest_code(Path(__file__), (".",))]
    return hashlib.sha256(repr(makers).encode()).hexdigest()
