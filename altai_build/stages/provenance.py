"""Write provenance/ of a release, for tools other than this one: SPDX, CycloneDX, SLSA statements, buildroots.

The JSON Schema of the manifest is there too.

There is a SLSA statement for each package that was built here. It describes the build and not the release, so that it
is signed once and reused in every release that contains the package. The manifest connects release and statement: it
names the package's digest, commit and build key.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from altai_build.model.bill_of_materials import BillOfMaterials
from altai_build.model.provenance import Provenance, ResourceDescriptor
from altai_build.model.release import BuildRecord, ComponentOrigin, Manifest, ReleasedPackage, SpecOrigin
from altai_build.model.release_files import (
    BUILDROOTS_FOLDER,
    CYCLONEDX_PATH,
    KEY_FILE_PREFIX,
    MANIFEST_SCHEMA_PATH,
    SPDX_PATH,
    STATEMENTS_FOLDER,
)
from altai_build.tools.files import link_if_identical_else_write, sha256_file
from altai_build.tools.openpgp.keyfile import read_user_ids
from altai_build.tools.openpgp.signing import SigningKey
from altai_build.tools.repo.metadata import read_local_metadata
from altai_build.tools.schemas import MANIFEST_SCHEMA, read_schema
from altai_build.tools.solver.describe import describe_packages


def load_libraries() -> None:
    """Import the SPDX and CycloneDX libraries, which is slow: call it while other programs run."""
    for name in ("cyclonedx", "spdx"):
        importlib.import_module(f"altai_build.tools.sbom.{name}")


def write_provenance(
    directory: Path,
    manifest: Manifest,
    *,
    project: str,
    baseurl: str,
    buildroots: Sequence[Sequence[str]],
    key: SigningKey,
    cache: Path,
    parts: Path,
    previous: Path | None = None,
) -> None:
    """Write and sign provenance/ in `directory`, before the release's checksums are written.

    `baseurl` is where releases are published; `buildroots` are the lists of packages (`NEVRA algorithm:digest`) whose
    digests the manifest contains; `cache` is the solver's; `parts` is the file with parts of earlier documents. Files
    that are identical in the release in `previous` become hard links to it, with their signatures. Raises InputError
    when a document is not valid.
    """
    from altai_build.tools.sbom.cyclonedx import format_cyclonedx
    from altai_build.tools.sbom.parts import DocumentParts
    from altai_build.tools.sbom.spdx import format_spdx

    known = DocumentParts(parts)
    bill = make_bill_of_materials(directory, manifest, project=project, baseurl=baseurl, cache=cache)
    texts = {
        SPDX_PATH: format_spdx(bill, known),
        CYCLONEDX_PATH: format_cyclonedx(bill, known),
        MANIFEST_SCHEMA_PATH: read_schema(MANIFEST_SCHEMA),
    }
    known.save()
    statements = make_statements(manifest, directory, buildroots)
    texts.update({path: statement.to_json() for path, statement in statements.items()})

    def write(path: str, content: bytes) -> Path | None:
        released = previous / path if previous is not None else None
        link_if_identical_else_write(directory / path, content, released)
        return released

    key.sign_or_reuse_all({directory / path: write(path, text.encode()) for path, text in texts.items()})
    for lines in {tuple(buildroot) for buildroot in buildroots}:
        write(f"{BUILDROOTS_FOLDER}/{compute_buildroot_digest(lines)}.txt", _format_buildroot(lines))


def make_bill_of_materials(
    directory: Path, manifest: Manifest, *, project: str, baseurl: str, cache: Path
) -> BillOfMaterials:
    """Everything that the bills of materials say; what packages say of themselves is read from the repodata.

    Raises InputError when that, or a key of the release, cannot be read.
    """
    names = [repository.name for repository in manifest.repositories]
    repositories = [read_local_metadata(name, directory / name) for name in names]
    # In the order of release.json, from which everybody can make the documents again.
    packages = sorted(manifest.packages, key=lambda package: (package.repository, package.file))
    return BillOfMaterials(
        manifest=replace(manifest, packages=tuple(packages)),
        project=project,
        url=f"{baseurl.rstrip('/')}/{manifest.version}",
        descriptions=describe_packages(repositories, cache=cache),
        signers=read_user_ids(sorted(directory.glob(f"{KEY_FILE_PREFIX}*"))),
    )


def make_statements(
    manifest: Manifest, directory: Path, buildroots: Sequence[Sequence[str]]
) -> dict[str, Provenance]:
    """Path in the release → SLSA statement, for each package that was built here.

    `directory` holds the logs that statements name by digest; `buildroots` as for `write_provenance`.
    """
    lists = {compute_buildroot_digest(lines): lines for lines in buildroots}
    records = {record.key: record for record in manifest.builds if record.key}
    statements = {}
    for package in manifest.packages:
        origin = package.build_origin
        if origin is not None:
            # A source package is made from the commit alone; the build record describes the binary packages.
            record = records.get(origin.build_key)
            lines = lists.get(record.buildroot, ()) if record else ()
            path = f"{STATEMENTS_FOLDER}/{package.path}.json"
            if package.is_source:
                statement = _make_statement(directory, manifest, package, origin, None, ())
                statement = replace(statement, made_with=record.made_with if record else None)
            else:
                statement = _make_statement(directory, manifest, package, origin, record, lines)
            statements[path] = statement
    return statements


def compute_buildroot_digest(lines: Sequence[str]) -> str:
    """The SHA-256 of a buildroot's list of packages, one package a line, as the manifest records it."""
    return hashlib.sha256(_format_buildroot(lines)).hexdigest()


