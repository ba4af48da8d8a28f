"""mock on this machine: whether it is there, who may run it, and its environment."""

from __future__ import annotations

import grp
import os
import pwd

from altai_build.errors import MissingToolError
from altai_build.tools import commands, process

# The user who called sudo, and the proxies.
MOCK_VARIABLES = (
    *("SUDO_UID", "SUDO_GID", "SUDO_USER", "USERHELPER_UID"),
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy"),
)


def require_mock() -> None:
    """Raise MissingToolError when mock is absent or refuses to work for this user."""
    if commands.find_program("mock") is None:
        raise MissingToolError(
            "mock is not installed",
            todo="dnf install mock (Fedora, EPEL); on Debian and Ubuntu use --builder chroot",
        )
    if os.geteuid() == 0:
        if not (os.environ.get("SUDO_UID") or os.environ.get("USERHELPER_UID")):
            raise MissingToolError(
                "mock does not run for plain root",
                why="it drops to the user who called it, and neither SUDO_UID nor USERHELPER_UID names one",
                todo=_MOCK_GROUP_HINT,
            )
    elif _mock_group() not in os.getgroups():
        raise MissingToolError(
            "this user may not run mock",
            why=f"{pwd.getpwuid(os.geteuid()).pw_name} is not in the group mock",
            todo=_MOCK_GROUP_HINT,
        )


_MOCK_GROUP_HINT = (
    "add the user that builds to the group mock (usermod --append --groups mock NAME) and log in again; as root use "
    "sudo from such a user; or build with --builder chroot"
)


def read_mock_version() -> str:
    """The version, as mock prints it; "unknown" when it prints nothing."""
    return process.run(["mock", "--version"], env=mock_environment()).text.strip() or "unknown"


def mock_environment() -> dict[str, str]:
    """What mock gets of this process's environment."""
    return {name: os.environ[name] for name in MOCK_VARIABLES if name in os.environ}


def calling_user() -> int:
    """The user that mock drops to."""
    return int(os.environ.get("USERHELPER_UID") or os.environ.get("SUDO_UID") or os.getuid())


def _mock_group() -> int:
    """The number of the group mock."""
    try:
        return grp.getgrnam("mock").gr_gid
    except KeyError as error:
        raise MissingToolError(
            "there is no group mock", why="mock's package makes it", todo="install mock from a package"
        ) from error
