"""Publish a release whole or not at all, and put away what killed runs left.

A release grows in `releases/.VERSION.staging-XXXX`, locked as long as its maker lives. The link that `latest` is to
become is made first, beside it: should the run be killed between the two renames, the next one finds that link and
finishes. So every instant shows either the old state or the new one.
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

    Raises PublishFailed when the version exists or is no name for a folder, and when the disk refuses what is written
    in the block.
    """
    make_directory(releases)
    with _locked(releases):
        _refuse_existing(releases, version)
        try:
            folder = Path(tempfile.mkdtemp(prefix=f".{version}.staging-", dir=releases))
        except OSError as error:
            raise _refused(releases, version, error) from error
        folder.chmod(0o755)  # it will be served; mkdtemp makes it private
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        lock_descriptor(descriptor)  # an inode's: it outlives the rename and ends with us
    try:
        yield folder
    except OSError as error:
        raise _refused(releases, version, error) from error
    finally:
        remove_tree(folder)
        os.close(descriptor)


def publish(directory: Path, releases: Path, version: str) -> Path:
    """Make the staged release visible as releases/VERSION, and `latest` if no higher version is there.

    Raises PublishFailed, and then what was published before is as it was.
    """
    target = releases / version
    try:
        sync_tree(directory)
        with _locked(releases):
            _refuse_existing(releases, version)
            if _is_highest(releases, version):
                following = releases / f".latest.{version}.next"
                following.unlink(missing_ok=True)
                following.symlink_to(version)
                sync_directory(releases)
            os.rename(directory, target)
            sync_directory(releases)
            _finish(releases)
    except OSError as error:
        raise _refused(releases, version, error) from error
    return target


def _refused(releases: Path, version: str, error: OSError) -> PublishError:
    """The error for a disk that does not take a release."""
    return PublishError(
        f"release {version} could not be published",
        why=f"{error.filename or releases / version}: {error.strerror}",
        todo=f"mend the permissions or free space of {releases}; nothing that was published has changed",
    )


def recover(releases: Path) -> tuple[str, ...]:
    """Finish or remove what killed runs left, and say what was done; folders of runs still alive are let be."""
    if not releases.is_dir():
        return ()
    with _locked(releases):
        told = _finish(releases)
        for entry in sorted(releases.iterdir()):
            if _is_abandoned(entry):
                remove_tree(entry)
                told.append(f"removed {entry.name}, left by a run that was killed")
        return tuple(told)


def list_releases(releases: Path) -> tuple[str, ...]:
    """The published versions, lowest first by rpm's order."""
    if not releases.is_dir():
        return ()
    names = [
        entry.name
        for entry in releases.iterdir()
        if not entry.name.startswith(".") and not entry.is_symlink() and (entry / MANIFEST_NAME).is_file()
    ]
    return tuple(sorted(names, key=functools.cmp_to_key(compare_versions)))


def _finish(releases: Path) -> list[str]:
    """Carry out or drop the step that was prepared in `publish`: the renaming of the next `latest`."""
    told = []
    for entry in sorted(releases.iterdir()):
        match = _NEXT_LATEST.fullmatch(entry.name)
        if match is None:
            continue
        if (releases / match["version"]).is_dir():
            os.replace(entry, releases / LATEST_LINK)
            told.append(f"{LATEST_LINK} is now {match['version']}")
        else:
            entry.unlink()
    sync_directory(releases)
    return told


def _is_highest(releases: Path, version: str) -> bool:
    """A fix to an old series must not lead clients of `latest` back."""
    published = list_releases(releases)
    return not published or compare_versions(version, published[-1]) > 0


def _refuse_existing(releases: Path, version: str) -> None:
    if not is_safe_name(version) or version.startswith(".") or version == LATEST_LINK:
        raise PublishError(f"{version!r} is no name for a release", todo="use a version such as 1.0.2")
    if os.path.lexists(releases / version):
        raise PublishError(
            f"release {version} exists",
            why=f"{releases / version} is published, and released bytes never change",
            todo="choose the next version",
        )


@contextmanager
def _locked(releases: Path) -> Iterator[None]:
    """One process at a time changes what is in the folder; the lock is the folder's own and leaves no file."""
    descriptor = os.open(releases, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)


def _is_abandoned(folder: Path) -> bool:
    """True for a staging folder when no living process holds the lock that `staging` took."""
    if not _STAGING.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)
