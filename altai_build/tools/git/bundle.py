"""Mirrors as bundles: single files that git reads as it reads what a remote sends, whoever wrote them.

git computes the id of each object from its content, and refuses histories that lack some.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from altai_build.errors import InputError
from altai_build.regular_files import open_regular_file
from altai_build.tools.files import file_lock, scratch_directory, sync_tree
from altai_build.tools.git.command import ISOLATED, REMOTE, run_git

_HEADERS = {b"# v2 git bundle\n": "sha1", b"# v3 git bundle\n": "sha256"}


def write_bundle(mirror: Path, bundle: Path) -> bool:
    """Write all that the references of a mirror contain; False where it has none. Raises GitError."""
    if not _list_references(mirror):
        return False
    run_git(ISOLATED, ["bundle", "create", "--quiet", str(bundle), "--all"], git_dir=mirror)
    return True


def describe_references(mirror: Path) -> str:
    """A digest of the references of a mirror with their commits. Raises GitError."""
    return hashlib.sha256(_list_references(mirror).encode("utf-8", "surrogateescape")).hexdigest()


def _list_references(mirror: Path) -> str:
    return run_git(ISOLATED, ["for-each-ref", "--format=%(objectname) %(refname)"], git_dir=mirror).text


def read_bundle(bundle: Path, mirror: Path) -> None:
    """Make a mirror of what is in a bundle. Raises InputError for one that is damaged or incomplete."""
    with open_regular_file(bundle) as stream:
        object_format = _HEADERS.get(stream.readline(64))
    if object_format is None:
        raise InputError(f"{bundle.name} is not a git bundle")
    with file_lock(mirror.with_suffix(".lock")), scratch_directory(mirror.parent, ".new") as scratch:
        made = scratch / mirror.name
        words = ["init", "--quiet", "--bare", f"--object-format={object_format}", "--template=", str(made)]
        run_git(ISOLATED, words, place=bundle.name)
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        words = ["fetch", *options, "--end-of-options", str(bundle.absolute()), "+refs/*:refs/*"]
        run_git(REMOTE, words, git_dir=made, place=bundle.name)
        sync_tree(made)
        os.rename(made, mirror)
