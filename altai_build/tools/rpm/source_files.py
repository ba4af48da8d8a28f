"""Where the sources and patches of a spec come from: the component's commit, text of the configuration, a download."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.component import Component, ComponentKind
from altai_build.model.nevra import is_safe_name
from altai_build.model.spec import SourceTag, SpecInfo, find_archive_source
from altai_build.tools.files import sha256_file
from altai_build.tools.git.superproject import ComponentSource, ComponentSpec

_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_SYMLINK = "120000"
_MAX_SYMLINKS = 8
_MAX_LINK = 4096  # bytes
# Bytes. What specs include or print is small; archives and binaries beside them are not shown to rpm.
LARGEST_SHOWN_FILE = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One source file; its bytes come from exactly one of the places below."""

    name: str
    # What determines the bytes, for the key of the source package.
    origin: str
    # The object id of a file in the commit.
    blob: str | None = None
    # Text made from the configuration.
    content: bytes | None = None
    # A downloaded file.
    cached: Path | None = None
    # True for an archive of the repository itself.
    is_archive: bool = False


def collect_source_files(
    sourced: ComponentSource, info: SpecInfo, *, generated: Mapping[str, bytes], cached: Mapping[str, Path]
) -> tuple[SourceFile, ...]:
    """The file of each source and patch, by the rules of "Sources from git" (docs).

    `generated` and `cached` hold files by name that are used where the commit has none. Raises InputError naming all
    files that are missing.
    """
    archive = find_archive_source(info) if sourced.component.kind is not ComponentKind.SPEC else None
    files: dict[str, SourceFile] = {}
    missing = []
    for label, tag in _label_sources(info):
        if not is_safe_name(tag.file):
            missing.append(f"{label}: {tag.value!r} is not a plain file name")
            continue
        if tag.file in files:
            continue
        if tag is archive:
            files[tag.file] = SourceFile(name=tag.file, origin="archive", is_archive=True)
            continue
        found = _find_file(sourced, tag.file, generated, cached)
        if isinstance(found, str):
            missing.append(f"{label}: {tag.file} {found}")
        else:
            files[tag.file] = found
    if missing:
        raise _missing_sources_error(sourced, missing)
    return tuple(files.values())


def _label_sources(info: SpecInfo) -> list[tuple[str, SourceTag]]:
    sources = [(f"Source{tag.number}", tag) for tag in info.sources]
    sources += [(f"Source{tag.number}", tag) for tag in list_unlisted_sources(info)]
    return sources + [(f"Patch{tag.number}", tag) for tag in info.patches]


def list_unlisted_sources(info: SpecInfo) -> list[SourceTag]:
    """The SourceN: tags that a spec lacks for the files that it reads: without them no build would find these."""
    first = max((tag.number for tag in info.sources), default=-1) + 1
    return [SourceTag(number=number, value=name) for number, name in enumerate(info.unlisted, start=first)]


def _missing_sources_error(sourced: ComponentSource, missing: list[str]) -> InputError:
    component = sourced.component
    ways = [
        f"commit the files beside {component.spec}",
        f"generate them by components.{component.name}.sources in repos.yaml",
    ]
    if component.kind is ComponentKind.SPEC:
        ways.append("list them in sources.yaml")
    return InputError(
        f"{component.name}: {len(missing)} source{'s are' if len(missing) > 1 else ' is'} missing",
        why="\n".join(f"  {line}" for line in missing),
        todo=", or ".join(ways),
    )


def _find_file(
    sourced: ComponentSource, name: str, generated: Mapping[str, bytes], cached: Mapping[str, Path]
) -> SourceFile | str:
    """The file of that name, or why there is none: the commit's, else a generated one, else a downloaded one."""
    paths = _find_paths(sourced, name)
    if len(paths) > 1:
        return f"is not beside the spec, and {len(paths)} files have this name: {', '.join(paths[:4])}"
    pointer = ""
    oid = _resolve_symlinks(sourced, paths[0]) if paths else None
    if oid is not None:
        if sourced.store.read_blob_start(oid, len(_LFS_POINTER)) != _LFS_POINTER:
            return SourceFile(name=name, origin=f"blob {oid}", blob=oid)
        pointer = f"is a Git LFS pointer at {paths[0]}, not the file"
    if name in generated:
        digest = hashlib.sha256(generated[name]).hexdigest()
        return SourceFile(name=name, origin=f"generated {digest}", content=generated[name])
    if name in cached:
        return SourceFile(name=name, origin=f"cached {sha256_file(cached[name])}", cached=cached[name])
    return pointer or "is neither in the repository nor generated"


def list_source_folders(component: Component) -> tuple[str, ...]:
    """Where the files of a component's spec are, the first that has one wins: beside it, SOURCES folders, the root."""
    spec_dir = posixpath.dirname(component.spec)
    above = posixpath.dirname(spec_dir)
    return spec_dir, posixpath.join(spec_dir, "SOURCES"), posixpath.join(above, "SOURCES"), ""


def list_files_beside(source: ComponentSpec) -> dict[str, str]:
    """Name → object id of the files in the folders in which the sources of a spec are looked for."""
    found: dict[str, str] = {}
    for folder in list_source_folders(source.component):
        for entry in source.tree:
            name = posixpath.basename(entry.path)
            if posixpath.dirname(entry.path) == folder and name not in found and is_safe_name(name):
                oid = entry.oid if entry.is_file else _resolve_symlinks(source, entry.path)
                if oid is not None:
                    found[name] = oid
    return found


def _find_paths(sourced: ComponentSource, name: str) -> list[str]:
    """The file in the first folder that has it; else all files of that name."""
    paths = {entry.path for entry in sourced.tree}
    for folder in list_source_folders(sourced.component):
        path = posixpath.join(folder, name)
        if path in paths:
            return [path]
    return [entry.path for entry in sourced.tree if posixpath.basename(entry.path) == name]


def _resolve_symlinks(sourced: ComponentSpec, path: str) -> str | None:
    """The blob at a path, through symbolic links that stay in the tree; None where they lead to no file."""
    by_path = {entry.path: entry for entry in sourced.tree}
    for _ in range(_MAX_SYMLINKS):
        entry = by_path.get(path)
        if entry is None:
            return None
        if entry.is_file:
            return entry.oid
        if entry.mode != _SYMLINK:
            return None
        target = os.fsdecode(sourced.store.read_blob_start(entry.oid, _MAX_LINK))
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return None
