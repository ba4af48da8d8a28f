"""Why a machine or a container does not allow user namespaces or mounts, and what to do about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NamedTuple

_KERNEL = Path("/proc/sys/kernel")
_MAX_NAMESPACES = Path("/proc/sys/user/max_user_namespaces")
# Of docker and podman; see docs/ci.md.
CONTAINER_OPTIONS = " ".join(
    f"--security-opt {name}=unconfined" for name in ("seccomp", "apparmor", "systempaths")
)
_START_CONTAINER = f"start the container with {CONTAINER_OPTIONS} (see docs/ci.md), or use a virtual machine"


class Refusal(NamedTuple):
    """What is refused, and what to do."""

    why: str
    todo: str


_NO_PROC = Refusal("/proc is not mounted", "mount /proc, or run altai-build elsewhere")


def explain_namespace_refusal(said: str) -> Refusal:
    """Why no user namespace can be made; `said` is what the program said that tried."""
    if not Path("/proc/self").exists():
        return _NO_PROC
    if _read(_MAX_NAMESPACES) == "0":
        return Refusal(
            "the kernel allows no user namespaces: user.max_user_namespaces is 0",
            "as root: sysctl --write user.max_user_namespaces=15000",
        )
    if _read(_KERNEL / "unprivileged_userns_clone") == "0":
        return Refusal(
            "only root may make user namespaces: kernel.unprivileged_userns_clone is 0",
            "as root: sysctl --write kernel.unprivileged_userns_clone=1",
        )
    if os.strerror(errno.ENOSPC) in said:
        return Refusal(
            "as many user namespaces as allowed exist, here or in a container around this one "
            "(user.max_user_namespaces, bwrap --disable-userns)",
            "as root: sysctl --write user.max_user_namespaces=15000, or run altai-build outside of the container",
        )
    if _has_filter():
        return Refusal(
            f"a filter of system calls, as that of a container, refuses user namespaces: {said}",
            _START_CONTAINER,
        )
    return Refusal(f"user namespaces are refused: {said}", "allow them, or run altai-build as root")


def explain_sandbox_refusal(said: str) -> Refusal:
    """Why a sandbox does not start although this process has the ids for it; `said` is what bubblewrap said."""
    if not Path("/proc/self").exists():
        return _NO_PROC
    if os.geteuid() != 0 and (_read(_MAX_NAMESPACES) == "0" or "new namespace" in said):
        return explain_namespace_refusal(said)
    if _read(_KERNEL / "apparmor_restrict_unprivileged_userns") == "1":
        return Refusal(
            "AppArmor takes the privileges from user namespaces: kernel.apparmor_restrict_unprivileged_userns "
            f"is 1: {said}",
            "as root: sysctl --write kernel.apparmor_restrict_unprivileged_userns=0; or run altai-build as root",
        )
    if covered := _list_covered_files():
        return Refusal(
            f"no /proc can be mounted, because parts of this one are covered ({', '.join(covered[:3])}), as in a "
            f"container: {said}",
            _START_CONTAINER,
        )
    if _has_filter():
        return Refusal(
            f"a filter of system calls, as that of a container, refuses mounts or namespaces: {said}",
            _START_CONTAINER,
        )
    return Refusal(said, "`altai-build doctor` says what the sandbox needs; in a container see docs/ci.md")


def _list_covered_files(mountinfo: Path = Path("/proc/self/mountinfo")) -> list[str]:
    """What is mounted below /proc: the kernel then mounts no other /proc in a user namespace (mount_namespaces(7))."""
    try:
        rows = [line.split(" ") for line in mountinfo.read_text().splitlines()]
    except OSError:
        return []
    # binfmt_misc has an empty directory of its own, and covers nothing.
    return sorted(
        {row[4] for row in rows if row[4].startswith("/proc/") and not row[4].endswith("/binfmt_misc")}
    )


def _has_filter() -> bool:
    """Whether a filter of system calls (seccomp(2)) is on this process."""
    return "\nSeccomp:\t2\n" in (_read(Path("/proc/self/status")) + "\n")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
