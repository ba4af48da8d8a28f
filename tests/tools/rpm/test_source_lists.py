"""Lists of checksums are found beside the spec, and no other text is taken for one."""

from __future__ import annotations

from pathlib import Path

from altai_build.model.checksum import Checksum
from altai_build.tools.rpm.source_lists import read_checksum_lists
from tests.kit.git import Entry, Symlink
from tests.kit.sourced import make_component_spec

LINE = f"SHA512 (a.tar.gz) = {'5' * 128}\n"
A = {"a.tar.gz": Checksum("sha512", "5" * 128)}


def test_lists_are_beside_the_spec_above_it_and_at_the_root(tmp_path: Path) -> None:
    files: dict[str, Entry] = {
        "p/SPECS/x.spec": "Name: x\n",
        "p/SPECS/sources": LINE,
        "p/.x.metadata": LINE,
        "sources": "",
        "deep/sources": LINE,
        "p/sources": Symlink("SPECS/sources"),
        "p/SPECS/x.metadata": LINE,
        "p/resources": LINE,
    }
    found = read_checksum_lists(make_component_spec(tmp_path, files, "p/SPECS/x.spec"))
    assert found == {"p/SPECS/sources": A, "p/.x.metadata": A, "sources": {}}


def test_other_texts_and_huge_files_are_no_lists(tmp_path: Path) -> None:
    files = {"x.spec": "Name: x\n", "sources": "deb http://example.org/\n", ".x.metadata": LINE * 8000}
    assert read_checksum_lists(make_component_spec(tmp_path, files, "x.spec")) == {}
