"""Where the sources and patches of a spec come from: the component's commit, text of the configuration, a download."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.component import Component, ComponentKind
from altai_build.model.packaging import holds_packaging_only
from altai_build.model.sources import SOURCES_FILE_NAME, SourceChoice, is_source_file_name
from altai_build.model.spec import SourceTag, SpecInfo, find_archive_source
from altai_build.tools.files import sha256_file
from altai_build.tools.git.component_source import ComponentSource, ComponentSpec
from altai_build.tools.git.lfs import POINTER_LIMIT, find_content, parse_pointer
from altai_build.tools.rpm.source_lists import read_checksum_lists
from altai_build.tools.spec.undecided import MACRO_FIX, UNDEFINED

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
    # A downloaded file, by a list of checksums or by Git LFS.
    cached: Path | None = None
    # Of an archive of the repository itself: the usual ending of its format.
    archive_format: str = ""


_OTHER_ARCHIVE = re.compile(r"\.(?:tar\.\w+|Z|7z|rar|cpio|crate|gem|whl|jar|shar)$", re.IGNORECASE)


@dataclass(frozen=True)
class MissingSource:
    """Why there is no file for a source."""

    why: str
    # Nothing has the name of the source; else something has, which is not the file.
    is_absent: bool = True
    # False: the commit has several, and no other place may decide.
    may_be_elsewhere: bool = True


def collect_source_files(
    sourced: ComponentSource,
    info: SpecInfo,
    *,
    generated: Mapping[str, bytes],
    cached: Mapping[str, Path],
    choice: SourceChoice | None = None,
) -> tuple[SourceFile, ...]:
    """The file of each source and patch, by the rules of "sources" (docs/repos-yaml.md).

    `generated` and `cached` hold files by name that are used where the commit has none; `choice` is that of the archive
    which stands for the repository. Raises InputError naming all files that are missing.
    """
    archive = find_archive_source(info) if sourced.component.kind is not ComponentKind.SPEC else None
    files: dict[str, SourceFile] = {}
    missing = []
    for label, tag in _label_sources(info):
        if "%{" in tag.file:
            missing.append(f"{label}: {tag.file} {UNDEFINED}")
            continue
        if not is_source_file_name(tag.file):
            missing.append(f"{label}: {tag.value!r} is not a plain file name")
            continue
        if tag.file in files:
            continue
        if tag is archive:
            found = _find_archive(sourced, info, tag, generated, cached, choice)
        else:
            found = _find_file(sourced, tag.file, generated, cached)
        if isinstance(found, MissingSource):
            missing.append(f"{label}: {tag.file} {found.why}{_explain_format(archive, label, tag)}")
        else:
            files[tag.file] = found
    if missing:
        raise _missing_sources_error(sourced, missing)
    return tuple(files.values())


def _explain_format(archive: SourceTag | None, label: str, tag: SourceTag) -> str:
    """That the ending of Source0 keeps it from being an archive of the repository."""
    if archive is not None or label != "Source0" or not _OTHER_ARCHIVE.search(tag.file):
        return ""
    return "; archives of the repository end in .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst, .tar.lz, .tar.lzma or .zip"


def _find_archive(
    sourced: ComponentSource,
    info: SpecInfo,
    tag: SourceTag,
    generated: Mapping[str, bytes],
    cached: Mapping[str, Path],
    choice: SourceChoice | None,
) -> SourceFile | MissingSource:
    """The file of the source that stands for the repository, unless one of its very name is known."""
    key = f"components.{sourced.component.name}.source"
    own = SourceFile(name=tag.file, origin=f"archive {tag.archive_format}", archive_format=tag.archive_format)
    if choice is SourceChoice.ARCHIVE:
        return own
    if choice is SourceChoice.COMMITTED:
        found = find_committed_source(sourced, tag.file)
        if isinstance(found, MissingSource) and found.is_absent:
            return replace(found, why=f"is not committed, as {key} says")
        return found
    if choice is SourceChoice.FETCHED:
        found = _find_other(tag.file, generated, cached)
        why = f"is to be downloaded ({key}), but no list beside the spec has its URL and checksum"
        return replace(found, why=why) if isinstance(found, MissingSource) else found
    found = _find_file(sourced, tag.file, generated, cached)
    if isinstance(found, SourceFile):
        return found
    reason = _find_reason_against_archive(sourced, info, tag) if found.is_absent else found.why
    return MissingSource(f"{reason}; {key} in repos.yaml can decide") if reason else own


def _find_reason_against_archive(sourced: ComponentSource, info: SpecInfo, tag: SourceTag) -> str:
    """Why the repository does not seem to be the program whose archive the spec names; "" where it does."""
    for path, checksums in read_checksum_lists(sourced).items():
        if tag.file not in checksums:
            return f"is neither committed nor listed in {path}, by which this repository holds packaging only"
        if checksums[tag.file] is None:
            return f"has only an MD5 in {path}, which proves nothing: list its SHA-256 in {SOURCES_FILE_NAME}"
        return f"is listed in {path}, and the spec gives no http or https URL to download it from"
    names = {one.file for one in (*info.sources, *info.patches, *info.icons)}
    paths = [entry.path for entry in sourced.tree]
    if tag.is_url and holds_packaging_only(paths, names):
        return "is a file of another site, and this repository seems to hold its packaging only"
    return ""


def _label_sources(info: SpecInfo) -> list[tuple[str, SourceTag]]:
    sources = [(f"Source{tag.number}", tag) for tag in info.sources]
    sources += [(f"Source{tag.number}", tag) for tag in list_unlisted_sources(info)]
    sources += [(f"Patch{tag.number}", tag) for tag in info.patches]
    return sources + [("Icon", tag) for tag in info.icons]


def list_unlisted_sources(info: SpecInfo) -> list[SourceTag]:
    """The SourceN: tags that a spec lacks for the files that it reads: without them no build would find these."""
    first = max((tag.number for tag in info.sources), default=-1) + 1
    return [SourceTag(number=number, value=name) for number, name in enumerate(info.unlisted, start=first)]


def _missing_sources_error(sourced: ComponentSource, missing: list[str]) -> InputError:
    component = sourced.component
    ways = [
        f"commit the files beside {component.spec}",
        f"generate them by components.{component.name}.sources in repos.yaml",
        f"list them in {SOURCES_FILE_NAME} beside the spec",
    ]
    undefined = [line for line in missing if line.endswith(UNDEFINED)]
    todo = [MACRO_FIX.format(component=component.name)] if undefined else []
    if len(undefined) < len(missing):
        todo.insert(0, ", or ".join(ways))
    return InputError(
        f"{component.name}: {len(missing)} source{'s are' if len(missing) > 1 else ' is'} missing",
        why="\n".join(f"  {line}" for line in missing),
        todo="; ".join(todo),
    )


def _find_file(
    sourced: ComponentSource, name: str, generated: Mapping[str, bytes], cached: Mapping[str, Path]
) -> SourceFile | MissingSource:
    """The file of that name, or why there is none: the commit's, else a generated one, else a downloaded one."""
    committed = find_committed_source(sourced, name)
    if isinstance(committed, SourceFile) or not committed.may_be_elsewhere:
        return committed
    other = _find_other(name, generated, cached)
    return committed if isinstance(other, MissingSource) and not committed.is_absent else other


