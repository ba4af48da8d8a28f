"""Whether a repository holds the packaging of a program, or the program."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Collection, Iterable

# Files of packagers, wherever they are; the names are compared in lower case.
_PACKAGING_FILES = (
    "*.spec", "*.patch", "*.diff", "*.rpmlintrc", "*.sig", "*.asc", "*.sign", "*.keyring", "*.gpg", "*.service",
    "*.socket", "*.timer", "*.logrotate", "*.sysconfig", "*.sysusers", "*.tmpfiles", "*.init", "*.desktop", "*.pam",
    "*.fmf", "*.yml", "*.yaml", "*.conf", "readme*", "license*", "copying*", "authors*", "changelog*", "changes",
    "sources", "dead.package", "import.log", "branch",
)  # fmt: skip
# Folders at the top that tests and services use in packaging repositories.
_PACKAGING_FOLDERS = ("tests", "plans", "ci")


def holds_packaging_only(paths: Iterable[str], sources: Collection[str]) -> bool:
    """True when a repository has nothing but a spec, its `sources` by name, and what packagers keep beside them."""
    return all(_is_packaging(path, sources) for path in paths)


def _is_packaging(path: str, sources: Collection[str]) -> bool:
    name = posixpath.basename(path)
    folders = path.split("/")
    return (
        name in sources
        or any(part.startswith(".") for part in folders)
        or folders[0] in _PACKAGING_FOLDERS
        or any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in _PACKAGING_FILES)
    )
