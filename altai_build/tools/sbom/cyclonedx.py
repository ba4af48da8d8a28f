"""Write the bill of materials of a release as CycloneDX 1.6, with the library of the CycloneDX project."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from altai_build.errors import InputError
from altai_build.model.release import Manifest, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.sbom.purl import format_rpm_purl


def format_cyclonedx(manifest: Manifest, *, project: str, url: str) -> str:
    """The CycloneDX document as JSON: every package with digest, origin and signer, and which need mirrored packages.

    `url` is where the release is published. Raises InputError when the document does not match the schema.
    """
    text = JsonV1Dot6(_make_bom(manifest, project, url)).output_as_string(indent=2)
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        raise InputError(
            f"the manifest of {manifest.version} cannot be written as CycloneDX 1.6",
            why=str(error),
            todo="this is a bug in altai-build, or an unusual name in the manifest: report it with the manifest",
        )
    return json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n"


def _make_bom(manifest: Manifest, project: str, url: str) -> Bom:
    pin = manifest.superproject
    release = Component(
        name=project,
        version=manifest.version,
        type=ComponentType.APPLICATION,
        bom_ref="release",
        properties=_make_properties(superproject=pin.url, commit=pin.commit, target=manifest.target),
    )
    tool = Component(name="altai-build", version=manifest.tool_version, type=ComponentType.APPLICATION)
    components = {package: _make_component(package, project, url) for package in manifest.packages}
    return Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{url}#{pin.commit}"),
        metadata=BomMetaData(
            component=release,
            timestamp=datetime.fromisoformat(manifest.created.replace("Z", "+00:00")),
            tools=ToolRepository(components=[tool]),
        ),
        components=components.values(),
        dependencies=[
            Dependency(
                ref=release.bom_ref,
                dependencies=[Dependency(component.bom_ref) for component in components.values()],
            ),
            *_make_dependencies(components),
        ],
    )


def _make_component(package: ReleasedPackage, project: str, url: str) -> Component:
    origin = package.origin
    properties = {
        "repository": package.repository,
        "signer": package.signer.fingerprint,
        "source": package.sourcerpm,
    }
    if isinstance(origin, MirrorOrigin):
        properties["upstream"] = origin.url
    else:
        properties.update({"path": origin.path, "commit": origin.commit, "build": origin.build_key})
    sources = origin.sources if isinstance(origin, SpecOrigin) else ()
    return Component(
        name=package.name,
        version=package.nevra.evr,
        type=ComponentType.LIBRARY,
        bom_ref=package.path,
        purl=format_rpm_purl(package, project),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
        external_references=[
            ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(f"{url}/{package.path}")),
            *(
                ExternalReference(
                    type=ExternalReferenceType.SOURCE_DISTRIBUTION,
                    url=XsUri(source.file),
                    hashes=[HashType(alg=HashAlgorithm.SHA_256, content=source.sha256)],
                )
                for source in sources
            ),
        ],
        properties=_make_properties(**properties),
    )


def _make_properties(**values: str) -> list[Property]:
    return [Property(name=f"altai-build:{name}", value=value) for name, value in values.items() if value]


def _make_dependencies(components: dict[ReleasedPackage, Component]) -> Iterator[Dependency]:
    """Which packages need which mirrored packages, as the lock says; the RPM headers tell the other dependencies."""
    by_name: dict[str, list[Component]] = {}
    for package, component in components.items():
        if not package.is_source:
            by_name.setdefault(package.name, []).append(component)
    mirrored: dict[str, list[Component]] = {}
    for package, component in components.items():
        if isinstance(package.origin, MirrorOrigin):
            for name in package.origin.needed_by:
                mirrored.setdefault(name, []).append(component)
    for name in sorted(mirrored.keys() & by_name.keys()):
        for component in by_name[name]:
            needed = [Dependency(other.bom_ref) for other in mirrored[name] if other is not component]
            yield Dependency(ref=component.bom_ref, dependencies=needed)