def find_committed_source(sourced: ComponentSource, name: str) -> SourceFile | MissingSource:
    """The commit's file of that name."""
    paths = _find_paths(sourced, name)
    if len(paths) > 1:
        why = f"is not beside the spec, and {len(paths)} files have this name: {', '.join(paths[:4])}"
        return MissingSource(why, is_absent=False, may_be_elsewhere=False)
    oid = _resolve_symlinks(sourced, paths[0]) if paths else None
    if oid is None:
        return MissingSource("is not in the repository")
    pointer = parse_pointer(sourced.store.read_blob_start(oid, POINTER_LIMIT))
    if pointer is not None:
        content = find_content(sourced.store, pointer)
        if content is None:
            return MissingSource(f"is a Git LFS pointer at {paths[0]}, not the file", is_absent=False)
        return SourceFile(name=name, origin=f"lfs {pointer.oid}", cached=content)
    return SourceFile(name=name, origin=f"blob {oid}", blob=oid)


def _find_other(
    name: str, generated: Mapping[str, bytes], cached: Mapping[str, Path]
) -> SourceFile | MissingSource:
    """A generated or downloaded file of that name."""
    if name in generated:
        digest = hashlib.sha256(generated[name]).hexdigest()
        return SourceFile(name=name, origin=f"generated {digest}", content=generated[name])
    if name in cached:
        return SourceFile(name=name, origin=f"cached {sha256_file(cached[name])}", cached=cached[name])
    return MissingSource("is neither in the repository nor generated")


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
            if posixpath.dirname(entry.path) == folder and name not in found and is_source_file_name(name):
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
