"""What a spec says where only rpm knows: rpm expands it in the sandbox, with the files beside it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from time import time as now
from typing import NamedTuple

from altai_build.errors import InputError
from altai_build.model.limits import Limits
from altai_build.model.release_suffix import has_hidden_dist
from altai_build.model.spec import SpecInfo, UnknownSpec, list_fields, load_spec_info
from altai_build.tools.files import write_atomically
from altai_build.tools.git.component_source import ComponentSpec
from altai_build.tools.git.lfs import make_pointer_error, read_content
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.autorelease import find_autorelease_macros
from altai_build.tools.rpm.macro_files import MacroFiles, read_macro_files
from altai_build.tools.rpm.source_files import LARGEST_SHOWN_FILE, list_files_beside
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.tools.spec.reader import (
    SpecText,
    decode_spec,
    encode_spec,
    read_expanded_spec,
    read_specs,
)
from altai_build.tools.spec.undecided import MACRO_FIX, UNDEFINED

# The value of dist in a second expansion, which shows where in Release: it is.
_DIST_MARKER = "ALTAIDIST"
# A spec without any of these words reads no file beside it.
_READS_FILES = re.compile(
    r"_sourcedir|_specdir|_topdir|RPM_SOURCE_DIR|SOURCE|PATCH|%\{?[SP][ :]|%include|load|lua"
)
# One without these reads only its sources.
_READS_OTHERS = re.compile(r"_sourcedir|_specdir|_topdir|RPM_SOURCE_DIR")
_PATH_OF_OTHERS = re.compile(rf"(?:{_READS_OTHERS.pattern})\}}?/(?P<rest>\S*)")
# What rpm says to a BuildArch: for other architectures.
_NO_ARCH = "No compatible architectures found for build"
# How specs write dates.
_DATE_FORMS = ("%Y%m%d", "%Y.%m.%d", "%Y-%m-%d", "%Y_%m_%d", "%y%m%d", "%d%m%Y", "%Y%j")
# Words of programs that answer otherwise each time.
_RANDOM = re.compile(
    r"\bRANDOM\b|/dev/u?random|uuid|mktemp|\$\$|\bshuf\b|math\.random|tmpname", re.IGNORECASE
)
_BUILD_ARCH = re.compile(r"^[ \t]*BuildArch(?:itectures)?[ \t]*:[ \t]*", re.IGNORECASE | re.MULTILINE)
# A tag that may stand in its place, whatever its value.
_ARCH_STAND_IN = "Summary(altai): "
# Bytes.
_LARGEST_FILES = 64 << 20
_CACHE_FORMAT = 5


@dataclass(frozen=True)
class _Expansion:
    """What rpm expands: a spec, the files beside it by their paths, the macros, the target's architecture, the time."""

    source: ComponentSpec
    files: Mapping[str, bytes]
    macros: Mapping[str, str]
    arch: str
    # Of the commit, in seconds since 1970: a spec that asks for the date says the same on every day.
    time: int
    # Those of the target, where they are used in place of this machine's.
    macro_files: MacroFiles | None


class Evaluation(NamedTuple):
    """What a spec says; False where what the clone has of Git LFS may count, besides the commit and the key."""

    info: SpecInfo
    depends_on_commit_alone: bool = True


class ForeignArch(InputError):
    """A spec whose packages are for other architectures than that of the target (BuildArch:)."""


