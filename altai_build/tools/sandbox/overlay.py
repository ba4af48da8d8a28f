"""overlayfs mounts in a private mount namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from altai_build.tools import commands, process
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.sandbox.id_ranges import in_user_namespace

OVERLAY = Path(__file__).with_name("overlay.sh")


class OverlayKind(Enum):
    """What mounts overlays. They mark removed files differently: a layer is of one kind."""

    KERNEL = "overlayfs"
    FUSE = "fuse-overlayfs"


@dataclass(frozen=True)
class Overlay:
    """An overlay: a command with this `prefix` finds it mounted at `merged`."""

    merged: Path
    prefix: tuple[str, ...]

    @classmethod
    def create(
        cls, directory: Path, lowers: Sequence[Path], kind: OverlayKind = OverlayKind.KERNEL
    ) -> Overlay:
        """Create the directories of an overlay over `lowers`, the topmost first, in an empty directory."""
        for name in ("upper", "work", "merged"):
            (directory / name).mkdir()
        # Its mode is that of the root of the overlay, which the build user must enter, whatever the umask is.
        (directory / "upper").chmod(0o755)
        for index, lower in enumerate(lowers):
            (directory / f"lower{index}").symlink_to(lower)
        names = ":".join(f"lower{index}" for index in range(len(lowers)))
        unshare = ["unshare", "--mount", "--propagation", "private", "--"]
        # Root of a user namespace cannot write the attributes trusted.overlay.*; user.overlay.* since Linux 5.11.
        options = "userxattr" if in_user_namespace() else ""
        if kind is OverlayKind.FUSE:
            options = kind.value
            # The shell stays, and ends with this process: the program that mounts ends with the shell.
            unshare += ["setpriv", "--pdeathsig", "KILL", "--"]
        return cls(
            merged=directory / "merged",
            prefix=(*unshare, "bash", str(OVERLAY), str(directory), names, options),
        )


def find_overlay_kind(directory: Path) -> OverlayKind | None:
    """The kind of overlays that can be mounted with their upper layers in `directory`; None where none can."""
    if can_mount_overlay(directory):
        return OverlayKind.KERNEL
    if commands.find_program("fuse-overlayfs") and can_mount_overlay(directory, OverlayKind.FUSE):
        return OverlayKind.FUSE
    return None


def can_mount_overlay(directory: Path, kind: OverlayKind = OverlayKind.KERNEL) -> bool:
    """Whether an overlay with its upper layer in `directory` can be mounted; makes one to find out."""
    with scratch_directory(directory, ".probe") as scratch:
        lower = make_directory(scratch / "lower")
        make_directory(lower / "folder")
        overlay = Overlay.create(make_directory(scratch / "overlay"), [lower], kind)
        # A folder in the place of another one needs the attributes that some file systems do not have.
        script = 'rmdir "$1" && mkdir "$1"'
        argv = [*overlay.prefix, "sh", "-c", script, "sh", str(overlay.merged / "folder")]
        return process.run(argv, ok=process.ANY_STATUS).returncode == 0
