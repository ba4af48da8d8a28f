"""What a shell gets when it completes a command line: names that it takes literally, quickly, and no errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from altai_build.cli.complete import COMPLETED, NEW_NAMES, SHELLS, VARIABLE
from altai_build.cli.main import VERBS, cli
from altai_build.ledger import ComponentOutcome, write_outcomes
from altai_build.tools.files import make_directory
from tests.kit.cli import ROOT
from tests.kit.git import Pin, Repo, gitmodules
from tests.kit.manifests import manifest, package, write_manifests

CONFIG = """\
project: p
targets: {t: {mock_config: el6, arch: x86_64, macros: {dist: .el6}, base: []}}
keys: {ours: {file: KEY, signs: true}, epel6: {file: KEY}}
repositories:
  r: {source: superproject, target: t, key: ours}
  deps/misc: {source: specs, path: specs, target: t, key: ours, source_rpms: deps/srpms}
release: {baseurl: 'http://localhost/p'}
"""
HOSTILE = [
    "$(touch owned)",
    "`touch owned`",
    "two words",
    "line\nplain,break",
    "-rf",
    "~root",
    "a;b",
    "é\x1b[2J",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A superproject with odd names, two releases and a channel."""
    place = tmp_path_factory.mktemp("site") / "super"
    repo = Repo(place)
    names = ["nova", "nova-client", *HOSTILE]
    repo.commit(
        {
            ".gitmodules": gitmodules({f"repos/{name}": f"../{name}" for name in ("nova", "nova-client")}),
            **{f"repos/{name}": Pin("a" * 40) for name in names},
            "specs/pbr/pbr.spec": "Name: pbr",
        }
    )
    repo.git("tag", "v1.0")
    (place / "repos.yaml").write_text(CONFIG)
    write_manifests(
        place / "releases", *(manifest(one, [package("a-1-1.noarch")]) for one in ("1.9", "1.10"))
    )
    (place / "releases" / "channels" / "stable").mkdir(parents=True)
    return place


def complete(site: Path, monkeypatch: pytest.MonkeyPatch, *words: str, shell: str = "bash") -> list[str]:
    monkeypatch.chdir(site)
    *before, incomplete = words
    items = SHELLS[shell](cli, {}, "altai-build", VARIABLE).get_completions(before, incomplete)
    return [str(item.value) for item in items]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("st",), ["status"]),
        (("--wor",), ["--workspace"]),
        (("deps", "l"), ["list", "lock"]),
        (("log", "nov"), ["nova", "nova-client"]),
        (("build", "nova", "p"), ["pbr"]),
        (("log", "nova", ""), ["1.10", "1.9", "latest"]),
        (("diff", "1.9", "1.1"), ["1.10"]),
        (("release", ""), []),
        (("build", "--against", "l"), ["latest"]),
        (("build", "--rev", "v"), ["v1.0"]),
        (("approve", "1.9", "--key", ""), ["ours", "epel6"]),
        (("keys", "init", ""), ["ours"]),
        (("audit", "1.9", "--repository", "deps"), ["deps/misc"]),
        (("promote", "1.9", "--to", ""), ["stable"]),
        (("build", "--dependants", "n"), ["never"]),
        (("log", "$(touch owned)"), []),
    ],
)
def test_what_stands_for_a_word(
    site: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], found: list[str]
) -> None:
    assert complete(site, monkeypatch, *words) == found


def test_nothing_that_a_shell_would_run_is_completed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert complete(site, monkeypatch, "build", "") == ["nova", "nova-client", "pbr"]


def test_options_before_and_after_the_verb_say_where_the_superproject_is(
    site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert complete(tmp_path, monkeypatch, "log", "") == []
    for words in (("-C", str(site), "log", ""), ("log", f"--directory={site}", "")):
        assert complete(tmp_path, monkeypatch, *words) == ["nova", "nova-client", "pbr"]
    workspace = make_directory(tmp_path / "ws")
    write_outcomes(
        workspace / "outcomes.json", [ComponentOutcome("root-spec", "c", "built", "", key="k", time=1)]
    )
    more = ("-C", str(site), "log", "--workspace", str(workspace), "")
    assert complete(tmp_path, monkeypatch, *more) == ["root-spec", "nova", "nova-client"]


def test_the_tables_name_parameters_that_there_are() -> None:
    known: set[tuple[str, str | None]] = set()

    def collect(command: click.Command, path: str) -> None:
        known.update((path, parameter.name) for parameter in command.params)
        known.update(("", parameter.name) for parameter in command.params)
        if isinstance(command, click.Group):
            for name, below in command.commands.items():
                collect(below, f"{path} {name}")

    for verb in VERBS:
        found = cli.get_command(click.Context(cli), verb) if isinstance(cli, click.Group) else None
        assert found is not None
        collect(found, verb)
    assert COMPLETED.keys() | NEW_NAMES <= known


def ask(shell: str, words: str, count: object, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    variables: Mapping[str, str] = {
        VARIABLE: f"{shell}_complete",
        "COMP_WORDS": f"altai-build {words}",
        "COMP_CWORD": str(count),
        **more,
    }
    # Which modules an answer needs decides how long it takes.
    program = (
        "import atexit, os, sys\n"
        "from altai_build.cli import main\n"
        "end = main._exit_now\n"
        "def tell(code):\n"
        "    print('loaded', *sorted(name for name in sys.modules if 'altai_build' in name or name == 'yaml'))\n"
        "    end(code)\n"
        "main._exit_now = tell\n"
        "main.main()"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_verbs_have_a_help_for_shells_that_show_it_and_none_of_them_is_imported(site: Path) -> None:
    result = ask("zsh", "s", 1, site)
    lines = result.stdout.splitlines()
    assert lines[:-1] == [
        *("plain", "schema", lines[2]),
        *("plain", "srpm", "source packages straight from git"),
        *("plain", "status", "where things stand, in a moment"),
    ]
    assert not {"altai_build.cli.status", "altai_build.config", "yaml"} & set(lines[-1].split())
    # fish gives the word itself.
    assert ask("fish", "stat", "stat", site).stdout.startswith("plain,status\twhere things stand")


@pytest.mark.parametrize(
    "text", ["project: [", "\x00\x1b]0;x\x07", "a: &a [*a]\n", "project: $(touch owned)\n"]
)
def test_a_broken_definition_is_silent(tmp_path: Path, text: str) -> None:
    (tmp_path / "repos.yaml").write_text(text)
    for words, count in (("audit ", 2), ("build ", 2), ("nonsense ", 2)):
        result = ask("bash", words, count, tmp_path)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.strip().startswith("loaded") and not (tmp_path / "owned").exists()


def test_bash_runs_the_script(site: Path, tmp_path: Path) -> None:
    """By bash itself, which must not print anything either, nor run a name."""
    program = tmp_path / "altai-build"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m altai_build "$@"\n')
    program.chmod(0o755)
    script = (ROOT / "altai_build" / "templates" / "completion" / "altai-build.bash").read_text()
    tries = (
        'try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _altai_build_completion "$1"; echo "${COMPREPLY[*]}"; }\n'
        f"try {program} log nov\ntry {program} build ''\n"
        f"try {program} log '$(touch owned)'\ntry /nowhere/altai-build x\n"
    )
    result = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{tries}"],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("nova nova-client\nnova nova-client pbr\n\n\n", "")
    assert not (site / "owned").exists()
