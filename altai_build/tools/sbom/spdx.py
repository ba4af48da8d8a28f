"""Write the bill of materials of a release as SPDX 2.3, with the library of the SPDX project."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from spdx_tools.common.spdx_licensing import spdx_licensing
from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.extracted_licensing_info import ExtractedLicensingInfo
from spdx_tools.spdx.model.package import (
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    PackagePurpose,
)
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.model.spdx_none import SpdxNone
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.validation.uri_validators import validate_download_location, validate_url
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from altai_build.errors import InputError
from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.model.release import ComponentOrigin, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.sbom.license import find_license_expression
from altai_build.tools.sbom.parts import DocumentParts, Part, format_document
from altai_build.tools.sbom.purl import format_release_purl, format_rpm_purl

_VERSION = "SPDX-2.3"
_DOCUMENT = "SPDXRef-DOCUMENT"
_RELEASE = "SPDXRef-Release"
_BRACKETS = str.maketrans("()", "[]")
_INDENT = 4
# In place of a package's number in the document. No package has such a text by chance.
_NUMBER_MARK = "number-7c2e9a41d0b65f38"


class _Relation(NamedTuple):
    """One relationship of the document. The library's own record takes fifty times as long to make."""

    element: str
    kind: RelationshipType
    other: str | SpdxNone | SpdxNoAssertion
    comment: str | None = None

    def to_library(self) -> Relationship:
        """The library's record of it."""
        return Relationship(self.element, self.kind, self.other, self.comment)

    def to_json(self) -> dict[str, str]:
        """What the library writes."""
        comment = {"comment": self.comment} if self.comment else {}
        related = {"relatedSpdxElement": str(self.other), "relationshipType": self.kind.name}
        return {"spdxElementId": self.element, **comment, **related}


_DESCRIBES = _Relation(_DOCUMENT, RelationshipType.DESCRIBES, _RELEASE)


def format_spdx(bill: BillOfMaterials, parts: DocumentParts) -> str:
    """The SPDX document as JSON: the packages of the release, their licenses, suppliers, origins and dependencies.

    What is not known is NOASSERTION. Raises InputError when the library finds the document invalid.
    """
    texts = parts.render(bill, "SPDX", _make_packages, indent=_INDENT, sort_keys=False)
    identifiers = _list_identifiers(bill)
    document = _make_document(bill, ())
    document["relationships"] = [relation.to_json() for relation in _list_relations(bill, identifiers)]
    numbered = [text.replace(_NUMBER_MARK, str(number)) for number, text in enumerate(texts)]
    return format_document(document, "packages", numbered, indent=_INDENT, sort_keys=False)


def _make_packages(bill: BillOfMaterials) -> list[Part]:
    """The validated packages of a bill, with a mark in place of their numbers in the document."""
    packages: list[Part] = _make_document(bill, bill.manifest.packages)["packages"][1:]
    for part in packages:
        part["SPDXID"] = f"{part['SPDXID'].rpartition('-')[0]}-{_NUMBER_MARK}"
    return packages


def _make_document(bill: BillOfMaterials, packages: Sequence[ReleasedPackage]) -> dict[str, Any]:
    """The document of the release and some packages as the library makes it, validated. Raises InputError."""
    identifiers = _list_identifiers(bill)
    relations = _list_relations(bill, identifiers) if packages else [_DESCRIBES]
    document = Document(
        creation_info=_make_creation_info(bill),
        packages=[
            _make_release_package(bill),
            *(_make_package(bill, package, identifiers[package.path]) for package in packages),
        ],
        relationships=[relation.to_library() for relation in relations],
        extracted_licensing_info=_list_other_licenses(bill),
    )
    errors = validate_full_spdx_document(document, _VERSION)
    if errors:
        raise InputError(
            f"the manifest of {bill.manifest.version} cannot be written as {_VERSION}",
            why="\n".join(error.validation_message for error in errors[:20]),
            todo="this is a bug in altai-build, or an unusual name in the manifest: report it with the manifest",
        )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False)
    written: dict[str, Any] = json.loads(stream.getvalue())
    return written


def _make_creation_info(bill: BillOfMaterials) -> CreationInfo:
    manifest = bill.manifest
    created = datetime.fromisoformat(manifest.created.replace("Z", "+00:00")).replace(tzinfo=None)
    return CreationInfo(
        spdx_version=_VERSION,
        spdx_id=_DOCUMENT,
        name=f"{bill.project}-{manifest.version}",
        document_namespace=f"{bill.url}/provenance/spdx-{manifest.superproject.commit}",
        creators=[
            _make_organization(bill.project),
            Actor(ActorType.TOOL, f"altai-build-{manifest.tool_version}"),
        ],
        created=created,
        creator_comment="Lifecycle phase: post-build. Made from the finished packages and the record of their builds; "
        "the time is that of the commit.",
    )


def _list_identifiers(bill: BillOfMaterials) -> dict[str, str]:
    """Path of a package → its identifier in the document."""
    return {
        package.path: f"SPDXRef-{package.sha256[:24]}-{number}"
        for number, package in enumerate(bill.manifest.packages)
    }


def _make_organization(name: str) -> Actor:
    """An organization. Readers take what is in parentheses for its email address."""
    return Actor(ActorType.ORGANIZATION, name.translate(_BRACKETS))


