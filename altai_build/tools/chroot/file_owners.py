"""What root of a user namespace cannot do with files of packages: make devices and, with one id, give them owners."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from altai_build.model.package import RpmHeader
from altai_build.model.quantity import format_count
from altai_build.tools.rpm.header import read_header

_MOST_NAMES = 5


def read_headers(paths: Sequence[Path]) -> list[RpmHeader]:
    """The headers of packages whose signatures were verified."""
    return [read_header(path) for path in paths]


def list_devices(headers: Sequence[RpmHeader]) -> list[str]:
    """The paths of the device nodes in packages; in a sandbox none of them can be opened anyway."""
    return sorted(
        file.path
        for header in headers
        for file in header.files
        if stat.S_ISCHR(file.mode) or stat.S_ISBLK(file.mode)
    )


def describe_other_owners(headers: Sequence[RpmHeader]) -> str:
    """Which packages have files of other users or groups than root, and of which; "" when none has."""
    found = {
        header.nevra.name: owners
        for header in headers
        if (
            owners := {
                f"{file.owner}:{file.group}"
                for file in header.files
                if (file.owner, file.group) != ("root", "root")
            }
        )
    }
    if not found:
        return ""
    named = [f"{name} ({', '.join(sorted(owners))})" for name, owners in sorted(found.items())]
    more = f" and {len(named) - _MOST_NAMES} more" if len(named) > _MOST_NAMES else ""
    return (
        f"files of {format_count(len(found), 'package')} in this buildroot belong to root instead of their owners, "
        f"because the user namespace has one id: {'; '.join(named[:_MOST_NAMES])}{more}"
    )
