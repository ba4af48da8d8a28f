"""A worker: what this machine can build is offered to a scheduler, and the jobs that come are run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.cluster import ClusterSettings
from altai_build.pipeline.build.dask_jobs import ASKING
from altai_build.pipeline.build.job_runner import JobRunner, list_offers
from altai_build.tools import process, processors
from altai_build.tools.dask.address import check_scheduler, make_tls_context
from altai_build.tools.dask.store import FileStore
from altai_build.tools.dask.worker import WorkerOptions, run_worker
from altai_build.tools.files import make_directory, scratch_directory
from altai_build.tools.rpm.bindings import load_rpm
from altai_build.workspace import Workspace

# What builds for others must not be near: a workspace in which releases are signed.
_KEYRING = "gnupg"
# Seconds that builds which are stopped have to remove their files.
_CLEAN_UP = 10.0


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker works; `builder` is the name of one, or `auto` for each that works here."""

    cluster: ClusterSettings
    builder: str
    slots: int
    name: str
    host: str
    store_limit: int  # bytes
    reconnect: float  # seconds in which it tries to reach a scheduler that was lost


def serve_builds(
    workspace: Workspace,
    settings: WorkerSettings,
    announce: Callable[[str], None],
    show: Callable[[dict[str, list[str]]], None],
) -> None:
    """Build what comes until a signal ends it; `show` is told what is offered. The caller holds the workspace.

    Raises UsageError, InputError, MissingToolError before, UnreachableError when the scheduler is lost.
    """
    address, _ = check_scheduler(settings.cluster)
    if (workspace.root / _KEYRING).exists():
        raise InputError(
            f"the workspace {workspace.root} has signing keys",
            why="builds of other machines are no place for keys",
            todo="give the worker a workspace of its own with --workspace DIR",
        )
    load_rpm()
    tls = settings.cluster.tls if address.startswith("tls:") else None
    workspace.remove_leftovers()
    make_directory(workspace.scratch)
    offers = list_offers(settings.builder, workspace)
    runner = JobRunner(
        workspace=workspace,
        name=settings.name,
        builders=tuple(offers),
        cpus=max(1, processors.installed() // settings.slots),
        store=FileStore(workspace.cache / "store", settings.store_limit),
        context=make_tls_context(tls, for_server=False) if tls is not None else None,
        allows_insecure=settings.cluster.allows_insecure,
    )
    show(offers)
    with scratch_directory(workspace.scratch, "dask") as folder:
        options = WorkerOptions(
            name=settings.name,
            slots=settings.slots,
            offers=[name for names in offers.values() for offer in names for name in (offer, offer + ASKING)],
            host=settings.host,
            folder=folder,
            reconnect=settings.reconnect,
        )
        try:
            run_worker(settings.cluster, options, runner.run, runner.stop, announce)
        finally:
            process.kill_all_children()
            runner.wait(_CLEAN_UP)


def default_name() -> str:
    """The host and the process."""
    return f"{os.uname().nodename}-{os.getpid()}"


def default_worker_workspace() -> Path:
    """In the user's cache: a worker needs no superproject."""
    return Path("~/.cache/altai-build/worker").expanduser()
