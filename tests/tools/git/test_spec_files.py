"""Which files of a commit are specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.git.spec_files import read_spec_files
from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Entry, Symlink
from tests.tools.git.test_lfs import CONTENT, POINTER, open_commit


def test_a_spec_that_is_a_symbolic_link_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    files = noarch_component("linked")
    spec = files.pop("linked.spec")
    site.world.component(
        "repos/linked", {**files, "contrib/linked.spec": spec, "linked.spec": Symlink("contrib/linked.spec")}
    )
    site.world.component("repos/outside", {"outside.spec": Symlink("../outside.spec")})
    site.world.component("repos/round", {"a.spec": Symlink("b.spec"), "b.spec": Symlink("a.spec")})
    site.world.pin()
    plan = site.plan()
    assert [source.info.name for source in plan.discovery.sourced] == ["linked"]
    reasons = {out.name: out.reason for out in plan.discovery.unreadable}
    assert set(reasons) == {"outside", "round/a", "round/b"}
    assert reasons["outside"].startswith("outside.spec is a symbolic link that leads to no file")
    run = site.build("linked")
    assert [row.status.value for row in run.rows] == ["built"]


def test_a_spec_in_git_lfs_is_its_content_or_an_error(tmp_path: Path) -> None:
    """The pointer itself looks like no RPM spec, and such files are skipped."""
    files: dict[str, Entry] = {"a.spec": POINTER, "b.spec": "Name: b\n", "c.spec": Symlink("a.spec")}
    store, commit = open_commit(tmp_path / "with", files, fetched=CONTENT)
    tree = store.read_tree(commit)
    assert read_spec_files(store, commit, tree, list(files)) == [CONTENT, b"Name: b\n", CONTENT]
    store, commit = open_commit(tmp_path / "without", files)
    with pytest.raises(InputError, match=r"^a\.spec is a Git LFS pointer, not the file"):
        read_spec_files(store, commit, store.read_tree(commit), list(files))
