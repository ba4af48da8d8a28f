"""Third-party packages in a folder of specs: each is a component at the last commit that touched it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from altai_build.tools.rpm.header import read_header
from tests.kit.cli import CliResult, altai_build
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_files, make_spec, unpack

CONFIG = """\
project: altai
targets: {t: {mock_config: m, arch: x86_64, macros: {dist: .el6}}}
keys: {k: {file: k, signs: true}}
repositories:
  main: {source: superproject, target: t, key: k}
  deps/misc: {source: specs, path: PATH, target: t, key: k, source_rpms: deps/misc-srpms}
release: {baseurl: "https://example.org"}
"""


def third_party(name: str, **files: Entry) -> dict[str, Entry]:
    """One folder of specs/: a spec without an archive of its own, and its files."""
    spec = make_spec(name, source=f"{name}.conf", prep="cp %{SOURCE0} README")
    return {f"specs/{name}/{name}.spec": spec, f"specs/{name}/{name}.conf": f"{name}\n", **files}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.component("repos/focus", make_files("focus"))
    made.pin(
        {
            **third_party("erlang"),
            **third_party("bunch"),
            "specs/README": "no spec",
            "specs/none/x": "no spec",
        }
    )
    (made.super.path / "repos.yaml").write_text(CONFIG.replace("PATH", "specs"))
    return made


def srpm(world: World, *words: str) -> CliResult:
    return altai_build("-C", world.super.path, "srpm", "--json", *words, cwd=world.folder)


def rows(world: World, *words: str) -> dict[str, dict[str, Any]]:
    return {row["component"]: row for row in srpm(world, *words).json}


def test_each_folder_with_a_spec_is_a_component(world: World) -> None:
    got = rows(world)
    head = world.super.git("rev-parse", "HEAD")
    assert {name: row["status"] for name, row in got.items()} == {
        "focus": "built",
        "bunch": "built",
        "erlang": "built",
    }
    assert got["bunch"]["commit"] == got["erlang"]["commit"] == head
    assert got["erlang"]["nevra"] == f"erlang-1.0-1.1.g{head[:7]}.el6.src"
    files = unpack(Path(got["erlang"]["srpm"]))
    assert set(files) == {"erlang.spec", "erlang.conf"} and files["erlang.conf"] == b"erlang\n"
    assert head in read_header(Path(got["erlang"]["srpm"])).changelog


def test_only_commits_that_touch_the_folder_count(world: World) -> None:
    first = rows(world)
    world.super.commit({"unrelated": "x"})
    world.super.commit({"specs/bunch/bunch.conf": "changed\n"})
    second = rows(world)
    assert second["erlang"]["nevra"] == first["erlang"]["nevra"] and second["erlang"]["status"] == "reused"
    head = world.super.git("rev-parse", "HEAD")
    assert second["bunch"]["nevra"] == f"bunch-1.0-1.2.g{head[:7]}.el6.src"


def test_a_source_without_file_and_origin_is_named(world: World) -> None:
    world.super.commit({"specs/erlang/erlang.spec": make_spec("erlang"), "specs/erlang/erlang.conf": None})
    row = rows(world)["erlang"]
    assert row["status"] == "failed" and "Source0: erlang-1.0.tar.gz" in row["reason"]
    assert "sources.yaml" in row["reason"]


def test_all_errors_of_sources_yaml_are_named(world: World) -> None:
    wrong = "sources:\n- {file: ../x, sha256: abc, from: 'ftp://example.org/x'}\n- {fiel: y}\n"
    world.super.commit({"specs/erlang/sources.yaml": wrong})
    got = rows(world)
    reason = got["erlang"]["reason"]
    assert got["erlang"]["status"] == "failed" and got["bunch"]["status"] == "built"
    for place in ("sources[0].file", "sources[0].sha256", "sources[0].from", "sources[1]"):
        assert place in reason, reason


def test_a_folder_outside_the_superproject_is_refused(world: World) -> None:
    (world.super.path / "repos.yaml").write_text(CONFIG.replace("PATH", "../elsewhere"))
    answer = srpm(world)
    assert (answer.code, answer.json["error"]["code"]) == (3, 3)
    assert "repositories.deps/misc.path is not in the superproject" in answer.err


def test_a_configuration_outside_the_clone_uses_the_clones_folder(world: World, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    (world.super.path / "repos.yaml").rename(place / "repos.yaml")
    answer = altai_build(
        "-C", world.super.path, "--config", place / "repos.yaml", "srpm", "--json", cwd=world.folder
    )
    assert {row["component"]: row["status"] for row in answer.json} == {
        "focus": "built",
        "erlang": "built",
        "bunch": "built",
    }