def _find_download_location(*urls: str) -> str | SpdxNoAssertion:
    """The first URL that SPDX tools accept: they reject IP addresses and host names without a domain."""
    return next((url for url in urls if not validate_download_location(url)), SpdxNoAssertion())


def _make_release_package(bill: BillOfMaterials) -> Package:
    pin = bill.manifest.superproject
    return Package(
        spdx_id=_RELEASE,
        name=bill.project,
        version=bill.manifest.version,
        download_location=_find_download_location(bill.url),
        comment=f"published at {bill.url}",
        supplier=_make_organization(bill.project),
        files_analyzed=False,
        source_info=f"superproject {pin.url} at commit {pin.commit}".replace("  ", " "),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.ARCHIVE,
        external_references=[
            ExternalPackageRef(
                ExternalPackageRefCategory.PACKAGE_MANAGER,
                "purl",
                format_release_purl(bill.project, bill.manifest.version).to_string(),
            )
        ],
    )


def _make_package(bill: BillOfMaterials, package: ReleasedPackage, identifier: str) -> Package:
    description, supplier = bill.describe(package), bill.find_supplier(package)
    published = f"{bill.url}/{package.path}"
    upstream = package.origin.url if isinstance(package.origin, MirrorOrigin) else ""
    return Package(
        spdx_id=identifier,
        name=package.name,
        version=package.nevra.evr,
        file_name=package.path,
        download_location=_find_download_location(published, *filter(None, (upstream,))),
        comment=f"published at {published}",
        supplier=_make_organization(supplier) if supplier else SpdxNoAssertion(),
        homepage=description.url if description.url and not validate_url(description.url) else None,
        summary=description.summary or None,
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, package.sha256)],
        source_info=_describe_origin(package),
        license_concluded=SpdxNoAssertion(),
        license_declared=_make_license(description.license),
        copyright_text=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.SOURCE if package.is_source else PackagePurpose.INSTALL,
        external_references=[
            ExternalPackageRef(
                ExternalPackageRefCategory.PACKAGE_MANAGER,
                "purl",
                format_rpm_purl(package, bill.project).to_string(),
            )
        ],
    )


def _make_license(text: str) -> Any:
    """The license that a package declares; one that is no SPDX expression by a reference to its text."""
    if not text:
        return SpdxNoAssertion()
    return spdx_licensing.parse(find_license_expression(text) or _make_license_id(text))


def _make_license_id(text: str) -> str:
    return f"LicenseRef-{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _list_other_licenses(bill: BillOfMaterials) -> list[ExtractedLicensingInfo]:
    """The licenses that are no SPDX expressions, as the packages name them."""
    texts = {bill.describe(package).license for package in bill.manifest.packages}
    return [
        ExtractedLicensingInfo(
            license_id=_make_license_id(text),
            extracted_text=text,
            license_name=text,
            comment="The License: of an RPM package, in its distribution's own words.",
        )
        for text in sorted(texts)
        if text and find_license_expression(text) is None
    ]


def _describe_origin(package: ReleasedPackage) -> str:
    """Where a package came from, as text for readers of the document."""
    origin = package.origin
    if isinstance(origin, MirrorOrigin):
        return f"taken from {origin.url}, signed by {package.signer.fingerprint}"
    kind = "component" if isinstance(origin, ComponentOrigin) else "spec"
    sources = origin.sources if isinstance(origin, SpecOrigin) else ()
    files = "".join(f"; {source.file} sha256:{source.sha256}" for source in sources)
    return f"built from the {kind} {origin.path} at commit {origin.commit}{files}"


def _list_relations(bill: BillOfMaterials, identifiers: Mapping[str, str]) -> Iterator[_Relation]:
    """What the release holds, and how its packages depend on one another."""
    yield _DESCRIBES
    for package in bill.manifest.packages:
        yield _Relation(_RELEASE, RelationshipType.CONTAINS, identifiers[package.path])
    yield from _list_sources(bill, identifiers)
    yield from _list_needs(bill, identifiers)


def _list_sources(bill: BillOfMaterials, identifiers: Mapping[str, str]) -> Iterator[_Relation]:
    """Which binary packages were generated from which source packages of the release."""
    packages = bill.manifest.packages
    sources = {package.file: identifiers[package.path] for package in packages if package.is_source}
    for package in packages:
        if package.sourcerpm in sources:
            own, source = identifiers[package.path], sources[package.sourcerpm]
            yield _Relation(own, RelationshipType.GENERATED_FROM, source)


def _list_needs(bill: BillOfMaterials, identifiers: Mapping[str, str]) -> Iterator[_Relation]:
    """Which packages need which to be installed: NONE for none, NOASSERTION for those outside the release."""
    for package in bill.manifest.packages:
        if package.is_source:
            continue
        description, own = bill.describe(package), identifiers[package.path]
        for path in description.needs:
            yield _Relation(own, RelationshipType.DEPENDS_ON, identifiers[path])
        if description.outside:
            comment = f"requires of the operating system: {', '.join(description.outside)}"
            yield _Relation(own, RelationshipType.DEPENDS_ON, SpdxNoAssertion(), comment)
        elif not description.needs:
            yield _Relation(own, RelationshipType.DEPENDS_ON, SpdxNone())
