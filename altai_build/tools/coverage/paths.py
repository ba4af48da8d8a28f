"""The files of a component by the names that a coverage report gives them."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# Where tools put a copy of the sources, below the folder in which the tests run: setup.py build, tox, virtualenv.
_COPIES = re.compile(
    r"build/(?:lib|bdist)[^/]*/"
    r"|(?:\.tox|\.nox)/[^/]+/(?:lib|lib64)/python[\d.]+/site-packages/"
    r"|(?:\.venv|venv)/(?:lib|lib64)/python[\d.]+/site-packages/"
)


@dataclass(frozen=True)
class ComponentFiles:
    """The paths of a component's files, and the folders in which its sources lay when its tests ran (absolute)."""

    paths: frozenset[str]
    roots: tuple[str, ...]

    def locate(self, name: str, folders: Sequence[str]) -> str | None:
        """The path of a file that a report calls `name`, relative to one of `folders`; None for other files.

        Files of other packages, generated ones, and those that lie elsewhere are other files.
        """
        for candidate in self._list_candidates(name, folders):
            if candidate in self.paths:
                return candidate
            copy = _COPIES.match(candidate)
            if copy is not None and candidate[copy.end() :] in self.paths:
                return candidate[copy.end() :]
        return None

    def _list_candidates(self, name: str, folders: Sequence[str]) -> Iterable[str]:
        """Paths below the component's top that `name` may mean, the likeliest first."""
        for folder in (*folders, ""):
            path = posixpath.normpath(posixpath.join(folder, name))
            if not path.startswith("/"):
                if not path.startswith("../"):
                    yield path
                continue
            for root in self.roots:
                if path.startswith(f"{root.rstrip('/')}/"):
                    yield path[len(root.rstrip("/")) + 1 :]


def find_module_prefix(names: Iterable[str], paths: frozenset[str]) -> str:
    """What stands before the paths of a component's files in names that begin with the name of a Go module.

    The prefix that makes most of the names files of the component; of several the shortest. "" where there is none.
    """
    votes: Counter[str] = Counter()
    for name in names:
        start = 0
        while start >= 0:
            if name[start:] in paths:
                votes[name[:start]] += 1
            start = name.find("/", start) + 1 or -1
    return min(votes, key=lambda prefix: (-votes[prefix], len(prefix)), default="")
