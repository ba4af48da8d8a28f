"""Which source package a pinned commit gives: found once, because a commit never changes.

The key of a source package depends on the files of the commit, which git lists, and on what is not in the commit. By
all of the latter, and the commit's id, the key is remembered; the package itself is found by it as always.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from altai_build import __version__
from altai_build.model.component import Component, ComponentKind
from altai_build.model.gitlink import GITLINK_MODE
from altai_build.model.sources import SourceChoice
from altai_build.model.spec import SpecInfo
from altai_build.model.srpm import SRPM_RECIPE_VERSION
from altai_build.tools.git.archive import archiver_version
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.remembered import Remembered, digest_code
from altai_build.tools.rpm.macro_files import MacroFiles

# Of the rows; part of their keys.
_FORMAT = 1
_KEY_LENGTH = 2 * hashlib.sha256().digest_size
# The folders, from that of this package, whose code tells which files of a commit are the sources of a spec.
_CODE = (".", "../git", "../../stages", "../../model", "../../config")


@dataclass(frozen=True)
class SrpmSettings:
    """What decides on a component's source package, and is not in its commit."""

    macros: Mapping[str, str]
    arch: str
    # The template of the value of Release:.
    release_template: str
    # Which rpm makes the package (`rpmbuild.rpm_version_key`).
    rpm_version: str
    # Of the target, where they are used in place of this machine's.
    macro_files: MacroFiles | None
    # Sources made from the configuration, by name.
    generated: Mapping[str, bytes]
    # Where the archive comes from that stands for the repository.
    choice: SourceChoice | None


class KnownSrpms:
    """The keys of source packages of pinned commits that have no downloaded sources and no submodules of their own.

    Safe to use from several threads.
    """

    def __init__(self, path: Path) -> None:
        self._rows = Remembered(path)

    def find(self, sourced: ComponentSource, settings: SrpmSettings) -> str | None:
        """The key of a component's source package, if it is known; then nothing is downloaded for it."""
        if sourced.component.kind is not ComponentKind.SUBMODULE:
            return None
        key = self._rows.find(_digest(sourced.component, sourced.info, settings))
        return key if isinstance(key, str) and len(key) == _KEY_LENGTH else None

    def add(self, sourced: ComponentSource, settings: SrpmSettings, key: str) -> None:
        """Remember the key of a package that needed no download, if the commit and these settings alone decide on it.

        Folders of specs/ and the root are read in one process, and what is in submodules is in other commits too.
        """
        if sourced.component.kind is not ComponentKind.SUBMODULE:
            return
        if not any(entry.mode == GITLINK_MODE for entry in sourced.tree):
            self._rows.add(_digest(sourced.component, sourced.info, settings), key)

    def save(self) -> None:
        """Write what is new. Raises CannotWriteError."""
        self._rows.save()


def _digest(component: Component, info: SpecInfo, settings: SrpmSettings) -> str:
    parts = [
        _FORMAT,
        SRPM_RECIPE_VERSION,
        __version__,
        digest_code(Path(__file__), _CODE),
        archiver_version(),
        component.name,
        component.path,
        component.commit,
        component.spec,
        repr(info),
        sorted(settings.macros.items()),
        settings.arch,
        settings.release_template,
        settings.rpm_version,
        settings.macro_files.digest if settings.macro_files else None,
        sorted((name, hashlib.sha256(content).hexdigest()) for name, content in settings.generated.items()),
        settings.choice,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
