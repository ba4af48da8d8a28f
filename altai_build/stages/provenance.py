"""What others can read of a release without this tool: SPDX, CycloneDX, and a SLSA statement for each built package.

A statement tells of a build, and nothing of the release that has it: it comes with the package from release to release,
signed once. What ties the two together is the manifest, which names the package's bytes, commit and build.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.model.provenance import Provenance, ResourceDescriptor
from altai_build.model.release import (
    BUILDROOTS_FOLDER,
    CYCLONEDX_PATH,
    SPDX_PATH,
    STATEMENTS_FOLDER,
    BuildRecord,
    ComponentOrigin,
    Manifest,
    MirrorOrigin,
    ReleasedPackage,
    SpecOrigin,
)
from altai_build.tools import processors
from altai_build.tools.files import link_if_identical_else_write, sha256_file
from altai_build.tools.openpgp.signing import SigningKey


def load_libraries() -> None:
    """Load what writes SPDX and CycloneDX, which takes a while: for when other programs are waited for anyway."""
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
    previous: Path | None = None,
) -> None:
    """Write and sign provenance/ into a release that is not sealed yet; all of it follows from the manifest.

    `buildroots` are the lists of packages (`NEVRA algorithm:digest`) whose digests the manifest has. What the release
    in the folder `previous` has of the same bytes is taken over, with its signature. Raises InputError when a document
    would not be valid.
    """
    from altai_build.tools.sbom.cyclonedx import format_cyclonedx
    from altai_build.tools.sbom.spdx import format_spdx

    url = f"{baseurl.rstrip('/')}/{manifest.version}"
    texts = {
        SPDX_PATH: format_spdx(manifest, project=project, url=url),
        CYCLONEDX_PATH: format_cyclonedx(manifest, project=project, url=url),
    }
    lists = {buildroot_digest(lines): tuple(lines) for lines in buildroots}
    records = {record.key: record for record in manifest.builds if record.key}
    for package in manifest.packages:
        origin = package.origin
        if not isinstance(origin, MirrorOrigin):
            # A source package is made from the commit alone; its build record is that of its binary packages.
            record = records.get(origin.build_key) if not package.is_source else None
            lines = lists.get(record.buildroot, ()) if record else ()
            statement = make_provenance(directory, manifest, package, origin, record, lines)
            texts[f"{STATEMENTS_FOLDER}/{package.path}.json"] = statement.to_json()

    def put(name: str) -> None:
        before = previous / name if previous is not None else None
        link_if_identical_else_write(directory / name, texts[name].encode(), before)
        key.sign_or_reuse(directory / name, before)

    with ThreadPoolExecutor(processors.available()) as pool:
        list(pool.map(put, texts))
    for digest, lines in lists.items():
        name = f"{BUILDROOTS_FOLDER}/{digest}.txt"
        link_if_identical_else_write(
            directory / name, _list_text(lines), previous / name if previous is not None else None
        )


def buildroot_digest(lines: Sequence[str]) -> str:
    """What the manifest says of a buildroot: the SHA-256 of its list, a package a line."""
    return hashlib.sha256(_list_text(lines)).hexdigest()


def _list_text(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def make_provenance(
    directory: Path,
    manifest: Manifest,
    package: ReleasedPackage,
    origin: ComponentOrigin | SpecOrigin,
    record: BuildRecord | None,
    buildroot: Sequence[str],
) -> Provenance:
    """How one package was built; without a record of the build what the package's origin tells."""
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
        materials=tuple(_materials(manifest, origin, record, buildroot)),
        tool_version=manifest.tool_version,
        byproducts=_byproducts(directory, record),
    )


def _materials(
    manifest: Manifest,
    origin: ComponentOrigin | SpecOrigin,
    record: BuildRecord | None,
    buildroot: Sequence[str],
) -> list[ResourceDescriptor]:
    # What has a folder of specs/ is the superproject itself.
    url = origin.url if isinstance(origin, ComponentOrigin) else manifest.superproject.url
    uri = _git_uri(url, origin.commit)
    found = [ResourceDescriptor(name=origin.path, uri=uri, digest=(("gitCommit", origin.commit),))]
    if isinstance(origin, SpecOrigin):
        found += [
            ResourceDescriptor(name=one.file, digest=(("sha256", one.sha256),)) for one in origin.sources
        ]
    if record is not None and record.source_sha256:
        found.append(ResourceDescriptor(name=record.source, digest=(("sha256", record.source_sha256),)))
    for line in buildroot:
        name, _, digest = line.partition(" ")
        algorithm, _, value = digest.partition(":")
        found.append(ResourceDescriptor(name=name, digest=((algorithm, value),)))
    return found


def _byproducts(directory: Path, record: BuildRecord | None) -> tuple[ResourceDescriptor, ...]:
    """The build's log, where the release has it."""
    if record is None or not record.log or not (directory / record.log).is_file():
        return ()
    return (ResourceDescriptor(name=record.log, digest=(("sha256", sha256_file(directory / record.log)),)),)


def _git_uri(url: str, commit: str) -> str:
    """`git+URL@COMMIT` as SPDX and pip write it; nothing for a path."""
    return f"git+{url}@{commit}" if _is_public(url) else ""


def _is_public(url: str) -> bool:
    """False for a path on somebody's machine, which would tell strangers nothing but its name."""
    return "://" in url and not url.startswith("file:")
