"""A component's commit → its source package: a recipe, its sources laid out, rpmbuild in a sandbox."""

from __future__ import annotations

import os
import posixpath
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from altai_build.config import Bootstrap, Config
from altai_build.config.generated_sources import generate_sources
from altai_build.errors import AltaiError, BuildError, InputError, faults_of
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.component import Component, ComponentKind
from altai_build.model.gitlink import GITLINK_MODE, CommitId
from altai_build.model.package import RpmHeader
from altai_build.model.spec_text import find_git_question
from altai_build.model.srpm import Srpm
from altai_build.tools.files import scratch_directory, sha256_file
from altai_build.tools.git.archive import ArchivePart
from altai_build.tools.git.attributes import read_attribute_files
from altai_build.tools.git.component_source import ComponentSource, SpecContent
from altai_build.tools.git.export_subst import substitute_files
from altai_build.tools.git.lfs import find_lfs_files
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.openpgp.keyfile import read_rewritten_keys
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.header import read_built_headers
from altai_build.tools.rpm.known_srpms import KnownSrpms, SrpmSettings
from altai_build.tools.rpm.macro_files import read_macro_files
from altai_build.tools.rpm.recipe import SrpmRecipe, compute_key, write_source_tree
from altai_build.tools.rpm.source_files import collect_source_files
from altai_build.tools.rpm.stamp import StampedSpec, check_stamp, stamp_spec
from altai_build.workspace import Workspace


@dataclass(frozen=True)
class PreparedSrpm:
    """A recipe whose sources are laid out for rpmbuild in the scratch directory `top`."""

    recipe: SrpmRecipe
    stamped: StampedSpec
    top: Path
    key: str
    inputs: tuple[tuple[str, str], ...]
    # How long that took.
    seconds: float

    @property
    def component(self) -> Component:
        """The component whose package it is."""
        return self.recipe.sourced.component

    def list_warnings(self) -> list[str]:
        """What somebody may have expected to be otherwise in it."""
        name, component = self.component.name, self.component
        asked = find_git_question(self.recipe.sourced.text)
        unanswered = (
            f"{name}: {component.spec_path} asks git (`{asked}`), which answers nothing: "
            + rpmbuild.NO_REPOSITORY_FIX.format(component=name)
        )
        return [
            *([unanswered] if asked else []),
            *self._list_kept_markers(),
        ]

    def _list_kept_markers(self) -> list[str]:
        name = self.component.name
        return [
            f"{name}: {posixpath.join(part.folder, path)} in its archive keeps {', '.join(file.kept)} as it is: tags "
            "and other references, notes, signatures and relative times are no part of the commit, and `git archive` "
            "writes what the clone happens to have. Set the value in the spec (for setuptools-scm: export "
            f"SETUPTOOLS_SCM_PRETEND_VERSION=%{{version}}), or use a ready archive by components.{name}.source"
            for part in self.recipe.archive_parts
            for path, file in part.substituted.items()
        ]


@dataclass(frozen=True)
class PackedSrpm:
    """A source package that rpmbuild wrote to a scratch directory; `SrpmMaker.store_packages` checks and stores it."""

    path: Path
    prepared: PreparedSrpm
    # What rpmbuild wrote to standard error.
    complaints: str
    # How long preparing and rpmbuild took.
    seconds: float

    @property
    def component(self) -> Component:
        """The component whose package it is."""
        return self.prepared.component


class SrpmNotMade(InputError):
    """A source package that is not in the workspace; `inputs` are what it would be made from."""

    def __init__(self, component: str, key: str, inputs: tuple[tuple[str, str], ...]) -> None:
        super().__init__(
            f"{component} has no source package yet", todo=f"make it: `altai-build srpm {component}`"
        )
        self.key = key
        self.inputs = inputs


