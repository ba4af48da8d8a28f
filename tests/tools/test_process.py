"""Starting other programs: what a child gets, and what is known about its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from altai_build.errors import BuildError, InputError, MissingToolError
from altai_build.tools import process
from altai_build.tools.process import ProgramFailed, run, start_child
from tests.kit.processes import is_running, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]
ROWS = 1200  # at 90 bytes each more than a pipe holds (64 KiB), let alone a reader's buffer (8 KiB)


def run_with_table(program: str) -> str:
    """Run a Python program whose standard input is the table of ROWS rows, as a script in a pipe would have it."""
    table = "".join(f"{number:04} repos/altai/{'x' * 72}\n" for number in range(ROWS))
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        input=table.encode(),
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        timeout=120,
        check=True,
    )
    return result.stdout.decode()


def test_children_that_read_stdin_do_not_read_the_callers() -> None:
    """In a loop over stdin, a program such as ssh, mock, rpm or gpg would read the remaining rows."""
    output = run_with_table(
        """
        import sys
        from altai_build.tools.process import run
        for line in sys.stdin:
            assert run(["cat"]).stdout == b""
            print(line.split()[0])
        """
    )
    assert output.split() == [f"{number:04}" for number in range(ROWS)]


def test_children_of_several_threads_do_not_read_the_callers_stdin() -> None:
    output = run_with_table(
        """
        import sys
        from concurrent.futures import ThreadPoolExecutor
        from altai_build.tools.process import run, start_child
        def work(line):
            with start_child(["cat"]) as child:
                assert child.stdout.read() == b""
            assert run(["cat"], input=line.encode()).stdout == line.encode()
            return line.split()[0]
        with ThreadPoolExecutor(4) as pool:
            waiting = []
            for line in sys.stdin:
                waiting.append(pool.submit(work, line))
                if len(waiting) > 8:
                    print(waiting.pop(0).result())
            for row in waiting:
                print(row.result())
        """
    )
    assert output.split() == [f"{number:04}" for number in range(ROWS)]


def test_child_sees_only_the_allowed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "secret")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("HOME", "/home/of/somebody")
    output = run(["env", "-0"], env={"SOURCE_DATE_EPOCH": "1"}).text
    seen = dict(row.split("=", 1) for row in output.split("\0") if row)
    assert set(seen) <= {"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LC_ALL", "TZ", "SOURCE_DATE_EPOCH"}
    assert (seen["HOME"], seen["LC_ALL"], seen["TZ"]) == ("/home/of/somebody", "C.UTF-8", "UTC")
    assert seen["SOURCE_DATE_EPOCH"] == "1"


def test_child_inherits_no_open_files(tmp_path: Path) -> None:
    with open(tmp_path / "held", "w") as held:
        os.set_inheritable(held.fileno(), True)
        listed = run(["ls", "-l", "/proc/self/fd"]).text
    assert "held" not in listed


def test_child_leads_a_session_of_its_own() -> None:
    """So that Ctrl-C at the terminal reaches the parent alone."""
    program = "import os; print(os.getsid(0) == os.getpid())"
    assert run([sys.executable, "-c", program]).text == "True\n"


def test_exit_status_and_signal_have_different_errors() -> None:
    with pytest.raises(ProgramFailed) as left:
        run(["sh", "-c", "echo 'no space' >&2; exit 7"])
    assert left.value.result.returncode == 7
    assert str(left.value) == (
        "sh exited with 7\n$ sh -c 'echo '\"'\"'no space'\"'\"' >&2; exit 7'\nno space\n"
        "What to do: check free space and memory (`altai-build doctor`) and rerun the command"
    )
    with pytest.raises(ProgramFailed) as killed:
        run(["sh", "-c", "kill -TERM $$"])
    assert killed.value.result.returncode == -signal.SIGTERM
    assert killed.value.what == "sh was killed by SIGTERM"


@pytest.mark.parametrize(
    ("ok", "fails"), [((0,), True), ((0, 1), False), (process.ANY_STATUS, False), ((1,), False)]
)
def test_allowed_statuses(ok: Container[int], fails: bool) -> None:
    if fails:
        with pytest.raises(ProgramFailed):
            run(["false"], ok=ok)
    else:
        assert run(["false"], ok=ok).returncode == 1


def test_a_signal_is_a_result_only_where_the_caller_says_so() -> None:
    """A child that the kernel killed for lack of memory has not failed."""
    for ok in ((0, 1, 137), process.ANY_STATUS):
        with pytest.raises(ProgramFailed, match="sh was killed by SIGKILL") as failed:
            run(["sh", "-c", "kill -KILL $$"], ok=ok)
        assert "out-of-memory" in failed.value.todo
    ended = run(["sh", "-c", "kill -KILL $$"], ok=process.ANY_END)
    assert (ended.returncode, ended.error_text) == (-9, "sh was killed by SIGKILL")


def test_a_failing_program_is_not_a_failed_build() -> None:
    with pytest.raises(ProgramFailed) as failed:
        run(["false"])
    assert failed.value.exit_code == InputError.exit_code != BuildError.exit_code


def test_the_command_in_an_error_can_be_pasted(tmp_path: Path) -> None:
    awkward = tmp_path / 'it\'s a "file" $HOME'
    with pytest.raises(ProgramFailed) as failed:
        run(["ls", str(awkward)])
    command = failed.value.why.splitlines()[0]
    assert command.startswith("$ ")
    awkward.touch()
    pasted = subprocess.run(["sh", "-c", command[2:]], stdout=subprocess.PIPE, check=True)
    assert pasted.stdout.decode() == f"{awkward}\n"


def test_the_error_text_is_the_end_of_stderr() -> None:
    result = run(["sh", "-c", "seq 1 1000 >&2"])
    assert result.error_text.split() == [str(number) for number in range(989, 1001)]


def test_timeout_ends_the_child_and_everything_it_started() -> None:
    begin = time.monotonic()
    with pytest.raises(ProgramFailed) as stopped:
        run(["sh", "-c", "sleep 600 & echo $!; wait"], timeout=0.5)
    assert time.monotonic() - begin < 10
    assert stopped.value.what == "sh was killed by SIGKILL"
    assert stopped.value.why.endswith("\nstopped after 0.5 seconds")
    assert wait_until_gone(int(stopped.value.result.stdout))


def test_leaving_the_block_early_ends_the_child() -> None:
    with pytest.raises(KeyError), start_child(["sleep", "600"]) as child:
        raise KeyError
    assert child.returncode == -signal.SIGKILL
    assert not is_running(child.pid)


def test_output_can_be_read_while_the_child_works() -> None:
    with start_child(["sh", "-c", "echo first; read never <&1; sleep 600"]) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"first\n"
        assert is_running(child.pid)


def test_kill_all_ends_children_and_grandchildren_of_all_threads() -> None:
    begun = threading.Barrier(4)
    pids: list[int] = []

    def work() -> int:
        with start_child(["sh", "-c", "sleep 600 & echo $!; wait"]) as child:
            assert child.stdout is not None
            pids.extend((child.pid, int(child.stdout.readline())))
            begun.wait(timeout=30)
            return child.wait()

    with ThreadPoolExecutor(3) as pool:
        results = [pool.submit(work) for _ in range(3)]
        begun.wait(timeout=30)
        assert len(pids) == 6
        assert all(is_running(pid) for pid in pids)
        process.kill_all_children()
        assert [result.result(timeout=30) for result in results] == [-signal.SIGKILL] * 3
    assert all(wait_until_gone(pid) for pid in pids)


def test_one_thread_is_stopped_and_may_work_again() -> None:
    begun = threading.Barrier(3)
    pids: dict[int, int | None] = {}

    def work() -> int | str:
        pids[threading.get_ident()] = None
        try:
            with start_child(["sleep", "600"]) as child:
                pids[threading.get_ident()] = child.pid
                begun.wait(timeout=30)
                process.wait_for_child(child)
        except KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                run(["true"])
            process.release_thread(threading.get_ident())
            return run(["echo", "again"]).text
        return 0

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(work) for _ in range(2)]
        begun.wait(timeout=30)
        (first, one), (second, other) = pids.items()
        assert one is not None and other is not None
        process.stop_thread(first)
        assert wait_until_gone(one) and is_running(other)
        process.stop_thread(second)
        assert [result.result(timeout=30) for result in results] == ["again\n"] * 2


def test_missing_program() -> None:
    with pytest.raises(MissingToolError) as missing:
        run(["no-such-program", "--help"])
    assert str(missing.value) == (
        "the program no-such-program is not installed\n"
        "it is neither on PATH nor in an sbin directory\n"
        "What to do: install it; `altai-build doctor` lists all missing programs and their packages"
    )
    with pytest.raises(MissingToolError):
        run(["/no/such/program"])


def test_file_that_cannot_be_executed(tmp_path: Path) -> None:
    plain = tmp_path / "program"
    plain.write_text("#!/bin/sh\n")
    with pytest.raises(MissingToolError, match="cannot be executed"):
        run([str(plain)])
    plain.write_bytes(b"\x7fELF, but not really")
    plain.chmod(0o755)
    with pytest.raises(MissingToolError, match="cannot be executed"):
        run([str(plain)])


def test_a_program_that_is_killed_is_not_called_broken(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    with pytest.raises(ProgramFailed, match="program was killed by SIGKILL") as killed:
        process.read_program_version(str(program))
    assert killed.value.todo == "see `dmesg` for out-of-memory kills, free memory, and rerun the command"
    program.write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(MissingToolError, match=r"does not work: `.*program --version` exited with 3"):
        process.read_program_version(str(program))


def test_a_missing_working_directory_is_not_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        run(["true"], cwd=tmp_path / "gone")


def test_nul_byte_in_an_argument() -> None:
    with pytest.raises(InputError, match="NUL byte"):
        run(["echo", "a\0b"])


def test_input_output_and_errors(tmp_path: Path) -> None:
    data = os.urandom(1 << 20)
    assert run(["cat"], input=data).stdout == data
    assert run(["cat"], input=b"").stdout == b""
    both = run(["sh", "-c", "echo out; echo err >&2"])
    assert (both.stdout, both.stderr) == (b"out\n", b"err\n")
    merged = run(["sh", "-c", "echo out; echo err >&2"], merge_stderr=True)
    assert (merged.stdout, merged.stderr) == (b"out\nerr\n", b"")
    with open(tmp_path / "log", "wb") as log:
        assert run(["sh", "-c", "echo out; echo err >&2"], stdout=log, merge_stderr=True).stdout == b""
    assert (tmp_path / "log").read_bytes() == b"out\nerr\n"


def test_text_keeps_bytes_that_are_not_utf8() -> None:
    result = run(["printf", r"caf\351"])
    assert result.text.encode("utf-8", "surrogateescape") == b"caf\xe9"


def test_working_directory(tmp_path: Path) -> None:
    assert run(["pwd", "-P"], cwd=tmp_path).text == f"{tmp_path.resolve()}\n"


def test_listeners_get_every_command_as_it_can_be_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(process, "_listeners", [lines.append])
    run(["echo", "two words"])
    assert lines == ["$ echo 'two words'"]


def test_how_every_command_ended_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[process.CommandEnd] = []
    monkeypatch.setattr(process, "_end_listeners", [ends.append])
    run(["sh", "-c", "sleep 0.2; exit 3"], ok=(3,))
    with pytest.raises(ProgramFailed):
        run(["sh", "-c", "kill -TERM $$"])
    with start_child(["sh", "-c", "exec sleep 600", "https://user:secret@host/"]):
        assert len(ends) == 2
    assert [(end.command, end.returncode) for end in ends] == [
        ("sh -c 'sleep 0.2; exit 3'", 3),
        ("sh -c 'kill -TERM $$'", -signal.SIGTERM),
        ("sh -c 'exec sleep 600' https://host/", -signal.SIGKILL),
    ]
    assert 0.2 <= ends[0].seconds < 30


@pytest.mark.parametrize("stream", ["1", "2"])
def test_endless_output_is_stopped_before_it_fills_the_memory(stream: str) -> None:
    result = process.run(["sh", "-c", f"exec cat /dev/zero >&{stream}"], ok=process.ANY_END, limit=1 << 20)
    assert result.returncode == -signal.SIGKILL
    assert 1 << 20 < len(result.stdout) + len(result.stderr) < 2 << 20
    assert result.error_text.endswith("stopped: it printed more than 1048576 bytes")


def test_a_child_within_its_limit_runs_to_its_end_or_its_timeout() -> None:
    words = ["sh", "-c", "echo out; echo err >&2; exec 1>&- 2>&-; sleep 0.2; exit 3"]
    result = process.run(words, ok=process.ANY_END, limit=1 << 20, timeout=30)
    assert (result.returncode, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    slow = process.run(["sleep", "60"], ok=process.ANY_END, limit=1 << 20, timeout=0.2)
    assert (slow.returncode, slow.error_text) == (-signal.SIGKILL, "stopped after 0.2 seconds")


def test_a_child_with_a_limit_gets_its_input() -> None:
    data = os.urandom(1 << 20)
    assert process.run(["cat"], input=data, limit=2 << 20, timeout=30).stdout == data
    assert process.run(["cat"], input=b"", limit=1 << 20).stdout == b""
    assert process.run(["true"], input=data, limit=1 << 20).stdout == b""
    endless = process.run(["sh", "-c", "exec 1>&- 2>&-; sleep 60"], ok=process.ANY_END, limit=99, timeout=0.3)
    assert endless.error_text == "stopped after 0.3 seconds"


def test_a_child_whose_output_goes_to_a_file_is_stopped_too(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as stream:
        result = process.run(
            ["sleep", "60"], stdout=stream, merge_stderr=True, ok=process.ANY_END, timeout=0.2
        )
    assert (result.returncode, result.error_text) == (-signal.SIGKILL, "stopped after 0.2 seconds")


def test_a_child_with_a_timeout_is_not_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        raise AssertionError(f"slept {seconds} s before the next look")

    asked = []
    with open(tmp_path / "log", "wb") as log:
        monkeypatch.setattr(time, "sleep", sleep)
        done = process.run(
            ["sh", "-c", "sleep 0.2; echo done"],
            stdout=log,
            merge_stderr=True,
            timeout=60,
            watch=process.Watch(lambda: asked.append(1) or ""),  # type: ignore[func-returns-value]
        )
    assert done.returncode == 0 and (tmp_path / "log").read_text() == "done\n"
    assert asked == []


@pytest.mark.parametrize("limit", [None, 99])
def test_a_watch_says_when_it_is_to_be_asked_again(limit: int | None) -> None:
    pauses = iter([0.0, 0.01, 0.0, 99.0, 0.0])
    asked = iter([*[""] * 3, "stopped: enough"])
    watch = process.Watch(lambda: next(asked), lambda: next(pauses))
    done = process.run(["sleep", "60"], ok=process.ANY_END, limit=limit, watch=watch)
    assert done.error_text == "stopped: enough" and list(asked) == []
    assert len(list(pauses)) <= 1
    assert process.Watch(lambda: "", lambda: 99.0).get_next_look() <= time.monotonic() + 1.0


def test_timeout_and_watch_stop_a_child_without_pipes(tmp_path: Path) -> None:
    with open(tmp_path / "log", "wb") as log:
        ends = [
            process.run(["sleep", "60"], stdout=log, merge_stderr=True, ok=process.ANY_END, timeout=0.3),
            process.run(
                ["sleep", "60"],
                stdout=log,
                merge_stderr=True,
                ok=process.ANY_END,
                watch=process.Watch(lambda: "stopped: enough"),
            ),
        ]
    assert [end.returncode for end in ends] == [-9, -9]
    assert [end.error_text for end in ends] == ["stopped after 0.3 seconds", "stopped: enough"]


def test_a_sandbox_whose_program_was_killed_says_where_to_look() -> None:
    """bubblewrap exits with 128 and the signal of its program."""
    with pytest.raises(ProgramFailed, match="sh exited with 137") as failed:
        process.run(["sh", "-c", "exit 137"])
    assert failed.value.todo.startswith("see `dmesg` for out-of-memory kills")


def test_what_a_child_did_not_take_before_its_end_is_no_error() -> None:
    with start_child([sys.executable, "-c", "import sys; sys.stdin.close()"], input=b"ids") as child:
        assert child.stdin is not None
        child.wait()
        # Smaller than what Python keeps before it writes.
        child.stdin.write(b"x")
    assert child.returncode == 0
