"""Each source of a spec is found by the same rules, and all that are missing are named at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.component import ComponentKind
from altai_build.tools.rpm.source_files import SourceFile, collect_source_files
from tests.kit.git import Entry, Symlink
from tests.kit.sourced import make_sourced

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def spec(*sources: str) -> str:
    tags = "".join(f"Source{number}: {name}\n" for number, name in enumerate(sources))
    return f"Name: x\nVersion: 1\nRelease: 1\n{tags}%description\n"


def collect(
    folder: Path,
    files: Mapping[str, Entry],
    *,
    path: str = "x.spec",
    generated: Mapping[str, bytes] | None = None,
    cached: Mapping[str, Path] | None = None,
    kind: ComponentKind = ComponentKind.SUBMODULE,
) -> dict[str, SourceFile]:
    sourced = make_sourced(folder, files, path, kind=kind)
    found = collect_source_files(sourced, sourced.info, generated=generated or {}, cached=cached or {})
    return {file.name: file for file in found}


def blob(text: str) -> str:
    """git's id of a file."""
    return hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest()


def test_the_first_archive_is_the_repository_itself_but_not_for_third_party_packages(tmp_path: Path) -> None:
    files = {"x.spec": spec("x-1.tar.gz", "a.txt"), "a.txt": "a"}
    found = collect(tmp_path, files)
    assert found["x-1.tar.gz"].is_archive and found["a.txt"].blob == blob("a")
    third_party = {f"specs/x/{name}": entry for name, entry in files.items()}
    with pytest.raises(InputError, match="1 source is missing") as caught:
        collect(tmp_path / "t", third_party, path="specs/x/x.spec", kind=ComponentKind.SPEC)
    assert caught.value.todo.endswith(", or list them in sources.yaml")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["rpm/a", "rpm/SOURCES/a", "SOURCES/a", "a", "deep/a"], "rpm/a"),
        (["rpm/SOURCES/a", "SOURCES/a", "a"], "rpm/SOURCES/a"),
        (["SOURCES/a", "a", "deep/a"], "SOURCES/a"),
        (["a", "deep/a"], "a"),
        (["deep/a"], "deep/a"),
    ],
)
def test_the_nearest_file_is_taken(tmp_path: Path, paths: list[str], expected: str) -> None:
    files = {"rpm/x.spec": spec("a"), **{path: f"this is {path}" for path in paths}}
    assert collect(tmp_path, files, path="rpm/x.spec")["a"].blob == blob(f"this is {expected}")


def test_symbolic_links_are_followed_within_the_commit(tmp_path: Path) -> None:
    files: dict[str, Entry] = {
        "x.spec": spec("a"),
        "a": Symlink("deep/link"),
        "deep/link": Symlink("../b"),
        "b": "b",
    }
    assert collect(tmp_path, files)["a"].blob == blob("b")
    for number, target in enumerate(("/etc/passwd", "a", "../../b")):
        files["a"] = Symlink(target)
        with pytest.raises(InputError, match="1 source is missing"):
            collect(tmp_path / str(number), files)


def test_what_the_commit_lacks_is_generated_or_was_downloaded(tmp_path: Path) -> None:
    download = tmp_path / "download"
    download.write_bytes(b"bytes")
    files = {"x.spec": spec("made", "loaded", "both", "lfs"), "both": "own", "lfs": LFS}
    found = collect(
        tmp_path,
        files,
        generated={"made": b"text\n", "both": b"other"},
        cached={"loaded": download, "lfs": download},
    )
    assert found["made"].content == b"text\n"
    assert found["loaded"].cached == found["lfs"].cached == download
    assert found["loaded"].origin == f"cached {hashlib.sha256(b'bytes').hexdigest()}"
    assert found["both"].blob == blob("own"), "the commit's own file comes first"


def test_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    files = {
        "x.spec": spec("none", "lfs", "twice", "-x", "..", "none"),
        "lfs": LFS,
        "a/twice": "1",
        "b/twice": "2",
    }
    with pytest.raises(InputError) as caught:
        collect(tmp_path, files, generated={"twice": b"never taken for one of them"})
    assert caught.value.what == "x: 6 sources are missing"
    assert caught.value.why.splitlines() == [
        "  Source0: none is neither in the repository nor generated",
        "  Source1: lfs is a Git LFS pointer at lfs, not the file",
        "  Source2: twice is not beside the spec, and 2 files have this name: a/twice, b/twice",
        "  Source3: '-x' is not a plain file name",
        "  Source4: '..' is not a plain file name",
        "  Source5: none is neither in the repository nor generated",
    ]
