"""A component's commit → its source package: sources collected from git, the spec stamped, rpmbuild in a sandbox."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build import __version__
from altai_build.config import Bootstrap, Config
from altai_build.errors import AltaiError, BuildError, InputError
from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.component import Component, ComponentKind
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import KEY_FILE_PREFIX
from altai_build.model.spec import (
    SourceTag,
    SpecInfo,
    add_changelog_entry,
    append_release_suffix,
    find_archive_source,
)
from altai_build.model.srpm import SRPM_RECIPE_VERSION, Srpm
from altai_build.tools.files import scratch_directory, sha256_file
from altai_build.tools.git.archive import ArchivePart, archiver_version, write_archive
from altai_build.tools.git.superproject import ComponentSource, Superproject
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.header import read_built_headers
from altai_build.tools.spec.reader import encode_spec
from altai_build.workspace import Workspace

AUTHOR = "altai-build <altai-build@localhost>"
_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_SYMLINK = "120000"


@dataclass(frozen=True)
class PreparedSrpm:
    """All that one source package is made from, laid out for rpmbuild in the scratch directory `top`."""

    sourced: ComponentSource
    top: Path
    key: str
    inputs: tuple[tuple[str, str], ...]
    macros: Mapping[str, str]
    arch: str
    time: int  # of the commit, seconds since the epoch
    seconds: float


@dataclass(frozen=True)
class PackedSrpm:
    """A source package that rpmbuild wrote to a scratch directory; `SrpmMaker.store_packages` checks and stores it."""

    path: Path
    key: str
    inputs: tuple[tuple[str, str], ...]
    component: Component
    seconds: float


@dataclass(frozen=True)
class _SourceFile:
    """A source file: where its bytes come from."""

    name: str
    origin: str  # for the key: what determines the bytes
    blob: str | None = None  # object id
    content: bytes | None = None  # generated
    cached: Path | None = None
    archive: bool = False


@dataclass(frozen=True)
class SrpmMaker:
    """Makes source packages with one configuration; safe to call from several threads."""

    superproject: Superproject
    config: Config
    workspace: Workspace
    ledger: Ledger
    rpm_version: str
    version: str | None = (
        None  # of the release under way; None: the spec's own where a generated source wants one
    )
    source_cache: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # component → file → bytes

    def make_srpm(
        self, sourced: ComponentSource, *, rebuild_count: int = 0, bootstrap: Bootstrap | None = None
    ) -> Srpm:
        """The source package of a component, from the workspace when nothing that made it has changed.

        `rebuild_count` numbers a repeated build of one commit with other build dependencies; `bootstrap` makes the
        package of a bootstrap build, whose release is lower than that of the final build. Raises InputError for
        anything missing or unreadable (all missing sources at once), BuildError when rpmbuild refuses the spec.
        """
        with scratch_directory(self.workspace.scratch, "srpms") as scratch:
            prepared = self.prepare(sourced, scratch, rebuild_count=rebuild_count, bootstrap=bootstrap)
            if isinstance(prepared, Srpm):
                return prepared
            kept = self.store_packages([self.run_rpmbuild(prepared)])[0]
        if isinstance(kept, AltaiError):
            raise kept
        return kept

    def prepare(
        self,
        sourced: ComponentSource,
        scratch: Path,
        *,
        rebuild_count: int = 0,
        bootstrap: Bootstrap | None = None,
    ) -> Srpm | PreparedSrpm:
        """The first third of `make`: the package if it is known, else its sources in a folder below `scratch`."""
        started = time.monotonic()
        component = sourced.component
        macros, arch = self.config.get_target_macros(component.repository)
        macros.update(bootstrap.all_macros if bootstrap else {})
        stamp = f"{self.config.stamp}.{rebuild_count}" if rebuild_count else self.config.stamp
        stamp = f"0.bootstrap.{stamp}" if bootstrap else stamp
        info = sourced.info
        if info.unknown:
            info = rpmbuild.evaluate_spec(sourced, macros, arch, scratch=self.workspace.scratch)
        files = self._collect_files(sourced, info)
        parts = self._parts(sourced) if any(file.archive for file in files) else ()
        inputs = self._inputs(sourced, info, files, parts, (macros, arch), stamp)
        key = hashlib.sha256(json.dumps(inputs).encode("utf-8", "surrogateescape")).hexdigest()
        if (known := self._find_cached(key)) is not None:
            return known
        history = sourced.store.count_commits(
            component.commit, component.path if component.kind is ComponentKind.SPEC else None
        )
        when = sourced.store.read_commit_info(component.commit).time
        text = self._add_release_suffix(sourced, info, history, when, stamp)
        top = Path(tempfile.mkdtemp(prefix="srpm.", dir=scratch))
        self._write_source_tree(top, sourced, info, files, parts, text, when)
        return PreparedSrpm(
            sourced=sourced,
            top=top,
            key=key,
            inputs=tuple(inputs),
            macros=macros,
            arch=arch,
            time=when,
            seconds=time.monotonic() - started,
        )

    # ---- sources ---------------------------------------------------------------------------------------------

    def _collect_files(self, sourced: ComponentSource, info: SpecInfo) -> list[_SourceFile]:
        """Where each source and patch comes from; all that are missing are reported in one error."""
        archive = find_archive_source(info) if sourced.component.kind is not ComponentKind.SPEC else None
        files: dict[str, _SourceFile] = {}
        missing = []
        for label, tag in _labelled_sources(info):
            if tag.file is None or not is_safe_name(tag.file):
                missing.append(f"{label}: {tag.raw!r} names no plain file")
                continue
            if tag.file in files:
                continue
            if tag is archive:
                files[tag.file] = _SourceFile(name=tag.file, origin="archive", archive=True)
                continue
            found = self._find_file(sourced, info, tag.file)
            if isinstance(found, str):
                missing.append(f"{label}: {tag.file} {found}")
            else:
                files[tag.file] = found
        if missing:
            raise InputError(
                f"{sourced.component.name}: {len(missing)} source{'s are' if len(missing) > 1 else ' is'} missing",
                why="\n".join(f"  {line}" for line in missing),
                todo=f"commit the files beside {sourced.component.spec}, or generate them by "
                f"components.{sourced.component.name}.sources in repos.yaml"
                + (", or list them in sources.yaml" if sourced.component.kind is ComponentKind.SPEC else ""),
            )
        return list(files.values())

    def _find_file(self, sourced: ComponentSource, info: SpecInfo, name: str) -> _SourceFile | str:
        """The file called `name` by the rule of places, or why there is none."""
        spec_dir = posixpath.dirname(sourced.component.spec)
        by_path = {entry.path: entry for entry in sourced.tree}
        beside = [
            spec_dir,
            posixpath.join(spec_dir, "SOURCES"),
            posixpath.join(posixpath.dirname(spec_dir), "SOURCES"),
        ]
        candidates = [posixpath.join(folder, name) for folder in (*beside, "")]
        places = [path for path in dict.fromkeys(candidates) if path in by_path]
        if not places:
            places = [path for path in by_path if posixpath.basename(path) == name]
            if len(places) > 1:
                return (
                    f"is not beside the spec, and {len(places)} files have this name: {', '.join(places[:4])}"
                )
        pointer = ""
        if places:
            oid = self._resolve_symlinks(sourced, places[0])
            if oid is not None:
                head = sourced.store.read_blobs([oid])[0][:1024]
                if not head.startswith(_LFS_POINTER):
                    return _SourceFile(name=name, origin=f"blob {oid}", blob=oid)
                pointer = f"is a Git LFS pointer at {places[0]}, not the file"
        generated = self._generate_file(sourced, info, name)
        if generated is not None:
            digest = hashlib.sha256(generated).hexdigest()
            return _SourceFile(name=name, origin=f"generated {digest}", content=generated)
        cached = self.source_cache.get(sourced.component.name, {}).get(name)
        if cached is not None:
            return _SourceFile(name=name, origin=f"cached {sha256_file(cached)}", cached=cached)
        return pointer or "is neither in the repository nor generated"

    def _resolve_symlinks(self, sourced: ComponentSource, path: str) -> str | None:
        """The blob at a path, through symbolic links that stay in the tree."""
        by_path = {entry.path: entry for entry in sourced.tree}
        for _ in range(8):
            entry = by_path.get(path)
            if entry is None:
                return None
            if entry.is_file:
                return entry.oid
            if entry.mode != _SYMLINK:
                return None
            target = os.fsdecode(sourced.store.read_blobs([entry.oid])[0])
            path = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        return None

    def _generate_file(self, sourced: ComponentSource, info: SpecInfo, name: str) -> bytes | None:
        settings = self.config.components.get(sourced.component.name)
        template = dict(settings.sources).get(name) if settings else None
        if template is None or self.config.release is None:
            return None
        text = template.format(
            baseurl=self.config.release.baseurl,
            version=self.version or info.version or "",
            project=self.config.project,
            gpgkeys=self._key_urls(sourced, info),
        )
        return f"{text}\n".encode()

    def _key_urls(self, sourced: ComponentSource, info: SpecInfo) -> str:
        """Where clients find the keys of the component's repository; all of them, while one replaces another."""
        repository = self.config.repositories.get(sourced.component.repository or "")
        if repository is None or self.config.release is None:
            return ""
        root = f"{self.config.release.baseurl}/{self.version or info.version or ''}"
        keys = (repository.key, *self.config.get_related_keys(repository.key))
        return " ".join(f"{root}/{KEY_FILE_PREFIX}{name}" for name in keys)

    def _parts(self, sourced: ComponentSource) -> tuple[ArchivePart, ...]:
        """The component's content and that of its own pinned submodules, at every depth.

        The superproject's pins are components of their own, no part of its own archive.
        """
        parts = [ArchivePart(store=sourced.store, commit=sourced.component.commit, folder="")]
        if sourced.component.kind is ComponentKind.ROOT:
            return tuple(parts)
        for folder, store, commit in self.superproject.list_nested_submodules(
            sourced.store, sourced.component.commit, sourced.tree, sourced.component.url
        ):
            parts.append(ArchivePart(store=store, commit=commit, folder=folder))
        return tuple(parts)

    # ---- the key ---------------------------------------------------------------------------------------------

    def _inputs(
        self,
        sourced: ComponentSource,
        info: SpecInfo,
        files: list[_SourceFile],
        parts: tuple[ArchivePart, ...],
        target: tuple[Mapping[str, str], str],
        stamp: str,
    ) -> list[tuple[str, str]]:
        component = sourced.component
        macros, arch = target
        inputs = [
            ("recipe", SRPM_RECIPE_VERSION),
            ("tool", __version__),
            ("rpm", self.rpm_version),
            ("commit", component.commit),
            ("path", component.path if component.kind is ComponentKind.SPEC else ""),
            ("spec", component.spec),
            ("spec text", hashlib.sha256(encode_spec(sourced.text)).hexdigest()),
            ("prefix", info.prefix or ""),
            ("stamp", stamp),
            ("macros", json.dumps(sorted(macros.items()))),
            ("arch", arch),
        ]
        if any(file.archive for file in files):
            inputs.append(("archiver", archiver_version()))
        inputs += [(f"source {file.name}", file.origin) for file in files]
        inputs += [(f"submodule {part.folder}", part.commit) for part in parts if part.folder]
        return inputs

    def _find_cached(self, key: str) -> Srpm | None:
        record = self.ledger.find("srpm", key)
        if record is None or len(record.artefacts) != 1:
            return None
        kept = record.artefacts[0]
        path = self.workspace.srpms / key / kept.file
        if not path.is_file() or path.stat().st_size != kept.size or sha256_file(path) != kept.sha256:
            return None
        os.utime(path.parent)  # `clean` removes what is not used
        return Srpm(path=path, sha256=kept.sha256, nevra=record.nevra, key=key, reused=True)

    def _add_release_suffix(
        self, sourced: ComponentSource, info: SpecInfo, count: int, when: int, stamp: str
    ) -> str:
        component = sourced.component
        try:
            text = append_release_suffix(sourced.text, info, stamp, count=count, commit=component.commit)
        except ValueError as error:
            raise InputError(
                f"{component.spec_path} cannot be stamped",
                why=str(error),
                todo="write a Release: line in its first part",
            ) from error
        # Nothing but the commit: what else could be said (a path, a project) may change while the NEVRA does not.
        what = f"Made from commit {component.commit}"
        return add_changelog_entry(text, info, time=when, author=AUTHOR, lines=(what,))

    def _write_source_tree(
        self,
        scratch: Path,
        sourced: ComponentSource,
        info: SpecInfo,
        files: list[_SourceFile],
        parts: tuple[ArchivePart, ...],
        text: str,
        when: int,
    ) -> None:
        """SOURCES/ and SPECS/ as rpmbuild wants them; times and modes are the commit's, not the clock's or umask's."""
        sources, specs = scratch / "SOURCES", scratch / "SPECS"
        sources.mkdir()
        specs.mkdir()
        blobs = [file.blob for file in files if file.blob is not None]
        contents = dict(zip(blobs, sourced.store.read_blobs(blobs)))
        for file in files:
            path = sources / file.name
            if file.archive:
                prefix = info.prefix
                if not prefix or not _safe_prefix(prefix):
                    raise InputError(
                        f"{sourced.component.name}: the folder in its archive cannot be told",
                        why=f"%setup names {prefix!r}"
                        if prefix
                        else "neither %setup -n nor Version: is plain",
                        todo="write %setup -n or Version: as plain text",
                    )
                write_archive(parts, prefix=f"{prefix}/", output=path)
            elif file.content is not None:
                path.write_bytes(file.content)
            elif file.blob is not None:
                path.write_bytes(contents[file.blob])
            elif file.cached is not None:
                path.write_bytes(file.cached.read_bytes())
        spec = specs / posixpath.basename(sourced.component.spec)
        spec.write_bytes(encode_spec(text))
        for path in (*sources.iterdir(), spec):
            path.chmod(0o644)
            os.utime(path, (when, when))

    def run_rpmbuild(self, prepared: PreparedSrpm) -> PackedSrpm:
        """The second third of `make`: rpmbuild, in the sandbox. Raises InputError or BuildFailed."""
        started = time.monotonic()
        sourced, top = prepared.sourced, prepared.top
        spec = posixpath.basename(sourced.component.spec)
        made = rpmbuild.build_srpm(top, spec, prepared.macros, prepared.arch, epoch=prepared.time)
        if made.returncode != 0:
            raise rpmbuild.spec_error(sourced, made)
        packages = sorted((top / "SRPMS").glob("*.src.rpm"))
        if any((top / "SRPMS").glob("*.nosrc.rpm")):
            raise InputError(
                f"the source package of {sourced.component.name} would lack sources: it says NoSource: or NoPatch:",
                todo=f"take those lines out of {sourced.component.spec_path}: every source is at hand here",
            )
        if len(packages) != 1:
            raise BuildError(
                f"rpmbuild made {len(packages)} source packages of {sourced.component.name}",
                why=made.error_text,
                todo="look for what its spec does to %_topdir or %_srcrpmdir",
            )
        return PackedSrpm(
            path=packages[0],
            key=prepared.key,
            inputs=prepared.inputs,
            component=sourced.component,
            seconds=round(prepared.seconds + time.monotonic() - started, 3),
        )

    def store_packages(self, packed: Sequence[PackedSrpm]) -> list[Srpm | AltaiError]:
        """The last third of `make`: packages moved to their places in the workspace, then written down.

        All together, because looking at one takes as long as looking at many. Those that are not sound stay behind.
        """
        try:
            headers = read_built_headers([one.path for one in packed])
        except AltaiError as error:
            return (
                [error]
                if len(packed) == 1
                else [answer for one in packed for answer in self.store_packages([one])]
            )
        records, kept = [], []
        for one, header in zip(packed, headers):
            artefact = Artefact(
                file=one.path.name, sha256=sha256_file(one.path), size=one.path.stat().st_size
            )
            place = self.workspace.srpms / one.key
            place.mkdir(parents=True, exist_ok=True)
            one.path.chmod(0o644)
            descriptor = os.open(one.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(one.path, place / one.path.name)
            nevra = str(header.nevra)
            records.append(
                Record(
                    kind="srpm",
                    key=one.key,
                    component=one.component.name,
                    commit=one.component.commit,
                    inputs=one.inputs,
                    artefacts=(artefact,),
                    seconds=one.seconds,
                    nevra=nevra,
                )
            )
            path = place / one.path.name
            kept.append(Srpm(path=path, sha256=artefact.sha256, nevra=nevra, key=one.key, reused=False))
        self.ledger.append(*records)
        return [*kept]


def _labelled_sources(info: SpecInfo) -> list[tuple[str, SourceTag]]:
    sources = [(f"Source{tag.number}", tag) for tag in info.sources]
    return sources + [(f"Patch{tag.number}", tag) for tag in info.patches]


def _safe_prefix(prefix: str) -> bool:
    return all(is_safe_name(part) for part in prefix.strip("/").split("/"))
