"""`notes` of real superprojects: what happened to each pin, and text that no commit can turn into markup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kit.git import Pin, gitmodules
from tests.kit.manifests import component, package, third_party
from tests.kit.superprojects import World
from tests.kit.written_site import WrittenSite


class Site(WrittenSite):
    """A superproject with its components, and releases of its commits."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "git")
        super().__init__(folder, self.world.super.path)

    def notes(self) -> dict[str, Any]:
        """Path → what `notes 1 2 --json` tells of that component."""
        answer = self.call("notes", "1", "2", "--json")
        assert answer.code == 0, answer.err
        return {component["path"]: component for component in answer.json["components"]}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def subjects(commits: list[Mapping[str, Any]]) -> list[str]:
    return [commit["subject"] for commit in commits]


def test_every_change_of_a_pin_is_named(site: Site) -> None:
    world = site.world
    names = ("updated", "rewound", "diverged", "removed", "same", "renamed")
    first = {name: world.component(f"repos/altai/{name}", {"file": name}) for name in names}
    repos = {name: world.components[f"repos/altai/{name}"] for name in names}
    ahead = repos["rewound"].commit({"file": "2"}, message="Too early")
    side = repos["diverged"].commit({"file": "s"}, message="On a side branch")
    old = world.pin({}, rewound=ahead, diverged=side)
    new_pins = {
        "updated": repos["updated"].commit({"file": "2"}, message="Fix the thing"),
        "diverged": repos["diverged"].commit(
            {"file": "m"}, message="On the main line", branch="other", parents=[first["diverged"]]
        ),
        "rewound": first["rewound"],
        "same": first["same"],
        "added": world.component("repos/altai/added", {"file": "added"}),
    }
    tree: dict[str, Any] = {f"repos/altai/{name}": Pin(commit) for name, commit in new_pins.items()}
    tree["repos/altai/removed"] = tree["repos/altai/renamed"] = None
    tree["repos/openstack/renamed"] = Pin(first["renamed"])
    urls = {**world.urls, "repos/openstack/renamed": world.urls["repos/altai/renamed"]}
    new = world.super.commit({**tree, ".gitmodules": gitmodules(urls)}, message="Pin all")
    updated = [component("repos/altai/updated", commit) for commit in (first["updated"], new_pins["updated"])]
    same = component("repos/altai/same", first["same"])
    site.release("1", package("u-1-1.noarch", updated[0]), package("s-1-1.noarch", same), commit=old)
    site.release("2", package("u-2-1.noarch", updated[1]), package("s-1-1.1.noarch", same), commit=new)
    notes = site.notes()
    assert {path: component["status"] for path, component in notes.items()} == {
        ".": "updated",
        "repos/altai/updated": "updated",
        "repos/altai/rewound": "rewound",
        "repos/altai/diverged": "diverged",
        "repos/altai/removed": "removed",
        "repos/altai/added": "added",
        "repos/altai/same": "same pin",
        "repos/openstack/renamed": "relocated",
    }
    assert subjects(notes["repos/altai/updated"]["commits"]) == ["Fix the thing"]
    assert notes["repos/altai/updated"]["packages"] == [
        {
            "change": "upgraded",
            "name": "u",
            "old": "u-1-1.noarch",
            "new": "u-2-1.noarch",
            "repository": "centos6",
        }
    ]
    assert subjects(notes["repos/altai/rewound"]["undone"]) == ["Too early"]
    assert notes["repos/altai/rewound"]["commits"] == []
    assert subjects(notes["repos/altai/diverged"]["commits"]) == ["On the main line"]
    assert subjects(notes["repos/altai/diverged"]["undone"]) == ["On a side branch"]
    assert notes["repos/altai/same"]["packages"][0]["change"] == "rebuilt"
    assert notes["repos/openstack/renamed"]["old_path"] == "repos/altai/renamed"
    assert subjects(notes["."]["commits"]) == ["Pin all"]
    text = site.call("notes", "1", "2").out
    assert (
        f"repos/altai/rewound: rewound from {ahead[:7]} to the earlier commit {first['rewound'][:7]}" in text
    )
    assert "  * dropped: Too early" in text


