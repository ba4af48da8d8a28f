"""Markers that depend on more than the commit stay in an archive as they are; all others are those of `git archive`."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.disk import WriteBudget
from altai_build.tools.git.archive import ArchivePart, write_archive
from altai_build.tools.git.attributes import read_attribute_files
from altai_build.tools.git.export_subst import is_undecided, substitute_files
from altai_build.tools.git.objects import ObjectStore
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import members

# What git's manual names (git-log(1), PRETTY FORMATS), and the commit decides.
DECIDED = (
    "%H", "%h", "%T", "%t", "%P", "%p", "%an", "%aN", "%ae", "%aE", "%al", "%aL", "%ad", "%aD", "%at", "%ai", "%aI",
    "%as", "%cn", "%cN", "%ce", "%cE", "%cl", "%cL", "%cd", "%cD", "%ct", "%ci", "%cI", "%cs", "%e", "%s", "%f", "%b",
    "%B", "%m", "%n", "%%", "%x41", "%%d", "%%(describe)", "%w(20,1,2)%s", "%<(20,trunc)%s|", "%>>(30)%an|",
    "%Cred%h%Creset", "%C(auto)%h", "%(trailers:key=Signed-off-by)", "%+s", "% s", "%-b", "%q", "text", "",
)  # fmt: skip
UNDECIDED = (
    "%d", "%D", "% d", "%+D", "%(describe)", "%(describe:tags=true,match=v*)", "%(describe:abbrev=0)", "%(decorate)",
    "%(decorate:prefix=,suffix=)", "%S", "%N", "%gd", "%gD", "%gn", "%gN", "%ge", "%gE", "%gs", "%G?", "%GG", "%GS",
    "%GK", "%GF", "%GP", "%GT", "%ar", "%cr", "%ah", "%ch", "%h%d", "%%%d", "%x25%D",
)  # fmt: skip


def open_commit(tmp_path: Path, files: dict[str, Entry]) -> ArchivePart:
    repo = Repo(tmp_path / "repo")
    commit = repo.commit(files)
    repo.git("tag", "v1.0")
    repo.git("notes", "add", "-m", "a note")
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=tmp_path / "shadows", origin="a test", commit=commit
    )
    tree = store.read_tree(commit)
    substituted = substitute_files(store, commit, tree, read_attribute_files(store, tree))
    return ArchivePart(store=store, commit=commit, folder="", substituted=substituted)


def archive(tmp_path: Path, part: ArchivePart, format: str = ".tar") -> dict[str, str]:
    output = tmp_path / f"a{format}"
    write_archive([part], prefix="p/", format=format, output=output, budget=WriteBudget())
    return members(output.read_bytes())


def mark(*formats: str) -> str:
    return "".join(f"{format}: $Format:{format}$\n" for format in formats)


@pytest.mark.parametrize("format", UNDECIDED)
def test_what_depends_on_more_than_the_commit_is_undecided(format: str) -> None:
    assert is_undecided(format.encode())


@pytest.mark.parametrize("format", DECIDED)
def test_what_the_commit_decides_is_not(format: str) -> None:
    assert not is_undecided(format.encode())


def test_undecided_markers_stay_and_the_others_are_those_of_git(tmp_path: Path) -> None:
    files: dict[str, Entry] = {
        ".gitattributes": "* export-subst\nleft export-ignore\nplain -export-subst\n",
        ".mailmap": "Another Name <other@example.org> <test@example.org>\n",
        "decided": mark(*DECIDED),
        "both": mark(*DECIDED, *UNDECIDED),
        "open": "$Format:%d",
        "left": mark("%d"),
        "plain": mark("%d"),
        "empty": "",
    }
    part = open_commit(tmp_path, files)
    assert {path: file.kept for path, file in part.substituted.items()} == {
        "both": tuple(f"$Format:{format}$" for format in UNDECIDED)
    }
    found = archive(tmp_path, part)
    assert found["p/both"] == found["p/decided"] + mark(*UNDECIDED)
    assert (found["p/open"], found["p/plain"]) == ("$Format:%d", mark("%d"))
    assert "p/left" not in found


def test_many_files_with_the_attribute_are_looked_through_at_once(tmp_path: Path) -> None:
    many: dict[str, Entry] = {f"d/{number}": "x\n" for number in range(120)}
    part = open_commit(tmp_path, {".gitattributes": "* export-subst\n", **many, "ö:*": mark("%d")})
    assert list(part.substituted) == ["ö:*"]


def test_names_are_mapped_by_the_commit_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = Repo(tmp_path / "repo")
    name, email = repo.git("log", "-1", "--format=%an%n%ae", repo.commit({"a": "1\n"})).splitlines()
    part = open_commit(
        tmp_path,
        {
            ".gitattributes": "v export-subst\nw export-subst\n",
            ".mailmap": f"Known Name <{email}>\n",
            "v": "$Format:%an %aN$\n",
            "w": "$Format:%cN$ $Format:%D$\n",
        },
    )
    found = archive(tmp_path, part)
    assert found["p/v"] == f"{name} Known Name\n"
    assert found["p/w"] == "Known Name $Format:%D$\n"


def test_a_zip_with_an_undecided_marker_is_refused(tmp_path: Path) -> None:
    part = open_commit(tmp_path, {".gitattributes": "v export-subst\n", "v": "$Format:%(describe)$\n"})
    with pytest.raises(InputError, match=r"a\.zip cannot contain .* depends on references"):
        archive(tmp_path, part, ".zip")


def test_hostile_markers_are_bounded(tmp_path: Path) -> None:
    many = "".join(f"$Format:%h{number}$\n" for number in range(200))
    with pytest.raises(InputError, match="more than 100 different markers"):
        open_commit(tmp_path, {".gitattributes": "v export-subst\n", "v": f"$Format:%d$\n{many}"})


def test_an_overlong_marker_stays(tmp_path: Path) -> None:
    long = f"$Format:{'x' * 200_000}$"
    part = open_commit(tmp_path, {".gitattributes": "v export-subst\n", "v": f"$Format:%h\0x$ {long}"})
    (file,) = part.substituted.values()
    assert file.content == f"{part.commit[:12]} {long}".encode()
    assert len(file.kept[0]) < 100
