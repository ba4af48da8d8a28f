"""The subordinate ids of a user, as newuidmap(1) reads them, and how they are given to a namespace."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from altai_build.tools import commands
from altai_build.tools.sandbox.id_ranges import (
    IdRange,
    describe_user,
    find_subordinate_ids,
    in_user_namespace,
    make_map_arguments,
    read_outer_root,
)
from tests.conftest import Require
from tests.kit.cli import ROOT

_NOBODY = 54329


def test_ranges_are_those_of_the_name_and_of_the_number(tmp_path: Path) -> None:
    file = tmp_path / "subuid"
    file.write_text("root:100000:65536\nsomebody:1:2\n0:300000:10\nroot:x:y\nroot:5:0\nroot:1:2:3\n\xff\n")
    assert find_subordinate_ids(file, 0) == (IdRange(100000, 65536), IdRange(300000, 10))
    assert find_subordinate_ids(file, _NOBODY) == ()


def test_without_a_file_a_directory_service_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_subordinate_ids(tmp_path / "none", _NOBODY) == ()
    program = tmp_path / "getsubids"
    program.write_text('#!/bin/sh\necho "0: somebody 200000 70000"\necho "1: somebody 9 $#"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_subordinate_ids(tmp_path / "none", _NOBODY) == (IdRange(200000, 70000), IdRange(9, 1))
    program.write_text("#!/bin/sh\necho '0: somebody 200000 70000'\nexit 1\n")
    assert find_subordinate_ids(tmp_path / "none", _NOBODY) == ()
    monkeypatch.setattr(commands, "find_program", lambda _: None)
    assert find_subordinate_ids(tmp_path / "none", _NOBODY) == ()


def test_root_inside_is_the_user_and_the_next_ids_are_those_of_the_ranges() -> None:
    words = make_map_arguments(1000, (IdRange(100000, 65536), IdRange(300000, 10)))
    assert words == ["0", "1000", "1", "1", "100000", "65536", "65537", "300000", "10"]


@pytest.mark.parametrize(("table", "expected"), [("0 1000 1\n", 1000), ("0 0 1\n", 0), ("5 5 5\n", None)])
def test_who_is_root_outside(tmp_path: Path, table: str, expected: int | None) -> None:
    (tmp_path / "map").write_text(table)
    assert read_outer_root(tmp_path / "map") == expected


def test_a_user_is_named_or_numbered() -> None:
    assert (describe_user(0), describe_user(_NOBODY)) == ("user root", f"uid {_NOBODY}")


def test_another_namespace_is_recognised_whatever_its_ids_are(require: Require) -> None:
    program = "from altai_build.tools.sandbox.id_ranges import in_user_namespace; print(in_user_namespace())"
    done = subprocess.run(
        ["unshare", "--user", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    require(done.returncode == 0, f"this machine has no user namespaces: {done.stderr}")
    assert done.stdout == "True\n"
    is_first = os.readlink("/proc/self/ns/user") == "user:[4026531837]"
    assert in_user_namespace() is not is_first
