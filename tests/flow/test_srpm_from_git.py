"""Source packages depend on commits alone: not on folders, users, clocks or work trees; and where commits come from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from altai_build.tools.rpm.header import read_header
from tests.kit.cli import ROOT, CliResult, altai_build
from tests.kit.git import Pin, Repo, Symlink, gitmodules
from tests.kit.superprojects import World, make_files, make_spec, members, unpack


def srpm(world: World, *words: str | Path, **options: Any) -> CliResult:
    return altai_build("-C", world.super.path, "srpm", "--json", *words, cwd=world.folder, **options)


def only_row(answer: CliResult) -> dict[str, Any]:
    (row,) = answer.json
    assert isinstance(row, dict)
    return row


def make_world(folder: Path) -> World:
    world = World(folder)
    world.component("repos/altai/focus", make_files("focus", tags="Source1: x.conf") | {"x.conf": "x"})
    nested = Repo(folder / "inner")
    inner = nested.commit({"library.py": "inner = 1\n", "README": "inner"})
    deep = Repo(folder / "deep")
    bottom = deep.commit({"bottom.txt": "bottom\n"})
    middle = nested.commit({"deeper": Pin(bottom), ".gitmodules": gitmodules({"deeper": "../deep"})})
    assert inner != middle
    world.component(
        "repos/openstack/nova",
        make_files("nova")
        | {
            "lib/inner": Pin(middle),
            ".gitmodules": gitmodules({"lib/inner": "../inner"}),
            "bin": Symlink("README"),
        },
    )
    world.pin({"altai-release.spec": make_spec("altai-release"), "README": "root"})
    return world


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_commits_give_the_same_bytes_wherever_they_are(tmp_path: Path) -> None:
    world = make_world(tmp_path / "one")
    first = srpm(world, "-o", tmp_path / "first")
    assert first.code == 0, first.err
    again = World(tmp_path / "a longer folder's name" / "two")
    shutil.rmtree(again.folder)
    shutil.copytree(world.folder, again.folder)
    shutil.rmtree(again.super.path / ".altai-build")
    words = [
        sys.executable,
        "-m",
        "altai_build",
        "-C",
        str(again.super.path),
        "--workspace",
        str(tmp_path / "ws"),
    ]
    words += ["--jobs", "1", "srpm", "-o", str(tmp_path / "second")]
    home = tmp_path / "home"
    home.mkdir()
    (home / ".rpmmacros").write_text("%dist .evil\n%vendor Evil\n%_source_payload w9.bzdio\n%version 6\n")
    (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n[tar]\n\tumask = 0077\n")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
        "USER": "x",
    }
    env.pop("GIT_CONFIG_GLOBAL")
    subprocess.run(
        ["bash", "-c", 'umask 0077; exec "$@"', "-", *words], env=env, check=True, stdin=subprocess.DEVNULL
    )
    here, there = digests(tmp_path / "first"), digests(tmp_path / "second")
    assert len(here) == 3 and here == there


def test_another_user_makes_the_same_bytes(tmp_path: Path, require: Any) -> None:
    require(os.geteuid() == 0, "only root can become another user")
    world = make_world(tmp_path / "one")
    assert srpm(world, "-o", tmp_path / "first").code == 0
    shutil.rmtree(world.super.path / ".altai-build")
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith("/tmp/pytest-of"):
            folder.chmod(0o755)
    subprocess.run(["chown", "-R", "4321:4321", str(tmp_path)], check=True)
    argv = ["setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", sys.executable, "-m", "altai_build"]
    argv += ["-C", str(world.super.path), "srpm", "-o", str(tmp_path / "second")]
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    made = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert made.returncode == 0, made.stderr.decode()
    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_work_trees_have_no_effect(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    assert srpm(world, "-o", tmp_path / "clean").code == 0
    shutil.rmtree(world.super.path / ".altai-build")
    focus = world.super.path / "repos/altai/focus"
    world.components["repos/altai/focus"].git("clone", "--quiet", ".", str(focus))
    (focus / "README").write_text("edited and not committed")
    (focus / "focus.spec").write_text("Name: evil")
    (focus / "junk").write_text("untracked")
    (focus / ".git/info/attributes").write_text("* export-ignore\n")
    (focus / ".git/hooks/post-checkout").write_text("#!/bin/sh\nexit 1\n")
    (world.super.path / "README").write_text("edited")
    (world.super.path / "altai-release.spec").write_text("Name: evil")
    assert srpm(world, "-o", tmp_path / "dirty").code == 0
    assert digests(tmp_path / "clean") == digests(tmp_path / "dirty")


def test_nested_submodules_are_in_the_archive_at_their_pins(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    row = only_row(srpm(world, "nova"))
    files = unpack(Path(row["srpm"]))
    content = members(files["nova-1.0.tar.gz"])
    assert content == {
        "nova-1.0/.gitmodules": gitmodules({"lib/inner": "../inner"}),
        "nova-1.0/README": "This is nova.\n",
        "nova-1.0/bin": "→ README",
        "nova-1.0/nova.spec": make_spec("nova"),
        "nova-1.0/lib/inner/.gitmodules": gitmodules({"deeper": "../deep"}),
        "nova-1.0/lib/inner/README": "inner",
        "nova-1.0/lib/inner/library.py": "inner = 1\n",
        "nova-1.0/lib/inner/deeper/bottom.txt": "bottom\n",
    }


def test_the_superprojects_own_archive_holds_its_files_and_not_its_pins(tmp_path: Path) -> None:
    row = only_row(srpm(make_world(tmp_path), "altai-release"))
    content = members(unpack(Path(row["srpm"]))["altai-release-1.0.tar.gz"])
    assert set(content) == {
        f"altai-release-1.0/{name}" for name in (".gitmodules", "README", "altai-release.spec")
    }


def test_a_source_package_is_reused_until_an_input_changes(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    first = srpm(world).json
    second = srpm(world).json
    assert [row["status"] for row in first] == ["built"] * 3
    assert [row["status"] for row in second] == ["reused"] * 3
    assert [row["srpm"] for row in first] == [row["srpm"] for row in second]
    world.component("repos/altai/focus", {"README": "newer"})
    world.pin()
    status = {row["component"]: row["status"] for row in srpm(world).json}
    assert status == {"altai-release": "built", "focus": "built", "nova": "reused"}
    Path(second[1]["srpm"]).write_bytes(b"")
    assert [row["status"] for row in srpm(world, "--rev", "HEAD^", "focus").json] == ["built"]


def test_a_later_commit_is_newer_for_rpm_and_an_older_revision_can_be_named(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    old = read_header(Path(only_row(srpm(world, "focus"))["srpm"])).nevra
    new_commit = world.component("repos/altai/focus", {"README": "newer"})
    world.pin()
    row = only_row(srpm(world, "focus"))
    new = read_header(Path(row["srpm"])).nevra
    assert (row["commit"], new.version) == (new_commit, old.version)
    assert (old.release.split(".")[:2], new.release.split(".")[:2]) == (["1", "1"], ["1", "2"])
    assert read_header(Path(only_row(srpm(world, "focus", "--rev", "HEAD^"))["srpm"])).nevra == old


@pytest.mark.parametrize(
    ("stamp", "release"),
    [
        ("{release}.{count}.g{commit}", "5.2.g%s%%{dist}"),
        ("0.{count}.git{commit}", "0.2.git%s%%{dist}"),
        ("{release}+{count}~{commit}_x", "5+2~%s_x%%{dist}"),
    ],
)
def test_the_stamp_of_repos_yaml(tmp_path: Path, stamp: str, release: str) -> None:
    world = World(tmp_path)
    world.component("repos/focus", make_files("focus", release="5%{?dist}"))
    commit = world.component("repos/focus", {"README": "second"})
    world.pin()
    (world.super.path / "repos.yaml").write_text(
        "project: altai\ntargets: {t: {mock_config: m, arch: x86_64, macros: {dist: .el6}}}\n"
        "keys: {k: {file: k, signs: true}}\nrepositories: {r: {source: superproject, target: t, key: k}}\n"
        f"release: {{baseurl: 'https://example.org', stamp: '{stamp}'}}\n"
    )
    row = only_row(srpm(world))
    expected = (release % commit[:7]).replace("%{dist}", ".el6")
    assert row["nevra"] == f"focus-1.0-{expected}.src"


@pytest.mark.parametrize("names", [["focus"], ["repos/altai/focus"], ["focus", "focus", "repos/altai/focus"]])
def test_components_are_named_by_name_or_path(tmp_path: Path, names: list[str]) -> None:
    assert only_row(srpm(make_world(tmp_path), *names))["component"] == "focus"


def test_all_unknown_components_are_named(tmp_path: Path) -> None:
    answer = srpm(make_world(tmp_path), "focsu", "nova", "zzz")
    assert (answer.code, answer.json["error"]["code"]) == (3, 3)
    assert "no such component: focsu, zzz" in answer.err and "focsu: did you mean focus?" in answer.err


def test_a_bare_superproject(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    world.super.git("clone", "--quiet", "--bare", str(world.super.path), str(world.folder / "bare.git"))
    answer = altai_build(
        "-C", world.folder / "bare.git", "--workspace", tmp_path / "ws", "srpm", "--json", cwd=tmp_path
    )
    assert answer.code == 0, answer.err
    assert [row["component"] for row in answer.json] == ["altai-release", "focus", "nova"]
    assert sorted(os.listdir(world.folder / "bare.git")) == sorted(
        ["HEAD", "branches", "config", "description", "hooks", "info", "objects", "packed-refs", "refs"]
    )


# ---- where commits come from -------------------------------------------------------------------------------------


def test_a_commit_that_no_branch_has_is_fetched_by_its_id(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    focus = world.components["repos/altai/focus"]
    lost = world.component("repos/altai/focus", {"README": "forced away"})
    world.pin()
    focus.git("reset", "--soft", "HEAD^")
    focus.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert only_row(srpm(world, "focus"))["commit"] == lost


@pytest.mark.parametrize("fault", ["commit", "remote", "entry"])
def test_unavailable_commits_are_named_and_other_components_are_made(tmp_path: Path, fault: str) -> None:
    world = make_world(tmp_path)
    gone = "d" * 40
    commit = world.components["repos/altai/focus"].git("rev-parse", "HEAD")
    if fault == "commit":
        world.pin(focus=gone)
        expected = f"commit {gone} of repos/altai/focus is not available from {tmp_path}/focus"
    elif fault == "remote":
        world.urls["repos/altai/focus"] = "../moved"
        world.pin()
        expected = f"commit {commit} of repos/altai/focus is not available from {tmp_path}/moved"
    else:
        urls = {path: url for path, url in world.urls.items() if path != "repos/altai/focus"}
        world.super.commit({".gitmodules": gitmodules(urls)})
        expected = f"commit {commit} of repos/altai/focus is not available"
    answer = srpm(world)
    rows = {row["component"]: row for row in answer.json}
    assert answer.code == 3 and expected in answer.err
    assert (rows["focus"]["status"], rows["nova"]["status"]) == ("failed", "built")
    assert rows["focus"]["reason"].startswith(expected)


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch {canary}'",
        "fd::17/foo",
        "ftp://example.org/x.git",
        "foo://example.org/x.git",
        "transport::address",
        "-u./{canary}",
        "--upload-pack=touch {canary}",
    ],
)
def test_only_plain_protocols_are_fetched_from(tmp_path: Path, url: str) -> None:
    world, canary = make_world(tmp_path), tmp_path / "canary"
    world.urls["repos/altai/focus"] = url.format(canary=canary)
    world.pin()
    row = only_row(srpm(world, "focus"))
    commit = world.components["repos/altai/focus"].git("rev-parse", "HEAD")
    assert row["status"] == "failed" and commit in row["reason"]
    assert not canary.exists()


def test_a_remote_superproject_cannot_name_local_folders(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    world.super.git("remote", "add", "origin", "https://user:secret@example.org/altai/super.git")
    world.urls["repos/altai/focus"] = str(tmp_path / "focus")
    world.pin()
    row = only_row(srpm(world, "focus"))
    assert row["status"] == "failed" and "may not be used as its remote" in row["reason"]
    assert "secret" not in row["reason"]


def test_components_come_from_the_clones_of_the_superproject(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    clone = tmp_path / "elsewhere" / "clone"
    argv = ["git", "-c", "protocol.file.allow=always", "clone", "--quiet", "--recurse-submodules"]
    subprocess.run([*argv, str(world.super.path), str(clone)], check=True, stdin=subprocess.DEVNULL)
    for name in ("focus", "nova", "inner", "deep"):
        shutil.rmtree(tmp_path / name)
    answer = altai_build("-C", clone, "srpm", "--json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    subprocess.run(
        ["git", "-C", str(clone), "submodule", "deinit", "--all", "--force"], check=True, stdout=-3
    )
    shutil.rmtree(clone / ".altai-build")
    again = altai_build("-C", clone, "srpm", "--json", cwd=tmp_path)
    assert [row["nevra"] for row in again.json] == [row["nevra"] for row in answer.json]


def test_missing_history_is_fetched_and_never_miscounted(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    for number in range(3):
        world.component("repos/altai/focus", {"README": str(number)})
    world.pin()
    whole = only_row(srpm(world, "focus"))["nevra"]
    assert ".4.g" in whole
    shutil.rmtree(world.super.path / ".altai-build")
    place = world.super.path / "repos/altai/focus"
    remote = world.components["repos/altai/focus"].path.as_uri()
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", remote, str(place)], check=True, stdin=subprocess.DEVNULL
    )
    assert only_row(srpm(world, "focus"))["nevra"] == whole


def test_a_shallow_superproject_serves_its_components_but_not_its_own_spec(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    nevras = {row["component"]: row["nevra"] for row in srpm(world).json}
    world.super.commit({"README": "second"})
    clone = world.folder / "clone"
    remote = world.super.path.as_uri()
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", remote, str(clone)], check=True, stdin=subprocess.DEVNULL
    )
    answer = altai_build("-C", clone, "srpm", "--json", cwd=tmp_path)
    rows = {row["component"]: row for row in answer.json}
    assert {name: rows[name]["nevra"] for name in ("focus", "nova")} == {
        n: nevras[n] for n in ("focus", "nova")
    }
    assert answer.code == 3 and rows["altai-release"]["reason"] == (
        f"{clone} is a shallow clone\npackages are numbered by counting its commits\n"
        f"What to do: run: git -C {clone}/.git fetch --unshallow"
    )
    subprocess.run(["git", "-C", f"{clone}/.git", "fetch", "--quiet", "--unshallow"], check=True)
    assert altai_build("-C", clone, "srpm", "altai-release", cwd=tmp_path).code == 0


def test_a_superproject_and_components_with_sha256(tmp_path: Path) -> None:
    super_, focus = (Repo(tmp_path / name, object_format="sha256") for name in ("super", "focus"))
    commit = focus.commit(make_files("focus"))
    super_.commit({"repos/focus": Pin(commit), ".gitmodules": gitmodules({"repos/focus": "../focus"})})
    row = only_row(altai_build("-C", super_.path, "srpm", "--json", cwd=tmp_path))
    assert (row["status"], row["commit"], row["nevra"]) == (
        "built",
        commit,
        f"focus-1.0-1.1.g{commit[:7]}.src",
    )


def test_an_unwritable_workspace_or_output(tmp_path: Path) -> None:
    world = make_world(tmp_path / "w")
    (tmp_path / "file").write_text("")
    for words in (("--workspace", f"{tmp_path}/file/ws", "srpm"), ("srpm", "-o", f"{tmp_path}/file")):
        answer = altai_build("-C", world.super.path, *words, cwd=tmp_path)
        assert answer.code == 3 and f"cannot write to {tmp_path}/file" in answer.err


def test_an_output_is_replaced_and_an_obstacle_is_named(tmp_path: Path) -> None:
    world, out = make_world(tmp_path / "w"), tmp_path / "out"
    (made,) = map(Path, [only_row(srpm(world, "focus", "-o", out))["srpm"]])
    good = made.read_bytes()
    made.unlink()
    made.write_text("something else")
    assert only_row(srpm(world, "focus", "-o", out))["srpm"] == str(made) and made.read_bytes() == good
    assert srpm(world, "focus", "-o", out).code == 0 and list(out.iterdir()) == [made]
    made.unlink()
    made.mkdir()
    answer = srpm(world, "focus", "-o", out)
    assert (answer.code, answer.json["error"]["code"]) == (3, 3) and f"cannot write to {made}" in answer.err


def test_an_unknown_revision(tmp_path: Path) -> None:
    answer = srpm(make_world(tmp_path), "--rev", "v9")
    assert (answer.code, answer.json["error"]["code"]) == (3, 3) and "has no commit 'v9'" in answer.err


def test_a_stored_package_with_other_bytes_is_made_again(tmp_path: Path) -> None:
    world = make_world(tmp_path / "one")
    rows = {row["component"]: row for row in srpm(world).json}
    made = Path(rows["focus"]["srpm"])
    good = made.read_bytes()
    for words in ([], ["focus"]):
        made.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        status = {row["component"]: row["status"] for row in srpm(world, *words).json}
        assert status.pop("focus") == "built" and set(status.values()) <= {"reused"}
        assert made.read_bytes() == good
    assert {row["status"] for row in srpm(world).json} == {"reused"}


def test_parallel_and_killed_runs_leave_the_same_packages(tmp_path: Path) -> None:
    world = World(tmp_path / "w")
    for number in range(6):
        world.component(f"repos/c{number}", make_files(f"c{number}"))
    world.pin()
    assert srpm(world, "-o", tmp_path / "clean").code == 0
    clean = digests(tmp_path / "clean")

    def begin(workspace: str, output: str) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "altai_build", "-C", str(world.super.path)]
        argv += ["--workspace", str(tmp_path / workspace), "srpm", "-o", str(tmp_path / output)]
        return subprocess.Popen(
            argv,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    together = [begin("shared", f"shared-{number}") for number in range(2)]
    assert [run.wait() for run in together] == [0, 0]
    assert digests(tmp_path / "shared-0") == digests(tmp_path / "shared-1") == clean
    for moment in (0.2, 0.35, 0.5, 0.7, 0.9):
        run = begin("killed-ws", "killed")
        time.sleep(moment)
        run.kill()
        run.wait()
    assert begin("killed-ws", "killed").wait() == 0
    assert digests(tmp_path / "killed") == clean
