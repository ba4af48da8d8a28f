"""Specs and sources of a component may be in its own submodules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builders import HostSite
from tests.kit.git import Entry, Pin, Repo, gitmodules
from tests.kit.superprojects import make_spec, unpack


def with_submodule(url: str, folder: str, commit: str) -> dict[str, Entry]:
    return {folder: Pin(commit), ".gitmodules": gitmodules({folder: url}), "README": "x"}


def test_a_spec_and_a_source_in_a_submodule_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    inner = Repo(tmp_path / "inner")
    tags = "Source1: extra.conf\nBuildArch: noarch"
    packaging = inner.commit({"packed.spec": make_spec("packed", tags=tags), "extra.conf": "inner"})
    site.world.component("repos/packed", with_submodule("../inner", "rpm", packaging))
    config = inner.commit({"packed.spec": None, "extra.conf": "newer"})
    spec = {"sourced.spec": make_spec("sourced", tags=tags)}
    site.world.component("repos/sourced", {**spec, **with_submodule("../inner", "conf", config)})
    site.world.component("repos/none", with_submodule("../inner", "rpm", config))
    site.world.pin()
    answer = site.call("srpm", "--json")
    assert answer.code == 0, answer.err
    rows = {row["component"]: row for row in answer.json}
    assert {name: row["status"] for name, row in rows.items()} == {
        "packed": "built",
        "sourced": "built",
        "none": "skipped",
    }
    texts = {name: unpack(Path(rows[name]["srpm"]))["extra.conf"] for name in ("packed", "sourced")}
    assert texts == {"packed": b"inner", "sourced": b"newer"}


def test_a_submodule_that_may_have_the_spec_and_is_not_available_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/packed", with_submodule("../gone", "rpm", "1" * 40))
    site.world.pin()
    for verb in ("plan", "srpm"):
        assert site.call(verb, "--json").code == 3
