"""What the operating system is assumed to provide meets exactly what was required of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.tools.repo.assumed import write_assumed_repository
from altai_build.tools.solver.pool import PackagePool

CAPABILITIES = (
    "/bin/sh",
    "bash",
    "python >= 2.6",
    "libc.so.6(GLIBC_2.34)(64bit)",
    "lib = 1:2.0-3",
    "a<b&\"c'",
)


@pytest.mark.parametrize("arch", ["x86_64", "noarch"])
def test_each_capability_is_provided_and_no_other(tmp_path: Path, arch: str) -> None:
    pool = PackagePool(arch, cache=tmp_path / "cache")
    pool.add_repository(write_assumed_repository(tmp_path, CAPABILITIES))
    for capability in CAPABILITIES:
        assert pool.has_provider(capability), capability
    for other in ("zsh", "/bin/bash", "python < 2.6", "lib = 2.0-3", "lib > 1:2.0-3"):
        assert not pool.has_provider(other), other
