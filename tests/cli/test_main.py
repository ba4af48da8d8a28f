"""The command line: help, versions, missing programs, and interruptions."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from altai_build import __version__
from altai_build.cli import main
from altai_build.cli.main import VERBS, cli
from altai_build.tools import process
from tests.kit.cli import ROOT, altai_build
from tests.kit.superprojects import World, make_files


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.component("repos/focus", make_files("focus"))
    made.pin()
    return made


def test_version_and_help_name_every_verb(tmp_path: Path) -> None:
    assert altai_build("--version", cwd=tmp_path).out == f"altai-build, version {__version__}\n"
    result = altai_build("--help", cwd=tmp_path)
    listed = re.findall(r"^  ([a-z-]+)  ", result.out, re.MULTILINE)
    assert set(VERBS) <= set(listed)
    assert "Exit codes: 0 success" in " ".join(result.out.split())


def list_commands(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all commands below it, each with its words on the command line."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from list_commands(child, *path, name)


COMMANDS = list(list_commands(cli))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_help_has_an_example_and_the_list_of_commands_has_whole_sentences(
    path: tuple[str, ...], command: click.Command
) -> None:
    shown = command.get_help(click.Context(command, info_name=path[-1] if path else "altai-build"))
    assert re.search(rf"Examples?:\s+altai-build (-\S+ )*{' '.join(path)}", shown)
    if isinstance(command, click.Group):
        assert "..." not in shown.partition("Commands:")[2]
    else:
        assert "--json" in shown


def test_docs_list_the_commands_with_format() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    listed = re.search(r"The commands with one table as their result have it:(.*?)\.", page, re.DOTALL)
    assert listed is not None
    having = [
        " ".join(path)
        for path, command in COMMANDS
        if any("--format" in parameter.opts for parameter in command.params)
    ]
    assert re.findall("`(.*?)`", listed[1]) == sorted(having)


def test_an_option_of_commands_before_the_command_is_explained(tmp_path: Path) -> None:
    answer = altai_build("--json", "plan", cwd=tmp_path)
    assert answer.code == 2
    assert answer.json["error"]["what"] == "--json stands after the command: altai-build COMMAND --json"
    answer = altai_build("--rev", "v1", "plan", cwd=tmp_path)
    assert answer.code == 2 and "--rev stands after the command" in answer.err


def test_without_a_verb_the_usage_is_printed(tmp_path: Path) -> None:
    result = altai_build(cwd=tmp_path)
    assert result.code in (0, 2) and "Usage: altai-build" in result.out + result.err


@pytest.mark.parametrize("missing", ["git", "bwrap", "rpmbuild"])
def test_a_missing_program_is_reported_with_what_to_install(
    world: World, tmp_path: Path, missing: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in {"git", "bwrap", "rpmbuild", "rpmspec", "rpm"} - {missing}:
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    result = altai_build("-C", world.super.path, "srpm", cwd=tmp_path, env={"PATH": str(programs)})
    assert result.code == 4 and missing in result.err and "install" in result.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_ends_its_children(world: World, number: signal.Signals) -> None:
    marker = f"sleep {os.getpid()}.{number.value}"
    world.component("repos/focus", make_files("focus", version=f"%({marker}; echo 1)"))
    world.pin()
    child = subprocess.Popen(
        [sys.executable, "-m", "altai_build", "-C", str(world.super.path), "srpm"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # As at a terminal: a test run in the background ignores SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with child:
        wait_for(lambda: bool(running(marker)))
        child.send_signal(number)
        started = time.monotonic()
        try:
            out, err = child.communicate(timeout=20)
        finally:
            child.kill()
    assert time.monotonic() - started < 10
    assert (child.returncode, out) == (130, b"")
    assert b"interrupted" in err and b"Traceback" not in err and b"failed" not in err
    wait_for(lambda: not running(marker))


def test_an_import_is_not_interrupted(tmp_path: Path) -> None:
    """It could keep a lock that other threads, which import too, wait for. The run ends right after it."""
    (tmp_path / "slow.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\nfor _ in range(9): pass\nprint('imported')\n"
    )
    script = (
        "import time\nfrom altai_build.cli import main\nmain._handle_signals()\n"
        "try:\n    import slow\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('interrupted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("imported\ninterrupted\n", "")


def test_an_interrupted_run_that_waits_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[int] = []
    timers: list[float] = []
    monkeypatch.setattr(os, "_exit", ends.append)
    monkeypatch.setattr(process, "stop_children", lambda: not main._interrupted)
    monkeypatch.setattr(signal, "setitimer", lambda _which, seconds: timers.append(seconds))
    monkeypatch.setattr(main, "_interrupted", [])
    for number in (signal.SIGTERM, signal.SIGALRM):
        with pytest.raises(KeyboardInterrupt):
            main._interrupt(number, None)
    assert ends == [] and timers == [121.0, 121.0]
    main._interrupted[0] -= 120
    with pytest.raises(KeyboardInterrupt):
        main._interrupt(signal.SIGALRM, None)
    assert ends == [130]
    with pytest.raises(KeyboardInterrupt):
        main._interrupt(signal.SIGINT, None)
    assert ends == [130, 130]


def test_what_an_interruption_makes_fail_is_the_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/some/file")

    monkeypatch.setattr(cli, "main", fail)
    monkeypatch.setattr(main, "_interrupted", [time.monotonic()])
    code, message = main._run([])
    assert (code, message.splitlines()[0].partition(";")[0]) == (130, "interrupted")
    assert "/some/file" in message


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(words: str) -> list[str]:
    """Processes of this machine whose command line is exactly this."""
    found = []
    # Path.glob() asks each of them for its kind, and fails for one that ends meanwhile.
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = Path("/proc", number, "cmdline").read_bytes()
            if line.rstrip(b"\0").replace(b"\0", b" ").decode("utf-8", "replace") == words:
                found.append(number)
        except OSError:
            continue
    return found


def test_quiet_prints_only_warnings_and_verbose_every_command(world: World, tmp_path: Path) -> None:
    quiet = altai_build("-q", "-C", world.super.path, "srpm", cwd=tmp_path)
    assert (quiet.code, quiet.err) == (0, "")
    shutil.rmtree(world.super.path / ".altai-build")
    verbose = altai_build("-v", "-C", world.super.path, "srpm", cwd=tmp_path)
    assert " bwrap --unshare-pid " in verbose.err and "rpmbuild -bs" in verbose.err


def test_relative_paths_start_at_the_directory_of_C(world: World, tmp_path: Path) -> None:
    result = altai_build(
        "-C", "super", "--workspace", "../ws", "srpm", "-o", "../out", "--json", cwd=tmp_path
    )
    assert result.code == 0, result.err
    (row,) = result.json
    assert (world.super.path / row["srpm"]).is_file() and (tmp_path / "ws").is_dir()
    assert os.listdir(tmp_path / "out") == [Path(row["srpm"]).name]


def test_the_configuration_that_an_option_names(world: World, tmp_path: Path) -> None:
    (world.super.path / "other.yaml").write_text("project: [")
    result = altai_build("-C", "super", "--config", "other.yaml", "changed", cwd=tmp_path)
    assert result.code == 3 and "other.yaml is not valid YAML" in result.err
    result = altai_build("-C", "super", "--config", "none.yaml", "changed", cwd=tmp_path)
    assert result.code == 3 and "cannot read none.yaml" in result.err


@pytest.mark.parametrize("verb", ["build", "plan", "release 1.0", "verify --deep 1.0", "keys list"])
def test_verbs_that_need_a_definition_say_so(world: World, tmp_path: Path, verb: str) -> None:
    result = altai_build("-C", world.super.path, *verb.split(), cwd=tmp_path)
    assert (result.code, result.out) == (3, "")
    assert (
        f"there is no repos.yaml in {world.super.path} or above it" in result.err and "--config" in result.err
    )


def test_a_workspace_whose_name_is_too_long_is_an_error_and_no_bug(world: World) -> None:
    answer = altai_build("--workspace", "w" * 300, "srpm", cwd=world.super.path)
    assert (answer.code, "File name too long" in answer.err) == (3, True), answer.err


def test_a_standard_output_that_cannot_be_written_is_an_error_and_no_bug(world: World) -> None:
    with open(os.devnull, "rb") as unwritable:
        done = subprocess.run(
            [sys.executable, "-m", "altai_build", "--help"],
            cwd=world.super.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=unwritable,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, "Bad file descriptor: standard output" in done.stderr) == (3, True), done.stderr


def test_a_umask_that_keeps_files_from_their_owner_does_not_count(world: World) -> None:
    before = os.umask(0o777)
    try:
        result = altai_build("srpm", "--json", cwd=world.super.path)
    finally:
        os.umask(before)
    assert result.code == 0, result.err
