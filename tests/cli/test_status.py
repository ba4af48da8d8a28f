"""`status` at the command line: every line has a label, the JSON form its schema, a broken definition its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]

import altai_build as package_of_altai_build
from altai_build.cli.status import list_lines
from altai_build.model.gitlink import ChangeStatus, GitlinkChange, require_commit
from altai_build.model.status import ChannelStatus, Problem, ReleaseChanges, Status
from altai_build.model.trust import TrustLevel
from tests.kit.cli import altai_build

SCHEMA = json.loads((Path(package_of_altai_build.__file__).parent / "schemas" / "status.json").read_text())
A, B = require_commit("a" * 40), require_commit("b" * 40)


def make_status(latest: ReleaseChanges | None, *problems: Problem) -> Status:
    return Status(
        project="p",
        config="/p/repos.yaml",
        target="t",
        mock_config="el6",
        head=B,
        components=2,
        specs=1,
        signing_keys=("k",),
        published=() if latest is None else ("1.0.0",),
        latest=latest,
        channels=()
        if latest is None
        else (
            ChannelStatus("stable", "1.0.0", "2026-11-27T11:00:00Z", 0),
            ChannelStatus("testing", "0.9", "2026-11-20T11:00:00Z", 2),
            ChannelStatus("gone", "0.1", "2026-11-20T11:00:00Z", None),
            ChannelStatus("odd", None, None, None),
        )
        if problems
        else None,
        last_run={"built": ("a", "b"), "failed": ("c",)} if problems else {},
        running="1 of 3 done" if problems else None,
        problems=problems,
    )


def test_a_status_with_changes_and_problems() -> None:
    changes = ReleaseChanges(
        version="1.0.0",
        created="2013-02-28T12:00:00Z",
        commit=A,
        packages=7,
        commits=3,
        components=(GitlinkChange(path="repos/nova", status=ChangeStatus.MODIFIED, old=A, new=B),),
        files=("specs/x/x.spec",),
        dependents=("client",),
        trust=TrustLevel.PINNED,
    )
    assert [f"{label}|{text}" for label, text in list_lines(make_status(changes, Problem("bad", "fix it")))][
        :-1
    ] == [
        "project|p (/p/repos.yaml)",
        "target|t, mock configuration el6",
        "signing|with k",
        "components|2 submodules, 1 folder of specs",
        "HEAD|bbbbbbbbbbbb",
        "released|1.0.0 of 2013-02-28, 7 packages, commit aaaaaaaaaaaa; 1 release in all",
        "signature|of 1.0.0: made with a key of repos.yaml",
        "channels|stable shows 1.0.0 since 2026-11-27, the latest",
        "|testing shows 0.9 since 2026-11-20, 2 releases behind",
        "|gone shows 0.1 since 2026-11-20, which is not published here",
        "|odd shows nothing that can be relied on",
        "changed|since 1.0.0: 3 commits, 1 submodule, 1 file",
        "|  modified repos/nova  aaaaaaaaaaaa → bbbbbbbbbbbb",
        "|  specs/x/x.spec",
        "next|a release would build what changed and 1 component built with it in 1.0.0 (client), and reuse the rest: "
        "`altai-build release 1.0.1 --dry-run`",
        "last run|by component: 2 built, 1 failed",
        "running|a run builds in this workspace: 1 of 3 done",
        "wrong|bad",
        "|  → fix it",
    ]


def test_unknown_unchanged_and_unreleased_are_different() -> None:
    known = ReleaseChanges(version="1.0.0", created="2013", commit=A, packages=7)
    texts = {}
    for name, latest in (
        ("unknown", known),
        ("same", ReleaseChanges(**{**vars(known), "commits": 0, "components": (), "files": ()})),
        ("none", None),
    ):
        lines = dict(list_lines(make_status(latest)))
        texts[name] = (lines.get("changed"), lines["next"].split(":")[0], lines["wrong"])
    nothing = "nothing that was looked at"
    assert texts == {
        "unknown": (
            "unknown: HEAD cannot be compared with 1.0.0",
            "what a release would build is unknown",
            nothing,
        ),
        "same": ("nothing since 1.0.0", "a release would have the same packages", nothing),
        "none": (None, "a release would build every component", nothing),
    }


def test_a_broken_definition_and_none_at_all(tmp_path: Path) -> None:
    answer = altai_build("status", "--json", cwd=tmp_path)
    jsonschema.validate(answer.json, SCHEMA)
    assert answer.code == 0 and answer.json["project"] is None
    (tmp_path / "repos.yaml").write_text("project: [\x1b")
    answer = altai_build("status", cwd=tmp_path)
    assert answer.code == 3 and "\x1b" not in answer.out
    assert "wrong" in answer.out and "not read" in answer.out
