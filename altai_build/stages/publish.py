"""Publish a release completely or not at all, and finish or clean up what killed runs left.

A release is made in `releases/.VERSION.staging-XXXX`, which its process keeps locked. Publication renames that folder
to `releases/VERSION` and then replaces the link `latest`. The new link is prepared before the first rename: if the run
fails or is killed between the two, the next command that reads releases finds the prepared link and finishes. Clients
see the old state or the new one at any time.
"""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import AltaiError, InputError, PublishError
from altai_build.model.release_files import CHECKSUMS_NAME, LATEST_LINK, MANIFEST_NAME
from altai_build.model.release_version import UnorderedVersion, to_rpm_version
from altai_build.tools import notices
from altai_build.tools.files import (
    PUBLIC_DIRECTORY_MODE,
    CannotWriteError,
    lock_descriptor,
    make_directory,
    remove_tree,
    sync_directory,
    sync_tree,
)
from altai_build.tools.rpm.versions import compare_versions

_STAGING = re.compile(r"\.(?P<version>.+)\.staging-[^.]+")
_NEXT_LATEST = re.compile(r"\.latest\.(?P<version>.+)\.next")
# A folder with one of these is a release, even a damaged one that lacks the others.
_RELEASE_FILES = (MANIFEST_NAME, f"{MANIFEST_NAME}.asc", CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc")


class UnfinishedPublicationError(PublishError):
    """The release is published, but the link `latest` or the disk is not up to date yet."""


@dataclass(frozen=True)
class Recovery:
    """What was done about killed runs."""

    finished: tuple[str, ...]  # versions that are now completely published
    removed: tuple[str, ...]  # names of staging folders


@contextmanager
def staging(releases: Path, version: str) -> Iterator[Path]:
    """An empty folder for the release, removed after the block unless it was published.

    Raises InputError and PublishError as `check_version` does, and PublishError when the block cannot write to disk.
    """
    with _publish_errors(releases, version):
        _make_public_directory(releases)
        with lock_releases(releases):
            check_version(version, list_releases(releases), releases)
            folder = Path(tempfile.mkdtemp(prefix=f".{version}.staging-", dir=releases))
        # mkdtemp makes a private folder, but web servers must read this one.
        folder.chmod(PUBLIC_DIRECTORY_MODE)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        # The lock belongs to the inode: it survives the rename, and the kernel drops it when the process ends.
        lock_descriptor(descriptor)
        try:
            yield folder
        finally:
            # What cannot be removed now is removed by the next release; the first error counts.
            with suppress(OSError):
                remove_tree(folder)
            os.close(descriptor)


def publish(directory: Path, releases: Path, version: str, *, judged_against: Sequence[str]) -> Path:
    """Rename the staged release to releases/VERSION, and let `latest` point to the highest version.

    `judged_against` are the published versions that the release was compared with. Raises PublishError: the published
    releases have not changed then, and other releases than those may be published by now. Raises
    UnfinishedPublicationError when the release is published, but an error occurred after that.
    """
    target = releases / version
    with _publish_errors(releases, version):
        sync_tree(directory)
        with lock_releases(releases):
            _finish_publications(releases)
            published = list_releases(releases)
            check_version(version, published, releases)
            _refuse_other_releases(version, published, judged_against)
            _prepare_latest(releases, version, max((version, *published), key=release_order))
            os.rename(directory, target)
            try:
                sync_directory(releases)
                _finish_publications(releases)
            except OSError as error:
                raise _make_unfinished_error(target, error) from error
    return target


def recover(releases: Path) -> Recovery:
    """Finish or remove what killed runs left; folders of running processes stay. Raises PublishError."""
    if not releases.is_dir():
        return Recovery(finished=(), removed=())
    removed = []
    with _publish_errors(releases, ""), lock_releases(releases):
        finished = _finish_publications(releases)
        for entry in sorted(releases.iterdir()):
            if _is_abandoned(entry):
                remove_tree(entry)
                removed.append(entry.name)
    return Recovery(finished=finished, removed=tuple(removed))


def finish_publications(releases: Path) -> tuple[str, ...]:
    """Finish the publications that were interrupted after the release was in place; returns their versions.

    A publication under way in another process is left to it. Raises OSError where this process must not write.
    """
    try:
        names = os.listdir(releases)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    if not any(_NEXT_LATEST.fullmatch(name) for name in names):
        return ()
    descriptor = os.open(releases, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return _finish_publications(releases) if lock_descriptor(descriptor, blocking=False) else ()
    finally:
        os.close(descriptor)


@contextmanager
def lock_releases(releases: Path) -> Iterator[None]:
    """Hold the lock of the folder itself, which leaves no file: one process at a time changes what it contains.

    Raises OSError where there is no such folder, or its file system has no locks.
    """
    descriptor = os.open(releases, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not lock_descriptor(descriptor, blocking=False):
            notices.inform(f"waiting for another run that is changing {releases}")
            lock_descriptor(descriptor)
        yield
    finally:
        os.close(descriptor)


def list_releases(releases: Path) -> tuple[str, ...]:
    """The published versions, lowest first."""
    if not releases.is_dir():
        return ()
    names = [
        entry.name
        for entry in releases.iterdir()
        if not entry.name.startswith(".") and not entry.is_symlink() and is_release(entry)
    ]
    return tuple(sorted(names, key=release_order))


def is_release(folder: Path) -> bool:
    """True for the folder of a release, even a damaged one."""
    return any((folder / name).is_file() for name in _RELEASE_FILES)


def compare_releases(left: str, right: str) -> int:
    """Negative, 0 or positive when `left` is an older, the same or a newer version than `right`.

    The order is total, so that of two releases one is always the earlier: equal versions that are written differently,
    which only other programs publish side by side, are ordered by their names.
    """
    order = compare_versions(_get_sort_form(left), _get_sort_form(right))
    return order or (left > right) - (left < right)


# For `sorted` and `max`.
release_order = functools.cmp_to_key(compare_releases)


def check_version(version: str, published: Sequence[str], releases: Path) -> None:
    """Whether a new release may have this version.

    Raises InputError for a version that has no place in the order of versions, PublishError for one that is published,
    in this or another spelling.
    """
    try:
        form = to_rpm_version(version)
    except UnorderedVersion as error:
        raise InputError(
            f"{version!r} is not a version for a release", why=str(error), todo="use a version such as 1.0.2"
        ) from error
    if os.path.lexists(releases / version):
        raise PublishError(
            f"release {version} exists",
            why=f"{releases / version} is published, and a published release never changes",
            todo="choose the next version",
        )
    for other in published:
        if compare_versions(form, _get_sort_form(other)) == 0:
            raise PublishError(
                f"release {other} exists, and {version} is the same version",
                why="neither would be an update of the other",
                todo="choose the next version",
            )


def _make_public_directory(path: Path) -> None:
    """Create the folder of all releases, and its parents, with modes that do not depend on the umask."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    make_directory(path, durable=True)
    for folder in missing:
        folder.chmod(PUBLIC_DIRECTORY_MODE)


def _get_sort_form(version: str) -> str:
    """The version for rpm to order; one that has no place among others (an old folder) as it is written."""
    try:
        return to_rpm_version(version)
    except UnorderedVersion:
        return version


def _refuse_other_releases(version: str, published: Sequence[str], judged_against: Sequence[str]) -> None:
    """Raise PublishError when other releases are published than those that this one was compared with."""
    changes = [f"{name} was published" for name in published if name not in judged_against]
    changes += [f"{name} was removed" for name in judged_against if name not in published]
    if changes:
        raise PublishError(
            f"release {version} was not published: the published releases changed while it was made",
            why="\n".join(changes),
            todo="rerun the command: it compares the release with what is published now, and reuses the builds",
        )


def _prepare_latest(releases: Path, version: str, highest: str) -> None:
    """Prepare the link that replaces `latest` when `version` is in place."""
    link = releases / f".latest.{version}.next"
    link.unlink(missing_ok=True)
    link.symlink_to(highest)
    sync_directory(releases)


def _finish_publications(releases: Path) -> tuple[str, ...]:
    """Replace `latest` by each prepared link whose release is in place, and remove the other prepared links."""
    finished = []
    entries = [
        (entry, match["version"])
        for entry in releases.iterdir()
        if (match := _NEXT_LATEST.fullmatch(entry.name))
    ]
    for entry, version in sorted(entries, key=lambda found: release_order(found[1])):
        if (releases / version).is_dir():
            os.replace(entry, releases / LATEST_LINK)
            finished.append(version)
        else:
            entry.unlink()
    if entries:
        sync_directory(releases)
    return tuple(finished)


@contextmanager
def _publish_errors(releases: Path, version: str) -> Iterator[None]:
    """Turn errors of the disk into a PublishError that names the place and says that nothing was published."""
    what = f"release {version} could not be published" if version else f"cannot clean up {releases}"
    try:
        yield
    except CannotWriteError as error:
        raise _make_error(what, error.path, error.why) from error
    except OSError as error:
        # Of two files the second is the one that is written.
        name = error.filename2 or error.filename
        place = Path(os.fsdecode(name)) if name else releases
        raise _make_error(what, place, error.strerror or str(error)) from error
    except PublishError:
        raise
    except AltaiError as error:
        from altai_build.tools.disk import describe_full_disks

        # A full disk has many faces: a program that failed, metadata that is cut off, a file that is missing.
        full = describe_full_disks([releases])
        if not full:
            raise
        raise PublishError(
            what,
            why="\n".join((*full, error.what, *error.why.splitlines())),
            todo=f"free space in {releases}; the published releases have not changed",
        ) from error


def _make_error(what: str, place: Path, reason: str) -> PublishError:
    return PublishError(
        what,
        why=f"{place}: {reason}",
        todo=f"check permissions and free space of {place.parent}; the published releases have not changed",
    )


def _make_unfinished_error(target: Path, error: OSError) -> UnfinishedPublicationError:
    latest = target.parent / LATEST_LINK
    points_to = os.readlink(latest) if latest.is_symlink() else "nothing"
    return UnfinishedPublicationError(
        f"release {target.name} is published, but not finished: `{LATEST_LINK}` points to {points_to}",
        why=f"{error.filename or target.parent}: {error.strerror or error}",
        todo=f"check the disk of {target.parent}, then run `altai-build releases`, which finishes the publication",
    )


def _is_abandoned(folder: Path) -> bool:
    """True for a staging folder that no running process keeps locked."""
    if not _STAGING.fullmatch(folder.name) or folder.is_symlink() or not folder.is_dir():
        return False
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return lock_descriptor(descriptor, blocking=False)
    finally:
        os.close(descriptor)
