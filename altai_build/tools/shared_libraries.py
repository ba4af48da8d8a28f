"""Shared libraries of the operating system that wheels of Python libraries need, and the packages that have them."""

from __future__ import annotations

import re
from dataclasses import dataclass

# How the dynamic linker says which library it does not find.
_NOT_FOUND = re.compile(r"([\w.+-]+\.so[\w.]*): cannot open shared object file")


@dataclass(frozen=True)
class SharedLibrary:
    """A shared library that is not installed, and the packages that have it."""

    name: str
    debian: str
    redhat: str

    @property
    def todo(self) -> str:
        """How to install it."""
        return f"apt-get install {self.debian}, or dnf install {self.redhat}"


# What the wheels of createrepo_c link to and do not bring along.
_PACKAGES = dict.fromkeys(("libglib-2.0.so.0", "libgobject-2.0.so.0"), ("libglib2.0-0", "glib2"))


def find_missing_library(text: str) -> SharedLibrary | None:
    """The shared library that is missing by the text of an error, where its packages are known."""
    found = _NOT_FOUND.search(text)
    if found is None or found[1] not in _PACKAGES:
        return None
    return SharedLibrary(found[1], *_PACKAGES[found[1]])
