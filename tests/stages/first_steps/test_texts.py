"""Files of a commit as text: regular ones only, and only small ones."""

from __future__ import annotations

from altai_build.stages.first_steps.texts import CommitFiles
from altai_build.tools.git.superproject import Superproject


def open_files(superproject: Superproject, limit: int = 256 << 10) -> CommitFiles:
    commit = superproject.resolve_revision("HEAD")
    return CommitFiles(superproject.open_store(commit), commit, limit=limit)


def test_links_large_and_missing_files_are_not_read(superproject: Superproject) -> None:
    files = open_files(superproject)
    found = files.read(["link.repo", "large.cfg", "no/such", "top/top.spec"])
    assert list(found) == ["top/top.spec"] and found["top/top.spec"].startswith("Name: top")
    assert "link.repo" not in files.paths and "repos/nova" not in files.paths


def test_the_limit_is_the_callers(superproject: Superproject) -> None:
    assert list(open_files(superproject, 1 << 20).read(["large.cfg"])) == ["large.cfg"]
    assert open_files(superproject, 10).read(["top/top.spec"]) == {}


def test_files_are_chosen_by_their_paths(superproject: Superproject) -> None:
    assert list(open_files(superproject).read_where(lambda path: path.startswith("packages/"))) == [
        "packages/a/a.spec",
        "packages/b/b.spec",
    ]
