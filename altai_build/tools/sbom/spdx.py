"""Write the bill of materials of a release as SPDX 2.3, with the library of the SPDX project."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

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
from altai_build.tools.sbom.purl import format_release_purl, format_rpm_purl

_VERSION = "SPDX-2.3"
_DOCUMENT = "SPDXRef-DOCUMENT"
_RELEASE = "SPDXRef-Release"
_BRACKETS = str.maketrans("()", "[]")


def format_spdx(bill: BillOfMaterials) -> str:
    """The SPDX document as JSON: the packages of the release, their licenses, suppliers, origins and dependencies.

    What is not known is NOASSERTION. Raises InputError when the library finds the document invalid.
    """
    document = _make_document(bill)
    errors = validate_full_spdx_document(document, _VERSION)
    if errors:
        raise InputError(
            f"the manifest of {bill.manifest.version} cannot be written as {_VERSION}",
            why="\n".join(error.validation_message for error in errors[:20]),
            todo="this is a bug in altai-build, or an unusual name in the manifest: report it with the manifest",
        )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False)
    return stream.getvalue() + "\n"


def _make_document(bill: BillOfMaterials) -> Document:
    manifest = bill.manifest
    maker = _make_organization(bill.project)
    created = datetime.fromisoformat(manifest.created.replace("Z", "+00:00")).replace(tzinfo=None)
    info = CreationInfo(
        spdx_version=_VERSION,
        spdx_id=_DOCUMENT,
        name=f"{bill.project}-{manifest.version}",
        document_namespace=f"{bill.url}/provenance/spdx-{manifest.superproject.commit}",
        creators=[maker, Actor(ActorType.TOOL, f"altai-build-{manifest.tool_version}")],
        created=created,
        creator_comment="Lifecycle phase: post-build. Made from the finished packages and the record of their builds; "
        "the time is that of the commit.",
    )
    identifiers = {
        package.path: f"SPDXRef-{package.sha256[:24]}-{number}"
        for number, package in enumerate(manifest.packages)
    }
    packages = [_make_package(bill, package, identifiers[package.path]) for package in manifest.packages]
    relationships = [Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _RELEASE)]
    relationships += [
        Relationship(_RELEASE, RelationshipType.CONTAINS, package.spdx_id) for package in packages
    ]
    relationships += _make_source_relationships(bill, identifiers)
    relationships += _make_dependency_relationships(bill, identifiers)
    return Document(
        creation_info=info,
        packages=[_make_release_package(bill, maker), *packages],
        relationships=relationships,
        extracted_licensing_info=_list_other_licenses(bill),
    )


def _make_organization(name: str) -> Actor:
    """An organization. Readers take what is in parentheses for its email address."""
    return Actor(ActorType.ORGANIZATION, name.translate(_BRACKETS))


def _find_download_location(*urls: str) -> str | SpdxNoAssertion:
    """The first URL that SPDX tools accept: they reject IP addresses and host names without a domain."""
    return next((url for url in urls if not validate_download_location(url)), SpdxNoAssertion())


def _make_release_package(bill: BillOfMaterials, maker: Actor) -> Package:
    pin = bill.manifest.superproject
    return Package(
        spdx_id=_RELEASE,
        name=bill.project,
        version=bill.manifest.version,
        download_location=_find_download_location(bill.url),
        comment=f"published at {bill.url}",
        supplier=maker,
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


def _make_source_relationships(
    bill: BillOfMaterials, identifiers: Mapping[str, str]
) -> Iterator[Relationship]:
    """Which binary packages were generated from which source packages of the release."""
    packages = bill.manifest.packages
    sources = {package.file: identifiers[package.path] for package in packages if package.is_source}
    for package in packages:
        if package.sourcerpm in sources:
            yield Relationship(
                identifiers[package.path], RelationshipType.GENERATED_FROM, sources[package.sourcerpm]
            )


def _make_dependency_relationships(
    bill: BillOfMaterials, identifiers: Mapping[str, str]
) -> Iterator[Relationship]:
    """Which packages need which to be installed: NONE for none, NOASSERTION for those outside the release."""
    for package in bill.manifest.packages:
        if package.is_source:
            continue
        description, own = bill.describe(package), identifiers[package.path]
        for path in description.needs:
            yield Relationship(own, RelationshipType.DEPENDS_ON, identifiers[path])
        if description.outside:
            comment = f"requires of the operating system: {', '.join(description.outside)}"
            yield Relationship(own, RelationshipType.DEPENDS_ON, SpdxNoAssertion(), comment)
        elif not description.needs:
            yield Relationship(own, RelationshipType.DEPENDS_ON, SpdxNone())
