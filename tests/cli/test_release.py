"""`release`: options that need each other, and the plan that --dry-run prints."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from altai_build.cli.release import _published
from altai_build.errors import InputError
from tests.kit.cli import altai_build
from tests.kit.release_worlds import commit_definition, make_world
from tests.kit.superprojects import make_spec


def test_tags_must_be_made_to_be_pushed(tmp_path: Path) -> None:
    refused = altai_build("release", "1.0.0", "--push-tags", cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "")
    assert "--push-tags needs --tag" in refused.err


def test_a_dry_run_prints_the_plan_and_changes_nothing(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    tags = "BuildArch: noarch\nBuildRequires: focus"
    world.component("repos/altai/nova", {"nova.spec": make_spec("nova", tags=tags), "README": "x\n"})
    world.component("repos/altai/docs", {"README": "no spec\n"})
    commit_definition(world)
    commits = {
        path.rpartition("/")[2]: repo.git("rev-parse", "HEAD") for path, repo in world.components.items()
    }
    answer = altai_build("release", "1.0.0", "--dry-run", cwd=world.super.path)
    assert answer.code == 0, answer.err
    rows = [line.split("\t") for line in answer.out.splitlines()]
    new = "new: there is no previous release"
    assert rows[:2] == [
        ["1", "focus", commits["focus"][:12], "-", new],
        ["2", "nova", commits["nova"][:12], "focus", new],
    ]
    assert [row[:4] for row in rows[2:]] == [["-", "docs", commits["docs"][:12], "-"]]
    assert rows[2][4].startswith("skipped: ")
    plan = altai_build("release", "1.0.0", "--dry-run", "--json", cwd=world.super.path).json
    assert {key: plan[key] for key in ("release", "commit", "previous", "target", "tag", "cycles")} == {
        "release": "1.0.0",
        "commit": world.super.git("rev-parse", "HEAD"),
        "previous": None,
        "target": "t",
        "tag": None,
        "cycles": [],
    }
    assert [[row["component"] for row in wave] for wave in plan["waves"]] == [["focus"], ["nova"]]
    assert [row["component"] for row in plan["skipped"]] == ["docs"]
    assert not (tmp_path / "releases").exists()


def test_a_published_release_that_cannot_be_printed_is_called_published() -> None:
    with pytest.raises(InputError) as caught, _published("1.0.1", unpushed="p-1.0.1"):
        raise OSError(errno.ENOSPC, "No space left on device", "standard output")
    assert str(caught.value).splitlines() == [
        "release 1.0.1 is published, but its description cannot be printed",
        "standard output: No space left on device",
        "What to do: see it with `altai-build audit 1.0.1`; push the tag p-1.0.1 yourself",
    ]
