"""scripts/ci-job: nothing changed ends without a program, everything else is handed to `altai-build ci`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from altai_build.pipeline.ci import choose_compared_commit
from altai_build.tools.ci_service import recognise_job
from altai_build.tools.git.revisions import RepositoryHistory
from tests.kit.git import Pin, Repo
from tests.kit.scripts import ROOT, make_recorder, read_calls, run_script

ONE, TWO = ("1" * 40, "2" * 40)
ZEROS = "0" * 40


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """`main`: a component, its next pin, a change of docs. `fix` leaves main at the second and changes no file."""
    repo = Repo(tmp_path / "super")
    repo.commit({"repos/a": Pin(ONE), "docs/x.md": "x", "README.md": "x"})
    second = repo.commit({"repos/a": Pin(TWO)})
    repo.commit({}, branch="fix", parents=[second])
    repo.commit({"docs/x.md": "y", "README.md": "y"})
    for branch in ("main", "fix"):
        repo.git("update-ref", f"refs/remotes/origin/{branch}", branch)
    return repo


def job(repo: Repo, *words: str, **environment: str) -> tuple[int, list[list[str]], str]:
    """Exit code, calls of altai-build and messages of a job."""
    recorder = repo.path.parent / "recorder"
    # Written once: a program cannot be run while a process that was started meanwhile holds it open.
    if not recorder.exists():
        make_recorder(repo.path.parent)
    (repo.path.parent / "calls").unlink(missing_ok=True)
    result = run_script("ci-job", *words, cwd=repo.path, **{"ALTAI_BUILD": str(recorder), **environment})
    assert result.stdout == ""
    return result.returncode, read_calls(repo.path.parent), result.stderr


def test_nothing_changed_starts_no_program(repo: Repo, tmp_path: Path) -> None:
    code, calls, messages = job(repo, "--since", "HEAD", GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert (code, calls) == (0, [])
    assert messages.endswith(": nothing has changed\n")
    assert (tmp_path / "summary").read_text() == "Nothing has changed that is built.\n"
    code, calls, messages = job(repo, "--since", "HEAD^", "--ignore", "docs", "--ignore", "*.md")
    assert (code, calls) == (0, []), messages


def test_options_that_choose_other_commits_are_left_to_altai_build(repo: Repo) -> None:
    for option in ("--since=HEAD^", "--rev=HEAD^", "--component=a=../a"):
        code, calls, _ = job(repo, "--since", "HEAD", "--", option)
        assert (code, calls) == (0, [["-C", ".", "ci", "--rev", "HEAD", "--since", "HEAD", option]])
    # As a variable that is not set: git would ignore all files.
    assert job(repo, "--since", "HEAD^", "--ignore", "")[:2] == (2, [])


def test_what_may_have_changed_goes_to_altai_build(repo: Repo) -> None:
    _, calls, messages = job(repo, "--since", "HEAD^", "--ignore", "docs", "--", "-o", "out", "--url", "")
    assert calls == [["-C", ".", "ci", "--rev", "HEAD", "--since", "HEAD^", "-o", "out", "--url", ""]]
    assert "other changed files: 1\n" in messages
    _, calls, messages = job(repo, "--since", "HEAD^^", "--rev", "HEAD^")
    assert calls == [["-C", ".", "ci", "--rev", "HEAD^", "--since", "HEAD^^"]]
    assert "changed components: repos/a\n" in messages
    # Not known, or another commit than the pinned one: altai-build decides.
    for words in ([], ["--since", ZEROS], ["--since", ""]):
        assert job(repo, *words)[1] == [["-C", ".", "ci", "--rev", "HEAD"]]
    _, calls, _ = job(repo, "--since", "HEAD", "--", "--component", f"a={ONE}")
    assert calls == [["-C", ".", "ci", "--rev", "HEAD", "--since", "HEAD", "--component", f"a={ONE}"]]


def test_a_service_names_the_commit_that_altai_build_takes_too(repo: Repo) -> None:
    first, second, third = repo.git("rev-list", "--reverse", "main").split()
    environments: list[tuple[dict[str, str], str]] = [
        ({"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main"}, second),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": first}, first),
        ({"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": second}, second),
        (
            {
                "GITLAB_CI": "true",
                "CI_COMMIT_BEFORE_SHA": ZEROS,
                "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main",
            },
            second,
        ),
        ({"JENKINS_URL": "x", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": third}, third),
        (
            {"JENKINS_URL": "x", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": third, "CHANGE_TARGET": "main"},
            second,
        ),
    ]
    fix = repo.git("rev-parse", "fix")
    # A short id or a branch is ignored there, too.
    for name in (first[:12], "main"):
        before = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": name, "CI_COMMIT_BEFORE_SHA": second}
        environments.append(({"GITLAB_CI": "true", **before}, second))
        messages = job(repo, "--rev", "fix", GITLAB_CI="true", CI_COMMIT_BEFORE_SHA=name)[2]
        assert f"ignored: {name} is no full commit id\n" in messages and " is compared with " not in messages
    for environment, expected in environments:
        code, calls, messages = job(repo, "--rev", "fix", **environment)
        assert f"{fix[:12]} is compared with {expected[:12]}: " in messages, environment
        assert code == 0
        chosen = choose_compared_commit(
            RepositoryHistory(repo.path),
            RepositoryHistory(repo.path).resolve_revision("fix"),
            recognise_job(environment),
            None,
        )
        assert chosen.commit == expected
        # altai-build makes the choice again.
        assert calls == ([] if expected == second else [["-C", ".", "ci", "--rev", "fix"]])


def test_a_shallow_clone_is_told_how_to_fetch_the_rest(repo: Repo, tmp_path: Path) -> None:
    first = repo.git("rev-list", "main").split()[-1]
    repo.git("clone", "--quiet", "--no-checkout", "--depth=1", repo.path.as_uri(), str(tmp_path / "cut"))
    result = run_script("ci-job", "--since", first, cwd=tmp_path / "cut")
    assert result.returncode == 3
    assert f"this shallow clone does not have the commit '{first}'" in result.stderr
    assert "\n      git -C . fetch --unshallow origin\n" in result.stderr
    # A wrong merge base is worse than none.
    result = run_script(
        "ci-job",
        cwd=tmp_path / "cut",
        GITHUB_ACTIONS="true",
        GITHUB_BASE_REF="main",
        ALTAI_BUILD=str(make_recorder(tmp_path)),
    )
    assert (result.returncode, len(read_calls(tmp_path))) == (0, 1)


def test_the_program_is_found_beside_the_script_in_its_prefix_or_on_path(repo: Repo, tmp_path: Path) -> None:
    scripts = tmp_path / "prefix/share/altai-build/scripts"
    scripts.mkdir(parents=True)
    for name in ("ci-job", "changes.sh", "lib.sh"):
        shutil.copy(ROOT / "scripts" / name, scripts / name)

    def run(*words: str, **environment: str) -> tuple[int, str]:
        result = run_script(str(scripts / "ci-job"), *words, cwd=repo.path, **environment)
        return result.returncode, result.stderr.splitlines()[-1] if result.stderr else ""

    path = {"PATH": "/usr/bin:/bin"}
    if shutil.which("altai-build", path=path["PATH"]) is None:
        code, last = run(**path)
        assert (code, "Add --setup, or install it" in last) == (4, True)
    code, last = run("--setup", **path)
    assert code == 4
    assert run(ALTAI_BUILD=str(tmp_path / "nothing"))[0] == 4
    for place in (
        tmp_path / "path",
        tmp_path / "prefix/bin",
        tmp_path / "prefix/share/altai-build/.venv/bin",
    ):
        place.mkdir(parents=True)
        program = place / "altai-build"
        program.write_text(f"#!/bin/sh\necho {place} >&2\nexit 5\n")
        program.chmod(0o755)
        assert run(PATH=f"{tmp_path / 'path'}{os.pathsep}{path['PATH']}") == (5, str(place))
    # A link to the script finds the same.
    (tmp_path / "link").symlink_to(scripts / "ci-job")
    result = run_script(str(tmp_path / "link"), cwd=repo.path)
    assert result.stderr.endswith(f"{tmp_path / 'prefix/share/altai-build/.venv/bin'}\n")


def test_setup_installs_only_where_there_is_work(repo: Repo, tmp_path: Path) -> None:
    scripts = tmp_path / "tool/scripts"
    scripts.mkdir(parents=True)
    for name in ("ci-job", "changes.sh", "lib.sh"):
        shutil.copy(ROOT / "scripts" / name, scripts / name)
    recorder = make_recorder(tmp_path)
    setup = scripts / "setup"
    setup.write_text(
        f"#!/bin/sh\nmkdir -p {tmp_path}/tool/.venv/bin\ncp {recorder} {tmp_path}/tool/.venv/bin/altai-build\n"
    )
    setup.chmod(0o755)
    words = (str(scripts / "ci-job"), "--setup", "--since")
    assert run_script(*words, "HEAD", cwd=repo.path).returncode == 0
    assert not (tmp_path / "tool/.venv").exists()
    assert run_script(*words, "HEAD^", cwd=repo.path).returncode == 0
    assert read_calls(tmp_path) == [["-C", ".", "ci", "--rev", "HEAD", "--since", "HEAD^"]]


def test_caches_are_taken_before_and_left_after_a_job(repo: Repo, tmp_path: Path) -> None:
    words = ("--since", "HEAD^", "--cache", "one", "--cache", "two", "--trust-unsigned", "--save", "one")
    code, calls, _ = job(repo, *words, "--", "-o", "out")
    assert (code, calls) == (
        0,
        [
            ["-C", ".", "cache", "import", "--trust-unsigned", "--", "one"],
            ["-C", ".", "cache", "import", "--trust-unsigned", "--", "two"],
            ["-C", ".", "ci", "--rev", "HEAD", "--since", "HEAD^", "-o", "out"],
            ["-C", ".", "cache", "export", "--", "one"],
        ],
    )
    code, calls, messages = job(
        repo, "--since", "HEAD^", "--cache", "one", "--save", "two", "--build", "a -b"
    )
    assert calls == [
        ["-C", ".", "cache", "import", "--", "one"],
        ["-C", ".", "build", "--rev", "HEAD", "--", "a", "-b"],
        ["-C", ".", "cache", "export", "--", "two"],
    ], messages
    # A failed build leaves the others; after any other failure there may be nothing. A cache is never a failure.
    program = tmp_path / "program"
    for failure, last in ((5, "cache export"), (3, "ci --rev")):
        program.write_text(
            f'#!/bin/bash\necho "$3 $4" >>{tmp_path}/last\n[[ $3 != ci ]] || exit {failure}\nexit 4\n'
        )
        program.chmod(0o755)
        code, _, messages = job(repo, *words, ALTAI_BUILD=str(program))
        assert (code, "the cache one is not used" in messages) == (failure, True)
        assert (tmp_path / "last").read_text().splitlines()[-1] == last


def test_wrong_words_are_refused(repo: Repo) -> None:
    for words, code in {
        ("--frobnicate",): 2,
        ("--since",): 2,
        ("--since", "--all"): 3,
        ("-C", "/"): 3,
    }.items():
        assert job(repo, *words)[:2] == (code, [])
