"""`doctor`: what this machine and this configuration lack, and how to get it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import AltaiError


@click.command()
@click.option(
    "--fix", is_flag=True, help="Install missing packages with apt-get or dnf, then check again. Asks first."
)
@click.option("--yes", is_flag=True, help="With --fix: do not ask.")
@format_option
@json_option
@click.pass_obj
def doctor(app: App, fix: bool, yes: bool, as_json: bool) -> int:
    """Check that this machine can build and sign a release.

    Checks every program, privilege, key and setting, and prints how to fix what is missing. The exit code is 0 when
    nothing is missing, else the code of the first failed check. --fix shows the packages and the command, and installs
    them where this user is root.

    \b
    Examples:
      altai-build doctor
      altai-build doctor --fix
    """
    if yes and not fix:
        raise click.UsageError("--yes needs --fix")
    if fix:
        fix_machine(app, yes)
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
        print_json([check.to_json() for check in checks])
    else:
        print_table(
            ("check", "status", "found", "what to do"),
            [(one.check, one.status.value, one.found, one.todo or "-") for one in checks],
        )
    return next((one.exit_code for one in checks if one.exit_code), 0)


def fix_machine(app: App, yes: bool) -> None:
    """Install missing packages where this user may and wants to; else say the command."""
    from altai_build.pipeline.doctor_fix import install, plan_installation

    plan = plan_installation()
    if not plan.packages:
        app.info("no package is missing")
        return
    app.info(f"missing packages: {len(plan.packages)}")
    for package in plan.packages:
        app.info(f"  {package.name}: {package.purpose}")
    if not plan.commands:
        app.info("unsupported distribution: install these packages yourself; their names here may differ")
        return
    app.info(f"to install them: {plan.text}")
    if os.geteuid() != 0:
        app.info("this user is not root, so nothing was installed: run that command as root, or with sudo")
    elif yes or (sys.stdin.isatty() and click.confirm("Install them now?", err=True)):
        install(plan)
    else:
        app.info("nothing was installed" + ("" if sys.stdin.isatty() else ": rerun the command with --yes"))
