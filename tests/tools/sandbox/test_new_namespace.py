"""A user namespace stays as long as its descriptor, and what does not make one is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from altai_build.tools.sandbox.new_namespace import NamespaceRefused, give_same_ids, open_user_namespace
from tests.conftest import Require


def test_a_namespace_has_the_ids_of_this_one(require: Require) -> None:
    require(os.geteuid() == 0, "giving a namespace all ids needs root")
    holders: list[Path] = []

    def set_ids(directory: Path) -> None:
        give_same_ids(directory)
        holders.append(directory)
        assert (directory / "uid_map").read_text() == Path("/proc/self/uid_map").read_text()

    descriptor = open_user_namespace(set_ids)
    try:
        assert os.fstat(descriptor).st_ino != os.stat("/proc/self/ns/user").st_ino
        assert not holders[0].exists()
    finally:
        os.close(descriptor)


def test_what_the_program_says_is_the_reason() -> None:
    with pytest.raises(NamespaceRefused, match=r"^not here$"):
        open_user_namespace(give_same_ids, ["sh", "-c", "echo not here >&2; exit 1"])
    with pytest.raises(NamespaceRefused, match="ended without a word"):
        open_user_namespace(give_same_ids, ["false"])
