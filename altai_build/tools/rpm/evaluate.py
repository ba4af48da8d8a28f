"""What a spec says where only rpm knows: rpm expands it in the sandbox, with the files beside it."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from altai_build.errors import AltaiError, InputError
from altai_build.model.limits import Limits
from altai_build.model.spec import SpecInfo, UnknownSpec, has_hidden_dist
from altai_build.tools.files import write_atomically
from altai_build.tools.git.superproject import ComponentSpec
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.source_files import list_files_beside
from altai_build.tools.spec.reader import (
    SpecText,
    encode_spec,
    load_spec_info,
    read_expanded_spec,
    read_specs,
)

# The value of dist in a second expansion, which shows where in Release: it is.
_DIST_MARKER = "ALTAIDIST"
# A spec without any of these words reads no file beside it.
_READS_FILES = re.compile(
    r"_sourcedir|_specdir|_topdir|RPM_SOURCE_DIR|SOURCE|PATCH|%\{?[SP][ :]|%include|load|lua"
)
# Bytes. What specs include or print is small; archives and binaries beside them are not shown to rpm.
_LARGEST_FILE = 1 << 20
_LARGEST_FILES = 64 << 20
_CACHE_FORMAT = 1


class SpecEvaluator:
    """Reads specs, with rpm where needed. The directory `cache` keeps results by everything that they depend on."""

    def __init__(self, limits: Limits, *, scratch: Path, cache: Path) -> None:
        self._limits = limits
        self._scratch = scratch
        self._cache = cache

    @functools.cached_property
    def _rpm_version(self) -> str:
        return rpmbuild.rpm_version_key()

    def read(self, source: ComponentSpec, macros: Mapping[str, str], arch: str) -> SpecInfo:
        """The content of a component's spec, read statically if that is possible. Raises as `evaluate`."""
        text = SpecText(path=source.component.spec_path, text=source.text)
        result = read_specs([text], macros, arch, cache=self._cache)[0]
        if isinstance(result, InputError):
            raise result
        return self.evaluate(source, macros, arch) if isinstance(result, UnknownSpec) else result

    def evaluate(self, source: ComponentSpec, macros: Mapping[str, str], arch: str) -> SpecInfo:
        """The content of a component's spec, read by rpm.

        Raises InputError when rpm refuses the spec or a macro is left in it, BuildError when rpm crashes or takes too
        long.
        """
        beside = self._list_files(source)
        key = [
            _CACHE_FORMAT,
            self._rpm_version,
            sorted(macros.items()),
            arch,
            posixpath.basename(source.component.spec),
            hashlib.sha256(encode_spec(source.text)).hexdigest(),
            sorted(beside.items()),
        ]
        path = (
            self._cache
            / f"rpm-{hashlib.sha256(json.dumps(key).encode('utf-8', 'surrogateescape')).hexdigest()}"
        )
        try:
            return load_spec_info(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            info = self._evaluate(source, beside, macros, arch)
        write_atomically(path, json.dumps(dataclasses.asdict(info)).encode(), durable=False)
        return info

    def _list_files(self, source: ComponentSpec) -> dict[str, str]:
        """Name → object id of the files that the spec may read."""
        if not _READS_FILES.search(source.text):
            return {}
        found = list_files_beside(source)
        sizes = dict(zip(found, source.store.read_blob_sizes(list(found.values()))))
        shown: dict[str, str] = {}
        total = 0
        for name, oid in found.items():
            if sizes[name] <= _LARGEST_FILE and total + sizes[name] <= _LARGEST_FILES:
                shown[name] = oid
                total += sizes[name]
        return shown

    def _evaluate(
        self, source: ComponentSpec, beside: Mapping[str, str], macros: Mapping[str, str], arch: str
    ) -> SpecInfo:
        contents = dict(zip(beside, source.store.read_blobs(beside.values())))
        files = {f"SOURCES/{name}": content for name, content in contents.items()}
        info = self._expand(source, files, macros, arch)
        if not has_hidden_dist(source.text):
            return info
        # Where dist comes from another macro, an expansion with another dist shows where in Release: it is.
        try:
            marked = self._expand(source, files, {**macros, "dist": _DIST_MARKER}, arch)
        except AltaiError:
            return info
        if _DIST_MARKER not in marked.release:
            return info
        return dataclasses.replace(info, hidden_dist=marked.release.replace(_DIST_MARKER, "\0", 1))

    def _expand(
        self, source: ComponentSpec, files: Mapping[str, bytes], macros: Mapping[str, str], arch: str
    ) -> SpecInfo:
        spec = posixpath.join("SPECS", posixpath.basename(source.component.spec))
        all_files = {**files, spec: encode_spec(source.text)}
        expanded = rpmbuild.expand_spec(spec, all_files, macros, arch, self._limits, scratch=self._scratch)
        if expanded.returncode != 0:
            raise rpmbuild.spec_error(source, expanded)
        path = source.component.spec_path
        result = read_expanded_spec(SpecText(path=path, text=expanded.text), arch)
        if isinstance(result, UnknownSpec):
            raise InputError(f"{path} cannot be parsed", why=result.reason)
        if isinstance(result, InputError):
            raise result
        values = {"Name": result.name, "Version": result.version, "Release": result.release}
        left = [f"{tag}: {value}" for tag, value in values.items() if "%" in value]
        if left:
            raise InputError(
                f"{source.component.name}: {path} has an undefined macro in its name, version or release",
                why="\n".join(left),
                todo="define the macro in the spec, or in targets.NAME.macros of repos.yaml",
            )
        return result
