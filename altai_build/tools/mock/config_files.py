"""The files that a mock configuration consists of: found, read and bounded, but not run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.errors import InputError
from altai_build.regular_files import read_regular_file

SIZE_LIMIT = 1 << 20  # bytes of one file; the largest that mock ships has 15 KB
FILES_LIMIT = 100
# mock finds includes by the text (mockbuild/config.py, regexp_include), before it runs anything.
_INCLUDE = re.compile(r"""^[ \t]*include\([ \t]*(['"])([^'"\n\\]+)\1[ \t]*\)""", re.MULTILINE)


@dataclass
class ConfigSources:
    """The texts of a configuration: the `start` files, in the order in which they run, and all that they include."""

    directories: tuple[Path, ...]
    start: list[Path] = field(default_factory=list)
    texts: dict[Path, str] = field(default_factory=dict)
    includes: dict[Path, dict[str, Path]] = field(default_factory=dict)  # file → name in include() → file
    _known: dict[str, Path] = field(default_factory=dict)  # by the path without links

    def add(self, path: Path) -> None:
        """Add a start file with all that it includes, directly or not.

        Raises InputError for a file that is missing, outside the directories, too large, or no text.
        """
        path = self._known.setdefault(os.path.realpath(path), path)
        self.start.append(path)
        waiting = [path]
        while waiting:
            asker = waiting.pop()
            if asker in self.texts:
                continue
            if len(self.texts) >= FILES_LIMIT:
                raise InputError(
                    f"a mock configuration consists of more than {FILES_LIMIT} files", why=str(self.start[0])
                )
            self.texts[asker] = self._read(asker)
            self.includes[asker] = dict(self._find_includes(asker))
            # So that `files` lists them in the order of their include() lines.
            waiting += reversed(list(self.includes[asker].values()))

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file, in the order in which it was found."""
        return tuple(self.texts)

    def _find_includes(self, asker: Path) -> Iterator[tuple[str, Path]]:
        """Where each include() of a file leads: an absolute path, a file of a directory, or one beside the asker.

        Two paths of one file are one file.
        """
        text = self.texts[asker]
        for match in _INCLUDE.finditer(text):
            name = match[2]
            folders = [Path("/")] if os.path.isabs(name) else [*self.directories, asker.parent]
            # An absolute name replaces the folder.
            found = next((folder / name for folder in folders if (folder / name).is_file()), None)
            if found is None:
                line = text.count("\n", 0, match.start()) + 1
                raise InputError(
                    f"{asker}:{line}: the included file {name} does not exist",
                    todo=f"looked in {', '.join(dict.fromkeys(map(str, folders)))}",
                )
            yield name, self._known.setdefault(os.path.realpath(found), found)

    def _read(self, path: Path) -> str:
        """The text of a file within the directories."""
        real = os.path.realpath(path)
        roots = [os.path.realpath(directory) for directory in self.directories]
        if not any(real.startswith(root.rstrip("/") + "/") for root in roots):
            raise InputError(
                f"{path} is outside the directories of mock configurations",
                why=f"it leads to {real}; allowed: {', '.join(map(str, self.directories))}",
                todo="copy the file beside the configuration that needs it",
            )
        try:
            data = read_regular_file(path, limit=SIZE_LIMIT)
            return data.decode("utf-8")
        except OSError as error:
            raise InputError(
                f"cannot read {path}",
                why=error.strerror or str(error),
                todo="check the permissions and the disk of the file, and rerun the command",
            ) from error
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise InputError(f"{path}:{line}: not UTF-8 text", why=str(error)) from error


def open_sources(directories: Sequence[Path]) -> ConfigSources:
    """Sources that may come from these directories."""
    return ConfigSources(tuple(dict.fromkeys(directories)))
