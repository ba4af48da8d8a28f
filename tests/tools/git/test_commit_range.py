"""The commits of a range, in the order of the history and along its first parents."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.bisection import HistoryCommit
from altai_build.tools.git.commit_range import list_range, read_history_commit
from altai_build.tools.git.objects import ObjectStore
from tests.kit.git import Repo


def test_each_commit_comes_after_its_parents(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    base = repo.commit({"file": "1"}, message="one; $(touch x)\n\nbody")
    repo.git("branch", "side")
    main = repo.commit({"file": "2"}, message="two")
    side = repo.commit({"other": "1"}, message="side", branch="side")
    merge = repo.commit({"other": "1"}, message="merge", parents=[main, side])
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="repo", commit=merge
    )
    first = HistoryCommit(id=main, parents=(base,), subject="two")
    beside = HistoryCommit(id=side, parents=(base,), subject="side")
    last = HistoryCommit(id=merge, parents=(main, side), subject="merge")
    found = list_range(store, base, merge, first_parents=False)
    assert set(found) == {first, beside, last} and found[-1] == last
    assert list_range(store, base, merge, first_parents=True) == (
        first,
        HistoryCommit(id=merge, parents=(main,), subject="merge"),
    )
    assert list_range(store, merge, base, first_parents=True) == ()
    assert read_history_commit(store, base) == HistoryCommit(id=base, parents=(), subject="one; $(touch x)")
