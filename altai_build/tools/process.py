"""Starts every other program: no stdin, a minimal environment, each kind of failure recognised, commands logged."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from altai_build.errors import AltaiError, InputError, MissingToolError, describe_cause
from altai_build.tools.children import Watch as Watch
from altai_build.tools.children import limit_memory, wait_with_timeout
from altai_build.tools.commands import child_environment, describe_exit, program_missing_error, quote_command
from altai_build.tools.pipes import Pipes, seconds_left

if TYPE_CHECKING:
    from pathlib import Path

ChildProcess = subprocess.Popen[bytes]

# For `ok`: every exit status is a result, but the end by a signal is not.
ANY_STATUS = range(256)
# For `ok`: the caller handles signals too.
ANY_END = range(-signal.NSIG, 256)

# Children at work, with the grace period of each, and the thread that started it.
_running: dict[ChildProcess, float] = {}
_starters: dict[ChildProcess, int] = {}
_stopped_threads: set[int] = set()
# Reentrant, because a signal's handler may run in the thread that holds it.
_running_lock = threading.RLock()
_stopping = threading.Event()
_listeners: list[Callable[[str], None]] = []
_end_listeners: list[Callable[[CommandEnd], None]] = []


# Tuples, because a dataclass takes longer to define, and `changed` imports this module.
class CommandEnd(NamedTuple):
    """How a command ended, for logs: `returncode` is negative if a signal killed it.

    `command` is quoted, without the passwords in its URLs.
    """

    command: str
    seconds: float
    returncode: int


class ProcessResult(NamedTuple):
    """What a finished child left: exit status (negative: killed by that signal) and captured bytes."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes
    # Why this process ended the child, "" where it did not.
    stopped: str = ""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 survive as surrogates."""
        return self.stdout.decode("utf-8", "surrogateescape")

    @property
    def error_text(self) -> str:
        """The last lines of standard error, for a `why`; of a killed child without any, the signal."""
        lines = self.stderr.decode("utf-8", "replace").strip().splitlines()[-12:]
        if not lines and self.returncode < 0:
            lines = [f"{os.path.basename(self.argv[0])} {describe_exit(self.returncode)}"]
        return "\n".join(lines)


class ProgramFailed(AltaiError):
    """A child ended in a way that its caller does not expect.

    It is neither a failed build nor a bug. Most often the machine lacks space or memory, so the exit code is that of
    unusable input, as for an OSError. Where a failure has a known meaning, the caller raises another error.
    """

    exit_code = InputError.exit_code

    def __init__(self, result: ProcessResult) -> None:
        from altai_build.tools.disk import describe_full_disks, list_touched_places  # seldom needed

        self.result = result
        full = describe_full_disks(list_touched_places(result.argv))
        if full:
            todo = "free space there and rerun the command"
        elif result.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
            todo = "see `dmesg` for out-of-memory kills, free memory, and rerun the command"
        else:
            todo = "check free space and memory (`altai-build doctor`) and rerun the command"
        super().__init__(
            f"{os.path.basename(result.argv[0])} {describe_exit(result.returncode)}",
            why="\n".join((f"$ {quote_command(result.argv)}\n{result.error_text}", *full)),
            todo=todo,
        )


def on_command(listener: Callable[[str], None]) -> None:
    """Call the listener with every command, quoted so that it can be pasted, before it runs; from any thread."""
    _listeners.append(listener)


def on_command_end(listener: Callable[[CommandEnd], None]) -> None:
    """Call the listener after each child has ended, however it did; from any thread."""
    _end_listeners.append(listener)


def note_output(text: str) -> None:
    """Give the listeners of commands what a child printed, where messages say it in plain words."""
    for listener in _listeners:
        listener(text)


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: bytes | None = None,
    stdout: IO[bytes] | None = None,
    merge_stderr: bool = False,
    ok: Container[int] = (0,),
    timeout: float | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    grace: float = 0.0,
    umask: int = -1,
    memory: int | None = None,
) -> ProcessResult:
    """Run a program to its end and return what it printed.

    Standard input is /dev/null unless `input` bytes are given: a child that drained the caller's stdin would end the
    caller's loop early. With `stdout` the output goes to that file instead of memory, and with `merge_stderr` the
    errors follow it.

    A child is killed when it has run `timeout` seconds, has printed more than `limit` bytes into memory, or when
    `watch` finds a reason; the reason ends its standard error. `grace`, `umask` and
    `memory` as for `start_child`.

    `ok` contains the accepted endings: exit statuses, ANY_STATUS or ANY_END. Every other one raises ProgramFailed.
    Also raises MissingToolError when there is no such program, InputError for an argument with a NUL byte,
    KeyboardInterrupt in a thread of a run that `stop_children` stopped.
    """
    with start_child(
        argv,
        env=env,
        cwd=cwd,
        input=input,
        stdout=stdout,
        merge_stderr=merge_stderr,
        grace=grace,
        umask=umask,
        memory=memory,
    ) as child:
        if limit is not None:
            result = _communicate_within(child, input, timeout, limit, watch, grace)
        else:
            result = wait_for_child(child, input=input, timeout=timeout, watch=watch, grace=grace)
    if result.returncode not in ok:
        raise ProgramFailed(result)
    return result


def wait_for_child(
    child: ChildProcess,
    *,
    input: bytes | None = None,
    timeout: float | None = None,
    watch: Watch | None = None,
    grace: float = 0.0,
) -> ProcessResult:
    """Give a started child its input and wait for its end; arguments and errors as for `run`.

    A child that gets its input here was started with an `input`, of whatever bytes.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        until = [moment for moment in (deadline, watch and watch.get_next_look()) if moment is not None]
        pause = max(min(until) - time.monotonic(), 0.0) if until else None
        if (
            pause is not None
            and child.stdout is None
            and child.stderr is None
            and wait_with_timeout(child.pid, pause)
        ):
            pause = 0.0
        try:
            return make_result(child, *child.communicate(input=input, timeout=pause))
        except subprocess.TimeoutExpired:
            # It is being sent.
            input = None
            over = deadline is not None and time.monotonic() >= deadline
            why = f"stopped after {timeout:g} seconds" if over else watch.find_reason() if watch else ""
        if why:
            _terminate({child: grace})
            out, err = child.communicate()
            return make_result(child, out, err, why)


