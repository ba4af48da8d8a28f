"""test.lock.yaml: read with all its errors at once, written so that equal locks are equal and changes merge."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from altai_build.config.yaml_reader import InputErrors, YamlNode, parse_yaml, read_limited
from altai_build.model.checksum import is_sha256
from altai_build.model.test_lock import (
    FORMAT,
    TEST_LOCK_NAME,
    LockedDistribution,
    LockedTests,
    TestLock,
    is_distribution_file,
)

_MAX_SIZE = 16 << 20  # bytes
_HEADER = """\
# The exact files of Python projects that unit tests need.
# Written by `altai-build test --lock`; commit it. Change test.pypi in repos.yaml rather than this.
"""
_FILE_KEYS = ("file", "project", "version", "sha256")
_COMPONENT_KEYS = ("component", "python", "requires", "files")


def load_test_lock(path: Path) -> TestLock:
    """The lock in a file. Raises InputError naming all errors in it."""
    data = read_limited(path, limit=_MAX_SIZE)
    errors = InputErrors()
    top = YamlNode(parse_yaml(data, str(path)), "", errors)
    if isinstance(top.value, dict) and top.value.get("format") not in (None, FORMAT):
        errors.add("format", f"got {top.value['format']!r}; this version of altai-build reads {FORMAT}")
        errors.raise_if_any(
            str(path), todo="update altai-build, or make the lock again: `altai-build test --lock`"
        )
    top = top.check_keys(("format", "files", "components"), needed=("format", "files", "components"))
    files = tuple(_read_file(node) for node in top.get_child("files").read_list())
    _refuse_repeated([one.file for one in files], top.get_child("files"))
    known = {one.file for one in files}
    components = tuple(_read_component(node, known) for node in top.get_child("components").read_list())
    _refuse_repeated([one.component for one in components], top.get_child("components"))
    errors.raise_if_any(str(path), todo="make it again: `altai-build test --lock`")
    return TestLock(files, components)


def write_test_lock(lock: TestLock) -> bytes:
    """The text of a lock; one entry a line."""
    lines = [f"format: {FORMAT}", f"files:{'' if lock.distributions else ' []'}"]
    for one in lock.distributions:
        values = (one.file, one.project, one.version, one.sha256)
        lines.append(f"- {_write_mapping(zip(_FILE_KEYS, map(json.dumps, values)))}")
    lines.append(f"components:{'' if lock.components else ' []'}")
    for locked in lock.components:
        lines.append(f"- component: {json.dumps(locked.component)}")
        lines.append(f"  python: {json.dumps(locked.python)}")
        lines.append(f"  requires: {json.dumps(list(locked.requires))}")
        lines.append(f"  files:{'' if locked.files else ' {}'}")
        lines += [
            f"    {json.dumps(file)}: {json.dumps(list(needed_by))}"
            for file, needed_by in sorted(locked.files.items())
        ]
    return (_HEADER + "\n".join(lines) + "\n").encode()


def _write_mapping(pairs: Iterator[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"


def _read_file(node: YamlNode) -> LockedDistribution:
    node = node.check_keys(_FILE_KEYS, needed=_FILE_KEYS)
    return LockedDistribution(
        project=node.get_child("project").read_text(),
        version=node.get_child("version").read_text(),
        file=node.get_child("file").read_text(check=_check_file),
        sha256=node.get_child("sha256").read_text(check=_check_sha256),
    )


def _read_component(node: YamlNode, known: set[str]) -> LockedTests:
    node = node.check_keys(_COMPONENT_KEYS, needed=_COMPONENT_KEYS)
    files = {}
    for file, needed_by in node.get_child("files").read_mapping("file"):
        if file not in known:
            needed_by.add_error(f"{file} is not in files of {TEST_LOCK_NAME}")
        files[file] = needed_by.read_texts()
    return LockedTests(
        component=node.get_child("component").read_text(),
        python=node.get_child("python").read_text(),
        requires=node.get_child("requires").read_texts(),
        files=files,
    )


def _refuse_repeated(names: list[str], node: YamlNode) -> None:
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        node.add_error(f"{name} is listed twice")


def _check_file(value: str) -> str | None:
    return (
        None
        if is_distribution_file(value)
        else "write the name of a wheel or source archive, without folders"
    )


def _check_sha256(value: str) -> str | None:
    return None if is_sha256(value) else "write 64 hexadecimal digits, lower case"
