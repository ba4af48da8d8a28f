"""The command line: parse, call, print; the only module that exits."""

from __future__ import annotations

# ruff: noqa: E402
import gc

# importing modules makes no garbage; App.create_run enables the collector when the work begins
gc.disable()

import importlib
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from altai_build import __version__
from altai_build.cli.global_options import (
    accept_global_options,
    add_global_options,
    is_from_environment,
    refuse_wrong_places,
)
from altai_build.cli.json_errors import print_error, print_failure
from altai_build.cli.machine_errors import describe_machine_error
from altai_build.cli.streams import install_safe_streams
from altai_build.cli.suggestions import SuggestingGroup
from altai_build.errors import AltaiError, UsageError, escape_control_characters
from altai_build.tools import process, processors

if TYPE_CHECKING:
    from types import FrameType

    from click.shell_completion import CompletionItem

    from altai_build.cli.runlog import RunLog

# verb → its module, which is imported when the verb is called, so that a quick verb starts quickly
VERBS = {
    "approve": "approve",
    "audit": "audit",
    "bisect": "bisect",
    "build": "build",
    "cache": "cache",
    "changed": "changed",
    "channels": "channels",
    "ci": "ci",
    "clean": "clean",
    "completion": "completion",
    "deps": "deps",
    "diff": "diff",
    "doctor": "doctor",
    "explain": "explain",
    "init": "init",
    "keys": "keys",
    "log": "log",
    "man": "man",
    "notes": "notes",
    "plan": "plan",
    "promote": "promote",
    "rebuild": "rebuild",
    "release": "release",
    "releases": "releases",
    "report": "report",
    "rules": "rules",
    "schema": "schema",
    "srpm": "srpm",
    "status": "status",
    "test": "test",
    "upgrade-check": "upgrade",
    "verify": "verify",
    "which": "which",
    "worker": "worker",
}


# A shell that completes a command line sets it.
_COMPLETION_VARIABLE = "_ALTAI_BUILD_COMPLETE"

# Options that many verbs have and the program itself has not.
_VERB_OPTIONS = ("--json", "--rev", "--wait", "--key", "--format", "--markdown", "--changed-since")


class _LazyGroup(SuggestingGroup):
    """A command group that imports the module of a verb on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"altai_build.cli.{VERBS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        accept_global_options(command)
        if ctx.resilient_parsing:
            from altai_build.cli.complete import add_completion

            add_completion(command, cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        from altai_build.cli.complete import complete_verbs

        return complete_verbs(self.list_commands(ctx), VERBS, incomplete)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name in _VERB_OPTIONS:
                raise click.UsageError(
                    f"{error.option_name} stands after the command: altai-build COMMAND {error.option_name}",
                    ctx,
                ) from error
            raise


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""Example: altai-build release 1.0.2 --dry-run

    Results go to stdout, progress to stderr. `altai-build COMMAND --help` explains a command. The options above may
    stand before or after the command; the environment may set them too: ALTAI_BUILD_JOBS is --jobs. With --json a
    failure prints {"error": {"code", "what", "why", "todo"}} on stdout.

    Exit codes: 0 success; 2 wrong usage; 3 error in the configuration or an input; 4 a needed program is missing;
    5 a build failed; 6 a signing error; 7 verification findings; 8 publishing was refused or failed; 9 another run
    has locked the workspace; 70 a bug in altai-build; 130 interrupted.""",
)
@click.version_option(__version__, prog_name="altai-build")
@add_global_options
@click.pass_context
def cli(
    ctx: click.Context,
    directory: str | None,
    config: str | None,
    workspace: str | None,
    jobs: int | None,
    builder: str,
    executor: str,
    scheduler: str | None,
    insecure_scheduler: bool,
    max_download: str,
    verbose: bool,
    debug: bool,
    quiet: bool,
) -> None:
    """Build a signed, verified yum release from a git superproject."""
    from altai_build.cli.app import App, change_directory

    if verbose and not debug:
        process.on_command(lambda command: print(command, file=sys.stderr))
    processors.limit_to(jobs)
    refuse_wrong_places(ctx, ("directory",))
    start = os.getcwd() if is_from_environment(ctx, "directory") else None
    change_directory(directory or ".")
    refuse_wrong_places(ctx, ("config", "workspace"))
    ctx.obj = App(
        directory=os.getcwd(),
        start=start or os.getcwd(),
        config_file=config or None,
        workspace_dir=workspace or None,
        jobs=processors.available(),
        builder=builder,
        max_download=max_download,
        quiet=quiet,
        verbose=verbose or debug,
        logs=ctx.obj if ctx.obj is not None else [],
        executor=executor,
        scheduler=scheduler or "",
        insecure_scheduler=insecure_scheduler,
    )
    if debug:
        ctx.obj.open_log(echo=True)


