"""Whether files and folders are as they were, without reading them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.tools.tree_state import list_tree, read_state


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a file, and a folder with another one."""
    top = tmp_path / "top"
    (top / "inner").mkdir(parents=True)
    (top / "one").write_text("one")
    (top / "inner" / "two").write_text("two")
    return top


def test_all_folders_and_the_wanted_files_are_listed(tree: Path) -> None:
    everything = {tree, tree / "one", tree / "inner", tree / "inner" / "two"}
    assert set(map(Path, list_tree(tree))) == everything
    listed = list_tree(tree, lambda entry: entry.path.startswith("inner/"))
    assert set(map(Path, listed)) == everything - {tree / "one"}


def touch_back(path: Path) -> None:
    """Other content of the same size, with the time of the old: only the time of change tells."""
    before = path.stat()
    path.write_text("eno")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    "change",
    [
        lambda top: touch_back(top / "one"),
        lambda top: (top / "one").chmod(0o600),
        lambda top: (top / "inner" / "three").write_text(""),
        lambda top: (top / "inner" / "two").rename(top / "inner" / "three"),
        lambda top: os.link(top / "one", top.parent / "other"),
        lambda top: (top / "inner" / "two").unlink(),
        lambda top: os.replace(top / "inner" / "two", top / "one"),
    ],
)
def test_every_change_shows(tree: Path, change: Callable[[Path], object]) -> None:
    paths = list_tree(tree)
    before = read_state(paths)
    assert before is not None and read_state(paths) == before
    # The clock of files has ticks.
    ticked = tree.parent / "tick"
    while ticked.write_text("") or ticked.stat().st_ctime_ns / 1e9 <= before.changed:
        pass
    change(tree)
    assert read_state(paths) != before


def test_what_changed_just_now_is_not_quiet(tree: Path) -> None:
    state = read_state(list_tree(tree))
    assert state is not None and abs(state.changed - time.time()) < 60
    assert not state.was_quiet(state.changed + 2)
    assert state.was_quiet(state.changed + 4)
    assert read_state([*list_tree(tree), str(tree / "gone")]) is None
