"""scripts/changed-components: the same components as `altai-build changed`, without Python, whatever their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kit.cli import altai_build
from tests.kit.git import Pin, Repo
from tests.kit.scripts import make_recorder, read_calls, run_script

ONE, TWO, THREE = ("1" * 40, "2" * 40, "3" * 40)
ODD = ["-rf", "a b", "line\nbreak", "tab\tstop", "quote'd", "back\\slash", "dollar$(x)", "ü", "*"]


def changes(repo: Repo, *words: str) -> list[list[str]]:
    """Rows of the listing with NUL bytes, each of four values."""
    result = run_script("changed-components", "-z", *words, cwd=repo.path)
    assert result.returncode == 0, result.stderr
    values = result.stdout.split("\0")[:-1]
    return [values[at : at + 4] for at in range(0, len(values), 4)]


def test_each_kind_of_change_is_named_as_altai_build_names_it(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({f"repos/{name}": Pin(ONE) for name in ("same", "moved", "gone", "bumped", "file")})
    repo.commit(
        {
            "repos/moved": None,
            "repos/there": Pin(ONE),
            "repos/gone": None,
            "repos/bumped": Pin(TWO),
            "repos/file": "a file now",
            "repos/new": Pin(THREE),
            "README": "x",
        }
    )
    rows = changes(repo)
    assert rows == [
        ["modified", "repos/bumped", ONE, TWO],
        ["removed", "repos/file", ONE, "-"],
        ["removed", "repos/gone", ONE, "-"],
        ["removed", "repos/moved", ONE, "-"],
        ["added", "repos/new", "-", THREE],
        ["added", "repos/there", "-", ONE],
    ]
    known = altai_build("changed", "--json", cwd=repo.path).json
    assert rows == [[row["status"], row["path"], row["old"] or "-", row["new"] or "-"] for row in known]


def test_merges_and_first_commits_are_compared_as_by_altai_build(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    root = repo.commit({"repos/a": Pin(ONE)})
    side = repo.commit({"repos/b": Pin(ONE)}, branch="side", parents=[root])
    main = repo.commit({"repos/a": Pin(TWO)})
    merge = repo.commit({"repos/b": Pin(ONE)}, parents=[main, side])
    assert changes(repo, f"{merge}^", merge) == [["added", "repos/b", "-", ONE]]
    assert changes(repo) == [["added", "repos/b", "-", ONE]]
    repo.git("update-ref", "HEAD", root)
    assert changes(repo) == [["added", "repos/a", "-", ONE]]
    assert json.loads(altai_build("changed", "--json", cwd=repo.path).out)[0]["path"] == "repos/a"


def test_names_of_any_bytes_stay_one_value_each(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({f"repos/{name}": Pin(ONE) for name in ODD})
    assert sorted(row[1] for row in changes(repo)) == sorted(f"repos/{name}" for name in ODD)
    plain = run_script("changed-components", cwd=repo.path)
    assert len(plain.stdout.splitlines()) == len(ODD)
    assert all(len(line.split("\t")) == 4 for line in plain.stdout.splitlines())
    recorder = make_recorder(tmp_path)
    assert run_script("changed-components", "--", recorder, "-x", cwd=repo.path).returncode == 0
    assert ["-x", "added", "repos/-rf", "-", ONE] in read_calls(tmp_path)


def test_a_command_that_reads_its_input_gets_every_component(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    names = [f"repos/{number:04}" for number in range(1100)]
    repo.commit({name: Pin(ONE) for name in names})
    each = f'while read line; do :; done; echo "$2" >>{tmp_path}/seen; [ "$2" != repos/0007 ]'
    result = run_script(
        "changed-components", "--", "sh", "-c", each, "each", cwd=repo.path, input="x\n" * 9999
    )
    assert (tmp_path / "seen").read_text().splitlines() == names
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("changed-components: failed for 'repos/0007'")


def test_a_shallow_clone_and_wrong_words_are_errors_with_their_fix(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "super")
    first = repo.commit({"repos/a": Pin(ONE)})
    repo.commit({"repos/a": Pin(TWO)})
    shallow = tmp_path / "a clone"
    repo.git("clone", "--quiet", "--no-checkout", "--depth=1", repo.path.as_uri(), str(shallow))
    fix = r"git -C . fetch --unshallow origin"
    for words in ((), (first, "HEAD")):
        result = run_script("changed-components", *words, cwd=shallow)
        assert (result.returncode, result.stdout) == (3, "")
        assert f"\n      {fix}\n" in result.stderr
    Repo(shallow).git(*fix.split()[3:])
    assert run_script("changed-components", cwd=shallow).stdout.startswith("modified\trepos/a\t")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("-x",), 2, "unknown option '-x'"),
        (("a", "b", "c"), 2, "more than two commits: a b c"),
        (("--",), 2, "no command follows --"),
        (("nowhere",), 3, "has no commit 'nowhere'"),
        (("HEAD^{tree}", "HEAD"), 3, "has no commit 'HEAD^{tree}'"),
        (("-C", "/"), 3, "/ is not a git repository"),
    ],
)
def test_wrong_words_are_refused(tmp_path: Path, words: tuple[str, ...], code: int, error: str) -> None:
    repo = Repo(tmp_path / "super")
    repo.commit({"repos/a": Pin(ONE)})
    result = run_script("changed-components", *words, cwd=repo.path)
    assert (result.returncode, result.stdout, error in result.stderr) == (code, "", True), result.stderr
