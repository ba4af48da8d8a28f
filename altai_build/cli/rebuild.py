"""`rebuild`: make a component of a release again, and see whether the same packages come out."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option, wait_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import UsageError, VerificationError
from altai_build.model.reproduction import ReproductionReport, Similarity


@click.command()
@click.option("--compare", is_flag=True, help="Compare the new packages with the released ones.")
@click.option(
    "-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Keep the new packages in DIR."
)
@click.argument("component")
@click.argument("version")
@wait_option
@json_option
@click.pass_obj
def rebuild(
    app: App, compare: bool, output: Path | None, component: str, version: str, wait: float, as_json: bool
) -> int:
    """Rebuild COMPONENT of release VERSION from its manifest.

    The only earlier results used are the released packages that the original build used. With --compare each new
    package is reported as identical to the released one, identical except for signature and times, or different. For a
    different package the first file or tag that differs is printed, and the exit code is 7.

    \b
    Example:
      altai-build rebuild --compare nova 1.0.2
    """
    from altai_build.pipeline.published.reproduce import reproduce

    if not compare and output is None:
        raise UsageError(
            "rebuild has nothing to do with what it makes", todo="give --compare, or -o DIR, or both"
        )
    run = app.create_run(app.load_config())
    with run.workspace.lock(wait=wait):
        answer = reproduce(run, component, version, output=output)
    if as_json:
        print_json({**vars(answer), "sameness": answer.sameness})
    else:
        _print(answer)
    run.story.info(f"{answer.component} at {answer.commit[:12]}; its buildroot: {answer.buildroot}")
    if compare and answer.sameness is Similarity.DIFFERENT:
        raise VerificationError(
            f"{component} does not give the packages of release {version} again",
            why="\n".join(
                f"  {one.package}: {one.where}"
                for one in answer.packages
                if one.sameness is Similarity.DIFFERENT
            ),
            todo="keep both with -o DIR and compare them (rpm --query --dump, diffoscope)",
        )
    return 0


def _print(answer: ReproductionReport) -> None:
    print_table(
        ("package", "verdict", "where"),
        [(one.package, one.sameness.value, one.where) for one in answer.packages],
    )
