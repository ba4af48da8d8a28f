"""The files of a commit as detection reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from altai_build.stages.unit_tests.files import ProjectFiles


def test_each_file_is_read_once_and_those_next_to_the_top_come_first() -> None:
    asked: list[Sequence[str]] = []

    def read(paths: Sequence[str]) -> Mapping[str, str]:
        asked.append(paths)
        return {path: f"text of {path}" for path in paths if path != "too-long"}

    files = ProjectFiles(("b/Makefile.am", "Makefile.am", "too-long"), read)
    files.load(["Makefile.am", "too-long", "absent"])
    assert files.get_text("Makefile.am") == "text of Makefile.am"
    assert (files.get_text("too-long"), files.get_text("absent")) == ("", "")
    assert asked == [["Makefile.am", "too-long"]]
    assert files.find("Makefile.*") == ["Makefile.am", "b/Makefile.am"]
    assert files.has("b/Makefile.am") and not files.has("absent")
