"""The cached results of `srpm`: source packages depend only on a commit, a configuration, two programs and macros.

Imports only what loads quickly: the rest of the tool takes longer to load than the cache takes to answer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build import __version__
from altai_build.model.gitlink import CommitId
from altai_build.model.srpm import SRPM_RECIPE_VERSION, Srpm, SrpmResult
from altai_build.regular_files import read_regular_file
from altai_build.tools import commands
from altai_build.tools.files import write_atomically
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.workspace import Workspace

if TYPE_CHECKING:
    from altai_build.config import Config

# Of the cache's files; part of their names.
_FORMAT = "4"
INPUTS_UNCHANGED = "its inputs have not changed"


@dataclass(frozen=True)
class SrpmCache:
    """The cached results for a superproject commit; the fields are what they depend on."""

    superproject: Path
    commit: str
    # repos.yaml.
    definition: Path | None
    workspace: Workspace

    @property
    def path(self) -> Path:
        """The file of these results."""
        definition = read_regular_file(self.definition) if self.definition is not None else b""
        parts = [
            __version__,
            _FORMAT,
            SRPM_RECIPE_VERSION,
            self.commit,
            str(self.superproject),
            str(self.definition),
            _program_state("rpmbuild"),
            _program_state("git"),
        ]
        digest = hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape") + definition).hexdigest()
        return self.workspace.cache / "answers" / digest

    def store_results(self, results: Sequence[SrpmResult], config: Config) -> None:
        """Keep the results, if none failed; `config` is what repos.yaml says."""
        if all(result.error is None for result in results):
            rows = [
                [result.component, result.commit, result.reason, _dump_srpm(result.srpm)]
                for result in results
            ]
            files = [[path, _find_state(path)] for path in _list_macro_sources(config)]
            write_atomically(self.path, dump_sealed({"results": rows, "files": files}))

    def load_results(self) -> list[SrpmResult] | None:
        """The kept results, if every source package in them is still there; None when there are none."""
        try:
            kept = read_sealed(self.path) or {}
            if any(_find_state(path) != state for path, state in kept["files"]):
                return None
            return [_parse_row(row) for row in kept["results"]]
        except (OSError, KeyError, ValueError, TypeError):
            return None


def _dump_srpm(srpm: Srpm | None) -> list[object] | None:
    if srpm is None:
        return None
    path = str(srpm.path)
    return [path, srpm.sha256, srpm.nevra, srpm.key, _file_state(path)]


def _parse_row(row: list[object]) -> SrpmResult:
    component, commit, reason, kept = row
    if kept is None:
        return SrpmResult(component=str(component), commit=CommitId(str(commit)), reason=str(reason))
    assert isinstance(kept, list)
    path, sha256, nevra, key, state = kept
    if _file_state(str(path)) != state:
        raise ValueError(f"{path} was changed")
    # `clean` removes what is not used.
    os.utime(os.path.dirname(path))
    srpm = Srpm(path=Path(path), sha256=str(sha256), nevra=str(nevra), key=str(key), reused=True)
    return SrpmResult(
        component=str(component), commit=CommitId(str(commit)), reason=INPUTS_UNCHANGED, srpm=srpm
    )


def _list_macro_sources(config: Config) -> list[str]:
    """The files and folders outside of the commit and repos.yaml that macros come from."""
    from altai_build.errors import InputError
    from altai_build.regular_files import resolve_links
    from altai_build.tools.spec.macrofiles import RPM_CONFIG_DIR
    from altai_build.tools.tree import walk_tree

    folders, found = {str(resolve_links(RPM_CONFIG_DIR)): None}, list[str]()
    for target in config.targets.values():
        if target.macro_files:
            folders[str(config.root / target.macro_files)] = None
        if "dist" not in dict(target.macros):
            from altai_build.tools.mock.config import list_config_files

            # A folder changes when a file comes or goes.
            found += map(str, config.mock_config_directories)
            try:
                found += map(
                    str, list_config_files(target.mock_config, search=config.mock_config_directories)
                )
            except InputError:
                continue
    for folder in folders:
        found += [folder, *(os.path.join(folder, entry.path) for entry in walk_tree(folder))]
    return found


def _find_state(path: str) -> list[int] | None:
    try:
        return _file_state(path)
    except FileNotFoundError:
        return None


def _file_state(path: str) -> list[int]:
    """What changes with a file's bytes; a digest would be exact, but takes reading the whole file."""
    status = os.stat(path)
    return [status.st_ino, status.st_mtime_ns, status.st_size]


def _program_state(name: str) -> str:
    """Which file a program is, and its modification time: another version is another file."""
    for folder in commands.child_environment()["PATH"].split(os.pathsep):
        try:
            status = os.stat(os.path.join(folder, name))
        except OSError:
            continue
        return f"{folder}/{name} {status.st_ino} {status.st_mtime_ns} {status.st_size}"
    return name
