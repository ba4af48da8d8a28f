"""modules.yaml as distributions write it; what dnf would refuse is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra
from altai_build.tools.repo.modules import (
    ModuleDefault,
    Modules,
    ModuleStream,
    get_default_streams,
    read_modules,
)
from altai_build.tools.repo.repomd import MetadataFile
from altai_build.tools.repo.stored_files import StoredFile
from tests.kit.repodata import describe_default, describe_module


def read(folder: Path, text: str | bytes) -> Modules:
    path = folder / "modules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    read_modules.cache_clear()
    return read_modules(StoredFile(path, MetadataFile("modules", path.name, None, None)))


def test_streams_and_defaults_are_read(tmp_path: Path) -> None:
    artifacts = ("nodejs-1:10.2-1.module+1+a.x86_64", "npm-0:6-1.noarch", "nodejs-1:10.2-1.src", "nonsense")
    text = describe_module("nodejs", "1.10", *artifacts, requires="{perl: [5.30, -5.26]; lua: []}")
    assert read(tmp_path, text + describe_default("nodejs", "1.10")) == Modules(
        streams=(
            ModuleStream(
                name="nodejs",
                stream="1.10",
                requires=((("platform", ("el8",)), ("perl", ("5.30", "-5.26")), ("lua", ())),),
                artifacts=(
                    Nevra(name="nodejs", epoch=1, version="10.2", release="1.module+1+a", arch="x86_64"),
                    Nevra(name="npm", epoch=0, version="6", release="1", arch="noarch"),
                ),
            ),
        ),
        defaults=(ModuleDefault("nodejs", "1.10", 0),),
    )


def test_a_stream_without_quotes_is_text(tmp_path: Path) -> None:
    """1.10 is not 1.1, and `on` is not true."""
    text = describe_module("x", "S").replace('"S"', "1.10") + describe_module("y", "S").replace('"S"', "on")
    assert [stream.stream for stream in read(tmp_path, text).streams] == ["1.10", "on"]


def test_the_first_version_of_the_format_and_other_documents_are_known(tmp_path: Path) -> None:
    first = (
        "---\ndocument: modulemd\nversion: 1\ndata: {name: x, stream: a, dependencies: {requires: {y: b}}}\n"
    )
    other = "---\ndocument: modulemd-translations\nversion: 1\ndata: {module: x}\n"
    (stream,) = read(tmp_path, first + other).streams
    assert stream.requires == ((("y", ("b",)),),)


@pytest.mark.parametrize(
    "text",
    [
        "document: [",
        "---\n- a list\n",
        "--- text\n",
        "---\ndocument: something-else\ndata: {}\n",
        "---\ndocument: modulemd\ndata: []\n",
        "---\ndocument: modulemd\ndata: {name: x}\n",
        "---\ndocument: modulemd\ndata: {name: [x], stream: y}\n",
        "---\ndocument: modulemd\ndata: {name: x, stream: y, artifacts: {rpms: text}}\n",
        "---\ndocument: modulemd\ndata: {name: x, stream: y, artifacts: text}\n",
        "---\ndocument: modulemd-defaults\ndata: {module: x, stream: [y]}\n",
        "---\ndocument: modulemd-defaults\ndata: {module: x, modified: soon}\n",
        "--- &a\ndocument: modulemd\ndata: *a\n",
        "---\n? {a: b}\n: c\n",
        "[" * 100_000,
        b"\xff\xfe\x00",
        b"document: \x00",
    ],
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(InputError, match="cannot read the modules metadata"):
        read(tmp_path, text)


def test_the_default_that_was_modified_last_counts_and_equals_cancel_out() -> None:
    def defaults(*entries: tuple[str, int]) -> dict[str, str]:
        contents = [Modules((), (ModuleDefault("x", stream, modified),)) for stream, modified in entries]
        return get_default_streams(contents)

    assert defaults(("a", 0)) == defaults(("a", 0), ("a", 0)) == {"x": "a"}
    assert defaults(("a", 0), ("b", 0)) == {}
    assert defaults(("a", 0), ("b", 0), ("c", 1)) == {"x": "c"}
    assert defaults(("a", 2), ("b", 1)) == {"x": "a"}
    assert defaults(("a", 0), ("", 1)) == {}
