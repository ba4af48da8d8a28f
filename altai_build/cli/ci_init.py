"""`ci init`: the pipeline of a CI service, written into the superproject."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_path

_SERVICES = ("github", "gitlab", "jenkins")


def _check_setting(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    from altai_build.stages.ci_pipeline import check_setting

    if value is not None and (wrong := check_setting(value)):
        raise click.BadParameter(wrong)
    return value


@click.command("init")
@click.argument("service", type=click.Choice(_SERVICES))
@click.option(
    "-o",
    "output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The file to write; default: where the service looks for it, in the superproject.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--branch",
    metavar="NAME",
    callback=_check_setting,
    help="GitHub: the branch whose pushes are built; default: the main branch of this clone.",
)
@click.option(
    "--label",
    metavar="LABEL",
    callback=_check_setting,
    help="Jenkins: the label of the agents; default: linux.",
)
@click.option(
    "--tool-url",
    metavar="URL",
    callback=_check_setting,
    help="The git repository from which jobs get altai-build; default: the remote of the checkout that this program "
    "runs from, else the project's own.",
)
@click.option(
    "--tool-rev",
    metavar="REV",
    callback=_check_setting,
    help="The tag or full commit id of altai-build there; default: the commit of that checkout, else the tag of this "
    "version.",
)
@click.option(
    "--matrix",
    metavar="N",
    type=click.IntRange(min=2),
    help="GitHub (N at most 256), GitLab (200): up to N jobs first build some of the components each, for the job that "
    "has the result. From the plan of HEAD, so write the file again when components are added.",
)
@json_option
@click.pass_obj
def ci_init(
    app: App,
    service: str,
    output: Path | None,
    force: bool,
    branch: str | None,
    label: str | None,
    tool_url: str | None,
    tool_rev: str | None,
    matrix: int | None,
    as_json: bool,
) -> None:
    """Write a complete pipeline for a CI service.

    Its jobs check out the whole history, end at once where nothing has changed, else install altai-build, run
    `altai-build ci`, and keep the results: the yum repository, JUnit XML, a summary, logs. The file is yours: edit it
    and commit it. An existing file is only replaced with --force.

    \b
    Examples:
      altai-build ci init github
      altai-build ci init gitlab --matrix 8
      altai-build ci init jenkins --label rpm -o ci/Jenkinsfile
    """
    from altai_build.pipeline.ci_pipeline import plan_groups, write_pipeline
    from altai_build.stages.ci_pipeline import MOST_JOBS, PipelineService

    if matrix is not None and matrix > MOST_JOBS.get(service, 0):
        most = MOST_JOBS.get(service)
        raise click.UsageError(
            f"--matrix is at most {most} for {service}: that is the limit of the service"
            if most
            else f"--matrix is not for {service}, whose agents keep what they built: use -j for several processors"
        )
    groups = plan_groups(app.create_run(app.load_config()), matrix) if matrix is not None else ()

    given = {"branch": branch, "label": label, "tool_url": tool_url, "tool_rev": tool_rev}
    settings = {name: value for name, value in given.items() if value is not None}
    folder = Path(app.read_superproject().folder)
    from altai_build.tools.progress import ProgressReporter

    file = write_pipeline(
        folder,
        PipelineService(service),
        output,
        settings,
        force=force,
        groups=groups,
        reporter=ProgressReporter(quiet=app.quiet),
    )
    if as_json:
        print_json({"service": service, "file": str(file), "jobs": [list(group) for group in groups]})
    else:
        print_path(file)
    app.info("read it, then commit it; docs/ci.md explains each step")
