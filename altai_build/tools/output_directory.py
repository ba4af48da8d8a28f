"""Copies of packages in directories of the user's (`-o DIR`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.release_files import CHECKSUMS_NAME, MANIFEST_NAME
from altai_build.tools.files import (
    CannotWriteError,
    link_or_copy,
    make_directory,
    scratch_directory,
    sync_all,
    sync_directory,
)
from altai_build.tools.leftovers import remove_abandoned

_PREFIX = ".altai-build"


def refuse_release(path: Path) -> None:
    """Raise InputError for a path in a published release, whose files never change."""
    place = Path(os.path.realpath(path))
    for folder in (place, *place.parents):
        # False also where this user may not look, and so cannot write.
        if all(os.path.isfile(folder / name) for name in (MANIFEST_NAME, CHECKSUMS_NAME)):
            raise InputError(
                f"{path} is in the release {folder}",
                why="a published release never changes",
                todo="name another place with -o",
            )


def prepare_output(folder: Path) -> None:
    """Create the folder, and find out now, before hours of builds, whether files can be written there.

    Raises InputError when they cannot, and for a folder in a release.
    """
    refuse_release(folder)
    make_directory(folder, durable=True)
    with scratch_directory(folder, _PREFIX):
        pass


def copy_all_into(sources: Iterable[Path], folder: Path) -> list[Path]:
    """Link or copy files into a folder, each atomically, replacing files of the same names; returns the new paths.

    The sources are on the disk already, and so are the copies when this returns. Parallel runs may use one folder.
    Raises InputError when it cannot be written.
    """
    make_directory(folder, durable=True)
    remove_abandoned(folder, f"{_PREFIX}.*")
    places: list[Path] = []
    place = folder
    with scratch_directory(folder, _PREFIX) as scratch:
        try:
            for number, source in enumerate(sources):
                copy, place = scratch / str(number), folder / source.name
                link_or_copy(source, copy)
                if copy.stat().st_nlink == 1:
                    sync_all([copy])
                # It does nothing when both names are the same inode; the scratch directory takes the other one along.
                os.replace(copy, place)
                places.append(place)
            place = folder
            sync_directory(folder)
        except OSError as error:
            raise CannotWriteError(place, error) from error
    return places
