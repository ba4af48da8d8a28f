"""sources.yaml becomes typed records, or one InputError that names every error."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config.sources import read_sources
from altai_build.errors import InputError
from altai_build.model.checksum import SHA256, Checksum
from altai_build.model.sources import PypiOrigin, UpstreamSource, UrlOrigin

SPECS = Path(__file__).resolve().parents[2] / "specs"


def test_both_kinds_of_origin_are_read() -> None:
    text = f"""\
sources:
  - {{file: pbr-5.11.1.tar.gz, sha256: {"a" * 64}, from: {{pypi: pbr, version: 5.11.1}}}}
  - {{file: logo.png, sha256: "{"1" * 64}", from: "https://example.org/a/logo.png?x=1"}}
"""
    assert read_sources(text.encode(), "specs/x/sources.yaml") == (
        UpstreamSource("pbr-5.11.1.tar.gz", Checksum(SHA256, "a" * 64), PypiOrigin("pbr", "5.11.1")),
        UpstreamSource(
            "logo.png", Checksum(SHA256, "1" * 64), UrlOrigin("https://example.org/a/logo.png?x=1")
        ),
    )


def test_all_errors_are_reported_at_once() -> None:
    text = """\
sources:
  - {file: ../passwd, sha256: abc, from: "http://example.org/x"}
  - {file: a.tar.gz, sha256: 12, from: {pypi: "-x", version: 1.0}, extra: 1}
  - {file: a.tar.gz, from: "https://user:word@example.org/x"}
  - {file: b, sha256: "", from: {pypy: pbr}}
"""
    with pytest.raises(InputError) as caught:
        read_sources(text.encode(), "specs/x/sources.yaml")
    assert caught.value.what == "specs/x/sources.yaml has 14 errors"
    assert caught.value.why.splitlines() == [
        "  sources[0].file: got '../passwd'; a source is a plain file name, without folders",
        "  sources[0].sha256: got 'abc'; write 64 hexadecimal digits, lower case",
        "  sources[0].from: got 'http://example.org/x'; write an https URL without user and password, "
        "or {pypi: NAME, version: V}",
        "  sources[1]: unknown key 'extra'; known here: file, sha256, from",
        "  sources[1].sha256: got 12; write text, in quotes if it looks like a number",
        "  sources[1].from.pypi: got '-x'; write the name of a project of the Python package index",
        "  sources[1].from.version: got 1.0; write text, in quotes if it looks like a number",
        "  sources[2]: the key 'sha256' is missing",
        "  sources[2].from: got 'https://user...example.org/x'; write an https URL without user and "
        "password, or {pypi: NAME, version: V}",
        "  sources[3].sha256: got ''; write text, in quotes if it looks like a number",
        "  sources[3].from: unknown key 'pypy'; did you mean pypi?",
        "  sources[3].from: the key 'pypi' is missing",
        "  sources[3].from: the key 'version' is missing",
        "  sources: a.tar.gz is listed twice",
    ]


def test_a_file_that_is_listed_twice_is_an_error() -> None:
    entry = {"file": "a.tar.gz", "sha256": "a" * 64}
    rows = "".join(
        f"  - {{file: {entry['file']}, sha256: {entry['sha256']}, from: {{pypi: a, version: v1}}}}\n"
        for _ in "12"
    )
    with pytest.raises(InputError, match=r"a\.tar\.gz is listed twice"):
        read_sources(f"sources:\n{rows}".encode(), "x")


def test_the_repository_s_own_specs_are_whole() -> None:
    folders = sorted(path for path in SPECS.iterdir() if path.is_dir())
    assert folders
    for folder in folders:
        (spec,) = folder.glob("*.spec")
        assert spec.stem == folder.name
        (source,) = read_sources((folder / "sources.yaml").read_bytes(), str(folder))
        assert isinstance(source.origin, PypiOrigin)
        assert f"Version:        {source.origin.version}\n" in spec.read_text()
        assert source.file == f"{source.origin.project}-{source.origin.version}.tar.gz"
