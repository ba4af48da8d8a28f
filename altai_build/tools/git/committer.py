"""Who runs the program, as git knows it."""

from __future__ import annotations

import os
import pwd
import re
import socket
from pathlib import Path

from altai_build.tools.git.command import USER_CLONE, run_git

_TIME = re.compile(r" [0-9]+ [-+][0-9]{4}$")


def read_committer(place: Path) -> str:
    """`Name <address>` of whoever would commit in a clone; the user and the machine where git knows no name."""
    found = run_git(USER_CLONE, ["var", "GIT_COMMITTER_IDENT"], directory=place, ok=(0, 128))
    if found.returncode == 0:
        return _TIME.sub("", found.text.strip())
    number = os.geteuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return f"{name}@{socket.gethostname()}"
