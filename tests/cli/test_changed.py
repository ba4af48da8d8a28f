"""`changed` tells every kind of change of a pin, from git alone, and refuses what names no commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.cli import ROOT, altai_build
from tests.kit.git import Entry, Pin, Repo

A, B, C = "a" * 40, "b" * 40, "c" * 40
FIRST: dict[str, Entry] = {
    "repos/altai/focus": Pin(A),
    "repos/openstack/nova": Pin(A),
    "elsewhere": Pin(A),
    "repos/README": "text",
}
ODD = [
    "repos/with space",
    "repos/é",
    'repos/"quoted"',
    "repos/line\nbreak",
    "repos/tab\t",
    "repos/-x",
    "repos/*",
]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "super")
    made.commit(FIRST)
    return made


def changed(repo: Repo, *words: str) -> list[tuple[str, str, str | None, str | None]]:
    rows = altai_build("-C", repo.path, "changed", *words, "--json", cwd=repo.path.parent).json
    assert all(list(row) == ["schema_version", "path", "status", "old", "new"] for row in rows)
    return [(row["path"], row["status"], row["old"], row["new"]) for row in rows]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"repos/new": Pin(B)}, [("repos/new", "added", None, B)]),
        ({}, {"repos/altai/focus": Pin(B)}, [("repos/altai/focus", "modified", A, B)]),
        ({}, {"repos/altai/focus": None}, [("repos/altai/focus", "removed", A, None)]),
        (
            {},
            {"repos/altai/focus": None, "repos/openstack/focus": Pin(A)},
            [("repos/altai/focus", "removed", A, None), ("repos/openstack/focus", "added", None, A)],
        ),
        ({}, {"repos/altai/focus": "a file"}, [("repos/altai/focus", "removed", A, None)]),
        ({}, {"repos/altai/focus/x": "in a folder"}, [("repos/altai/focus", "removed", A, None)]),
        (
            {"repos/altai/focus": "a file"},
            {"repos/altai/focus": Pin(C)},
            [("repos/altai/focus", "added", None, C)],
        ),
        (
            {"repos/altai/focus/x": "in a folder"},
            {"repos/altai/focus": Pin(C)},
            [("repos/altai/focus", "added", None, C)],
        ),
        (
            {},
            {"repos/altai/focus/inner": Pin(B)},
            [("repos/altai/focus", "removed", A, None), ("repos/altai/focus/inner", "added", None, B)],
        ),
        ({}, {"elsewhere": Pin(B), "repos/README": "other", "repository": Pin(B)}, []),
        ({}, dict.fromkeys(ODD, Pin(B)), [(path, "added", None, B) for path in sorted(ODD)]),
    ],
)
def test_every_kind_of_change(
    repo: Repo,
    before: dict[str, Entry],
    after: dict[str, Entry],
    expected: list[tuple[str, str, str | None, str | None]],
) -> None:
    if before:
        repo.commit(before)
    repo.commit(after)
    assert changed(repo) == expected


def test_two_revisions_of_any_kind(repo: Repo) -> None:
    repo.git("tag", "light")
    repo.git("tag", "--annotate", "--message=x", "heavy")
    second = repo.commit({"repos/altai/focus": Pin(B)})
    repo.commit({"repos/altai/focus": Pin(C)})
    to_second = [("repos/altai/focus", "modified", A, B)]
    assert changed(repo, "light", second) == changed(repo, "heavy", "HEAD^") == to_second
    assert (
        changed(repo, "light") == changed(repo, "HEAD~2", "main") == [("repos/altai/focus", "modified", A, C)]
    )
    assert changed(repo, "HEAD", "light") == [("repos/altai/focus", "modified", C, A)]
    assert changed(repo, "HEAD", "HEAD") == []


def test_a_root_commit_is_compared_with_the_empty_tree(repo: Repo) -> None:
    assert changed(repo) == [
        ("repos/altai/focus", "added", None, A),
        ("repos/openstack/nova", "added", None, A),
    ]


def test_a_merge_is_compared_with_its_first_parent(repo: Repo) -> None:
    base = repo.git("rev-parse", "HEAD")
    one = repo.commit({"repos/one": Pin(B)}, branch="one", parents=[base])
    two = repo.commit({"repos/two": Pin(C)}, branch="two", parents=[base])
    trunk = repo.commit({"repos/altai/focus": Pin(B)})
    repo.commit({"repos/one": Pin(B)}, parents=[trunk, one])
    assert changed(repo) == [("repos/one", "added", None, B)]
    repo.commit({"repos/one": Pin(B), "repos/two": Pin(C)}, parents=[trunk, one, two])
    assert changed(repo) == [("repos/one", "added", None, B), ("repos/two", "added", None, C)]


def test_settings_that_would_hide_a_change_have_no_effect(repo: Repo) -> None:
    hiding = '[submodule "focus"]\n\tpath = repos/altai/focus\n\turl = ../focus\n\tignore = all\n'
    repo.commit({".gitmodules": hiding})
    repo.git("checkout", "--quiet", "--force", "main")
    for name, value in (
        ("submodule.focus.ignore", "all"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.renames", "copies"),
        ("core.quotePath", "true"),
        ("diff.noprefix", "true"),
        ("color.ui", "always"),
    ):
        repo.git("config", name, value)
    other = repo.commit({"repos/altai/focus": Pin(B)})
    assert changed(repo) == [("repos/altai/focus", "modified", A, B)]
    repo.git("replace", other, repo.git("rev-parse", "HEAD^"))
    assert changed(repo) == [("repos/altai/focus", "modified", A, B)]


@pytest.mark.parametrize("kind", ["bare", "linked work tree", "git directory", "work tree removed"])
def test_every_kind_of_repository(repo: Repo, tmp_path: Path, kind: str) -> None:
    repo.commit({"repos/altai/focus": Pin(B)})
    place = tmp_path / "other"
    if kind == "bare":
        repo.git("clone", "--quiet", "--bare", ".", str(place))
    elif kind == "linked work tree":
        repo.git("worktree", "add", "--quiet", str(place), "main~0")
    elif kind == "git directory":
        place = repo.path / ".git"
    else:
        place = repo.path
    rows = altai_build("-C", place, "changed", "--json", cwd=tmp_path).json
    assert rows == [
        {"schema_version": 1, "path": "repos/altai/focus", "status": "modified", "old": A, "new": B}
    ]


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super", object_format="sha256")
    repo.commit({"repos/a": Pin("a" * 64)})
    assert changed(repo) == [("repos/a", "added", None, "a" * 64)]
    repo.commit({"repos/a": Pin("b" * 64)})
    assert changed(repo) == [("repos/a", "modified", "a" * 64, "b" * 64)]


def test_a_shallow_clone_without_the_parent_is_not_taken_for_a_root_commit(
    repo: Repo, tmp_path: Path
) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.commit({"repos/altai/focus": Pin(B)})
    shallow = tmp_path / "a shallow clone"
    repo.git("clone", "--quiet", "--depth=1", repo.path.as_uri(), str(shallow))
    answer = altai_build("-C", shallow, "changed", cwd=tmp_path)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == (
        "altai-build: the parent of HEAD is not in this shallow clone\n"
        f"What to do: fetch it: git -C '{shallow}' fetch --deepen=1 (or clone without --depth)\n"
    )
    answer = altai_build("-C", shallow, "changed", first, cwd=tmp_path)
    assert answer.code == 3 and f"`git -C '{shallow}' fetch --unshallow origin`" in answer.err
    answer = altai_build("-C", shallow, "changed", "HEAD^", cwd=tmp_path)
    assert answer.err.splitlines()[:3] == [
        f"altai-build: the superproject {shallow} has no commit 'HEAD^'",
        "it is a shallow clone, which has only the newest commits",
        f"What to do: fetch the whole history: `git -C '{shallow}' fetch --unshallow origin`; see `git -C '{shallow}' "
        "log --oneline --all`",
    ]


def test_an_unknown_revision_is_reported_with_similar_names(repo: Repo) -> None:
    repo.git("tag", "v1.0.1")
    answer = altai_build("-C", repo.path, "changed", "v1.0.2", cwd=repo.path)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == (
        f"altai-build: the superproject {repo.path} has no commit 'v1.0.2'\n"
        "did you mean v1.0.1?\n"
        f"What to do: see `git -C {repo.path} log --oneline --all`\n"
    )


@pytest.mark.parametrize(
    ("revision", "cause"),
    [
        ("main..HEAD", "names a range"),
        ("main...HEAD", "names a range"),
        ("HEAD^!", "has no commit"),
        ("HEAD^-", "has no commit"),
        ("HEAD^@", "has no commit"),
        ("^HEAD", "is not a revision"),
        ("", "is not a revision"),
        ("-x", "is not a revision"),
        ("--output=leak", "is not a revision"),
        ("HEAD^{tree}", "has no commit"),
        ("HEAD:repos", "has no commit"),
        ("HEAD~1000", "has no commit"),
        (A, "has no commit"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_revisions_that_are_not_one_commit_are_refused(
    repo: Repo, revision: str, cause: str, place: int
) -> None:
    repo.commit({"repos/altai/focus": Pin(B)})
    ends = ["HEAD", "HEAD"]
    ends[place] = revision
    answer = altai_build("-C", repo.path, "changed", "--", *ends, cwd=repo.path)
    assert (answer.code, answer.out) == (3, "")
    assert cause in answer.err and "What to do: " in answer.err
    assert not (repo.path / "leak").exists()


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    answer = altai_build("-C", repo.path, "changed", cwd=tmp_path)
    assert answer.code == 3 and "has no commit 'HEAD'" in answer.err


def damage(repo: Repo, part: str) -> None:
    """Damage a clone: one of its objects, its index or its HEAD."""
    what, _, revision = part.partition(" ")
    git_dir = repo.path / ".git"
    if what in ("missing", "corrupt"):
        oid = repo.git("rev-parse", revision)
        file = git_dir / "objects" / oid[:2] / oid[2:]
        file.unlink()
        if what == "corrupt":
            file.write_text("junk")
    else:
        (git_dir / {"index": "index", "HEAD": "HEAD", "branch": "refs/heads/main"}[what]).write_text("junk\n")


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ("missing HEAD", "that object is missing"),
        ("missing HEAD^", "Could not read"),
        ("missing HEAD^{tree}", "fatal: unable to read tree"),
        ("corrupt HEAD", "is corrupt"),
        ("corrupt HEAD^{tree}", "is corrupt"),
        ("index", "fatal: .git/index: index file smaller than expected"),
        ("HEAD", "fatal: not a git repository"),
        ("branch", "HEAD is on the branch main, which has no commit or is damaged"),
    ],
)
def test_a_damaged_clone_is_an_input_error_with_the_next_step(repo: Repo, part: str, why: str) -> None:
    repo.commit({"repos/altai/focus": Pin(B)})
    repo.git("read-tree", "HEAD")
    damage(repo, part)
    answer = altai_build("-C", repo.path, "changed", cwd=repo.path)
    assert (answer.code, answer.out) == (3, ""), answer.err
    assert why in answer.err and "What to do: " in answer.err
    assert ("in a new repository commit something first" in answer.err) == (part == "branch")
    assert "Traceback" not in answer.err


def test_a_damaged_superproject_is_not_replaced_by_the_repository_around_it(repo: Repo) -> None:
    inner = Repo(repo.path / "inner")
    inner.commit(FIRST)
    damage(inner, "HEAD")
    answer = altai_build("-C", inner.path, "changed", cwd=inner.path)
    assert answer.code == 3 and "fatal: not a git repository" in answer.err


@pytest.mark.parametrize("verb", [["changed"], ["plan", "--changed-since", "HEAD^"]])
def test_no_program_that_the_clone_names_is_run(repo: Repo, tmp_path: Path, verb: list[str]) -> None:
    repo.commit({"repos/altai/focus": Pin(B)})
    repo.git("read-tree", "HEAD")
    program, trace = tmp_path / "program", tmp_path / "was-run"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    program.chmod(0o755)
    repo.git("config", "core.fsmonitor", str(program))
    altai_build("-C", repo.path, *verb, cwd=repo.path)
    assert not trace.exists()
    repo.git("diff-tree", "-r", "HEAD^", "HEAD")
    assert trace.exists(), "git itself runs it"


@pytest.mark.parametrize(
    ("folder", "cause"), [(".", "is not a git repository"), ("none", "cannot change to the directory")]
)
def test_no_repository(tmp_path: Path, folder: str, cause: str) -> None:
    answer = altai_build("-C", tmp_path / folder, "changed", cwd=tmp_path)
    assert answer.code == 3 and cause in answer.err and "-C DIR" in answer.err


def test_only_gitlinks_in_the_folders_of_repos_yaml_are_listed(repo: Repo) -> None:
    repo.commit({"repos/altai/focus": Pin(B), "elsewhere": Pin(B), "deep/er/x": Pin(B), "deep/erx": Pin(B)})
    config = "project: altai\ntargets: {}\nkeys: {}\nrepositories: {}\nrelease: {baseurl: 'https://example.org/altai'}\n"
    for folders, expected in (
        (["elsewhere", "deep/er"], ["deep/er/x", "elsewhere"]),
        (["."], ["deep/er/x", "deep/erx", "elsewhere", "repos/altai/focus"]),
        ([], []),
    ):
        (repo.path / "repos.yaml").write_text(f"superproject: {{components: {folders}}}\n{config}")
        assert [row[0] for row in changed(repo)] == expected


def test_relative_paths_start_at_the_directory_of_c(repo: Repo, tmp_path: Path) -> None:
    first = repo.commit({"repos/a": Pin("1" * 40)})
    repo.commit({"repos/a": Pin("2" * 40)})
    outside = tmp_path / "definition.yaml"
    outside.write_text(
        "project: p\nsuperproject: {path: .}\n"
        "targets: {t: {mock_config: m, arch: x86_64}}\nkeys: {k: {file: k, signs: true}}\n"
        "repositories: {r: {source: superproject, target: t, key: k}}\nrelease: {baseurl: 'http://localhost/p'}\n"
    )
    relative = os.path.relpath(outside, repo.path)
    answer = altai_build("-C", repo.path, "--config", relative, "changed", first, "--json", cwd=tmp_path)
    assert [row["path"] for row in answer.json] == ["repos/a"]


def test_the_table(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"repos/altai/focus": Pin(B), "repos/line\n\x1b[31m": Pin(C), "repos/é": Pin(C)})
    expected = f"modified\trepos/altai/focus\t{A[:12]}\t{B[:12]}\n"
    expected += f"added\trepos/line\\n\\x1b[31m\t-\t{C[:12]}\nadded\trepos/é\t-\t{C[:12]}\n"
    answer = altai_build("-C", repo.path, "changed", cwd=tmp_path)
    assert (answer.code, answer.out, answer.err) == (0, expected, "")


def test_no_changes_are_told_with_what_was_compared(repo: Repo) -> None:
    answer = altai_build("changed", "HEAD", "HEAD", cwd=repo.path)
    text = "altai-build: no gitlinks differ between HEAD and HEAD, below repos\n"
    assert (answer.code, answer.out, answer.err) == (0, "", text)
    assert altai_build("changed", "HEAD", "HEAD", "--quiet", cwd=repo.path).err == ""
    assert altai_build("changed", "HEAD", "HEAD", "--json", cwd=repo.path).json == []


def test_a_folder_of_the_superproject_is_in_the_superproject(repo: Repo) -> None:
    repo.commit({"repos/altai/focus": Pin(B)})
    below = repo.path / "docs" / "howto"
    below.mkdir(parents=True)
    answer = altai_build("changed", "--json", cwd=below)
    assert [row["path"] for row in answer.json] == ["repos/altai/focus"]


def test_names_that_are_not_utf8_or_not_in_the_locale(repo: Repo, tmp_path: Path) -> None:
    repo.commit({"repos/\udcff": Pin(B), "repos/é": Pin(C)})
    for env in ({}, {"PYTHONIOENCODING": "ascii"}):
        assert [
            row["path"]
            for row in altai_build("-C", repo.path, "changed", "--json", cwd=tmp_path, env=env).json
        ] == [
            "repos/é",
            "repos/\\xff",
        ]
        assert altai_build("-C", repo.path, "changed", cwd=tmp_path, env=env).code == 0


def test_a_closed_pipe_is_not_an_error(repo: Repo) -> None:
    repo.commit({f"repos/{number}": Pin(B) for number in range(3000)})
    script = f"'{sys.executable}' -m altai_build changed | head -n 1; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == f"added\trepos/0\t-\t{B[:12]}\n".encode()


def test_no_unneeded_module_is_loaded(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # coverage loads modules of its own
    repo.commit({"repos/altai/focus": Pin(B)})
    (repo.path / "repos.yaml").write_text(
        "superproject: {path: ., components: [repos], root: true}\nproject: x\n"
    )
    program = (
        "import sys; from altai_build.cli.main import cli; cli.main(['changed'], standalone_mode=False); "
        "print(*sorted(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=repo.path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(shown) == 2  # the pin, and the modules
    loaded = set(shown[-1].split())
    assert "altai_build.tools.git.changed_gitlinks" in loaded
    slow = {
        "dataclasses",
        "difflib",
        "json",
        "pathlib",
        "rich",
        "shlex",
        "shutil",
        "tempfile",
        "urllib.parse",
        "yaml",
    }
    assert loaded & slow == set()
    assert not {name for name in loaded if name.startswith(("altai_build.pipeline", "altai_build.stages"))}
