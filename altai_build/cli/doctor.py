"""`doctor`: what this machine and this configuration lack, and how to get it."""

from __future__ import annotations

from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import AltaiError


@click.command()
@format_option
@json_option
@click.pass_obj
def doctor(app: App, as_json: bool) -> int:
    """Check that this machine can build and sign a release.

    Checks every program, privilege, key and setting, and prints how to fix what is missing. The exit code is 0 when
    nothing is missing, else the code of the first failed check.

    \b
    Example:
      altai-build doctor
    """
    from altai_build.config import default_config
    from altai_build.pipeline.doctor import check_system

    config, fault = None, None
    try:
        config = app.load_config(needed=False)
    except AltaiError as error:
        fault = error
    run = app.create_run(config or default_config(Path(app.directory)), builds=False)
    checks = check_system(config, fault, run.workspace, run.builder)
    if as_json:
        print_json([{key: value for key, value in vars(one).items() if key != "exit_code"} for one in checks])
    else:
        print_table(
            ("check", "status", "found", "what to do"),
            [(one.check, one.status.value, one.found, one.todo or "-") for one in checks],
        )
    return next((one.exit_code for one in checks if one.exit_code), 0)