class SpecEvaluator:
    """Reads specs, with rpm where needed. The directory `cache` keeps results by everything that they depend on."""

    def __init__(self, limits: Limits, *, scratch: Path, cache: Path) -> None:
        self._limits = limits
        self._scratch = scratch
        self._cache = cache

    @functools.cached_property
    def rpm_version(self) -> str:
        """The version of rpm and of its macros."""
        return rpmbuild.rpm_version_key()

    def digest_macro_files(self, macro_folder: Path | None) -> str:
        """The digest of the macro files of a folder; "" for none. Raises InputError where they cannot be read."""
        return read_macro_files(macro_folder).digest if macro_folder else ""

    def read(
        self,
        source: ComponentSpec,
        macros: Mapping[str, str],
        arch: str,
        macro_folder: Path | None = None,
    ) -> SpecInfo:
        """The content of a component's spec, read statically if that is possible. Raises as `evaluate`."""
        return self.read_with_origin(source, macros, arch, macro_folder, is_static=True).info

    def evaluate(
        self,
        source: ComponentSpec,
        macros: Mapping[str, str],
        arch: str,
        macro_folder: Path | None = None,
    ) -> SpecInfo:
        """The content of a component's spec, read by rpm, with the macro files of a folder.

        Raises InputError when rpm refuses the spec or a macro is left in it, BuildError when rpm crashes or takes too
        long.
        """
        return self.read_with_origin(source, macros, arch, macro_folder, is_static=False).info

    def read_with_origin(
        self,
        source: ComponentSpec,
        macros: Mapping[str, str],
        arch: str,
        macro_folder: Path | None,
        *,
        is_static: bool,
    ) -> Evaluation:
        """The content of a component's spec, and what it depends on: `read` with `is_static`, else `evaluate`."""
        if is_static and macro_folder is None:
            text = SpecText(path=source.component.spec_path, text=source.text)
            result = read_specs([text], macros, arch, cache=self._cache)[0]
            if isinstance(result, InputError):
                raise result
            if isinstance(result, SpecInfo):
                return Evaluation(result)
        macros = {**macros, **find_autorelease_macros(source, macros, arch)}
        beside = self._list_files(source)
        time = source.store.read_commit_time(source.component.commit)
        key = [
            _CACHE_FORMAT,
            self.rpm_version,
            sorted(macros.items()),
            arch,
            posixpath.basename(source.component.spec),
            hashlib.sha256(encode_spec(source.text)).hexdigest(),
            sorted(beside.items()),
            time,
        ]
        macro_files = read_macro_files(macro_folder) if macro_folder else None
        if macro_files:
            key.append(macro_files.digest)
        path = (
            self._cache
            / f"rpm-{hashlib.sha256(json.dumps(key).encode('utf-8', 'surrogateescape')).hexdigest()}"
        )
        cached = read_sealed(path)
        if cached is not None:
            return Evaluation(load_spec_info(cached))
        blobs = dict(zip(beside, source.store.read_blobs(beside.values())))
        files = self._read_files(source, blobs)
        info = self._evaluate(_Expansion(source, files, macros, arch, time, macro_files))
        # What the clone has of Git LFS is no part of the key.
        is_pure = list(files.values()) == list(blobs.values())
        if is_pure:
            write_atomically(path, dump_sealed(list_fields(info)), durable=False)
        return Evaluation(info, is_pure)

    def _read_files(self, source: ComponentSpec, blobs: Mapping[str, bytes]) -> dict[str, bytes]:
        """The files beside a spec by their paths in the sandbox, without Git LFS pointers.

        Raises InputError where the spec reads one whose content is not in the clone.
        """
        files = {}
        for name, blob in blobs.items():
            content = read_content(source.store, blob, LARGEST_SHOWN_FILE)
            if content is not None:
                files[f"SOURCES/{name}"] = content
            elif _mentions(source.text, name):
                raise make_pointer_error(name, source.component.commit)
        return files

    def _list_files(self, source: ComponentSpec) -> dict[str, str]:
        """Name → object id of the files that the spec may read."""
        if not _READS_FILES.search(source.text):
            return {}
        found = list_files_beside(source)
        sizes = dict(zip(found, source.store.read_blob_sizes(list(found.values()))))
        shown: dict[str, str] = {}
        total = 0
        for name, oid in found.items():
            if sizes[name] <= LARGEST_SHOWN_FILE and total + sizes[name] <= _LARGEST_FILES:
                shown[name] = oid
                total += sizes[name]
        return shown

    def _evaluate(self, expansion: _Expansion) -> SpecInfo:
        info, component = self._expand(expansion), expansion.source.component
        if _RANDOM.search(expansion.source.text) and not self._says_the_same(expansion, info):
            raise InputError(
                f"{component.name}: {component.spec_path} says something else each time it is read",
                why="it uses random numbers or names, and a commit gives one package",
                todo="make them from the commit's time ($SOURCE_DATE_EPOCH), or define their macro by "
                f"components.{component.name}.macros in repos.yaml",
            )
        info = info._replace(unlisted=self._find_unlisted(expansion, info))
        if not has_hidden_dist(expansion.source.text):
            return info
        # Where dist comes from another macro, an expansion with another dist shows where in Release: it is.
        try:
            marked = self._expand(replace(expansion, macros={**expansion.macros, "dist": _DIST_MARKER}))
        except InputError:
            return info
        if _DIST_MARKER not in marked.release:
            return info
        return info._replace(hidden_dist=marked.release.replace(_DIST_MARKER, "\0", 1))

    def _find_unlisted(self, expansion: _Expansion, info: SpecInfo) -> tuple[str, ...]:
        """The files that the spec reads and does not name as sources: a build has no others.

        Raises InputError where they cannot be told by their names in the spec.
        """
        source, files = expansion.source, expansion.files
        listed = {f"SOURCES/{tag.file}" for tag in (*info.sources, *info.patches, *info.icons)}
        if not files.keys() - listed or not _READS_OTHERS.search(source.text):
            return ()
        kept = {path: content for path, content in files.items() if path in listed}
        if self._says_the_same(replace(expansion, files=kept), info):
            return ()
        pending, found = [source.text], dict[str, bytes]()
        while pending:
            text = pending.pop()
            for path, content in files.items():
                if path not in kept and path not in found and _mentions(text, posixpath.basename(path)):
                    found[path] = content
                    pending.append(decode_spec(content))
        if self._says_the_same(replace(expansion, files={**kept, **found}), info):
            return tuple(sorted(map(posixpath.basename, found)))
        raise InputError(
            f"{source.component.name}: {source.component.spec_path} reads files that none of its sources names",
            why="a build has no files but the sources, and there the spec would say something else",
            todo="name them by SourceN: in the spec",
        )

    def _refuse_undefined_arch(self, expansion: _Expansion) -> None:
        """Raise InputError when rpm finds no architecture in BuildArch: because it does not know a macro there."""
        source = expansion.source
        if not (_BUILD_ARCH.search(source.text) and "%" in source.text):
            return
        text = _BUILD_ARCH.sub(_ARCH_STAND_IN, source.text)
        spec = f"SPECS/{posixpath.basename(source.component.spec)}"
        expanded = rpmbuild.expand_spec(
            spec,
            {**expansion.files, spec: encode_spec(text)},
            expansion.macros,
            expansion.arch,
            self._limits,
            epoch=expansion.time,
            scratch=self._scratch,
            macro_files=expansion.macro_files,
        )
        arch = _find_undefined_arch(expanded.text)
        if arch:
            raise InputError(
                f"{source.component.name}: {source.component.spec_path}: BuildArch: {arch} {UNDEFINED}",
                todo=MACRO_FIX.format(component=source.component.name),
            )

    def _says_the_same(self, expansion: _Expansion, info: SpecInfo) -> bool:
        """Whether a spec says the same with these files beside it."""
        try:
            return self._expand(expansion) == info
        except InputError:
            return False

    def _expand(self, expansion: _Expansion) -> SpecInfo:
        source, macros, arch = expansion.source, expansion.macros, expansion.arch
        spec = posixpath.join("SPECS", posixpath.basename(source.component.spec))
        all_files = {**expansion.files, spec: encode_spec(source.text)}
        started = int(now())
        expanded = rpmbuild.expand_spec(
            spec,
            all_files,
            macros,
            arch,
            self._limits,
            epoch=expansion.time,
            scratch=self._scratch,
            macro_files=expansion.macro_files,
        )
        if expanded.returncode != 0:
            if _NO_ARCH in expanded.error_text:
                self._refuse_undefined_arch(expansion)
                raise ForeignArch(f"its BuildArch: has no architecture for the target {arch}")
            raise rpmbuild.spec_error(source, expanded, source.text)
        path = source.component.spec_path
        result = read_expanded_spec(SpecText(path=path, text=expanded.text), arch)
        if isinstance(result, UnknownSpec):
            fix = MACRO_FIX.format(component=source.component.name)
            todo = fix if UNDEFINED in result.reason else f"fix {path} and commit it"
            raise InputError(f"{path} cannot be parsed", why=result.reason, todo=todo)
        if isinstance(result, InputError):
            raise result
        values = {"Name": result.name, "Version": result.version, "Release": result.release}
        left = [f"{tag}: {value}" for tag, value in values.items() if "%" in value]
        if left:
            raise InputError(
                f"{source.component.name}: {path} has an undefined macro in its name, version or release",
                why="\n".join(left),
                todo=f"{MACRO_FIX.format(component=source.component.name)}; or define it in the spec",
            )
        known = "\n".join([*map(decode_spec, all_files.values()), *macros.values()])
        clock = {
            tag: value for tag, value in values.items() if shows_clock(value, known, started, expansion.time)
        }
        if clock:
            raise _clock_error(source, clock)
        if found := find_kernel(" ".join(values.values()), known, os.uname().release):
            raise InputError(
                f"{source.component.name}: {path} has another version or release under every kernel: {found}",
                why="a commit gives one package, wherever it is made, and the kernel of this machine is no part of it",
                todo="define the macro that asks `uname -r` in repos.yaml, by "
                f"components.{source.component.name}.macros, or targets.NAME.macros for all",
            )
        return result


