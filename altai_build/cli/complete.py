"""Answers of the program to a shell that completes a command line: quick, silent, and nothing that a shell could run.

No spec is read and nothing is downloaded. Names of a superproject may be anything, also `$(…)` or two lines: those
that a shell does not take literally are left out.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ShellComplete, ZshComplete

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.cli.app import App

VARIABLE = "_ALTAI_BUILD_COMPLETE"
# A shell takes such words as they are, wherever they stand; `~` and `=` count only at the beginning, and there is none.
_LITERAL = re.compile(r"[A-Za-z0-9_./@%,:][A-Za-z0-9_./@%,:+=~^-]*")
_OPTION = re.compile(r"--?[A-Za-z0-9-]+")
# Seconds after which there is no answer rather than a late one.
_LONGEST = 2.0


def answer(cli: click.Command) -> None:
    """Print the completions for the command line that the environment has; on any failure nothing."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
    signal.setitimer(signal.ITIMER_REAL, _LONGEST)
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    shell = SHELLS.get(os.environ.get(VARIABLE, "").partition("_")[0])
    if shell is None:
        return
    with suppress(Exception):
        sys.stdout.write(f"{shell(cli, {}, 'altai-build', VARIABLE).complete()}\n")


class _Completion(ShellComplete):
    """What all shells share: names that a shell would not take literally are left out."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[Any]]:
        _words[:] = args
        items = super().get_completions(args, incomplete)
        return [item for item in items if item.type != "plain" or _is_literal(str(item.value))]


# The words before the one that is completed: options that stand after the verb are in no context.
_words: list[str] = []


def _is_literal(value: str) -> bool:
    return (_LITERAL.fullmatch(value) or _OPTION.fullmatch(value)) is not None


class _Bash(_Completion, BashComplete):
    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value}"


class _Zsh(_Completion, ZshComplete):
    def format_completion(self, item: CompletionItem[Any]) -> str:
        value = str(item.value).replace(":", "\\:") if item.help else item.value
        return f"{item.type}\n{value}\n{item.help or '_'}"


class _Fish(_Completion, FishComplete):
    def format_completion(self, item: CompletionItem[Any]) -> str:
        return f"{item.type},{item.value}" + (f"\t{item.help}" if item.help else "")


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def complete_verbs(
    verbs: Iterable[str], modules: dict[str, str], incomplete: str
) -> list[CompletionItem[Any]]:
    """The verbs that begin so, each with the first line of its module: importing all of them takes too long."""
    from altai_build.regular_files import open_regular_file

    items = []
    for verb in verbs:
        if verb.startswith(incomplete):
            with open_regular_file(os.path.join(os.path.dirname(__file__), f"{modules[verb]}.py")) as stream:
                first = stream.readline(400).decode("utf-8", "replace")
            found = re.match(r'"""`[^`]+`[^:]*: (.+?)\.?(?:""")?$', first.strip())
            items.append(CompletionItem(verb, help=found[1] if found else None))
    return items


def add_completion(command: click.Command, verb: str) -> None:
    """Let the parameters of a verb, and of those below it, complete what their names stand for."""
    for parameter in command.params:
        complete = _choose(parameter, verb)
        if complete is not None:
            setattr(parameter, "shell_complete", complete)  # noqa: B010
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            add_completion(below, f"{verb} {name}")


_Complete = Callable[[click.Context, str], list[CompletionItem[Any]]]


def _choose(parameter: click.Parameter, verb: str) -> _Complete | None:
    """What completes a parameter; None where its type does, or nothing can."""
    name = parameter.name or ""
    if isinstance(parameter, click.Option) and parameter.metavar in _PLACES:
        place = _PLACES[parameter.metavar]
        return lambda ctx, incomplete: [CompletionItem(incomplete, type=place)]
    lister = COMPLETED.get((verb, name)) or COMPLETED.get(("", name))
    if lister is None or (verb, name) in NEW_NAMES:
        return None
    takes_places = lister is _list_releases

    def complete(ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        if takes_places and "/" in incomplete:
            return [CompletionItem(incomplete, type="dir")]
        app = _make_app(ctx)
        return [CompletionItem(value) for value in _take(lister(app), incomplete)]

    return complete


def _take(values: Iterator[str], incomplete: str) -> list[str]:
    """The values that begin so; those that were found before something failed."""
    found: dict[str, None] = {}
    with suppress(Exception):
        for value in values:
            if value.startswith(incomplete) and not value.startswith("-"):
                found[value] = None
    return list(found)


def _make_app(ctx: click.Context) -> App:
    """The application with the options that stand anywhere before the word that is completed."""
    from altai_build.cli.app import App

    root = ctx.find_root().params
    directory = _find_option("-C", "--directory") or root.get("directory")
    if directory:
        os.chdir(directory)
    return App(
        directory=os.getcwd(),
        start=os.getcwd(),
        config_file=_find_option("--config") or root.get("config"),
        workspace_dir=_find_option("--workspace") or root.get("workspace"),
        jobs=1,
        builder="auto",
        max_download="16G",
        quiet=True,
        logs=[],
    )


def _find_option(*names: str) -> str | None:
    for number, word in enumerate(_words):
        name, equals, value = word.partition("=")
        if name in names and equals:
            return value
        if word in names and number + 1 < len(_words):
            return _words[number + 1]
    return None


def _read_section(app: App, name: str) -> Mapping[str, Any]:
    """A part of the definition, unchecked: reading and checking all of it takes too long."""
    from altai_build.config.sections import read_section

    path = app.config_path
    return read_section(path, name) if path is not None else {}


def _find_releases(app: App) -> Path | None:
    """The folder of the releases; None without a definition of releases."""
    from altai_build.regular_files import resolve_links

    release, path = _read_section(app, "release"), app.config_path
    if path is None or not release:
        return None
    return resolve_links(path).parent / str(release.get("directory", "releases"))


def _list_components(app: App) -> Iterator[str]:
    """Submodules of HEAD, folders of specs, and what was built before: the root's component is known by that alone."""
    from altai_build.ledger import read_outcomes
    from altai_build.regular_files import resolve_links
    from altai_build.tools.git.changed_gitlinks import list_gitlinks
    from altai_build.tools.git.command import USER_CLONE, run_git
    from altai_build.tools.git.revisions import RepositoryHistory

    built: list[str] = []
    with suppress(Exception):
        built = sorted(read_outcomes(app.get_workspace().outcomes))
    yield from built
    superproject = app.read_superproject()
    history = RepositoryHistory(superproject.folder)
    head = history.resolve_revision("HEAD")
    for link in list_gitlinks(history, head, superproject.components):
        yield link.path.rpartition("/")[2]
    if built:
        # What repos.yaml names besides was among it; reading that takes a third of the time.
        return
    file = app.config_path
    folders = {
        os.path.relpath(resolve_links(file).parent / repository["path"], superproject.folder)
        for repository in _read_section(app, "repositories").values()
        if file is not None and isinstance(repository, dict) and isinstance(repository.get("path"), str)
    }
    if folders:
        arguments = [
            "ls-tree",
            "-d",
            "--name-only",
            "-z",
            head,
            "--",
            *(f"{folder}/" for folder in sorted(folders)),
        ]
        for path in run_git(USER_CLONE, arguments, directory=history.place).text.split("\0"):
            yield path.rpartition("/")[2]


def _list_releases(app: App) -> Iterator[str]:
    from altai_build.model.release_files import LATEST_LINK
    from altai_build.stages.publish import list_releases

    releases = _find_releases(app)
    versions = list_releases(releases) if releases is not None else ()
    yield from reversed(versions)
    if versions:
        yield LATEST_LINK


def _list_channels(app: App) -> Iterator[str]:
    releases = _find_releases(app)
    if releases is not None:
        yield from sorted(os.listdir(releases / "channels"))


def _list_keys(app: App) -> Iterator[str]:
    yield from _read_section(app, "keys")


def _list_signing_keys(app: App) -> Iterator[str]:
    keys = _read_section(app, "keys").items()
    yield from (name for name, key in keys if isinstance(key, dict) and key.get("signs") is True)


def _list_repositories(app: App) -> Iterator[str]:
    yield from _read_section(app, "repositories")


def _list_revisions(app: App) -> Iterator[str]:
    from altai_build.tools.git.command import USER_CLONE, run_git

    yield "HEAD"
    names = ["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags"]
    yield from run_git(USER_CLONE, names, directory=app.read_superproject().folder).text.splitlines()


def _list_rules(_app: App) -> Iterator[str]:
    from altai_build.model.rule_catalog import RULE_DESCRIPTIONS

    yield from RULE_DESCRIPTIONS


def _list_schemas(_app: App) -> Iterator[str]:
    from altai_build.tools.schemas import list_schemas

    yield from list_schemas()


_Lister = Callable[["App"], Iterator[str]]
_PLACES: dict[str | None, str] = {"DIR": "dir", "FILE": "file", "DIR|URL": "dir"}
# Verb ("" stands for all) and parameter → its values.
COMPLETED: dict[tuple[str, str], _Lister] = {
    ("", "component"): _list_components,
    ("", "components"): _list_components,
    ("", "version"): _list_releases,
    ("", "versions"): _list_releases,
    ("", "against"): _list_releases,
    ("diff", "old"): _list_releases,
    ("diff", "new"): _list_releases,
    ("notes", "old"): _list_releases,
    ("notes", "new"): _list_releases,
    ("", "rev"): _list_revisions,
    ("", "changed_since"): _list_revisions,
    ("", "since"): _list_revisions,
    ("bisect", "good"): _list_revisions,
    ("bisect", "bad"): _list_revisions,
    ("changed", "old"): _list_revisions,
    ("changed", "new"): _list_revisions,
    ("keys init", "name"): _list_signing_keys,
    ("approve", "key"): _list_keys,
    ("audit", "repository"): _list_repositories,
    ("channels", "name"): _list_channels,
    ("promote", "channel"): _list_channels,
    ("rules", "name"): _list_rules,
    ("schema", "name"): _list_schemas,
}
# The version of a release that is still to be made.
NEW_NAMES = {("release", "version")}
