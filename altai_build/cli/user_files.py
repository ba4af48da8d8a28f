"""Files in the home of the user: where the XDG base directories have them."""

from __future__ import annotations

import os
from pathlib import Path

from altai_build.regular_files import read_regular_file
from altai_build.tools.files import make_directory, write_atomically


def find_data_home() -> Path:
    """$XDG_DATA_HOME, by default ~/.local/share; a relative one does not count, as the standard has it."""
    return _find("XDG_DATA_HOME", "~/.local/share")


def find_config_home() -> Path:
    """$XDG_CONFIG_HOME, by default ~/.config."""
    return _find("XDG_CONFIG_HOME", "~/.config")


def _find(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    return Path(named) if os.path.isabs(named) else Path(default).expanduser()


def write_user_file(path: Path, data: bytes) -> bool:
    """Write a file unless it has these bytes; returns whether it was written. Raises InputError."""
    try:
        if read_regular_file(path) == data:
            return False
    except OSError:
        # There is none, or one to replace.
        pass
    make_directory(path.parent)
    write_atomically(path, data)
    return True
