"""Write the bill of materials of a release as CycloneDX 1.6, with the library of the CycloneDX project."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cyclonedx.exception.model import InvalidUriException
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalContact, OrganizationalEntity
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.model.lifecycle import LifecyclePhase, PredefinedLifecycle
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_supported_id
from cyclonedx.validation.json import JsonStrictValidator

from altai_build.errors import InputError
from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.model.release import ComponentOrigin, MirrorOrigin, ReleasedPackage, SpecOrigin
from altai_build.tools.sbom.license import find_license_expression
from altai_build.tools.sbom.parts import DocumentParts, Part, format_document
from altai_build.tools.sbom.purl import format_rpm_purl

_RELEASE = "release"
_INDENT = 2


def format_cyclonedx(bill: BillOfMaterials, parts: DocumentParts) -> str:
    """The CycloneDX document as JSON: every package with digest, license, supplier, origin, signer and dependencies.

    What is not known of a package is named in its property `altai-build:unknown`; which lists of dependencies are
    complete is in `compositions`. Raises InputError when the document does not match the schema.
    """
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    texts = parts.render(
        bill, "CycloneDX", lambda some: _make_components(some, validator), indent=_INDENT, sort_keys=True
    )
    empty = replace(bill, manifest=replace(bill.manifest, packages=()))
    document = _make_document(empty, validator)
    document["dependencies"] = _make_dependencies(bill)
    document["compositions"] = _make_compositions(bill)
    return format_document(document, "components", texts, indent=_INDENT, sort_keys=True)


def _make_components(bill: BillOfMaterials, validator: JsonStrictValidator) -> list[Part]:
    """The validated components of a bill, in the order of its packages."""
    components = {part["bom-ref"]: part for part in _make_document(bill, validator)["components"]}
    return [components[package.path] for package in bill.manifest.packages]


def _make_document(bill: BillOfMaterials, validator: JsonStrictValidator) -> dict[str, Any]:
    """The document of a bill as the library makes it, with what the library lacks. Raises InputError."""
    document: dict[str, Any] = json.loads(JsonV1Dot6(_make_bom(bill)).output_as_string())
    document["dependencies"] = _make_dependencies(bill)
    document["compositions"] = _make_compositions(bill)
    error = validator.validate_str(json.dumps(document))
    if error is not None:
        raise InputError(
            f"the manifest of {bill.manifest.version} cannot be written as CycloneDX 1.6",
            why=str(error),
            todo="this is a bug in altai-build, or an unusual name in the manifest: report it with the manifest",
        )
    return document


def _make_bom(bill: BillOfMaterials) -> Bom:
    manifest = bill.manifest
    pin = manifest.superproject
    maker = OrganizationalEntity(name=bill.project)
    release = Component(
        name=bill.project,
        version=manifest.version,
        type=ComponentType.APPLICATION,
        bom_ref=_RELEASE,
        supplier=maker,
        properties=_make_properties(superproject=pin.url, commit=pin.commit, target=manifest.target),
    )
    tool = Component(name="altai-build", version=manifest.tool_version, type=ComponentType.APPLICATION)
    components = [_make_component(bill, package) for package in manifest.packages]
    return Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{bill.url}#{pin.commit}"),
        metadata=BomMetaData(
            component=release,
            authors=[OrganizationalContact(name=bill.project)],
            supplier=maker,
            # The documents are made from finished packages.
            lifecycles=[PredefinedLifecycle(LifecyclePhase.POST_BUILD)],
            timestamp=datetime.fromisoformat(manifest.created.replace("Z", "+00:00")),
            tools=ToolRepository(components=[tool]),
        ),
        components=components,
        # The library warns without these.
        dependencies=[Dependency(release.bom_ref, [Dependency(one.bom_ref) for one in components])],
    )


def _make_component(bill: BillOfMaterials, package: ReleasedPackage) -> Component:
    origin, description = package.origin, bill.describe(package)
    supplier = bill.find_supplier(package)
    properties = {
        "repository": package.repository,
        "signer": package.signer.fingerprint,
        "source": package.sourcerpm,
        "unknown": _list_unknown(license=description.license, supplier=supplier),
    }
    if isinstance(origin, MirrorOrigin):
        properties["upstream"] = origin.url
    else:
        properties.update({"path": origin.path, "commit": origin.commit, "build": origin.build_key})
    return Component(
        name=package.name,
        version=package.nevra.evr,
        type=ComponentType.LIBRARY,
        bom_ref=package.path,
        purl=format_rpm_purl(package, bill.project),
        description=description.summary or None,
        supplier=OrganizationalEntity(name=supplier) if supplier else None,
        licenses=[_make_license(description.license)] if description.license else (),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
        external_references=_list_references(bill, package),
        properties=_make_properties(**properties),
    )


def _list_unknown(**values: str) -> str:
    return ", ".join(name for name, value in values.items() if not value)


def _make_license(text: str) -> License:
    """What the package declares: a license of the SPDX list, an expression of those, or the text as it is.

    It is not marked as declared: tools such as sbom2doc do not show it then.
    """
    expression = find_license_expression(text)
    if expression is None:
        return DisjunctiveLicense(name=text)
    return DisjunctiveLicense(id=expression) if is_supported_id(expression) else LicenseExpression(expression)


def _list_references(bill: BillOfMaterials, package: ReleasedPackage) -> Iterator[ExternalReference]:
    """Where the package is, its sources and its home page."""
    origin, home = package.origin, bill.describe(package).url
    yield ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=_make_uri(f"{bill.url}/{package.path}")
    )
    if home.lower().startswith(("http://", "https://")):
        yield ExternalReference(type=ExternalReferenceType.WEBSITE, url=_make_uri(home))
    if isinstance(origin, ComponentOrigin) and "://" in origin.url and not origin.url.startswith("file:"):
        comment = f"commit {origin.commit}"
        yield ExternalReference(type=ExternalReferenceType.VCS, url=_make_uri(origin.url), comment=comment)
    for source in origin.sources if isinstance(origin, SpecOrigin) else ():
        yield ExternalReference(
            type=ExternalReferenceType.SOURCE_DISTRIBUTION,
            url=_make_uri(source.file),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=source.sha256)],
        )


def _make_uri(text: str) -> XsUri:
    """A URL, or a relative one; of what is none, every character that has a meaning there is encoded."""
    try:
        return XsUri(text)
    except InvalidUriException:
        return XsUri(quote(text, safe=":/?&=@+,;~"))


def _make_properties(**values: str) -> list[Property]:
    return [Property(name=f"altai-build:{name}", value=value) for name, value in values.items() if value]


def _make_dependencies(bill: BillOfMaterials) -> list[dict[str, object]]:
    """What each package needs, and what the release holds; of a source package it is not known.

    The library would write the same, in more time.
    """
    packages = bill.manifest.packages
    needs = {package.path: () if package.is_source else bill.describe(package).needs for package in packages}
    needs[_RELEASE] = tuple(needs)
    return [
        {"ref": ref, **({"dependsOn": sorted(needed)} if needed else {})}
        for ref, needed in sorted(needs.items())
    ]


def _make_compositions(bill: BillOfMaterials) -> list[dict[str, object]]:
    """Which lists are complete: the release's packages, and the dependencies of what needs no other repository.

    The library has no compositions.
    """
    groups: dict[str, list[str]] = {}
    for package in bill.manifest.packages:
        aggregate = "incomplete" if bill.describe(package).outside else "complete"
        groups.setdefault("unknown" if package.is_source else aggregate, []).append(package.path)
    compositions: list[dict[str, object]] = [
        {"aggregate": "complete", "assemblies": [_RELEASE], "dependencies": [_RELEASE]}
    ]
    for name, paths in sorted(groups.items()):
        compositions.append({"aggregate": name, "dependencies": sorted(paths)})
    return compositions
