"""README and docs: each command in a block is run here, or the page says why not.

`<!-- not run: REASON -->` stands before such a block, `<!-- not run on this page: REASON -->` somewhere on it. What a
block of the kind `console` shows below a command is compared with what the command prints.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from altai_build.cli.main import cli
from altai_build.errors import AltaiError
from altai_build.tools.files import make_tree_public
from tests.kit.channel_worlds import ChannelWorld
from tests.kit.releases import Materials, sign_again
from tests.kit.repositories import Package
from tests.kit.superprojects import World, make_files
from tests.test_documented_commands import PAGES

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ("sh", "console", "crontab")
# Of what is no command, and of files that contain some.
OTHERS = ("text", "yaml", "python", "spec", "groovy")
_BLOCK = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]+) -->\n)?^ *```(?P<kind>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_WHOLE_PAGE = re.compile(r"^<!-- not run on this page: (.+) -->$", re.MULTILINE)
_PROGRAM = "altai-build "
# The folder of the superproject in the pages.
_SHOWN_FOLDER = "/home/me/altai"


@dataclass(frozen=True)
class Block:
    """A block of a page; `reason` is why its commands are not run, "" where they are."""

    place: str
    kind: str
    text: str
    reason: str


def find_blocks(name: str, page: str) -> Iterator[Block]:
    """All blocks of a page."""
    whole = _WHOLE_PAGE.search(page)
    for found in _BLOCK.finditer(page):
        place = f"{name}:{page.count(chr(10), 0, found.start('kind')) + 1}"
        reason = found["reason"] or (whole[1] if whole else "")
        yield Block(place, found["kind"], found["text"], reason)


BLOCKS = [block for name in PAGES for block in find_blocks(name, (ROOT / name).read_text(encoding="utf-8"))]


def split_session(text: str) -> list[tuple[str, list[str]]]:
    """Each command of a block of the kind `console`, and the lines that it shows."""
    steps: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


class Session:
    """Runs commands in a folder: those of altai-build in this process, others by bash."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment

    def run(self, command: str) -> tuple[int, str]:
        """The exit code, and what is printed."""
        words = shlex.split(command, comments=True)
        if (
            "\n" in command
            or not command.startswith(_PROGRAM)
            or set(command.partition("#")[0]) & set("|<;&$`")
        ):
            return self._run_by_bash(command)
        target = None
        if words[-1].startswith(">") or words[-2] == ">":
            target = self.folder / words[-1].lstrip(">")
            words = words[: -1 if len(words[-1]) > 1 and words[-1].startswith(">") else -2]
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            result = CliRunner().invoke(cli, words[1:])
        finally:
            os.chdir(before)
        error = result.exception
        if error is not None and not isinstance(error, (AltaiError, SystemExit)):
            raise error
        code = error.exit_code if isinstance(error, AltaiError) else result.exit_code
        if target is not None:
            target.write_text(result.stdout)
        return code, f"{result.output}altai-build: {error}\n" if isinstance(
            error, AltaiError
        ) else result.output

    def _run_by_bash(self, script: str) -> tuple[int, str]:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, done.stdout.decode()

    def check(self, block: Block) -> Iterator[str]:
        """What of a block is not as it says."""
        if block.kind == "console":
            for command, shown in split_session(block.text):
                code, printed = self.run(command)
                if not matches(shown, printed.replace(str(self.folder), _SHOWN_FOLDER)):
                    yield f"{block.place}: `{command}` exits with {code} and prints\n{printed}"
            return
        lines = block.text.replace("\\\n", " ").splitlines()
        is_ours = all(line.startswith(_PROGRAM) for line in lines)
        for command in lines if is_ours else [block.text]:
            code, printed = self.run(command)
            if code:
                yield f"{block.place}: `{command}` exits with {code} and prints\n{printed}"


