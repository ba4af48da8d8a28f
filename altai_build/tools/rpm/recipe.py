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
from altai_build.model.sources import is_source_file_name
from altai_build.model.spec import SpecInfo
from altai_build.model.srpm import SRPM_RECIPE_VERSION
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, archiver_version, write_archive
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.rpm.macro_files import MacroFiles
from altai_build.tools.rpm.source_files import SourceFile
from altai_build.tools.sandbox.limits import make_resource_watch
from altai_build.tools.spec.reader import encode_spec
from altai_build.tools.spec.undecided import MACRO_FIX, UNDEFINED


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
    # Those of the target, where they are used in place of this machine's.
    macro_files: MacroFiles | None = None

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
        if self.macro_files:
            inputs.append(("macro files", self.macro_files.digest))
        if any(file.archive_format for file in self.files):
            inputs.append(("archiver", archiver_version()))
        inputs += [(f"source {file.name}", file.origin) for file in self.files]
        inputs += [(f"submodule {part.folder}", part.commit) for part in self.archive_parts if part.folder]
        return tuple(inputs)


def compute_key(inputs: tuple[tuple[str, str], ...]) -> str:
    """The name of a source package in the workspace and the ledger: the digest of its inputs."""
    return hashlib.sha256(json.dumps(inputs).encode("utf-8", "surrogateescape")).hexdigest()


def write_source_tree(recipe: SrpmRecipe, text: str, top: Path, limits: Limits) -> None:
    """Write SOURCES/ and SPECS/ below `top`, as rpmbuild reads them; `text` is that of the spec.

    Times are the commit's and modes are fixed, whatever clock and umask say. Raises InputError when the top folder of
    its archive is not known, or the sources exceed the limits of builds.
    """
    sources, specs = top / "SOURCES", top / "SPECS"
    sources.mkdir()
    specs.mkdir()
    budget = WriteBudget(limits.file, make_resource_watch(limits, None, [top]).find_reason)
    blobs = [(file.blob, sources / file.name) for file in recipe.files if file.blob is not None]
    recipe.sourced.store.copy_blobs(blobs, budget)
    for file in recipe.files:
        path = sources / file.name
        if file.archive_format:
            write_archive(
                recipe.archive_parts,
                prefix=_get_prefix(recipe),
                format=file.archive_format,
                output=path,
                budget=budget,
            )
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
    if "%{" in folder:
        raise InputError(
            f"{recipe.sourced.component.name}: the top folder of its archive is not known: {folder} {UNDEFINED}",
            todo=MACRO_FIX.format(component=recipe.sourced.component.name),
        )
    if is_source_file_name(folder):
        return f"{folder}/"
    raise InputError(
        f"{recipe.sourced.component.name}: its archive cannot have the top folder {folder!r}",
        why="%setup enters it",
        todo="name another folder by %setup -n",
    )
