"""test.lock.yaml: what is written is read again, and all errors are reported at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config.test_lock import load_test_lock, write_test_lock
from altai_build.errors import InputError
from altai_build.model.test_lock import LockedDistribution, LockedTests, TestLock

MOCK = LockedDistribution("mock", "3.0.5", "mock-3.0.5-py2.py3-none-any.whl", "a" * 64)
ODD = LockedDistribution("no", "1e3", "no-1e3.tar.gz", "1" * 64)
LOCK = TestLock(
    (MOCK, ODD),
    (
        LockedTests("nova", "2.7", ("mock>=1", "no"), {MOCK.file: ("mock>=1",), ODD.file: ("no", "mock")}),
        LockedTests("yes: [x]", "3.10", (), {}),
    ),
)


def test_the_written_form() -> None:
    assert (
        write_test_lock(LOCK).decode()
        == f"""\
# The exact files of Python projects that unit tests need.
# Written by `altai-build test --lock`; commit it. Change test.pypi in repos.yaml rather than this.
format: 1
files:
- {{file: "mock-3.0.5-py2.py3-none-any.whl", project: "mock", version: "3.0.5", sha256: "{"a" * 64}"}}
- {{file: "no-1e3.tar.gz", project: "no", version: "1e3", sha256: "{"1" * 64}"}}
components:
- component: "nova"
  python: "2.7"
  requires: ["mock>=1", "no"]
  files:
    "mock-3.0.5-py2.py3-none-any.whl": ["mock>=1"]
    "no-1e3.tar.gz": ["no", "mock"]
- component: "yes: [x]"
  python: "3.10"
  requires: []
  files: {{}}
"""
    )


@pytest.mark.parametrize("lock", [LOCK, TestLock()])
def test_what_was_written_is_read_again(tmp_path: Path, lock: TestLock) -> None:
    path = tmp_path / "test.lock.yaml"
    path.write_bytes(write_test_lock(lock))
    assert load_test_lock(path) == lock


def refusal(tmp_path: Path, text: str) -> InputError:
    path = tmp_path / "test.lock.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_test_lock(path)
    return caught.value


def test_all_errors_are_reported_at_once(tmp_path: Path) -> None:
    error = refusal(
        tmp_path,
        "format: 1\nfiles:\n- {file: ../x.whl, project: x, version: '1', sha256: abc}\n- {file: a-1.zip}\n"
        f"- {{file: b-1.zip, project: b, version: '1', sha256: {'b' * 64}}}\n"
        f"- {{file: b-1.zip, project: b, version: '1', sha256: {'b' * 64}}}\n"
        "components:\n- {component: nova, python: 2.7, requires: [], files: {gone-1.zip: [gone]}}\n- 7\nmore: 1\n",
    )
    assert error.what == f"{tmp_path}/test.lock.yaml has 10 errors"
    assert error.todo == "make it again: `altai-build test --lock`"
    for part in (
        "files[0].file: got '../x.whl'; write the name of a wheel or source archive, without folders",
        "files[0].sha256: got 'abc'; write 64 hexadecimal digits, lower case",
        "files[1]", "files: b-1.zip is listed twice", "components[0].python: got 2.7; write text",
        "components[0].files.gone-1.zip: gone-1.zip is not in files of test.lock.yaml", "components[1]", "more",
    ):  # fmt: skip
        assert part in error.why


def test_a_later_format_is_no_heap_of_errors(tmp_path: Path) -> None:
    error = refusal(tmp_path, "format: 2\nthings: []\n")
    assert error.why == "  format: got 2; this version of altai-build reads 1"
    assert "update altai-build" in error.todo