def make_result(
    child: ChildProcess, out: bytes | None = None, err: bytes | None = None, stopped: str = ""
) -> ProcessResult:
    """What a child has left that has ended, and has printed `out` and `err`; `stopped` is why it was ended."""
    # What a stopped child has printed means nothing.
    end_stopped_thread()
    errors = (err or b"") + (f"\n{stopped}".encode() if stopped else b"")
    argv = tuple(cast("Sequence[str]", child.args))
    return ProcessResult(argv, child.returncode, out or b"", errors, stopped)


def _communicate_within(
    child: ChildProcess,
    input: bytes | None,
    timeout: float | None,
    limit: int,
    watch: Watch | None,
    grace: float,
) -> ProcessResult:
    """Give a child its input and read what it prints; it is killed when that is too much or takes too long."""
    deadline = None if timeout is None else time.monotonic() + timeout
    next_look = None if watch is None else watch.get_next_look()
    with Pipes(child.stdin, child.stdout, child.stderr, input or b"") as pipes:
        why = ""
        while not why:
            until = min((moment for moment in (deadline, next_look) if moment is not None), default=None)
            try:
                if not pipes.transfer(until):
                    # Its pipes are closed, but it may still run.
                    child.wait(seconds_left(until))
                    break
            except (TimeoutError, subprocess.TimeoutExpired):
                if deadline is not None and time.monotonic() >= deadline:
                    why = f"stopped after {timeout:g} seconds"
            if not why and pipes.size > limit:
                why = f"stopped: it printed more than {limit} bytes"
            if not why and watch is not None and next_look is not None and time.monotonic() >= next_look:
                why = watch.find_reason()
                next_look = watch.get_next_look()
        if why:
            _terminate({child: grace})
        child.wait()
        return make_result(child, pipes.read(child.stdout), pipes.read(child.stderr), why)