@dataclass(frozen=True)
class SrpmMaker:
    """Makes source packages with one configuration; safe to call from several threads.

    Three steps, so that `pipeline.build.srpms` can run them side by side: `prepare`, `run_rpmbuild`, `store_packages`.
    """

    superproject: Superproject
    config: Config
    workspace: Workspace
    ledger: Ledger
    rpm_version: str
    # Of the release that is being made. None: a generated source gets the spec's own version.
    version: str | None = None
    # Downloaded files: component → file name → path.
    source_cache: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)
    # Nothing is made: what is not in the workspace is SrpmNotMade.
    only_stored: bool = False
    # The packages that commits gave before; None: nothing is remembered.
    known: KnownSrpms | None = None

    def is_known(self, sourced: ComponentSource) -> bool:
        """True when earlier runs have found which package the component gives: then nothing is downloaded for it."""
        try:
            return self.known is not None and bool(self.known.find(sourced, self._find_settings(sourced)))
        except AltaiError:
            # `prepare` raises it.
            return False

    def make_srpm(
        self, sourced: ComponentSource, *, rebuild_count: int = 0, bootstrap: Bootstrap | None = None
    ) -> Srpm:
        """The source package of a component, from the workspace when nothing that made it has changed.

        `rebuild_count` numbers a repeated build of one commit with other build dependencies; `bootstrap` makes the
        package of a bootstrap build, whose release is lower than that of the final build. Raises InputError for
        anything missing or unreadable (all missing sources at once), BuildError when rpmbuild fails.
        """
        with scratch_directory(self.workspace.scratch, "srpms") as scratch:
            prepared = self.prepare(sourced, scratch, rebuild_count=rebuild_count, bootstrap=bootstrap)
            if isinstance(prepared, Srpm):
                return prepared
            stored = self.store_packages([self.run_rpmbuild(prepared)])[0]
        if isinstance(stored, AltaiError):
            raise stored
        return stored

    def prepare(
        self,
        sourced: ComponentSource,
        scratch: Path,
        *,
        rebuild_count: int = 0,
        bootstrap: Bootstrap | None = None,
    ) -> Srpm | PreparedSrpm:
        """Step one of `make_srpm`: the package if it is stored, else its sources in a folder below `scratch`."""
        started = time.monotonic()
        with faults_of(f"{sourced.component.name} at {sourced.component.commit[:12]}"):
            settings = self._find_settings(sourced, rebuild_count, bootstrap)
            known_key = self.known.find(sourced, settings) if self.known else None
            if known_key and (stored := self._find_stored(known_key)):
                return stored
            recipe = self._make_recipe(sourced, settings)
            inputs = recipe.list_inputs()
            key = compute_key(inputs)
            if self.known and not self.source_cache.get(sourced.component.name):
                self.known.add(sourced, settings, key)
            if stored := self._find_stored(key):
                return stored
            if self.only_stored:
                raise SrpmNotMade(sourced.component.name, key, inputs)
            top = Path(tempfile.mkdtemp(prefix="srpm.", dir=scratch))
            recipe = replace(recipe, archive_parts=tuple(map(_complete_part, recipe.archive_parts)))
            stamped = stamp_spec(recipe, self.config.limits, scratch=self.workspace.scratch)
            write_source_tree(recipe, stamped.text, top, self.config.limits)
        return PreparedSrpm(
            recipe=recipe,
            stamped=stamped,
            top=top,
            key=key,
            inputs=inputs,
            seconds=time.monotonic() - started,
        )

    def run_rpmbuild(self, prepared: PreparedSrpm) -> PackedSrpm:
        """Step two of `make_srpm`: rpmbuild, in the sandbox. Raises InputError or BuildError."""
        started = time.monotonic()
        recipe, component, top = prepared.recipe, prepared.component, prepared.top
        spec = posixpath.basename(component.spec)
        result = rpmbuild.build_srpm(
            top,
            spec,
            recipe.macros,
            recipe.arch,
            self.config.limits,
            epoch=recipe.time,
            macro_files=recipe.macro_files,
        )
        if result.returncode != 0:
            raise rpmbuild.spec_error(recipe.sourced, result, prepared.stamped.text)
        packages = sorted((top / "SRPMS").glob("*.src.rpm"))
        if any((top / "SRPMS").glob("*.nosrc.rpm")):
            raise InputError(
                f"the source package of {component.name} would lack sources: the spec has NoSource: or NoPatch:",
                todo=f"remove these lines from {component.spec_path}: every source is available here",
            )
        if len(packages) != 1:
            raise BuildError(
                f"rpmbuild made {len(packages)} source packages of {component.name}",
                why=result.error_text,
                todo="check whether the spec changes %_topdir or %_srcrpmdir",
            )
        seconds = round(prepared.seconds + time.monotonic() - started, 3)
        return PackedSrpm(path=packages[0], prepared=prepared, complaints=result.error_text, seconds=seconds)

    def store_packages(self, packed: Sequence[PackedSrpm]) -> list[Srpm | AltaiError]:
        """Step three of `make_srpm`: packages moved to the workspace, then recorded in the ledger.

        All together, because reading the headers of many takes as long as reading one. An error stands in the place
        of a damaged package, and of one that does not show its commit.
        """
        try:
            headers = read_built_headers([package.path for package in packed])
        except AltaiError as error:
            if len(packed) == 1:
                return [error]
            return [result for package in packed for result in self.store_packages([package])]
        records: list[Record] = []
        results: list[Srpm | AltaiError] = []
        for package, header in zip(packed, headers):
            try:
                check_stamp(package.prepared.recipe, package.prepared.stamped, header, package.complaints)
            except InputError as error:
                results.append(error)
                continue
            record, srpm = self._store_package(package, header)
            records.append(record)
            results.append(srpm)
        self.ledger.append(*records)
        return results

    def _find_settings(
        self, sourced: ComponentSource, rebuild_count: int = 0, bootstrap: Bootstrap | None = None
    ) -> SrpmSettings:
        component = sourced.component
        macros, arch = self.config.get_component_macros(component.name, component.path, component.repository)
        macros.update(bootstrap.all_macros if bootstrap else {})
        macro_folder = self.config.get_macro_files(component.repository)
        template = f"{self.config.stamp}.{rebuild_count}" if rebuild_count else self.config.stamp
        settings = self.config.find_component(component.name, component.path)
        return SrpmSettings(
            macros=macros,
            arch=arch,
            release_template=f"0.bootstrap.{template}" if bootstrap else template,
            rpm_version=self.rpm_version,
            macro_files=read_macro_files(macro_folder) if macro_folder else None,
            generated=generate_sources(
                self.config, component, self.version or sourced.info.version or "", read_rewritten_keys
            ),
            choice=settings.source if settings else None,
        )

    def _make_recipe(self, sourced: ComponentSource, settings: SrpmSettings) -> SrpmRecipe:
        component, info = sourced.component, sourced.info
        collect = partial(
            collect_source_files,
            info=info,
            generated=settings.generated,
            cached=self.source_cache.get(component.name, {}),
            choice=settings.choice,
        )
        try:
            files = collect(sourced)
        except InputError as missing:
            if component.kind is ComponentKind.ROOT or all(
                entry.mode != GITLINK_MODE for entry in sourced.tree
            ):
                raise
            # They may be in the component's own submodules, which are read only if they are needed.
            sourced = self._add_nested_files(sourced, missing)
            files = collect(sourced)
        has_archive = any(file.archive_format for file in files)
        return SrpmRecipe(
            sourced=sourced,
            info=info,
            files=files,
            archive_parts=self._list_archive_parts(sourced) if has_archive else (),
            macros=settings.macros,
            arch=settings.arch,
            release_template=settings.release_template,
            rpm_version=settings.rpm_version,
            macro_files=settings.macro_files,
        )

    def _add_nested_files(self, sourced: ComponentSource, missing: InputError) -> ComponentSource:
        try:
            nested = self._list_nested(sourced)
        except InputError as error:
            raise InputError(
                missing.what,
                why=f"{missing.why}\nwhat is in its submodules is not known: {error.what}\n{error.why}",
                todo=f"{missing.todo}; {error.todo}",
            ) from error
        store, tree = self.superproject.join_nested(
            sourced.store, sourced.component.commit, sourced.tree, nested
        )
        return replace(sourced, content=SpecContent.of(sourced.text, store, tree))

    def _list_nested(self, sourced: ComponentSource) -> list[tuple[str, ObjectStore, CommitId]]:
        """The component's own pinned submodules, at every depth: folder, objects, commit."""
        component = sourced.component
        settings = self.config.find_component(component.name, component.path)
        try:
            return self.superproject.list_nested_submodules(
                sourced.store,
                component.commit,
                sourced.tree,
                component.url,
                excluded=settings.exclude_submodules if settings else (),
            )
        except InputError as error:
            way_out = f"leave it out by components.{component.name}.exclude_submodules in repos.yaml"
            todo = "; or ".join(filter(None, (error.todo, way_out)))
            raise InputError(error.what, why=error.why, todo=todo) from error

    def _list_archive_parts(self, sourced: ComponentSource) -> tuple[ArchivePart, ...]:
        """The component's content and that of its own pinned submodules, at every depth.

        What the superproject pins are components of their own, and no part of the superproject's own archive.
        """
        component = sourced.component
        own = ArchivePart(store=sourced.store, commit=component.commit, folder="")
        if component.kind is ComponentKind.ROOT:
            return (own,)
        nested = self._list_nested(sourced)
        return (
            own,
            *(ArchivePart(store=store, commit=commit, folder=folder) for folder, store, commit in nested),
        )

    def _find_stored(self, key: str) -> Srpm | None:
        record = self.ledger.find("srpm", key)
        if record is None or len(record.artefacts) != 1:
            return None
        artefact = record.artefacts[0]
        path = self.workspace.srpms / key / artefact.file
        if not path.is_file() or path.stat().st_size != artefact.size or sha256_file(path) != artefact.sha256:
            return None
        # `clean` removes what is not used.
        os.utime(path.parent)
        return Srpm(path=path, sha256=artefact.sha256, nevra=record.nevra, key=key, reused=True)

    def _store_package(self, packed: PackedSrpm, header: RpmHeader) -> tuple[Record, Srpm]:
        prepared, source = packed.prepared, packed.path
        artefact = Artefact(file=source.name, sha256=sha256_file(source), size=source.stat().st_size)
        folder = self.workspace.srpms / prepared.key
        folder.mkdir(parents=True, exist_ok=True)
        source.chmod(0o644)
        descriptor = os.open(source, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        path = folder / source.name
        os.replace(source, path)
        nevra = str(header.nevra)
        record = Record(
            kind="srpm",
            key=prepared.key,
            component=packed.component.name,
            commit=packed.component.commit,
            inputs=prepared.inputs,
            artefacts=(artefact,),
            seconds=packed.seconds,
            nevra=nevra,
        )
        return record, Srpm(path=path, sha256=artefact.sha256, nevra=nevra, key=prepared.key, reused=False)


def _complete_part(part: ArchivePart) -> ArchivePart:
    """A part of an archive with the files that are not as `git archive` writes them."""
    store, tree = part.store, part.store.read_tree(part.commit)
    attributes = read_attribute_files(store, tree)
    return replace(
        part,
        lfs_files=find_lfs_files(store, part.commit, tree, attributes),
        substituted=substitute_files(store, part.commit, tree, attributes),
    )
