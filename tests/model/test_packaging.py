"""A repository of packaging is told from one of a program by its files."""

from __future__ import annotations

import pytest

from altai_build.model.packaging import holds_packaging_only

PACKAGING = ("x.spec", ".gitignore", ".github/workflows/ci.yml", "0001-fix.patch", "README.md", "gating.yaml")


@pytest.mark.parametrize(
    "more", [(), ("x-dist.conf",), ("tests/main.py",), ("SOURCES/helper.sh",), ("x@.service", "LICENSE")]
)
def test_a_spec_and_what_packagers_keep_beside_it(more: tuple[str, ...]) -> None:
    assert holds_packaging_only((*PACKAGING, *more), {"helper.sh"})


@pytest.mark.parametrize("more", ["setup.py", "src/x.c", "Makefile", "other.sh", "x/README/x.py"])
def test_any_file_of_a_program(more: str) -> None:
    assert not holds_packaging_only((*PACKAGING, more), {"helper.sh"})
