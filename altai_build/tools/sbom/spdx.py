"""The bill of materials of a release as SPDX 2.3, through the library of the SPDX project."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime

from spdx_tools.spdx.model.actor import Actor, ActorType
from spdx_tools.spdx.model.checksum import Checksum, ChecksumAlgorithm
from spdx_tools.spdx.model.document import CreationInfo, Document
from spdx_tools.spdx.model.package import (
    ExternalPackageRef,
    ExternalPackageRefCategory,
    Package,
    PackagePurpose,
)
from spdx_tools.spdx.model.relationship import Relationship, RelationshipType
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document
from spdx_tools.spdx.validation.uri_validators import validate_download_location
from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

from altai_build.errors import InputError
from altai_build.model.release import ComponentOrigin, Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.sbom.purl import format_rpm_purl

_VERSION = "SPDX-2.3"
_DOCUMENT = "SPDXRef-DOCUMENT"
_RELEASE = "SPDXRef-Release"


def format_spdx(manifest: Manifest, *, project: str, url: str) -> str:
    """The document's text: the release contains its packages, and those built here come from their source packages.

    `url` is where the release is published. Raises InputError where the library finds the document invalid.
    """
    document = _make_document(manifest, project, url)
    faults = validate_full_spdx_document(document, _VERSION)
    if faults:
        raise InputError(
            f"the manifest of {manifest.version} cannot be written as {_VERSION}",
            why="\n".join(fault.validation_message for fault in faults[:20]),
            todo="this is a fault of altai-build, or of a name in the manifest; report it with the manifest",
        )
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False)
    return stream.getvalue() + "\n"


def _make_document(manifest: Manifest, project: str, url: str) -> Document:
    maker = Actor(ActorType.ORGANIZATION, project)
    created = datetime.fromisoformat(manifest.created.replace("Z", "+00:00")).replace(tzinfo=None)
    info = CreationInfo(
        spdx_version=_VERSION,
        spdx_id=_DOCUMENT,
        name=f"{project}-{manifest.version}",
        document_namespace=f"{url}/provenance/spdx-{manifest.superproject.commit}",
        creators=[maker, Actor(ActorType.TOOL, f"altai-build-{manifest.tool_version}")],
        created=created,
    )
    identifiers = {one.path: f"SPDXRef-{one.sha256[:24]}-{n}" for n, one in enumerate(manifest.packages)}
    packages = [_make_package(one, identifiers[one.path], project, url) for one in manifest.packages]
    relations = [(_DOCUMENT, RelationshipType.DESCRIBES, _RELEASE)]
    relations += [(_RELEASE, RelationshipType.CONTAINS, one.spdx_id) for one in packages]
    relations += _generated_from(manifest, identifiers)
    return Document(
        creation_info=info,
        packages=[_release_package(manifest, project, url, maker), *packages],
        relationships=[Relationship(one, kind, other) for one, kind, other in relations],
    )


def _download_location(url: str) -> str | SpdxNoAssertion:
    """The URL, where it is one that others could reach by the library's judgement (no address, no bare host name)."""
    return SpdxNoAssertion() if validate_download_location(url) else url


def _release_package(manifest: Manifest, project: str, url: str, maker: Actor) -> Package:
    pin = manifest.superproject
    return Package(
        spdx_id=_RELEASE,
        name=project,
        version=manifest.version,
        download_location=_download_location(url),
        supplier=maker,
        files_analyzed=False,
        source_info=f"superproject {pin.url} at commit {pin.commit}".replace("  ", " "),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.ARCHIVE,
    )


def _make_package(package: ReleasedPackage, identifier: str, project: str, url: str) -> Package:
    ours = not isinstance(package.origin, MirrorOrigin)
    return Package(
        spdx_id=identifier,
        name=package.name,
        version=package.nevra.evr,
        file_name=package.path,
        download_location=_download_location(f"{url}/{package.path}"),
        supplier=Actor(ActorType.ORGANIZATION, project) if ours else SpdxNoAssertion(),
        files_analyzed=False,
        checksums=[Checksum(ChecksumAlgorithm.SHA256, package.sha256)],
        source_info=_origin(package),
        license_concluded=SpdxNoAssertion(),
        license_declared=SpdxNoAssertion(),
        copyright_text=SpdxNoAssertion(),
        primary_package_purpose=PackagePurpose.SOURCE if package.is_source else PackagePurpose.INSTALL,
        external_references=[
            ExternalPackageRef(
                ExternalPackageRefCategory.PACKAGE_MANAGER,
                "purl",
                format_rpm_purl(package, project).to_string(),
            )
        ],
    )


def _origin(package: ReleasedPackage) -> str:
    origin = package.origin
    if isinstance(origin, MirrorOrigin):
        return f"taken from {origin.url}, signed by {package.signer.fingerprint}"
    kind = "component" if isinstance(origin, ComponentOrigin) else "spec"
    sources = origin.sources if isinstance(origin, SpecOrigin) else ()
    files = "".join(f"; {one.file} sha256:{one.sha256}" for one in sources)
    return f"built from the {kind} {origin.path} at commit {origin.commit}{files}"


def _generated_from(
    manifest: Manifest, identifiers: Mapping[str, str]
) -> list[tuple[str, RelationshipType, str]]:
    """Which binary packages are generated from which published source packages."""
    published = {one.file: identifiers[one.path] for one in manifest.packages if one.is_source}
    return [
        (identifiers[one.path], RelationshipType.GENERATED_FROM, published[one.sourcerpm])
        for one in manifest.packages
        if one.sourcerpm in published
    ]
