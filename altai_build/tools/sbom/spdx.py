"""Write the bill of materials of a release as SPDX 2.3, with the library of the SPDX project."""

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
    """The SPDX document as JSON: the packages of the release, and the source packages they were generated from.

    `url` is where the release is published. Raises InputError when the library finds the document invalid.
    """
    document = _make_document(manifest, project, url)
    errors = validate_full_spdx_document(document, _VERSION)
    if errors:
        raise InputError(
            f"the manifest of {manifest.version} cannot be written as {_VERSION}",
            why="\n".join(error.validation_message for error in errors[:20]),
            todo="this is a bug in altai-build, or an unusual name in the manifest: report it with the manifest",
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
    identifiers = {
        package.path: f"SPDXRef-{package.sha256[:24]}-{number}"
        for number, package in enumerate(manifest.packages)
    }
    packages = [
        _make_package(package, identifiers[package.path], project, url) for package in manifest.packages
    ]
    relationships = [Relationship(_DOCUMENT, RelationshipType.DESCRIBES, _RELEASE)]
    relationships += [
        Relationship(_RELEASE, RelationshipType.CONTAINS, package.spdx_id) for package in packages
    ]
    relationships += _make_source_relationships(manifest, identifiers)
    return Document(
        creation_info=info,
        packages=[_make_release_package(manifest, project, url, maker), *packages],
        relationships=relationships,
    )


def _download_location(url: str) -> str | SpdxNoAssertion:
    """The URL, or NOASSERTION for one that the library rejects: an IP address, a host name without a domain."""
    return SpdxNoAssertion() if validate_download_location(url) else url


def _make_release_package(manifest: Manifest, project: str, url: str, maker: Actor) -> Package:
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
        source_info=_describe_origin(package),
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


def _describe_origin(package: ReleasedPackage) -> str:
    """Where a package came from, as text for readers of the document."""
    origin = package.origin
    if isinstance(origin, MirrorOrigin):
        return f"taken from {origin.url}, signed by {package.signer.fingerprint}"
    kind = "component" if isinstance(origin, ComponentOrigin) else "spec"
    sources = origin.sources if isinstance(origin, SpecOrigin) else ()
    files = "".join(f"; {source.file} sha256:{source.sha256}" for source in sources)
    return f"built from the {kind} {origin.path} at commit {origin.commit}{files}"


def _make_source_relationships(manifest: Manifest, identifiers: Mapping[str, str]) -> list[Relationship]:
    """Which binary packages were generated from which source packages of the release."""
    sources = {package.file: identifiers[package.path] for package in manifest.packages if package.is_source}
    return [
        Relationship(identifiers[package.path], RelationshipType.GENERATED_FROM, sources[package.sourcerpm])
        for package in manifest.packages
        if package.sourcerpm in sources
    ]