def _find_undefined_arch(text: str) -> str:
    """The value of a BuildArch: with a macro, in a spec in which that tag has the name of another; "" without one."""
    return next(
        (
            value
            for value in re.findall(rf"^{re.escape(_ARCH_STAND_IN)}(.*)", text, re.MULTILINE)
            if "%" in value
        ),
        "",
    )


def shows_clock(value: str, known: str, now: int, commit: int) -> bool:
    """Whether a value has the date or the time of an evaluation that began `now`, where nothing that was read has it.

    Both times are in seconds since 1970. On the day of the commit only the seconds tell.
    """
    seconds = (found for found in re.findall(r"(?<!\d)\d{10}(?!\d)", value) if found not in known)
    if any(now <= int(found) <= now + rpmbuild.EXPAND_TIMEOUT for found in seconds):
        return True
    days = {
        datetime.fromtimestamp(now + later, timezone.utc).date() for later in (0, rpmbuild.EXPAND_TIMEOUT)
    }
    days.discard(datetime.fromtimestamp(commit, timezone.utc).date())
    texts = {day.strftime(form) for day in days for form in _DATE_FORMS}
    return any(text in value and text not in known for text in texts)


def find_kernel(value: str, known: str, release: str) -> str:
    """What a value has of a kernel's release, in a form that rpm allows; "" where it has none, or the spec has it."""
    forms = [release.translate(str.maketrans("-", other)) for other in "-_.~+"]
    return next(
        (form for form in (*forms, release.replace("-", "")) if form in value and form not in known), ""
    )


def _clock_error(source: ComponentSpec, values: Mapping[str, str]) -> InputError:
    return InputError(
        f"{source.component.name}: {source.component.spec_path} has another "
        f"{' and '.join(tag.lower() for tag in values)} every day",
        why="\n".join(f"{tag}: {value}" for tag, value in values.items())
        + "\na commit gives one package: date(1) and Lua's os.date have the commit's time here, other programs not",
        todo="ask %(date …), or use $SOURCE_DATE_EPOCH, the time of the commit",
    )


def _mentions(text: str, name: str) -> bool:
    """Whether a text names a file of the folder of sources."""
    named = re.compile(rf"/{re.escape(name)}(?![\w.-])")
    # The rest of a word is looked at once, from the first of these on.
    further = len(name) if re.search(r"\s", name) else 0
    return any(
        named.search(text, found.start("rest") - 1, found.end() + further) is not None
        for found in _PATH_OF_OTHERS.finditer(text)
    )
