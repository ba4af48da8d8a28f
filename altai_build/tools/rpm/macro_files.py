"""Files of a target's /usr/lib/rpm that are kept beside repos.yaml: rpm reads them in place of this machine's."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_directory
from altai_build.tools.tree import walk_tree

# The folders of /usr/lib/rpm that packages of macros fill.
FOLDERS = ("macros.d", "lua")
# Bytes of all files together. Those of Fedora have half of one percent.
_SIZE_LIMIT = 64 << 20


@dataclass(frozen=True)
class MacroFiles:
    """The files of `macros.d/` and `lua/` by their paths, and a digest of them all."""

    files: tuple[tuple[str, bytes], ...]
    digest: str

    def write(self, folder: Path) -> Path:
        """Write them below a new folder, and return that; both of FOLDERS are there."""
        for name in FOLDERS:
            make_directory(folder / name)
        for path, content in self.files:
            make_directory((folder / path).parent)
            (folder / path).write_bytes(content)
        return folder


@functools.lru_cache(maxsize=8)
def read_macro_files(folder: Path) -> MacroFiles:
    """The files below a folder. Raises InputError where there are none, or others than rpm reads."""
    what = f"{folder}: these files are no macro files of rpm (targets.NAME.macro_files in repos.yaml)"
    todo = "put in it what the target has in /usr/lib/rpm/macros.d and /usr/lib/rpm/lua, below macros.d/ and lua/"
    files: dict[str, bytes] = {}
    try:
        paths = sorted(entry.path for entry in walk_tree(folder) if not entry.is_folder)
        for path in paths:
            left = _SIZE_LIMIT - sum(map(len, files.values()))
            files[path] = read_regular_file(os.path.join(folder, path), limit=left)
    except OSError as error:
        raise InputError(
            f"{folder}: the macro files of a target cannot be read (targets.NAME.macro_files in repos.yaml)",
            why=str(error),
            todo=todo,
        ) from error
    others = [path for path in paths if not path.startswith(("macros.d/macros.", "lua/"))]
    if others:
        raise InputError(what, why="rpm would not read them:\n" + "\n".join(others[:10]), todo=todo)
    if not any(path.startswith("macros.d/") for path in paths):
        raise InputError(what, why="there is no macros.d/macros.NAME", todo=todo)
    hashes = [(path, hashlib.sha256(content).hexdigest()) for path, content in files.items()]
    return MacroFiles(tuple(files.items()), hashlib.sha256(json.dumps(hashes).encode()).hexdigest())