def _format_buildroot(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _make_statement(
    directory: Path,
    manifest: Manifest,
    package: ReleasedPackage,
    origin: ComponentOrigin | SpecOrigin,
    record: BuildRecord | None,
    buildroot: Sequence[str],
) -> Provenance:
    """How one package was built; without a record of the build only what the package's origin says."""
    url = manifest.superproject.url
    parameters = {
        "superproject": url if _is_public(url) else "",
        "component": origin.path,
        "target": manifest.target,
    }
    return Provenance(
        package=ResourceDescriptor(name=package.path, digest=(("sha256", package.sha256),)),
        parameters=tuple((name, value) for name, value in parameters.items() if value),
        key=origin.build_key,
        materials=tuple(_list_materials(manifest, origin, record, buildroot)),
        tool_version=manifest.tool_version,
        byproducts=_list_byproducts(directory, record),
    )


def _list_materials(
    manifest: Manifest,
    origin: ComponentOrigin | SpecOrigin,
    record: BuildRecord | None,
    buildroot: Sequence[str],
) -> list[ResourceDescriptor]:
    # A folder of specs/ is part of the superproject.
    url = origin.url if isinstance(origin, ComponentOrigin) else manifest.superproject.url
    uri = _format_git_uri(url, origin.commit)
    materials = [ResourceDescriptor(name=origin.path, uri=uri, digest=(("gitCommit", origin.commit),))]
    if isinstance(origin, SpecOrigin):
        materials += [
            ResourceDescriptor(name=source.file, digest=(("sha256", source.sha256),))
            for source in origin.sources
        ]
    if record is not None and record.source_sha256:
        materials.append(ResourceDescriptor(name=record.source, digest=(("sha256", record.source_sha256),)))
    for line in buildroot:
        name, _, digest = line.partition(" ")
        algorithm, _, value = digest.partition(":")
        materials.append(ResourceDescriptor(name=name, digest=((algorithm, value),)))
    return materials


def _list_byproducts(directory: Path, record: BuildRecord | None) -> tuple[ResourceDescriptor, ...]:
    """The log of the build, if the release contains it."""
    if record is None or not record.log or not (directory / record.log).is_file():
        return ()
    return (ResourceDescriptor(name=record.log, digest=(("sha256", sha256_file(directory / record.log)),)),)


def _format_git_uri(url: str, commit: str) -> str:
    """`git+URL@COMMIT` as SPDX and pip write it; empty for a path on this machine."""
    return f"git+{url}@{commit}" if _is_public(url) else ""


def _is_public(url: str) -> bool:
    """False for a path on this machine: nobody else can use it, and it would disclose directory names."""
    return "://" in url and not url.startswith("file:")
