"""rpm's own library for Python: a package of the operating system, loaded where something needs it."""

from __future__ import annotations

import functools
import sys
from typing import Any

from altai_build.errors import MissingToolError


@functools.cache
def load_rpm() -> Any:
    """The module `rpm`. Raises MissingToolError with what to install where this Python does not see it."""
    try:
        import rpm
    except ImportError as error:
        raise MissingToolError(
            "the rpm bindings for Python cannot be loaded",
            why=f"{sys.executable}: {error}\n"
            "they are a package of the operating system, made for its own Python, and in no index of packages",
            todo="install python3-rpm (Debian, Ubuntu, Fedora, Enterprise Linux), and run altai-build with a Python "
            "that sees it: /usr/bin/python3, a virtual environment of it made with --system-site-packages, or one "
            "with the package `rpm` of PyPI, which looks for the bindings (docs/install.md)",
        ) from error
    # librpm prints errors on stderr by itself; what is wrong is in its exceptions.
    rpm.setVerbosity(rpm.RPMLOG_CRIT)
    return rpm