@contextmanager
def start_child(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input: bytes | None = None,
    stdout: IO[bytes] | None = None,
    merge_stderr: bool = False,
    stderr: IO[bytes] | None = None,
    grace: float = 0.0,
    umask: int = -1,
    memory: int | None = None,
) -> Iterator[ChildProcess]:
    """A running child whose standard output can be read while it works; killed if the block is left early.

    With `grace` it gets SIGTERM, and SIGKILL only after so many seconds: for programs that must clean up, as mock,
    whose children lead sessions of their own. Without a `umask` it has that of this process. `memory` is
    the most that it and each of its children may use, in bytes of data. Its errors go to the file `stderr`, or a pipe.
    """
    if any("\0" in word for word in argv):
        raise InputError("a name holds a NUL byte and cannot be given to a program", why=quote_command(argv))
    command = quote_command(argv) if _listeners or _end_listeners else ""
    if _listeners:
        note_output(f"$ {command}")
    started = time.monotonic()
    try:
        child = subprocess.Popen(
            # Looked up on the child's PATH, as `find_program` does.
            list(argv),
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.STDOUT if merge_stderr else subprocess.PIPE if stderr is None else stderr,
            env=child_environment(env),
            cwd=cwd,
            umask=umask,
            # Ctrl-C reaches the parent alone, which then ends its children in order.
            start_new_session=True,
        )
    except OSError as error:
        if cwd is not None and not cwd.is_dir():
            raise InputError(f"cannot run {argv[0]} in {cwd}: it is no directory") from error
        if isinstance(error, FileNotFoundError):
            raise program_missing_error(argv[0]) from error
        if error.errno == errno.E2BIG:
            longest = max(argv, key=len)
            raise InputError(
                f"a name is too long to be given to {argv[0]}",
                why=f"it has {len(longest)} characters and begins {longest[:80]!r}",
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.ENOEXEC:
            raise MissingToolError(f"{argv[0]} cannot be executed", why=describe_cause(error)) from error
        raise
    with _running_lock:
        _running[child], _starters[child] = grace, threading.get_ident()
    try:
        limit_memory(child.pid, memory)
        end_stopped_thread()
        yield child
    finally:
        if child.poll() is None:
            _terminate({child: grace})
        for stream in filter(None, (child.stdin, child.stdout, child.stderr)):
            with suppress(BrokenPipeError):  # a child that has ended takes no more of what waits for it
                stream.close()
        with _running_lock:
            del _running[child], _starters[child]
        if _end_listeners:
            end = CommandEnd(command, time.monotonic() - started, child.returncode)
            for listener in _end_listeners:
                listener(end)


def stop_children() -> bool:
    """Signal every child to end; from now on only the main thread can start or await children.

    For a signal's handler: it waits for nothing, and the main thread may still run programs that clean up. Returns
    False when it was called before.
    """
    if _stopping.is_set():
        return False
    _stopping.set()
    with _running_lock:
        for child, grace in _running.items():
            _send_signal(child, grace)
    return True


def end_stopped_thread(*, wait: float = 0.0) -> None:
    """Raise KeyboardInterrupt in a thread, but the main one, of a run that is stopped within `wait` seconds."""
    is_stopped = _stopping.wait(wait) if wait else _stopping.is_set()
    is_main = threading.current_thread() is threading.main_thread()
    if threading.get_ident() in _stopped_threads or (is_stopped and not is_main):
        raise KeyboardInterrupt


def stop_thread(identifier: int) -> None:
    """End the children of a thread (its `get_ident`); until `release_thread` it can neither start nor await others."""
    with _running_lock:
        _stopped_threads.add(identifier)
        children = {child: grace for child, grace in _running.items() if _starters[child] == identifier}
    _terminate(children)


# Lets a thread that was stopped start children again.
release_thread = _stopped_threads.discard


def kill_all_children() -> None:
    """End every child still running, and wait for that."""
    with _running_lock:
        children = dict(_running)
    _terminate(children)


def _terminate(children: Mapping[ChildProcess, float]) -> None:
    """End children: signal all at once, then wait for each through its grace period, then kill it."""
    signalled = [child for child, grace in children.items() if _send_signal(child, grace)]
    for child in signalled:
        try:
            child.wait(timeout=children[child] or None)
        except subprocess.TimeoutExpired:
            if _send_signal(child, 0):
                child.wait()


def _send_signal(child: ChildProcess, grace: float) -> bool:
    """Send SIGTERM, or without grace SIGKILL, to a child and its session; False when this user may not."""
    try:
        os.killpg(child.pid, signal.SIGTERM if grace else signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:
        # A program that has become another user, as mock does.
        note_output(f"cannot stop process {child.pid}: it belongs to another user and runs to its end")
        return False
    return True


def read_program_version(program: str) -> str:
    """What `PROGRAM --version` prints. Raises MissingToolError for one that does not work, ProgramFailed if killed."""
    result = run([program, "--version"], ok=ANY_STATUS, timeout=60)
    if result.returncode != 0:
        raise MissingToolError(
            f"{program} does not work: `{program} --version` {describe_exit(result.returncode)}",
            why=result.error_text,
            todo="install it again; `altai-build doctor` checks all programs",
        )
    return result.text.strip()
