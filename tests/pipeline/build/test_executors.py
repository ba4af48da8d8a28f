"""Executors by name, loaded when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from altai_build.errors import InputError, MissingToolError
from altai_build.pipeline.build.executor import LocalExecutor
from altai_build.pipeline.build.executors import find_executor
from altai_build.tools.dask import library


def test_executors_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_executor("local") is LocalExecutor
    assert find_executor("dask").__name__ == "DaskExecutor"
    with pytest.raises(InputError, match="unknown executor 'slurm'"):
        find_executor("slurm")
    monkeypatch.setattr(library, "LIBRARIES", ("distributed", "no_such_library"))
    with pytest.raises(MissingToolError, match="not installed: no_such_library") as caught:
        find_executor("dask")
    assert "the extra `dask`" in caught.value.todo


def test_a_run_never_loads_what_unpickles_messages() -> None:
    """Dask's client runs in a sandbox of its own, so that no other machine can run programs in a run."""
    program = "import sys, altai_build.pipeline.build.dask_executor; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "msgspec" in loaded and not {"distributed", "dask", "tornado", "cloudpickle"} & set(loaded)
