"""Each source of a spec is found by the same rules, and all that are missing are named at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import InputError
from altai_build.model.component import ComponentKind
from altai_build.model.sources import SourceChoice
from altai_build.tools.rpm.source_files import SourceFile, collect_source_files
from tests.kit.git import Entry, Symlink
from tests.kit.sourced import make_sourced

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def spec(*sources: str) -> str:
    tags = "".join(f"Source{number}: {name}\n" for number, name in enumerate(sources))
    return f"Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\n{tags}%description\n"


def collect(
    folder: Path,
    files: Mapping[str, Entry],
    *,
    path: str = "x.spec",
    generated: Mapping[str, bytes] | None = None,
    cached: Mapping[str, Path] | None = None,
    kind: ComponentKind = ComponentKind.SUBMODULE,
    choice: SourceChoice | None = None,
) -> dict[str, SourceFile]:
    sourced = make_sourced(folder, files, path, kind=kind)
    found = collect_source_files(
        sourced, sourced.info, generated=generated or {}, cached=cached or {}, choice=choice
    )
    return {file.name: file for file in found}


def blob(text: str) -> str:
    """git's id of a file."""
    return hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest()


def test_the_first_archive_is_the_repository_itself_but_not_for_third_party_packages(tmp_path: Path) -> None:
    files = {"x.spec": spec("x-1.tar.gz", "a.txt"), "a.txt": "a"}
    found = collect(tmp_path, files)
    assert found["x-1.tar.gz"].archive_format == ".tar.gz" and found["a.txt"].blob == blob("a")
    third_party = {f"specs/x/{name}": entry for name, entry in files.items()}
    with pytest.raises(InputError, match="1 source is missing") as caught:
        collect(tmp_path / "t", third_party, path="specs/x/x.spec", kind=ComponentKind.SPEC)
    assert caught.value.todo.endswith(", or list them in sources.yaml beside the spec")


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


def test_an_archive_of_another_format_is_told_from_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        collect(tmp_path, {"x.spec": spec("x-1.tar.Z", "y.tar.Z")})
    first, second = caught.value.why.splitlines()
    assert (
        "x-1.tar.Z is neither in the repository nor generated; archives of the repository end in .tar"
        in first
    )
    assert second.endswith("y.tar.Z is neither in the repository nor generated")


def test_everything_that_is_missing_is_named(tmp_path: Path) -> None:
    files = {
        "x.spec": spec("none", "lfs", "twice", "a/", "..", "none", "x-%{nobody_knows}.tar"),
        "lfs": LFS,
        "a/twice": "1",
        "b/twice": "2",
    }
    with pytest.raises(InputError) as caught:
        collect(tmp_path, files, generated={"twice": b"never taken for one of them"})
    assert caught.value.what == "x: 7 sources are missing"
    assert caught.value.why.splitlines() == [
        "  Source0: none is neither in the repository nor generated",
        "  Source1: lfs is a Git LFS pointer at lfs, not the file",
        "  Source2: twice is not beside the spec, and 2 files have this name: a/twice, b/twice",
        "  Source3: 'a/' is not a plain file name",
        "  Source4: '..' is not a plain file name",
        "  Source5: none is neither in the repository nor generated",
        "  Source6: x-%{nobody_knows}.tar has a macro that rpm does not know on this machine",
    ]
    assert "components.x.sources" in caught.value.todo and "components.x.macros" in caught.value.todo


@pytest.mark.parametrize("name", ["a@.service", "f,patch", "-x", "q'uote", "(p)", "a b"])
def test_a_source_can_have_every_name_that_rpm_takes(tmp_path: Path, name: str) -> None:
    assert collect(tmp_path, {"x.spec": spec(name), name: "a"})[name].blob == blob("a")


def test_a_url_may_have_encoded_characters(tmp_path: Path) -> None:
    files = {"x.spec": spec("https://example.org/d%C3%A9/extra.conf"), "extra.conf": "a"}
    assert collect(tmp_path, files)["extra.conf"].blob == blob("a")


CODE = {"setup.py": "", "Makefile": ""}
URL = "https://example.org/x-1.tar.gz"
LISTED = f"SHA512 (x-1.tar.gz) = {'5' * 128}\n"


