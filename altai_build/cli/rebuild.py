"""`rebuild`: build a component of a release again and compare the packages."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import component_argument, format_option, json_option, wait_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import UsageError, VerificationError
from altai_build.model.reproduction import ReproductionReport, Similarity


@click.command()
@click.option("--compare", is_flag=True, help="Compare the new packages with the released ones.")
@click.option(
    "-o", "output", metavar="DIR", type=click.Path(path_type=Path), help="Keep the new packages in DIR."
)
@component_argument
@click.argument("version")
@wait_option
@format_option
@json_option
@click.pass_obj
def rebuild(
    app: App, compare: bool, output: Path | None, component: str, version: str, wait: float, as_json: bool
) -> int:
    """Rebuild COMPONENT of release VERSION from its manifest.

    It is built on this machine, whatever --executor says. The only earlier results used are the released packages that
    the original build used. With --compare each new package is reported as identical to the released one, identical
    except for signature and times, or different. For a different package the first file or tag that differs is printed,
    and the exit code is 7.

    \b
    Example:
      altai-build rebuild --compare nova 1.0.2
    """
    from altai_build.pipeline.published.reproduce import reproduce

    if not compare and output is None:
        raise UsageError(
            "the new packages would be neither compared nor kept", todo="give --compare, -o DIR, or both"
        )
    if output is not None:
        from altai_build.tools.output_directory import prepare_output

        prepare_output(output)
    run = app.build_here("rebuild").create_run(app.load_config())
    with run.lock(wait=wait):
        run.workspace.remove_leftovers()
        result = reproduce(run, component, version, output=output)
    if as_json:
        print_json(_record(result))
    else:
        _print(result)
    run.reporter.info(f"{result.component} at {result.commit[:12]}; buildroot: {result.buildroot}")
    if result.similarity is Similarity.DIFFERENT:
        for difference in result.source_package:
            run.reporter.warn(
                f"the source package of release {result.release} may differ from that of the rebuild: {difference}"
            )
    if compare and result.similarity is Similarity.DIFFERENT:
        raise VerificationError(
            f"the rebuild of {component} differs from release {version}",
            why="\n".join(
                f"  {package.nevra}: {package.first_difference}"
                for package in result.packages
                if package.similarity is Similarity.DIFFERENT
            ),
            todo="rebuild with what made the source package then (see the warnings), and compare again"
            if result.source_package
            else "keep the new packages with -o DIR and compare the files (rpm --query --dump, diffoscope)",
        )
    return 0


def _record(result: ReproductionReport) -> dict[str, object]:
    return {
        "component": result.component,
        "release": result.release,
        "commit": result.commit,
        "buildroot": result.buildroot,
        "source_package": list(result.source_package),
        "packages": [
            {
                "package": package.nevra,
                "released": package.released,
                "sameness": package.similarity,
                "where": package.first_difference,
            }
            for package in result.packages
        ],
        "sameness": result.similarity,
    }


def _print(result: ReproductionReport) -> None:
    print_table(
        ("package", "result", "first difference"),
        [(package.nevra, package.similarity.value, package.first_difference) for package in result.packages],
    )