def matches(shown: list[str], printed: str) -> bool:
    """True where lines are what was printed; `…` stands for a part of a line, or for any number of lines."""
    text = "\n".join(shown)
    parts = re.split(r"(^…$|…)", text, flags=re.MULTILINE)
    pattern = "".join(".*?" if part == "…" else re.escape(part) for part in parts)
    return re.fullmatch(pattern, printed.rstrip("\n"), re.DOTALL) is not None


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, materials: Materials) -> Session:
    """A superproject with a component, a key, and three signed releases: what the pages tell of."""
    world = World(tmp_path_factory.mktemp("docs"))
    world.component("repos/nova", make_files("nova"))
    folder = world.super.path
    site = ChannelWorld(folder, materials)
    definition = {name: (folder / name).read_text() for name in ("repos.yaml", "ours.pub", "theirs.pub")}
    for version, number in (("1.0.0", "1"), ("1.0.1", "2"), ("1.0.2", "3")):
        world.pin({**definition, "README": version})
        world.super.git("tag", f"v{version}")
        directory = site.release(version, Package("app", number), commit=world.super.git("rev-parse", "HEAD"))
        (directory / "report").mkdir()
        (directory / "report" / "index.html").write_text("<!DOCTYPE html>\n")
        sign_again(directory, materials)
        make_tree_public(directory)
    world.pin({"README": "next"})
    world.super.git("update-ref", "refs/remotes/origin/main", "v1.0.2")
    world.super.git("reset", "--quiet", "--hard")
    (folder / "notify-maintainer").write_text("#!/bin/sh\n")
    (folder / "notify-maintainer").chmod(0o755)
    (folder / "RPM-GPG-KEY-altai").write_bytes(materials.ours.public.read_bytes())
    home = folder / "home"
    home.mkdir(mode=0o700)
    programs = f"{ROOT / 'scripts'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Session(folder, {**os.environ, "HOME": str(home), "GNUPGHOME": str(home), "PATH": programs})


def test_every_block_says_what_it_is_and_commands_stand_in_those_of_commands() -> None:
    assert [block.place for block in BLOCKS if block.kind not in (*COMMANDS, *OTHERS)] == []
    hidden = [
        block.place
        for block in BLOCKS
        if block.kind == "text"
        and re.search(r"^(?:\$ |altai-build [a-z]|scripts/)", block.text, re.MULTILINE)
    ]
    assert hidden == []
    # What is not run says so where somebody reads the source of the page, and nothing else does.
    assert [block.place for block in BLOCKS if block.kind in OTHERS and "not run:" in block.text] == []


def test_every_command_runs_where_the_page_does_not_say_why_not(session: Session) -> None:
    run = [block for block in BLOCKS if block.kind in COMMANDS and not block.reason]
    assert len(run) >= 10
    faults = [fault for block in run for fault in session.check(block)]
    assert not faults, "\n".join(faults)


def test_the_output_of_a_command_is_compared() -> None:
    assert matches(["a …", "…", "z"], "a b\nc\nd\nz\n")
    assert matches(["a"], "a\n")
    assert not matches(["a"], "a\nb\n")
    assert not matches(["a …", "z"], "b\nz\n")


def test_a_block_without_a_mark_is_run(tmp_path: Path) -> None:
    page = "<!-- not run: why -->\n```sh\nfalse\n```\n\n```sh\nexit 3\n```\n```console\n$ echo a\nb\n```\n"
    blocks = list(find_blocks("page.md", page))
    assert [(block.place, block.kind, block.reason) for block in blocks] == [
        ("page.md:2", "sh", "why"),
        ("page.md:6", "sh", ""),
        ("page.md:9", "console", ""),
    ]
    session = Session(tmp_path, dict(os.environ))
    assert [fault.splitlines()[0] for block in blocks[1:] for fault in session.check(block)] == [
        "page.md:6: `exit 3",
        "page.md:9: `echo a` exits with 0 and prints",
    ]
    whole = f"<!-- not run on this page: long -->\n{page}"
    assert [block.reason for block in find_blocks("page.md", whole)] == ["why", "long", "long"]


def test_what_the_program_refuses_is_a_fault(tmp_path: Path) -> None:
    session = Session(tmp_path, dict(os.environ))
    block = Block("page.md:1", "sh", "altai-build rules nothing\naltai-build schema audit >audit.json\n", "")
    (fault,) = session.check(block)
    assert fault.startswith("page.md:1: `altai-build rules nothing` exits with 3")
    assert (tmp_path / "audit.json").read_text() == (
        ROOT / "altai_build" / "schemas" / "audit.json"
    ).read_text()
