"""All that determines the bytes of one source package, and its layout for rpmbuild."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from altai_build import __version__
from altai_build.errors import InputError
from altai_build.model.component import ComponentKind
from altai_build.model.limits import Limits
from altai_build.model.nevra import is_safe_name
from altai_build.model.release_suffix import append_release_suffix, has_release
from altai_build.model.spec import SpecInfo
from altai_build.model.spec_changelog import add_changelog_entry
from altai_build.model.spec_text import add_sources, inline_includes
from altai_build.model.srpm import SRPM_RECIPE_VERSION
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, archiver_version, write_archive
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.rpm.source_files import LARGEST_SHOWN_FILE, SourceFile, list_unlisted_sources
from altai_build.tools.sandbox.limits import make_resource_watch
from altai_build.tools.spec.reader import decode_spec, encode_spec

AUTHOR = "altai-build <altai-build@localhost>"


@dataclass(frozen=True)
class SrpmRecipe:
    """What one source package is made from; the same recipe always gives the same bytes."""

    sourced: ComponentSource
    # The spec's content, read by rpm where it cannot be read statically.
    info: SpecInfo
    files: tuple[SourceFile, ...]
    # The content of an archive of the repository; empty when no source is one.
    archive_parts: tuple[ArchivePart, ...]
    macros: Mapping[str, str]
    arch: str
    # The template of the value of Release: (`release.stamp` of repos.yaml).
    release_template: str
    # Which rpm makes the package (`rpmbuild.rpm_version_key`).
    rpm_version: str

    @property
    def time(self) -> int:
        """The time of the commit, in seconds since the epoch."""
        return self.sourced.store.read_commit_time(self.sourced.component.commit)

    def list_inputs(self) -> tuple[tuple[str, str], ...]:
        """Everything that the bytes depend on, by name."""
        component = self.sourced.component
        inputs = [
            ("recipe", SRPM_RECIPE_VERSION),
            ("tool", __version__),
            ("rpm", self.rpm_version),
            ("commit", component.commit),
            ("path", component.path if component.kind is ComponentKind.SPEC else ""),
            ("spec", component.spec),
            ("spec text", hashlib.sha256(encode_spec(self.sourced.text)).hexdigest()),
            ("prefix", self.info.prefix or ""),
            ("stamp", self.release_template),
            ("macros", json.dumps(sorted(self.macros.items()))),
            ("arch", self.arch),
        ]
        if any(file.is_archive for file in self.files):
            inputs.append(("archiver", archiver_version()))
        inputs += [(f"source {file.name}", file.origin) for file in self.files]
        inputs += [(f"submodule {part.folder}", part.commit) for part in self.archive_parts if part.folder]
        return tuple(inputs)

    def make_spec(self) -> str:
        """The spec with the commit in its Release: and %changelog.

        Raises InputError when it has no Release:, or the commits cannot be counted.
        """
        component, store = self.sourced.component, self.sourced.store
        folder = component.path if component.kind is ComponentKind.SPEC else None
        count = store.count_commits(component.commit, folder)
        try:
            text = (
                add_sources(self.sourced.text, list_unlisted_sources(self.info))
                if self.info.unlisted
                else self.sourced.text
            )
            if not has_release(text):
                text = inline_includes(text, self._read_small_files(), self.info.sources)
            text = append_release_suffix(
                text, self.info, self.release_template, count=count, commit=component.commit
            )
        except ValueError as error:
            raise InputError(
                f"cannot write the release into {component.spec_path}",
                why=str(error),
                todo="write a Release: line in the preamble, before %description",
            ) from error
        # Only the commit: anything else (a path, a project) may change while the NEVRA does not.
        lines = (f"Made from commit {component.commit}",)
        return add_changelog_entry(text, self.info, time=self.time, author=AUTHOR, lines=lines)

    def _read_small_files(self) -> dict[str, str]:
        """Name → text of the committed source files that a spec may include."""
        blobs = [(file.name, file.blob) for file in self.files if file.blob is not None]
        sizes = self.sourced.store.read_blob_sizes([blob for _, blob in blobs])
        small = [(name, blob) for (name, blob), size in zip(blobs, sizes) if size <= LARGEST_SHOWN_FILE]
        contents = self.sourced.store.read_blobs([blob for _, blob in small])
        return {name: decode_spec(content) for (name, _), content in zip(small, contents)}


def compute_key(inputs: tuple[tuple[str, str], ...]) -> str:
    """The name of a source package in the workspace and the ledger: the digest of its inputs."""
    return hashlib.sha256(json.dumps(inputs).encode("utf-8", "surrogateescape")).hexdigest()


def write_source_tree(recipe: SrpmRecipe, top: Path, limits: Limits) -> None:
    """Write SOURCES/ and SPECS/ below `top`, as rpmbuild reads them.

    Times are the commit's and modes are fixed, whatever clock and umask say. Raises InputError when the spec cannot be
    written, the top folder of its archive is not known, or the sources exceed the limits of builds.
    """
    text = recipe.make_spec()
    sources, specs = top / "SOURCES", top / "SPECS"
    sources.mkdir()
    specs.mkdir()
    budget = WriteBudget(limits.file, make_resource_watch(limits, None, [top]))
    blobs = [(file.blob, sources / file.name) for file in recipe.files if file.blob is not None]
    recipe.sourced.store.copy_blobs(blobs, budget)
    for file in recipe.files:
        path = sources / file.name
        if file.is_archive:
            write_archive(recipe.archive_parts, prefix=_get_prefix(recipe), output=path, budget=budget)
        elif file.content is not None:
            path.write_bytes(file.content)
        elif file.cached is not None:
            budget.start_file(file.name, file.cached.stat().st_size)
            shutil.copyfile(file.cached, path)
    spec = specs / posixpath.basename(recipe.sourced.component.spec)
    spec.write_bytes(encode_spec(text))
    for path in (*sources.iterdir(), spec):
        path.chmod(0o644)
        os.utime(path, (recipe.time, recipe.time))


def _get_prefix(recipe: SrpmRecipe) -> str:
    """What the paths in the archive begin with: the folder that %setup enters, if it does not make it itself."""
    folder = recipe.info.prefix
    if not folder:
        return ""
    if is_safe_name(folder):
        return f"{folder}/"
    raise InputError(
        f"{recipe.sourced.component.name}: its archive cannot have the top folder {folder!r}",
        why="%setup enters it",
        todo="name another folder by %setup -n",
    )
