"""Publish a release completely or not at all, and clean up after killed runs.

A release is made in `releases/.VERSION.staging-XXXX`, which its process keeps locked. Publication renames that folder
to `releases/VERSION` and then replaces the link `latest`. The new link is prepared before the first rename: if the run
is killed between the two, the next run finds the prepared link and finishes. Clients see the old state or the new one
at any time.
"""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from altai_build.errors import PublishError
from altai_build.model.nevra import is_safe_name
from altai_build.model.release import LATEST_LINK, MANIFEST_NAME
from altai_build.tools.files import lock_descriptor, make_directory, remove_tree, sync_directory, sync_tree
from altai_build.tools.rpm.header import compare_versions

_STAGING = re.compile(r"\.(?P<version>.+)\.staging-[^.]+")
_NEXT_LATEST = re.compile(r"\.latest\.(?P<version>.+)\.next")


@contextmanager
def staging(releases: Path, version: str) -> Iterator[Path]:
    """An empty folder for the release, removed after the block unless it was published.

    Raises PublishError when the version exists or is not a safe folder name, and when the block cannot write to disk.
    """
    make_directory(releases)
    with _locked(releases):
        _refuse_existing(releases, version)
        try:
            folder = Path(tempfile.mkdtemp(prefix=f".{version}.staging-", dir=releases))
        except OSError as error:
            raise _make_error(releases, version, error) from error
        # mkdtemp makes a private folder, but web servers must read this one.
        folder.chmod(0o755)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # The lock belongs to the inode: it survives the rename, and the kernel drops it when the process ends.
        lock_descriptor(descriptor)
    try:
        yield folder
    except OSError as error:
        raise _make_error(releases, version, error) from error
    finally:
        remove_tree(folder)
        os.close(descriptor)


def publish(directory: Path, releases: Path, version: str) -> Path:
    """Rename the staged release to releases/VERSION, and let `latest` point to it unless a higher version exists.

    Raises PublishError, and then the published releases have not changed.
    """
    target = releases / version
    try:
        sync_tree(directory)
        with _locked(releases):
            _refuse_existing(releases, version)
            if _is_highest(releases, version):
                link = releases / f".latest.{version}.next"
                link.unlink(missing_ok=True)
                link.symlink_to(version)
                sync_directory(releases)
            os.rename(directory, target)
            sync_directory(releases)
            _finish_publication(releases)
    except OSError as error:
        raise _make_error(releases, version, error) from error
    return target


def recover(releases: Path) -> tuple[str, ...]:
    """Finish or remove what killed runs left, and describe each step; folders of running processes stay."""
    if not releases.is_dir():
        return ()
    with _locked(releases):
        messages = _finish_publication(releases)
        for entry in sorted(releases.iterdir()):
            if _is_abandoned(entry):
                remove_tree(entry)
                messages.append(f"removed {entry.name}, left behind by a killed run")
        return tuple(messages)


def list_releases(releases: Path) -> tuple[str, ...]:
    """The published versions, lowest first in rpm's order."""
    if not releases.is_dir():
        return ()
    names = [
        entry.name
        for entry in releases.iterdir()
        if not entry.name.startswith(".") and not entry.is_symlink() and (entry / MANIFEST_NAME).is_file()
    ]
    return tuple(sorted(names, key=functools.cmp_to_key(compare_versions)))


def _finish_publication(releases: Path) -> list[str]:
    """Replace `latest` by the link that `publish` prepared, or remove that link if its release does not exist."""
    messages = []
    for entry in sorted(releases.iterdir()):
        match = _NEXT_LATEST.fullmatch(entry.name)
        if match is None:
            continue
        if (releases / match["version"]).is_dir():
            os.replace(entry, releases / LATEST_LINK)
            messages.append(f"{LATEST_LINK} is now {match['version']}")
        else:
            entry.unlink()
    sync_directory(releases)
    return messages


def _is_highest(releases: Path, version: str) -> bool:
    """False for a fix to an older series: clients of `latest` must not be downgraded."""
    published = list_releases(releases)
    return not published or compare_versions(version, published[-1]) > 0


def _refuse_existing(releases: Path, version: str) -> None:
    if not is_safe_name(version) or version.startswith(".") or version == LATEST_LINK:
        raise PublishError(
            f"{version!r} is not a safe name for a release", todo="use a version such as 1.0.2"
        )
    if os.path.lexists(releases / version):
        raise PublishError(
            f"release {version} exists",
            why=f"{releases / version} is published, and a published release never changes",
            todo="choose the next version",
        )


def _make_error(releases: Path, version: str, error: OSError) -> PublishError:
    return PublishError(
        f"release {version} could not be published",
        why=f"{error.filename or releases / version}: {error.strerror}",
        todo=f"check permissions and free space of {releases}; the published releases have not changed",
    )


@contextmanager
def _locked(releases: Path) -> Iterator[None]:
    """Hold the lock of the folder itself, which leaves no file: one process at a time changes what it contains."""
    descriptor = os.open(releases, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)


def _is_abandoned(folder: Path) -> bool:
    """True for a staging folder that no running process keeps locked."""
    if not _STAGING.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)
