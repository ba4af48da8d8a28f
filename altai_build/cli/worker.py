"""`worker`: builds packages for runs with `--executor dask`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.global_options import check_size
from altai_build.cli.options import json_option, refuse_no_number, wait_option
from altai_build.cli.output import print_json
from altai_build.errors import UsageError
from altai_build.model.cluster import ClusterSettings, TlsFiles


def _check_name(_ctx: click.Context, _param: click.Parameter, name: str | None) -> str | None:
    """The name of a worker, which is in requests and in progress output."""
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_.:+@-]{1,100}", name):
        raise click.BadParameter("write letters, digits and . _ : + @ - only")
    return name


@click.command()
@click.option(
    "--slots",
    metavar="N",
    type=click.IntRange(1, 1000),
    help="Build N packages at the same time; default: one.",
)
@click.option(
    "--name",
    metavar="NAME",
    callback=_check_name,
    help="What progress output calls this worker; default: the host and the process.",
)
@click.option(
    "--host",
    metavar="HOST",
    default="",
    help="The address of this machine for scheduler and other workers; default: the one that leads there.",
)
@click.option("--tls-ca", metavar="FILE", type=click.Path(path_type=Path), help="The cluster's authority.")
@click.option(
    "--tls-cert", metavar="FILE", type=click.Path(path_type=Path), help="This worker's certificate."
)
@click.option(
    "--tls-key", metavar="FILE", type=click.Path(path_type=Path), help="The key of the certificate."
)
@click.option(
    "--store",
    metavar="SIZE",
    default="20G",
    callback=check_size,
    help="Keep at most SIZE (M, G, T) of source packages and packages; default: 20G.",
)
@click.option(
    "--reconnect",
    metavar="SECONDS",
    type=click.FloatRange(min=0.0),
    callback=refuse_no_number,
    default=300.0,
    help="When the connection to the scheduler ends, try for SECONDS to connect again; default: 300.",
)
@wait_option
@json_option
@click.pass_obj
def worker(
    app: App,
    slots: int | None,
    name: str | None,
    host: str,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    store: str,
    reconnect: float,
    wait: float,
    as_json: bool,
) -> None:
    """Build packages for other machines.

    The worker connects to Dask's scheduler and builds what runs with `--executor dask` send there, until it is stopped.
    It needs neither repos.yaml nor keys: sources and packages come from the runs. Scheduler, workers and runs need
    the same versions of altai-build and of the builder's programs. A scheduler on another machine needs TLS. Whoever
    may use the scheduler can run programs on this machine: let the worker run as a user of its own.

    \b
    Examples:
      altai-build worker --scheduler tcp://127.0.0.1:8786 --slots 2
      altai-build worker --scheduler tls://build.example.org:8786 --slots 8 \\
          --tls-ca ca.pem --tls-cert worker.pem --tls-key worker.key
    """
    from altai_build.tools.dask.library import require_dask

    if not app.scheduler:
        raise UsageError("a worker needs a scheduler", todo="name it with --scheduler ADDRESS")
    require_dask()
    from altai_build.model.quantity import format_count, parse_size
    from altai_build.pipeline.worker import (
        WorkerSettings,
        default_name,
        default_worker_workspace,
        serve_builds,
    )
    from altai_build.tools.dask.address import check_scheduler
    from altai_build.tools.notices import on_notice
    from altai_build.tools.progress import ProgressReporter
    from altai_build.workspace import Workspace

    root = Path(app.workspace_dir) if app.workspace_dir else default_worker_workspace()
    workspace = Workspace(root.absolute())
    settings = WorkerSettings(
        cluster=app.get_cluster(ClusterSettings(tls=_read_tls(tls_ca, tls_cert, tls_key))),
        builder=app.builder,
        slots=slots or 1,
        name=name or default_name(),
        host=host,
        store_limit=int(parse_size(store)),
        reconnect=reconnect,
    )
    check_scheduler(settings.cluster)
    workspace.require_own_buildroots()
    app.become_root()
    app.open_log().attach(workspace)
    reporter = ProgressReporter(quiet=app.quiet, animate=False)
    reporter.timestamps = True
    on_notice(reporter.warn, reporter.info)

    def show(offers: dict[str, list[str]]) -> None:
        names = [offer for found in offers.values() for offer in found]
        if as_json:
            print_json({"name": settings.name, "slots": settings.slots, "offers": names})
        else:
            print(f"{settings.name}: {format_count(settings.slots, 'slot')}", *names, sep="\n  ")
        sys.stdout.flush()

    with workspace.lock(wait=wait, announce=reporter.warn):
        serve_builds(workspace, settings, reporter.info, show)


def _read_tls(ca: Path | None, cert: Path | None, key: Path | None) -> TlsFiles | None:
    if ca is not None and cert is not None and key is not None:
        return TlsFiles(ca=ca.absolute(), cert=cert.absolute(), key=key.absolute())
    if ca is not None or cert is not None or key is not None:
        raise UsageError("--tls-ca, --tls-cert and --tls-key belong together", todo="give all three")
    return None
