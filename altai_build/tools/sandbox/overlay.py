"""overlayfs mounts in a private mount namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from altai_build.tools import process
from altai_build.tools.files import make_directory, scratch_directory

OVERLAY = Path(__file__).with_name("overlay.sh")


@dataclass(frozen=True)
class Overlay:
    """An overlay: a command with this `prefix` finds it mounted at `merged`."""

    merged: Path
    prefix: tuple[str, ...]

    @classmethod
    def create(cls, directory: Path, lowers: Sequence[Path]) -> Overlay:
        """Create the directories of an overlay over `lowers`, the topmost first, in an empty directory."""
        for name in ("upper", "work", "merged"):
            (directory / name).mkdir()
        # Its mode is that of the root of the overlay, which the build user must enter, whatever the umask is.
        (directory / "upper").chmod(0o755)
        for index, lower in enumerate(lowers):
            (directory / f"lower{index}").symlink_to(lower)
        names = ":".join(f"lower{index}" for index in range(len(lowers)))
        unshare = ["unshare", "--mount", "--propagation", "private", "--"]
        return cls(
            merged=directory / "merged", prefix=(*unshare, "bash", str(OVERLAY), str(directory), names)
        )


def can_mount_overlay(directory: Path) -> bool:
    """Whether an overlay with its upper layer in `directory` can be mounted; makes one to find out."""
    with scratch_directory(directory, ".probe") as scratch:
        lower = make_directory(scratch / "lower")
        overlay = Overlay.create(make_directory(scratch / "overlay"), [lower])
        return process.run([*overlay.prefix, "true"], ok=process.ANY_STATUS).returncode == 0
