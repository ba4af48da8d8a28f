"""The files of a component's commit, as far as they say which unit tests it has."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

# Bytes of a file that is read; longer ones are as good as absent.
MAX_FILE_SIZE = 1 << 20
# Files of one kind that are read: Makefile.am, tests.
MAX_FILES = 40

# Patterns that skip blanks read a run of them once for each place where it may begin: a megabyte would take hours.
_BLANK_LINES = re.compile(r"\n\s*\n")
_BLANKS = re.compile(r"[^\S\n]{200,}")

# Paths → texts, of those that are small enough.
ReadFiles = Callable[[Sequence[str]], Mapping[str, str]]


@dataclass
class ProjectFiles:
    """The paths of a commit's regular files, and the texts of those that were asked for."""

    paths: tuple[str, ...]
    read: ReadFiles
    _texts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = frozenset(self.paths)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return path in self._known

    def load(self, paths: Iterable[str]) -> None:
        """Read the files of these paths that there are, all at once."""
        wanted = [path for path in paths if path in self._known and path not in self._texts]
        if wanted:
            found = self.read(wanted)
            self._texts.update({path: _shorten_blanks(found.get(path, "")) for path in wanted})

    def get_text(self, path: str) -> str:
        """The text of a file; "" where there is none, or it is too long."""
        self.load([path])
        return self._texts.get(path, "")

    def find(self, *patterns: str) -> list[str]:
        """The paths of files whose names match a pattern, those next to the top first."""
        found = [
            path
            for path in self.paths
            if any(fnmatchcase(posixpath.basename(path), pattern) for pattern in patterns)
        ]
        return sorted(found, key=lambda path: (path.count("/"), path))


def _shorten_blanks(text: str) -> str:
    """A text without long runs of blanks: several blank lines become one."""
    return _BLANKS.sub(" " * 200, _BLANK_LINES.sub("\n\n", text))
