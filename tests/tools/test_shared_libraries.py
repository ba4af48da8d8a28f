"""Which package has a shared library that a Python library does not find."""

from __future__ import annotations

from altai_build.tools.shared_libraries import SharedLibrary, find_missing_library


def test_the_text_of_the_linker_leads_to_the_package() -> None:
    text = "ImportError: libgobject-2.0.so.0: cannot open shared object file: No such file or directory"
    found = find_missing_library(text)
    assert found == SharedLibrary("libgobject-2.0.so.0", "libglib2.0-0", "glib2")
    assert found.todo == "apt-get install libglib2.0-0, or dnf install glib2"


def test_other_libraries_and_other_errors_have_no_package() -> None:
    assert find_missing_library("libfoo.so.1: cannot open shared object file: No such file") is None
    assert find_missing_library("No module named 'solv'") is None
