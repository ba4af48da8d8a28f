"""The executors that there are, by the names that `--executor` takes. Loads none of them before it is asked for."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, cast

from altai_build.errors import InputError

if TYPE_CHECKING:
    from altai_build.pipeline.build.executor import Executor

EXECUTORS = {
    "local": "altai_build.pipeline.build.executor:LocalExecutor",
    "dask": "altai_build.pipeline.build.dask_executor:DaskExecutor",
}


def find_executor(name: str) -> type[Executor]:
    """The executor of this name. Raises InputError for an unknown name, MissingToolError without its library."""
    if name not in EXECUTORS:
        raise InputError(f"unknown executor {name!r}", todo=f"use one of {', '.join(EXECUTORS)}")
    if name == "dask":
        from altai_build.tools.dask.library import require_dask

        require_dask()
    return cast("type[Executor]", pkgutil.resolve_name(EXECUTORS[name]))
