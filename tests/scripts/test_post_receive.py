"""scripts/hooks/post-receive: a push is answered at once, its job runs afterwards, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kit.builders import _MAIN, HostSite, noarch_component
from tests.kit.git import Pin, Repo
from tests.kit.scripts import ROOT, make_python_program, make_recorder, read_calls, run_script

HOOK = ROOT / "scripts/hooks/post-receive"
ONE, TWO = ("1" * 40, "2" * 40)
ZEROS = "0" * 40


def make_server(folder: Path, source: Repo) -> Repo:
    """A bare clone beside the repository, whose hook is a link to the script."""
    server = Repo(folder, bare=True)
    source.git("push", "--quiet", str(folder), "main")
    (folder / "hooks").mkdir(exist_ok=True)
    (folder / "hooks/post-receive").symlink_to(HOOK)
    return server


def push(source: Repo, server: Repo, *refs: str, **environment: str) -> str:
    """Push to the server and return what its hook said."""
    result = subprocess.run(
        ["git", "-C", str(source.path), "push", "--quiet", str(server.path), *refs],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return "".join(line.removeprefix("remote: ").rstrip() + "\n" for line in result.stderr.splitlines())


def wait_until(is_done: Callable[[], bool]) -> None:
    """Wait for what the background does; the test that needs it fails when that takes too long."""
    deadline = time.monotonic() + 60
    while not is_done() and time.monotonic() < deadline:
        time.sleep(0.02)


def wait_for_jobs(server: Repo, count: int) -> list[Path]:
    """The folders of that many jobs when all have ended."""

    def list_ended() -> list[Path]:
        return sorted(path.parent for path in server.path.glob("altai-build/jobs/*/exit-code"))

    wait_until(lambda: len(list_ended()) >= count)
    return list_ended()


@pytest.fixture
def source(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "source")
    repo.commit({"repos/a": Pin(ONE), "repos.yaml": "project: p\n"})
    return repo


def test_a_pushed_pin_is_built_and_its_results_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    world = site.world
    world.component("repos/lib", noarch_component("lib"))
    config = (world.super.path / "repos.yaml").read_text()
    mock = (world.super.path / "mock-configs/m.cfg").read_text()
    world.pin({"repos.yaml": config, "mock-configs/m.cfg": mock})
    server = make_server(tmp_path / "site/altai.git", world.super)
    for word in ("--builder", "host"):
        server.git("config", "--add", "altai-build.option", word)
    server.git("config", "altai-build.notify", str(make_recorder(tmp_path)))
    world.component("repos/lib", {"README": "newer\n"})
    commit = world.pin()
    program = make_python_program(tmp_path / "altai-build", _MAIN)
    said = push(world.super, server, "main", ALTAI_BUILD=str(program))
    assert said.startswith("post-receive: main: changed components: repos/lib\npost-receive: job ")
    (job,) = wait_for_jobs(server, 1)
    assert (job / "exit-code").read_text() == "0\n", (job / "log").read_text()
    result = json.loads((job / "results/result.json").read_text())
    assert (result["commit"], result["outcome"]) == (commit, "success")
    assert [row["component"] for row in result["components"]] == ["lib"]
    assert list((job / "results/repo").glob("lib-*.noarch.rpm"))
    wait_until(lambda: bool(read_calls(tmp_path)))
    log = (server.path / "altai-build/work.log").read_text()
    assert log.endswith(f"{job.name} refs/heads/main exit code 0\n")
    assert read_calls(tmp_path) == [[str(job), "refs/heads/main", commit, "0"]]


def test_only_changes_of_built_branches_make_jobs(source: Repo, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server.git", source)
    for pattern in ("main", "release/*"):
        server.git("config", "--add", "altai-build.branch", pattern)
    server.git("config", "altai-build.ignore", "docs")
    recorder = {"ALTAI_BUILD": str(make_recorder(tmp_path))}
    first = source.git("rev-parse", "main")
    source.commit({"docs/x": "x"})
    assert push(source, server, "main", **recorder) == "post-receive: main: nothing has changed\n"
    source.commit({"repos/b": Pin(TWO)}, branch="topic")
    assert push(source, server, "topic", "main:refs/tags/v1", **recorder) == ""
    assert not (server.path / "altai-build").exists()
    second = source.commit({"repos/a": Pin(TWO), "$(touch x);'\n": Pin(ONE)})
    source.git("branch", "release/1", first)
    said = push(source, server, "main", "release/1", **recorder)
    assert said.count("post-receive: job ") == 2
    folders = wait_for_jobs(server, 2)
    calls = read_calls(tmp_path)
    assert sorted(call[-1] for call in calls) == [str(folder / "results") for folder in folders]
    clone = str(server.path / "altai-build/superproject")
    before = source.git("rev-parse", "main^")
    assert [call[:-2] for call in calls] == [
        ["-C", clone, "ci", "--rev", second, "--since", before],
        ["-C", clone, "ci", "--rev", first],
    ]
    assert push(source, server, ":release/1", **recorder) == ""
    # What was there before a forced push is compared too, though it is in no branch.
    forced = source.commit({"repos/a": Pin(ONE)}, parents=[first])
    push(source, server, "+main", **recorder)
    wait_for_jobs(server, 3)
    assert ["-C", clone, "ci", "--rev", forced, "--since", second] in [
        call[:-2] for call in read_calls(tmp_path)
    ]


def test_jobs_run_one_after_the_other_and_old_ones_are_removed(source: Repo, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server.git", source)
    server.git("config", "altai-build.keep", "2")
    program = tmp_path / "program"
    # A child that stays must not hold the lock, or the push.
    program.write_text(
        f"#!/bin/bash\ncat\nmkdir {tmp_path}/busy || echo together >>{tmp_path}/errors\n"
        f"sleep 0.05\nrmdir {tmp_path}/busy\necho $5 >>{tmp_path}/order\nexit 5\n"
    )
    program.chmod(0o755)
    commits = []
    for number in range(1, 6):
        commits.append(source.commit({"repos/a": Pin(f"{number:040x}")}))
        push(source, server, "main", ALTAI_BUILD=str(program))
    order = tmp_path / "order"
    wait_until(lambda: order.exists() and len(order.read_text().split()) == 5)
    assert order.read_text().split() == commits
    assert not (tmp_path / "errors").exists()


def test_a_job_that_was_interrupted_starts_again(source: Repo, tmp_path: Path) -> None:
    server = make_server(tmp_path / "server.git", source)
    commit = source.git("rev-parse", "main")
    job = server.path / "altai-build/jobs/20260101T000000.000001-1"
    (job / "results").mkdir(parents=True)
    (job / "results/part").write_text("")
    (job / "job").write_text(f"{ZEROS}\n{commit}\nrefs/heads/main\n")
    result = run_script(
        "hooks/post-receive", "--work", cwd=server.path, ALTAI_BUILD=str(make_recorder(tmp_path))
    )
    assert result.returncode == 0, result.stderr
    assert (job / "exit-code").read_text() == "0\n"
    assert not (job / "results").exists()


def test_gerrit_calls_it_with_options(source: Repo, tmp_path: Path) -> None:
    server = Repo(tmp_path / "server.git", bare=True)
    first = source.git("rev-parse", "main")
    second = source.commit({"repos/a": Pin(TWO)})
    review = source.commit({"repos/b": Pin(ONE)}, branch="review", parents=[first])
    source.git("push", "--quiet", str(server.path), "main", "review:refs/changes/01/1/1")
    environment = {"GIT_DIR": str(server.path), "ALTAI_BUILD": str(make_recorder(tmp_path))}
    updated = ["--project", "p", "--submitter", "--x (a@b)", "--oldrev", first, "--newrev", second]
    created = ["--change", "p~1", "--topic", "", "--branch", "main", "--commit", review, "--patchset", "1"]

    def call(*words: str) -> tuple[int, str]:
        result = run_script("hooks/post-receive", *words, cwd=tmp_path, **environment)
        return result.returncode, result.stdout + result.stderr

    # A project without settings is not the superproject.
    assert call(*updated, "--refname", "main") == (0, "")
    server.git("config", "altai-build.branch", "main")
    assert call(*updated, "--refname", "refs/meta/config") == (0, "")
    code, said = call(*updated, "--refname", "main")
    assert (code, said.startswith("post-receive: main: changed components: repos/a\n")) == (0, True)
    code, said = call(*created)
    assert (code, said.startswith("post-receive: job ")) == (0, True)
    wait_for_jobs(server, 2)
    clone = str(server.path / "altai-build/superproject")
    assert [call[:-2] for call in read_calls(tmp_path)] == [
        ["-C", clone, "ci", "--rev", second, "--since", first],
        ["-C", clone, "ci", "--rev", review, "--since", first],
    ]
    code, said = call("--change", "p~1", "--reason", "abandoned")
    assert (code, "no call of ref-updated or patchset-created" in said) == (2, True)


def test_a_component_is_built_in_its_superproject(source: Repo, tmp_path: Path) -> None:
    component = Repo(tmp_path / "nova")
    component.commit({"README": "1"})
    server = make_server(tmp_path / "nova.git", component)
    server.git("config", "altai-build.superproject", str(source.path))
    commit = component.commit({"README": "2"})
    said = push(component, server, "main", ALTAI_BUILD=str(make_recorder(tmp_path)))
    assert said.startswith("post-receive: job ")
    (job,) = wait_for_jobs(server, 1)
    assert read_calls(tmp_path) == [
        [
            *("-C", str(server.path / "altai-build/superproject"), "ci", "--rev", "HEAD"),
            *("-o", str(job / "results"), "--component", f"nova={commit}"),
        ]
    ]
    assert (server.path / "altai-build/superproject/repos.yaml").read_text() == "project: p\n"


def test_outside_of_a_repository_it_says_where_it_runs(tmp_path: Path) -> None:
    result = run_script("hooks/post-receive", cwd=tmp_path, input="a b refs/heads/main\n")
    assert (result.returncode, "runs in a git repository" in result.stderr) == (3, True)
    assert run_script("hooks/post-receive", "--help", cwd=tmp_path).returncode == 0
