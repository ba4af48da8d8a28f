"""The options of every verb, which may stand before and after the verb; after it they count more.

Each has a variable of the environment, which counts less than either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from altai_build.tools import process, processors

if TYPE_CHECKING:
    from altai_build.cli.app import App


def _check_builder(ctx: click.Context, _param: click.Parameter, name: str) -> str:
    """The name of a builder that there is."""
    if name != "auto":
        from altai_build.pipeline.build.builders import BUILDERS

        if name not in BUILDERS:
            raise click.BadParameter(f"{name!r} is not one of auto, {', '.join(BUILDERS)}")
    return name


def _check_executor(_ctx: click.Context, _param: click.Parameter, name: str) -> str:
    """The name of an executor that there is."""
    if name != "local":
        from altai_build.pipeline.build.executors import EXECUTORS

        if name not in EXECUTORS:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(EXECUTORS)}")
    return name


def check_size(_ctx: click.Context, _param: click.Parameter, size: str) -> str:
    """A size as repos.yaml has it, too. It stays text: few verbs need the number."""
    from altai_build.model.quantity import parse_size

    try:
        parse_size(size)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return size


# Each with its declarations; relative paths in the others start at the directory, so it comes first.
_DECLARATIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (
        ("-C", "--directory", "directory"),
        {
            "metavar": "DIR",
            "help": "Run in DIR (the superproject) instead of here; relative paths in other options start there.",
        },
    ),
    (
        ("--config",),
        {"metavar": "FILE", "help": "The release definition; default: repos.yaml in DIR or above it."},
    ),
    (
        ("--workspace",),
        {
            "metavar": "DIR",
            "help": "Where builds, caches, keys and logs are; default: .altai-build beside the config.",
        },
    ),
    (
        ("-j", "--jobs"),
        {
            "metavar": "N",
            "type": click.IntRange(min=1),
            "help": "Run N jobs in parallel; default: the number of CPUs.",
        },
    ),
    (
        ("--builder",),
        {
            "metavar": "NAME",
            "default": "auto",
            "callback": _check_builder,
            "help": "What builds packages in clean chroots: mock, chroot (built in), or auto (mock if it is "
            "installed).",
        },
    ),
    (
        ("--executor",),
        {
            "metavar": "NAME",
            "default": "local",
            "callback": _check_executor,
            "help": "Where packages are built: local (here), or dask (on the workers of a cluster).",
        },
    ),
    (
        ("--scheduler",),
        {"metavar": "ADDRESS", "help": "Dask's scheduler; default: dask.scheduler in repos.yaml."},
    ),
    (
        ("--insecure-scheduler",),
        {
            "is_flag": True,
            "help": "Accept a scheduler on another machine without TLS.",
        },
    ),
    (
        ("--max-download",),
        {
            "metavar": "SIZE",
            "default": "16G",
            "callback": check_size,
            "help": "Download at most SIZE (M, G, T) of releases at a URL; default: 16G.",
        },
    ),
    (("-v", "--verbose"), {"is_flag": True, "help": "Print each command before it runs."}),
    (("--debug",), {"is_flag": True, "help": "Print the debug log: every command, decision and time."}),
    (("-q", "--quiet"), {"is_flag": True, "help": "Print only warnings and errors."}),
)


# Before the name of an option in the environment: ALTAI_BUILD_JOBS.
VARIABLE_PREFIX = "ALTAI_BUILD_"


class _GlobalOption(click.Option):
    """An option whose errors name its variable where the value comes from the environment."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.envvar = f"{VARIABLE_PREFIX}{(self.name or '').upper()}"

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """What the text of an error calls it."""
        if ctx is not None and is_from_environment(ctx, self.name or ""):
            return f"{self.envvar} in the environment"
        return super().get_error_hint(ctx)


def add_global_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: the options as parameters of the whole program."""
    for names, settings in reversed(_DECLARATIONS):
        command = click.option(*names, cls=_GlobalOption, **settings)(command)
    return command


def is_from_environment(ctx: click.Context, name: str) -> bool:
    """True for a parameter whose value comes from the environment."""
    return ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT


def refuse_wrong_places(ctx: click.Context, names: Sequence[str]) -> None:
    """Raise an error of usage for those options that the environment sets to what is no folder or file.

    On the command line the user sees which option it is, and the error of whatever needs it is enough.
    """
    tests: dict[str, tuple[Callable[[str], bool], str]] = {
        "directory": (os.path.isdir, "is not a folder"),
        "config": (os.path.isfile, "is not a file"),
        "workspace": (lambda path: os.path.isdir(path) or not os.path.lexists(path), "is not a folder"),
    }
    for option in (option for option in ctx.command.params if option.name in names):
        name = option.name or ""
        is_right, wrong = tests[name]
        if is_from_environment(ctx, name) and not is_right(ctx.params[name]):
            raise click.BadParameter(f"{ctx.params[name]!r} {wrong}", ctx=ctx, param=option)


def accept_global_options(command: click.Command) -> None:
    """Let a verb, and the verbs below it, take the options too; their help lists only their own."""
    taken = {name for parameter in command.params for name in parameter.opts}
    for names, settings in _DECLARATIONS:
        if taken.isdisjoint(names):
            option = click.Option(names, **settings, hidden=True, expose_value=False, is_eager=True)
            option.callback = _override(option.callback)
            command.params.append(option)
    if isinstance(command, click.Group):
        # Each of them looks at what it has already.
        for below in command.commands.values():
            accept_global_options(below)


def _override(check: Callable[..., Any] | None) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """The callback of an option after the verb: it changes what was said before the verb."""

    def change(ctx: click.Context, parameter: click.Parameter, value: Any) -> Any:
        name = parameter.name or ""
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE or ctx.obj is None:
            return value
        if check is not None:
            value = check(ctx, parameter, value)
        ctx.obj = apply_global_option(ctx.obj, name, value)
        return value

    return change


def apply_global_option(app: App, name: str, value: Any) -> App:
    """The application with one option; where the process itself must change, that happens here."""
    from altai_build.cli.app import change_directory

    if name == "directory":
        change_directory(os.path.join(app.start, value))
        return app._replace(directory=os.getcwd(), start=os.getcwd())
    if name == "jobs":
        processors.limit_to(value)
        return app._replace(jobs=processors.available())
    if name == "verbose":
        process.on_command(lambda command: print(command, file=sys.stderr))
        return app._replace(verbose=True)
    if name == "debug":
        app.open_log(echo=True)
        return app._replace(verbose=True)
    if name == "config":
        return app._replace(config_file=value or None)
    if name == "workspace":
        return app._replace(workspace_dir=value or None)
    if name == "max_download":
        return app._replace(max_download=value)
    if name in ("builder", "executor", "insecure_scheduler"):
        return app._replace(**{name: value})
    if name == "scheduler":
        return app._replace(scheduler=value or "")
    if name == "quiet":
        return app._replace(quiet=True)
    return app
