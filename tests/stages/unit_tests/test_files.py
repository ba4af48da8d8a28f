"""The files of a commit as detection reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from altai_build.stages.unit_tests.detection import detect_suite
from altai_build.stages.unit_tests.files import MAX_FILE_SIZE, ProjectFiles
from altai_build.stages.unit_tests.python_files import list_test_requirements


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


def _read_all(text: str, paths: Sequence[str]) -> Mapping[str, str]:
    return dict.fromkeys(paths, text)


def test_floods_of_blanks_and_of_lists_hold_nobody() -> None:
    """Each of these took hours."""
    flood = {
        "Makefile.am": "\n" * MAX_FILE_SIZE,
        "CMakeLists.txt": "\t\n" * (MAX_FILE_SIZE // 2),
        "meson.build": " " * MAX_FILE_SIZE,
        "pyproject.toml": "\n \x1c" * (MAX_FILE_SIZE // 3),
        "setup.py": "tests_require=[" * (MAX_FILE_SIZE // 15),
    }
    for name, text in flood.items():
        files = ProjectFiles((name, "configure.ac", "tests/test_a.py"), partial(_read_all, text))
        detect_suite(files, ["python3-devel"])
        list_test_requirements(files, "python3")
    files = ProjectFiles(("a",), lambda paths: {"a": "if x:\n    y\n\n \n\n\nz"})
    assert files.get_text("a") == "if x:\n    y\n\nz"