def test_commits_of_a_folder_of_specs_are_the_superprojects_that_touched_it(site: Site) -> None:
    repo = site.world.super
    old = repo.commit({"specs/bunch/bunch.spec": "1", "README": "1"}, message="Add bunch")
    repo.commit({"README": "2"}, message="Say more")
    new = repo.commit({"specs/bunch/bunch.spec": "2"}, message="bunch 2")
    site.release(
        "1",
        package("bunch-1-1.noarch", third_party("specs/bunch", old)),
        package("erlang-1-1.noarch"),
        commit=old,
    )
    site.release(
        "2",
        package("bunch-2-1.noarch", third_party("specs/bunch", new)),
        package("erlang-2-1.noarch"),
        commit=new,
    )
    answer = site.call("notes", "1", "2", "--json").json
    notes = {component["path"]: component for component in answer["components"]}
    assert subjects(notes["specs/bunch"]["commits"]) == ["bunch 2"]
    assert subjects(notes["."]["commits"]) == ["bunch 2", "Say more"]
    assert [change["new"] for change in answer["third_party"]] == ["erlang-2-1.noarch"]


def test_a_pin_of_another_repository_has_no_history_in_common(site: Site) -> None:
    site.world.component("repos/focus", {"file": "1"})
    old = site.world.pin()
    site.world.components.pop("repos/focus")
    (site.folder / "git" / "focus").rename(site.folder / "git" / "focus-before")
    site.world.component("repos/focus", {"other": "thing"}, url="../focus")
    new = site.world.pin()
    site.release("1", commit=old)
    site.release("2", commit=new)
    notes = site.notes()["repos/focus"]
    assert (notes["status"], notes["commits"]) == ("unknown", [])
    assert f"commit {notes['old']}" in notes["problem"]
    warned = site.call("notes", "1", "2")
    assert warned.code == 0
    assert "warning: repos/focus: cannot list its commits" in warned.err


def test_nothing_in_a_commit_becomes_markup(site: Site) -> None:
    site.world.component("repos/focus", {"file": "1"})
    old = site.world.pin()
    nasty = "# <b>bold</b> | `code` [x](javascript:1) \x1b[31m *star* _under_ 1. one"
    site.world.components["repos/focus"].commit({"file": "2"}, message=nasty)
    site.world.components["repos/focus"].commit({"file": "3"}, message="1. begin like a list")
    site.world.components["repos/focus"].commit({"file": "4"}, message="- or like another")
    new = site.world.pin()
    site.release("1", commit=old)
    site.release("2", commit=new)
    markdown = site.call("notes", "1", "2", "--markdown").out
    assert (
        r"- \# \<b\>bold\</b\> \| \`code\` \[x\](javascript:1)  \[31m \*star\* \_under\_ 1. one (" in markdown
    )
    assert "\n- 1\\. begin like a list (" in markdown
    assert "\n- \\- or like another (" in markdown
    text = site.call("notes", "1", "2").out
    assert r"\x1b[31m" in text and "\x1b" not in text


def test_merges_are_listed_only_without_other_commits(site: Site) -> None:
    first = site.world.component("repos/focus", {"file": "1"})
    repo = site.world.components["repos/focus"]
    old = site.world.pin()
    side = repo.commit({"side": "1"}, message="Side work", branch="side", parents=[first])
    repo.commit({"side": "1"}, message="Merge side", parents=[first, side])
    new = site.world.pin()
    site.release("1", commit=old)
    site.release("2", commit=new)
    assert {(commit["subject"], commit["merge"]) for commit in site.notes()["repos/focus"]["commits"]} == {
        ("Side work", False),
        ("Merge side", True),
    }
    text = site.call("notes", "1", "2").out
    assert "Side work" in text and "Merge side" not in text


def test_notes_of_a_commit_that_the_clone_does_not_have(site: Site) -> None:
    site.release("1", commit="d" * 40)
    site.release("2", commit=site.world.super.commit({"README": "1"}))
    answer = site.call("notes", "1", "2")
    assert answer.code == 3
    assert f"no commit {'d' * 40!r}" in answer.err
