"""The face: parse, call, print; the only place that exits."""

from __future__ import annotations

# ruff: noqa: E402
import gc

gc.disable()  # nothing that is made while modules are loaded becomes garbage; App.run enables it when work begins

import errno
import importlib
import os
import signal
import sys

import click

from altai_build import __version__
from altai_build.cli.streams import install_safe_streams
from altai_build.errors import AltaiError, InputError, escape_control_characters
from altai_build.tools import process, processors

# verb → the module that holds it; imported when it is called, so that a quick verb starts quickly
VERBS = {
    "audit": "audit",
    "build": "build",
    "changed": "changed",
    "clean": "clean",
    "deps": "deps",
    "diff": "diff",
    "doctor": "doctor",
    "explain": "explain",
    "keys": "keys",
    "notes": "notes",
    "plan": "plan",
    "rebuild": "rebuild",
    "release": "release",
    "releases": "releases",
    "report": "report",
    "srpm": "srpm",
    "upgrade-check": "upgrade",
    "verify": "verify",
    "which": "which",
}


class _LazyGroup(click.Group):
    """A command group that imports a verb's module when the verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"altai_build.cli.{VERBS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


def _check_builder(ctx: click.Context, param: click.Parameter, name: str) -> str:
    """The name of a builder that there is."""
    if name != "auto":
        # Slow to load, and seldom needed.
        from altai_build.pipeline.build.toolchains import BUILDERS

        if name not in BUILDERS:
            raise click.BadParameter(f"{name!r} is not one of auto, {', '.join(BUILDERS)}")
    return name


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Answers go to standard output, the story to standard error. Exit codes: 0 done; 2 usage; 3 configuration "
    "or input; 4 a program is missing; 5 a build failed; 6 signing; 7 verification findings; 8 publishing refused; "
    "9 another run holds the lock; 70 a bug; 130 interrupted.",
)
@click.version_option(__version__, prog_name="altai-build")
@click.option(
    "-C", "directory", metavar="DIR", default=".", help="Work as if started in DIR (the superproject)."
)
@click.option("--config", metavar="FILE", help="The release definition; default: DIR/repos.yaml.")
@click.option(
    "--workspace", metavar="DIR", help="Where runs keep things; default: .altai-build beside the config."
)
@click.option(
    "--jobs", metavar="N", type=click.IntRange(min=1), help="Work on N things at once; default: all CPUs."
)
@click.option(
    "--builder",
    metavar="NAME",
    default="auto",
    callback=_check_builder,
    help="What builds packages in clean chroots: mock, chroot (built in), or auto (mock if it is installed).",
)
@click.option("-v", "verbose", is_flag=True, help="Tell every command that is run.")
@click.option("-q", "quiet", is_flag=True, help="Tell only warnings and errors.")
@click.pass_context
def cli(
    ctx: click.Context,
    directory: str,
    config: str | None,
    workspace: str | None,
    jobs: int | None,
    builder: str,
    verbose: bool,
    quiet: bool,
) -> None:
    """From a git superproject to a signed, verified, installable yum release."""
    from altai_build.cli.app import App, change_directory

    if verbose:
        process.on_command(lambda command: print(command, file=sys.stderr))
    processors.limit_to(jobs)
    change_directory(directory)
    ctx.obj = App(
        directory=os.getcwd(),
        config_file=config or None,
        workspace_dir=workspace or None,
        jobs=processors.available(),
        builder=builder,
        quiet=quiet,
    )


def main() -> None:
    """Run the command line and exit with its code; every way out of the program is here."""
    signal.signal(signal.SIGTERM, _interrupt)
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # not where nohup or & have switched it off
        signal.signal(signal.SIGINT, _interrupt)
    install_safe_streams()
    try:
        code = cli.main(prog_name="altai-build", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except AltaiError as error:
        print(f"altai-build: {escape_control_characters(str(error))}", file=sys.stderr)
        process.kill_all_children()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        process.kill_all_children()
        print(
            "altai-build: interrupted; what is published is untouched, start it again to go on",
            file=sys.stderr,
        )
        _exit_now(130)
    except Exception as error:
        process.kill_all_children()
        if isinstance(error, OSError) and (error.errno in _MACHINE_ERRORS or _NO_TEMPORARY in str(error)):
            print(f"altai-build: {escape_control_characters(_describe_os_error(error))}", file=sys.stderr)
            sys.exit(InputError.exit_code)
        print(f"altai-build: this is a bug: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"A report is in {_write_crash_report()}; please pass it on.", file=sys.stderr)
        sys.exit(70)
    _exit_now(code if isinstance(code, int) else 0)


# What the machine refuses wherever a run happens to be at work: no room, no right, too much open, a broken disk.
_MACHINE_ERRORS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
    errno.EFBIG,
)
# Python's word for temporary folders that all refuse to be written.
_NO_TEMPORARY = "No usable temporary directory"


def _describe_os_error(error: OSError) -> str:
    """The words for an error of the machine's; where it happened is told as far as Python knows."""
    place = error.filename2 or error.filename
    return str(
        InputError(
            f"{error.strerror}: {os.fsdecode(place)}" if place is not None else str(error.strerror),
            todo="make room or mend the permissions there, or name another --workspace; what is published is untouched",
        )
    )


def _interrupt(_signal: int, _frame: object) -> None:
    """Stop all children, so that the threads that wait for them come to an end; the second time, leave at once."""
    if not process.stop_children():
        os._exit(130)
    raise KeyboardInterrupt


def _exit_now(code: int) -> None:
    """Exit at once: the kernel frees memory faster, and threads whose children were killed have no more to say."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _write_crash_report() -> str:
    """Keep the traceback and the command line in a file of its own."""
    import tempfile
    import time
    import traceback

    descriptor, path = tempfile.mkstemp(prefix="altai-build-bug.", suffix=".txt")
    with os.fdopen(descriptor, "w", errors="backslashreplace") as stream:
        stream.write(f"altai-build {__version__}, Python {sys.version}\n{time.ctime()}\n{sys.argv!r}\n\n")
        stream.write(traceback.format_exc())
    return path