def get_archive(folder: Path, files: Mapping[str, Entry], source: str, **more: Any) -> str:
    """What the first source is: `archive`, `cached`, `generated` or the folder of a committed file."""
    spec_file = more.pop("path", "x.spec")
    files = {spec_file: spec(source), **files}
    found = collect(folder, files, path=spec_file, **more)["x-1.tar.gz"]
    if found.blob is None:
        return found.origin.partition(" ")[0]
    texts = [path for path, text in files.items() if isinstance(text, str) and blob(text) == found.blob]
    return texts[0]


@pytest.mark.parametrize("path", ["SPECS/x.spec", "x.spec", "rpm/x.spec"])
@pytest.mark.parametrize("source", ["x-1.tar.gz", URL])
def test_a_committed_file_of_the_wanted_name_is_the_source(tmp_path: Path, path: str, source: str) -> None:
    files = {"SOURCES/x-1.tar.gz": "committed", **CODE}
    found = get_archive(tmp_path, files, source, path=path, cached={"x-1.tar.gz": tmp_path})
    assert found == "SOURCES/x-1.tar.gz"


def test_the_repository_of_a_program_is_the_archive_whatever_the_url_of_its_source(tmp_path: Path) -> None:
    assert get_archive(tmp_path, CODE, URL) == "archive"


def test_what_is_generated_or_downloaded_is_the_source(tmp_path: Path) -> None:
    download = tmp_path / "download"
    download.write_bytes(b"x")
    assert get_archive(tmp_path / "1", CODE, "x-1.tar.gz", generated={"x-1.tar.gz": b"x"}) == "generated"
    found = get_archive(tmp_path / "2", {"sources": LISTED}, URL, cached={"x-1.tar.gz": download})
    assert found == "cached"


def test_the_settings_of_a_component_decide(tmp_path: Path) -> None:
    download = tmp_path / "download"
    download.write_bytes(b"x")
    files = {"x-1.tar.gz": "committed", "sources": LISTED}
    found = [
        get_archive(tmp_path / choice.value, files, URL, choice=choice, cached={"x-1.tar.gz": download})
        for choice in (SourceChoice.ARCHIVE, SourceChoice.COMMITTED, SourceChoice.FETCHED)
    ]
    assert found == ["archive", "x-1.tar.gz", "cached"]


CAN_DECIDE = "; components.x.source in repos.yaml can decide"


@pytest.mark.parametrize(
    ("files", "source", "why"),
    [
        (
            {"README.md": ""},
            URL,
            f"is a file of another site, and this repository seems to hold its packaging only{CAN_DECIDE}",
        ),
        (
            {"sources": ""},
            "x-1.tar.gz",
            "is neither committed nor listed in sources, by which this repository holds packaging only"
            + CAN_DECIDE,
        ),
        (
            {"sources": LISTED, **CODE},
            "x-1.tar.gz",
            f"is listed in sources, and the spec gives no http or https URL to download it from{CAN_DECIDE}",
        ),
        (
            {".x.metadata": f"{'0' * 32} SOURCES/x-1.tar.gz\n"},
            URL,
            "has only an MD5 in .x.metadata, which proves nothing: list its SHA-256 in sources.yaml"
            + CAN_DECIDE,
        ),
        ({"x-1.tar.gz": LFS, **CODE}, URL, f"is a Git LFS pointer at x-1.tar.gz, not the file{CAN_DECIDE}"),
        (
            {"a/x-1.tar.gz": "1", "b/x-1.tar.gz": "2"},
            URL,
            "is not beside the spec, and 2 files have this name: a/x-1.tar.gz, b/x-1.tar.gz" + CAN_DECIDE,
        ),
    ],
)
def test_no_archive_of_the_packaging_stands_for_the_program(
    tmp_path: Path, files: dict[str, Entry], source: str, why: str
) -> None:
    with pytest.raises(InputError) as caught:
        get_archive(tmp_path, files, source)
    assert caught.value.why == f"  Source0: x-1.tar.gz {why}"


@pytest.mark.parametrize(
    ("choice", "why"),
    [
        (SourceChoice.COMMITTED, "is not committed, as components.x.source says"),
        (
            SourceChoice.FETCHED,
            "is to be downloaded (components.x.source), but no list beside the spec has its URL and checksum",
        ),
    ],
)
def test_what_the_settings_say_must_be_there(tmp_path: Path, choice: SourceChoice, why: str) -> None:
    with pytest.raises(InputError) as caught:
        get_archive(tmp_path, CODE, URL, choice=choice)
    assert caught.value.why == f"  Source0: x-1.tar.gz {why}"
