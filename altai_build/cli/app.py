"""What every verb starts from: the options that come before it, made into a run."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import click

from altai_build.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.config import Config, SuperprojectSettings
    from altai_build.pipeline.run import Run
    from altai_build.workspace import Workspace

CONFIG_NAME = "repos.yaml"


@dataclass(frozen=True)
class App:
    """The options given before the verb; places are text, for loading pathlib takes longer than git's answer."""

    directory: str
    config_file: str | None
    workspace_dir: str | None
    jobs: int
    builder: str
    quiet: bool

    def config(self, *, needed: bool = True) -> Config:
        """The release definition. Raises InputError when there is none and the verb cannot do without."""
        from pathlib import Path

        from altai_build.config import default_config, load_config

        path = self.config_path
        if path is not None:
            return self._at_superproject(load_config(path))
        if needed:
            raise InputError(
                f"there is no {CONFIG_NAME} in {self.directory}",
                why="this verb has to know targets, keys and repositories",
                todo="write one (docs/repos-yaml.md shows how), name it with --config, or go there with -C DIR",
            )
        return default_config(Path(self.directory))

    def place(self) -> SuperprojectSettings:
        """Where the superproject is, as `config` would say, at a fraction of its time; no other part is looked at."""
        from altai_build.config.place import default_place, read_place

        file = self._definition
        if file is None:
            return default_place(self.directory)
        return self._found(read_place(file), os.path.dirname(os.path.realpath(file)))

    def _at_superproject(self, config: Config) -> Config:
        from pathlib import Path

        settings = self._found(config.superproject, str(config.root))
        if settings is config.superproject:
            return config
        repositories = {  # folders of specs are the superproject's, wherever its definition is kept
            name: one
            if one.path is None
            else dataclasses.replace(one, path=Path(self._here(one.path, config.root)))
            for name, one in config.repositories.items()
        }
        return dataclasses.replace(config, superproject=settings, repositories=repositories)

    def _found(self, settings: SuperprojectSettings, root: str) -> SuperprojectSettings:
        """superproject.path starts at the file's own folder, or, where that leads to no repository, here.

        So one definition kept outside can be used on several clones: -C CLONE --config FILE.
        """
        from altai_build.tools.git import git_directory

        here = self._here(settings.place, root)
        if git_directory(settings.place) is None and git_directory(here) is not None:
            return dataclasses.replace(settings, place=here)
        return settings

    def _here(self, place: str | Path, root: str | Path) -> str:
        """Where a place below the definition's folder would be below this directory."""
        from altai_build.config.place import below

        return below(self.directory, os.path.relpath(place, root))

    @property
    def config_path(self) -> Path | None:
        """The file of the release definition; None when none is named and none is in the directory."""
        from pathlib import Path

        file = self._definition
        return Path(file) if file is not None else None

    @property
    def _definition(self) -> str | None:
        file = self.config_file or os.path.join(self.directory, CONFIG_NAME)
        return file if self.config_file is not None or os.path.exists(file) else None

    def workspace(self) -> Workspace:
        """Where the run keeps things: what --workspace names, else a place beside the definition."""
        from pathlib import Path

        from altai_build.workspace import Workspace, default_workspace

        path = self.config_path
        beside = path.resolve().parent if path else Path(self.directory)
        root = Path(self.workspace_dir) if self.workspace_dir else default_workspace(beside)
        return Workspace(root.absolute())

    def run(self, config: Config, *, dependants: str | None = None) -> Run:
        """The context of a run with this configuration; `dependants` overrules its policy."""
        gc.freeze()  # what is loaded stays
        gc.enable()  # the work begins
        from altai_build.model.matter import Dependants
        from altai_build.pipeline.run import Run, with_mock_dist
        from altai_build.tools.progress import Story

        return Run(
            config=with_mock_dist(config),
            workspace=self.workspace(),
            jobs=self.jobs,
            builder=self.builder,
            story=Story(quiet=self.quiet),
            dependants=Dependants(dependants) if dependants else None,
        )


def enter(directory: str) -> None:
    """Go to a directory, as `-C` says: relative paths of the other options and arguments start there."""
    try:
        os.chdir(directory)
    except OSError as error:
        raise InputError(
            f"cannot work in {directory}", why=error.strerror or "", todo="name the superproject with -C DIR"
        ) from error


def json_option(command: Any) -> Any:
    """`--json`, which every verb takes: the answer as one JSON document."""
    return click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")(command)


def wait_option(command: Any) -> Any:
    """`--wait`, for verbs that hold the workspace."""
    return click.option(
        "--wait",
        metavar="SECONDS",
        type=float,
        default=0.0,
        help="Wait for another run to end, this long at most.",
    )(command)


def dependants_option(command: Any) -> Any:
    """`--dependants`, for verbs that build what depends on what was rebuilt."""
    return click.option(
        "--dependants",
        type=click.Choice(["rebuild", "headers", "never"]),
        help="Build what is built with a rebuilt package again when anything its build could see of that differs, "
        "when its provides or requires do, or not at all; default: build.dependants in repos.yaml, else rebuild.",
    )(command)


def print_json(answer: Any) -> None:
    """One JSON document on standard output; records become objects, enums their words."""
    unicode = sys.stdout.encoding.lower() in ("utf-8", "utf8")
    import json

    json.dump(_plain(answer), sys.stdout, indent=2, ensure_ascii=not unicode, default=str)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        # Names in git are bytes; those that are not UTF-8 are shown escaped, for JSON must be.
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return value


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: aligned on a terminal, tab-separated into a pipe."""
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(map(_clean, row)) + "\n" for row in rows)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(_clean(cell)) for cell in row))
    Console().print(table)


NO_COMPONENTS = (
    "there are no components: nothing is pinned below superproject.components at this commit, and its "
    "root has no spec"
)


def print_rows(
    rows: Sequence[Any],
    as_json: bool,
    headers: Sequence[str],
    cells: Callable[[Any], Sequence[str]],
    *,
    none: str = NO_COMPONENTS,
) -> None:
    """Result rows as JSON, without the exit code that only this program needs, or as a table; `none`: why there are
    no rows.
    """
    if not rows:
        print(f"altai-build: {none}", file=sys.stderr)
    if as_json:
        print_json(
            [{key: value for key, value in row.__dict__.items() if key != "exit_code"} for row in rows]
        )
    else:
        print_table(headers, [cells(row) for row in rows])


def _clean(cell: str) -> str:
    """A cell that cannot steer the terminal: control characters and foreign bytes are shown escaped."""
    if cell.isprintable():
        return cell
    text = cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
