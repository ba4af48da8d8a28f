"""What `clean` chooses, and that it removes that and nothing else."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from altai_build.ledger import Artefact, Ledger, Record
from altai_build.model.build_inputs import SOURCE_PACKAGE
from altai_build.stages import clean
from altai_build.stages.clean import (
    CleanupPlan,
    Removal,
    WorkspaceItem,
    clean_up,
    list_workspace_items,
    plan_cleanup,
    prune_ledger,
)
from altai_build.tools.files import remove_tree
from altai_build.workspace import Workspace
from tests.conftest import Require
from tests.kit.cli import altai_build
from tests.kit.git import Repo

DAY = 86400.0
NOW = 1_700_000_000.0


def item(
    name: str, days: float, size: int = 10, *, kind: str = "build", linked: bool = False
) -> WorkspaceItem:
    return WorkspaceItem(kind=kind, path=Path("/w", name), size=size, used=NOW - days * DAY, linked=linked)


def names(cleanup_plan: object) -> list[str]:
    return [one.item.path.name for one in cleanup_plan.removals]  # type: ignore[attr-defined]


def test_age_and_size_choose_the_least_recently_used() -> None:
    items = [item("new", 1), item("old", 20), item("older", 30), item("newest", 0.1)]
    assert names(plan_cleanup(items, now=NOW)) == []
    assert names(plan_cleanup(items, now=NOW, older_than=14 * DAY)) == ["older", "old"]
    assert names(plan_cleanup(items, now=NOW, max_size=25)) == ["older", "old"]
    assert names(plan_cleanup(items, now=NOW, older_than=25 * DAY, max_size=10)) == ["older", "old", "new"]
    assert plan_cleanup(items, now=NOW, max_size=25).kept == 20


def test_what_a_release_links_to_stays_and_leftovers_go() -> None:
    items = [
        item("released", 99, linked=True),
        item("left", 2, kind="leftover"),
    ]
    chosen = plan_cleanup(items, now=NOW, older_than=DAY, max_size=0)
    assert (names(chosen), chosen.kept) == (["left"], 10)


def fill(workspace: Workspace, releases: Path) -> None:
    """One file in each place, all of them old; one signed package is in a release."""
    places = [
        workspace.buildroots / "base" / "k1" / "etc" / "passwd",
        workspace.buildroots / "base" / ".new.abc" / "x",
        workspace.buildroots / "layers" / "k2" / "f",
        workspace.builds / "k3" / "a.rpm",
        workspace.srpms / "k4" / "a.src.rpm",
        workspace.signed / "key-v4" / "k5" / "a.rpm",
        workspace.signed / "key-v4" / "k6" / "released.rpm",
        workspace.logs / "a" / "build.log",
        workspace.cache / "packages" / "d.rpm",
        workspace.scratch / "srpm.x" / "f",
        workspace.packages / "ab" / "abc" / "locked.rpm",
        workspace.gnupg / "private.key",
        workspace.root / "ledger.jsonl",
    ]
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x" * 5000)
    for name in ("base/k1.log", "base/k1.files", "layers/k2.files", "layers/k2.size"):
        (workspace.buildroots / name).write_text("of a buildroot")
    releases.mkdir()
    os.link(workspace.signed / "key-v4" / "k6" / "released.rpm", releases / "released.rpm")
    then = time.time() - 30 * DAY
    for folder, _, _ in os.walk(workspace.root):
        os.utime(folder, (then, then))
    os.utime(workspace.cache / "packages" / "d.rpm", (then, then))


def files(root: Path) -> set[str]:
    return {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()}


def test_everything_that_can_be_made_again_goes_and_nothing_else(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    fill(workspace, tmp_path / "releases")
    cleanup_plan = plan_cleanup(list_workspace_items(workspace), now=time.time(), older_than=14 * DAY)
    before = files(workspace.root)
    clean_up(cleanup_plan)
    kept = {
        "gnupg/private.key",
        "ledger.jsonl",
        "packages/ab/abc/locked.rpm",
        "signed/key-v4/k6/released.rpm",
    }
    assert files(workspace.root) == kept
    # What is beside a buildroot goes with it.
    assert len(before) - len(kept) == len(cleanup_plan.removals) + 4
    assert cleanup_plan.freed_bytes >= 5000 * len(cleanup_plan.removals)


def test_the_verb_shows_the_same_before_it_does_it(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"README": "x"})
    workspace = Workspace(tmp_path / "ws")
    fill(workspace, tmp_path / "releases")
    words = ["--workspace", str(workspace.root), "clean", "--older-than", "2w", "--max-size", "1M", "--json"]
    shown = altai_build(*words, "--dry-run", cwd=repo.path).json
    assert (workspace.builds / "k3").is_dir()
    done = altai_build(*words, cwd=repo.path).json
    assert (shown["dry_run"], done["dry_run"]) == (True, False)
    assert shown["removed"] == done["removed"]
    assert not (workspace.builds / "k3").exists()
    assert altai_build(*words, cwd=repo.path).json["removed"] == []


def test_records_of_what_is_gone_are_dropped_but_for_the_last_of_each_component(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    ledger = Ledger(workspace.ledger)

    def append(kind: str, key: str, component: str, source: str = "") -> None:
        artefact = Artefact(file="x", sha256=f"sha of {key}", size=1)
        record = Record(
            kind=kind,
            key=key,
            component=component,
            commit="c",
            inputs=((SOURCE_PACKAGE, source),),
            artefacts=(artefact,),
            seconds=1.0,
        )
        ledger.append(record)

    for number in range(3):
        append("srpm", f"s{number}", "nova")
        append("requires", f"r{number}", "nova", f"sha of s{number}")
        append("build", f"b{number}", "nova", f"sha of s{number}")
    append("build", "kept", "glance")
    append("build", "last", "glance")
    append("failure", "f0", "glance")
    append("failure", "f1", "glance")
    for place in (workspace.builds / "b1", workspace.builds / "kept"):
        place.mkdir(parents=True)
    prune_ledger(workspace, ledger)
    kept = {
        one.key
        for kind in ("srpm", "requires", "build", "failure")
        for one in Ledger(workspace.ledger).all(kind)
    }
    assert kept == {"s1", "s2", "r2", "b1", "b2", "kept", "last", "f1"}


def test_folders_of_a_lower_layer_of_overlayfs_are_removed(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "mounting needs root")
    lower = tmp_path / "lower"
    fill(Workspace(lower / "workspace"), tmp_path / "releases")
    for name in ("upper", "work", "merged"):
        (tmp_path / name).mkdir()
    mount = f"lowerdir={lower},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    script = (
        f"mount -t overlay -o {mount} none {tmp_path}/merged && exec {sys.executable} -m altai_build -C {tmp_path} "
        f"--workspace {tmp_path}/merged/workspace clean --older-than 0d --json"
    )
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    require("unknown filesystem type" not in done.stderr, "this kernel has no overlayfs")
    assert done.returncode == 0, done.stderr
    removed = {Path(row["path"]).name for row in json.loads(done.stdout)["removed"]}
    assert {"k1", "k2", "k3", "k4", "k5"} <= removed
    assert (lower / "workspace" / "builds" / "k3").is_dir()
    whiteout = (tmp_path / "upper" / "workspace" / "builds" / "k3").lstat()
    assert stat.S_ISCHR(whiteout.st_mode)


def test_a_removal_in_place_that_was_interrupted_is_finished_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.prepare()
    folder = workspace.builds / "key"
    folder.mkdir(parents=True)
    (folder / "a.rpm").write_text("")
    (folder / "b.rpm").write_text("")

    def refuse(*_names: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    def stop(path: Path) -> None:
        if path == folder:
            (folder / "a.rpm").unlink()
            raise KeyboardInterrupt
        remove_tree(path)

    removal = Removal(WorkspaceItem(kind="build", path=folder, size=0, used=0.0), "old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refuse)
        patch.setattr(clean, "remove_tree", stop)
        with pytest.raises(KeyboardInterrupt):
            clean_up(CleanupPlan(removals=(removal,), kept=0))
    assert [path.name for path in folder.iterdir()] == ["b.rpm"]
    workspace.remove_leftovers()
    assert list(workspace.builds.iterdir()) == []
