"""Every profile keeps git from running programs that a repository names, from asking, and from replaced objects."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools import commands, process
from altai_build.tools.git import command
from altai_build.tools.git.command import ISOLATED, REMOTE, USER_CLONE, GitError, GitProfile, run_git
from altai_build.tools.process import ANY_STATUS
from tests.conftest import Require
from tests.kit.git import Repo

PROFILES = pytest.mark.parametrize(
    "profile", [USER_CLONE, ISOLATED, REMOTE], ids=["clone", "isolated", "remote"]
)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.commit({"a": "1\n"})
    made.git("checkout", "--quiet", "--force", "main")
    return made


def make_program(folder: Path) -> tuple[Path, Path]:
    """A program that a repository could name, and the file that is there once somebody has run it."""
    program, trace = folder / "program", folder / "was-run"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    program.chmod(0o755)
    return program, trace


@PROFILES
def test_no_program_of_the_repository_is_run(repo: Repo, tmp_path: Path, profile: GitProfile) -> None:
    program, trace = make_program(tmp_path)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change"):
        (hooks / name).symlink_to(program)
    for name, value in (
        ("core.fsmonitor", program),
        ("core.hooksPath", hooks),
        ("log.showSignature", "true"),
        ("gpg.program", program),
    ):
        repo.git("config", name, str(value))
    head = run_git(profile, ["rev-parse", "HEAD"], git_dir=repo.path / ".git").text.strip()
    trace.unlink(missing_ok=True)
    for words in (
        ["diff-tree", "-r", "--raw", "HEAD^{tree}", "HEAD^{commit}"],
        ["log", "--format=%H"],
        ["update-ref", "refs/tags/x", head, "0" * 40],
    ):
        run_git(profile, words, git_dir=repo.path / ".git")
    run_git(profile, ["status", "--porcelain"], directory=repo.path)
    assert not trace.exists()
    repo.git("status")
    assert trace.exists(), "the programs would have been run"


@pytest.mark.parametrize("profile", [USER_CLONE, ISOLATED], ids=["clone", "isolated"])
def test_no_program_of_the_repository_asks_for_a_password(
    repo: Repo, tmp_path: Path, profile: GitProfile
) -> None:
    program, trace = make_program(tmp_path)
    repo.git("config", "core.askPass", str(program))
    asked = b"url=https://somebody@localhost/\n\n"
    run_git(profile, ["credential", "fill"], git_dir=repo.path / ".git", input=asked, ok=ANY_STATUS)
    assert not trace.exists()


@PROFILES
def test_replaced_objects_are_not_shown(repo: Repo, profile: GitProfile) -> None:
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit({"a": "2\n"})
    repo.git("replace", second, first)
    shown = run_git(profile, ["show", "--no-patch", "--format=%T", second], git_dir=repo.path / ".git").text
    assert shown.strip() == repo.git("--no-replace-objects", "rev-parse", f"{second}^{{tree}}")
    assert shown.strip() != repo.git("rev-parse", f"{first}^{{tree}}")


@PROFILES
def test_a_transport_that_runs_commands_is_refused(
    repo: Repo, tmp_path: Path, profile: GitProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, trace = make_program(tmp_path)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext")
    repo.git("config", "protocol.ext.allow", "always")
    words = ["ls-remote", f"ext::{program}"]
    answer = run_git(profile, words, git_dir=repo.path / ".git", ok=ANY_STATUS)
    assert answer.returncode == 128 and "transport 'ext' not allowed" in answer.error_text
    assert not trace.exists()


@PROFILES
def test_the_ssh_program_of_the_repository_is_not_run(
    repo: Repo, tmp_path: Path, profile: GitProfile
) -> None:
    program, trace = make_program(tmp_path)
    repo.git("config", "core.sshCommand", str(program))
    words = ["ls-remote", "ssh://127.0.0.1:9/x"]
    assert run_git(profile, words, git_dir=repo.path / ".git", ok=ANY_STATUS).returncode == 128
    assert not trace.exists()


def test_only_a_remote_gets_the_ssh_agent(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    repo.git("config", "alias.show-env", "!env")
    shown = {
        name: run_git(profile, ["show-env"], directory=repo.path, ok=ANY_STATUS).text.splitlines()
        for name, profile in (("clone", USER_CLONE), ("remote", REMOTE))
    }
    assert "SSH_AUTH_SOCK=/agent" in shown["remote"]
    assert not any(line.startswith("SSH_AUTH_SOCK") for line in shown["clone"])


def test_the_isolated_profile_heeds_no_configuration_of_the_user(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n\tname = Mine\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ["config", "user.name"]
    assert run_git(USER_CLONE, words, directory=repo.path).text == "Mine\n"
    assert run_git(ISOLATED, words, directory=repo.path, ok=ANY_STATUS).returncode == 1


def test_git_never_answers_from_a_repository_around_a_damaged_one(repo: Repo) -> None:
    inner = Repo(repo.path / "inner")
    inner.commit({"b": "1\n"})
    (inner.path / ".git" / "HEAD").write_text("junk\n")
    with pytest.raises(GitError) as caught:
        run_git(USER_CLONE, ["rev-parse", "HEAD"], directory=inner.path)
    assert "not a git repository" in caught.value.why


def test_a_failure_is_an_input_error_with_the_command_and_what_to_do(repo: Repo) -> None:
    words = ["cat-file", "-p", "HEAD:none"]
    with pytest.raises(InputError) as caught:
        run_git(USER_CLONE, words, directory=repo.path)
    error = caught.value
    assert error.exit_code == 3
    assert error.what == f"git cat-file exited with 128 in {repo.path}"
    assert error.why.startswith("$ git -c core.fsmonitor=false ")
    assert error.why.endswith("\nfatal: path 'none' does not exist in 'HEAD'")
    assert error.todo == (
        f"check the clone with `git -C {repo.path} fsck`; fetch what is missing there, or clone it again"
    )


def test_a_repository_of_another_user_is_an_error_with_git_s_own_advice(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    profile = GitProfile(
        settings=USER_CLONE.settings,
        environment=USER_CLONE.environment,
        todo=USER_CLONE.todo,
        inherited=("GIT_TEST_ASSUME_DIFFERENT_OWNER",),
    )
    with pytest.raises(GitError) as caught:
        run_git(profile, ["rev-parse", "HEAD"], directory=repo.path)
    assert "safe.directory" in caught.value.why
    assert caught.value.what == f"git does not read {repo.path}, which belongs to another user"
    assert f"git config --global --add safe.directory {repo.path};" in caught.value.todo


def test_a_remote_is_reached_as_the_user_who_called(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Require
) -> None:
    """As root of a user namespace ssh would take the home of root, and refuse the machine's own files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(commands, "_caller", [])
    assert command._command(REMOTE, ["fetch"], None, None)[1]["GIT_SSH_COMMAND"] == "ssh -o BatchMode=yes"
    commands.remember_caller(1000, 1000)
    argv, env = command._command(REMOTE, ["fetch"], None, None)
    assert argv[:4] == ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    assert env["GIT_SSH_COMMAND"] == "ssh -F none -o BatchMode=yes"
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("")
    assert command._command(REMOTE, ["fetch"], None, None)[1]["GIT_SSH_COMMAND"] == (
        f"ssh -F {tmp_path}/.ssh/config -o BatchMode=yes"
    )
    assert command._command(USER_CLONE, ["tag"], None, None)[0][0] == "unshare"
    assert "unshare" not in command._command(ISOLATED, ["log"], None, None)[0]
    possible = process.run([*commands.caller_prefix(), "true"], ok=ANY_STATUS).returncode == 0
    require(possible, "user namespaces cannot be made")
    commands.remember_caller(os.geteuid(), os.getegid())
    assert run_git(REMOTE, ["ls-remote", str(repo.path), "HEAD"]).text.endswith("\tHEAD\n")