def main() -> None:
    """Run the command line and exit with its code; every exit of the program is here."""
    _handle_signals()
    # Without these this process could not use its own files.
    os.umask(os.umask(0o077) & 0o077)
    install_safe_streams()
    if _COMPLETION_VARIABLE in os.environ:
        from altai_build.cli.complete import answer

        answer(cli)
        _exit_now(0)
    logs: list[RunLog] = []
    code, message = _run(logs)
    try:
        # What was printed before an error; without one, nothing is left.
        sys.stdout.flush()
    except OSError as error:
        # The exit code is that of the error, which is the worse one.
        _print_error(escape_control_characters(f"{error.strerror}: {error.filename}"))
    for log in logs:
        log.close(code, message)
    if code in (0, _INTERRUPTED):
        _exit_now(code)
    sys.exit(code)


_INTERRUPTED = 130
# Seconds until an interrupted run exits, whatever it waits for. mock may take 60 to clean up.
_LONGEST_END = 120.0
# When the run was interrupted.
_interrupted: list[float] = []


def _handle_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupt)
    # nohup and & ignore these: leave that as it is
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _run(logs: list[RunLog]) -> tuple[int, str]:
    """Run the command line and print its errors; returns the exit code, and the error for the debug log."""
    try:
        code = cli.main(prog_name="altai-build", standalone_mode=False, obj=logs)
        sys.stdout.flush()
    except click.exceptions.Exit as request:
        return request.exit_code, ""
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "altai-build"
        )
        todo = f"see `{command} --help`"
        print_failure(UsageError.exit_code, error.format_message(), todo=todo, error=error)
        return UsageError.exit_code, error.format_message()
    except AltaiError as error:
        message = escape_control_characters(str(error))
        _print_error(message)
        print_error(error)
        process.kill_all_children()
        return error.exit_code, message
    except (KeyboardInterrupt, click.Abort):
        return _end_interrupted()
    except Exception as error:
        import traceback

        if _interrupted:
            # It came in the way of something that cleans up.
            return _end_interrupted(f"\n{traceback.format_exc()}")
        process.kill_all_children()
        described = describe_machine_error(error)
        if described is not None:
            message = escape_control_characters(str(described))
            _print_error(message)
            print_error(described)
            # Where it happened is for the debug log.
            return described.exit_code, f"{message}\n{traceback.format_exc()}"
        # Only a bug needs it.
        from altai_build.cli.crash_report import SEND_REPORT, report_bug

        text = report_bug(error, logs)
        print_failure(
            AltaiError.exit_code, f"this is a bug: {type(error).__name__}: {error}", todo=SEND_REPORT
        )
        return AltaiError.exit_code, text
    return code if isinstance(code, int) else 0, ""


def _end_interrupted(details: str = "") -> tuple[int, str]:
    process.kill_all_children()
    message = "interrupted; published releases are unchanged. Rerun the command to resume."
    _print_error(message)
    print_failure(
        _INTERRUPTED, "interrupted; published releases are unchanged", todo="rerun the command to resume"
    )
    return _INTERRUPTED, f"{message}{details}"


def _print_error(message: str) -> None:
    """Print an error; where nobody can read it (a full disk), the exit code still says what happened."""
    with suppress(OSError):
        print(f"altai-build: {message}", file=sys.stderr)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop all children, so that the threads that wait for them end; a second signal exits at once.

    SIGALRM, which this function asks for, is none: it continues what an earlier signal has begun.
    """
    if number == signal.SIGALRM and _interrupted:
        if time.monotonic() > _interrupted[0] + _LONGEST_END:
            os._exit(_INTERRUPTED)
    elif process.stop_children():
        _interrupted.append(time.monotonic())
    else:
        os._exit(_INTERRUPTED)
    if _is_importing(frame):
        # An interrupted import may keep the lock of all imports, and other threads would wait for it for ever.
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        return
    # What waits for a thread that does not end waits again, once.
    signal.setitimer(signal.ITIMER_REAL, _LONGEST_END + 1)
    raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _exit_now(code: int) -> None:
    """Exit at once: the kernel frees memory faster, and threads whose children were killed have nothing to do."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
