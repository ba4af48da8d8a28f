"""The line of a build log that says why the build failed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from altai_build.model.build import FailureKind
from altai_build.regular_files import open_regular_file

# Bytes that are read from the start of a log, and from its end, where the failing part of a build is.
HEAD_SIZE = 1 << 20
TAIL_SIZE = 4 << 20
# Bytes of a log in a release: a hundred times as long as the log of a usual package.
KEPT_SIZE = 64 << 20
# Characters of a reason.
LINE_LIMIT = 300

# Colours, cursor movements and window titles (ECMA-48), which test runners and compilers print.
_ESCAPE_SEQUENCES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# In root.log: the place in mock's source that a line is from, and lines that only say what mock does. On the terminal:
# the beginning of mock's own messages.
_MOCK_LOCATION = re.compile(r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\s+\w+\.py:\d+:\s*")
_MOCK_NOISE = re.compile(
    r"^(?:Executing command: |Child return code was: |child environment: |kill orphans )"
)
_MOCK_LEVEL = re.compile(r"^(?:ERROR|CRITICAL): ")

# Each pattern is tried on the whole text before the next: a cause is a better reason than its consequences.
_DEPENDENCY_CAUSES = (
    re.compile(r"No matching package to install: "),
    re.compile(r"\bnothing provides\b"),
    re.compile(r"(?i)(?:Unable to find a match|No package .+ available|Requires: .+|no such package)"),
    re.compile(
        r"\b(?:conflicts with|cannot install both|is filtered out by|does not belong to a distupgrade)\b"
    ),
    re.compile(
        r"(?:Failed to download metadata|Cannot download|Cannot retrieve|GPG check FAILED|Public key for)"
    ),
    re.compile(r"(?:Failed to synchronize cache|All mirrors were tried|Curl error|Status code: \d)"),
)
_BUILD_CAUSES = (
    re.compile(
        r"^(?:[^\s:]+:\d+(?::\d+)?: (?:fatal |internal compiler )?error: "  # compilers
        r"|[^\s:]+\.[A-Za-z]+:\d+: undefined reference to |.*\): undefined reference to "  # the linker
        r"|\S*ld(?:\.\w+)?: (?:cannot find|error|[^:]+: undefined)"
        r"|configure(?:\.\w+)?: error: |CMake Error\b|meson\.build:\d+:\d+: ERROR: |ERROR: Dependency .+ not found"
        r"|error(?:\[E\d+\])?: (?!Bad exit status)\S"  # rpmbuild, distutils, rustc, git
        r"|fatal: |fatal error: |Error: |ERROR: (?!Exception\(|Command failed|.*:$)|Can't locate \S+ in @INC"
        r"|.+: (?:command )?not found$"
        r"|[\w./-]+: (?:\d+: )?(?:\w+: )?(?:cannot (?:stat|create|open|access|remove|touch|find)\b|can't \w+ )"
        r"|.+: (?:No such file or directory|Permission denied|Is a directory|Not a directory|No space left on device)$"
        r"|\d+ out of \d+ hunks? (?:FAILED|failed)|can't find file to patch|Hunk #\d+ FAILED"
        r"|FAILED \((?:failures|errors)=|FAIL: |not ok \d+|E   \w"
        r"|(?:Killed|Segmentation fault|Bus error|Aborted|Terminated)\b"
        r"|gzip: |tar: .+: |bzip2: |xz: |unzip: )"
    ),
)
_SECONDARY_CAUSES = (
    re.compile(r"^[\w.]+(?:Error|Exception): "),  # an exception printed without its traceback
    re.compile(r"\*\*\* .+(?:Error \d+|Stop\.|Killed)"),  # make
)
_TRACEBACK = "Traceback (most recent call last):"
_SECTION = re.compile(r"^(?:Executing\(%\w+\)|Processing files: )")
_BAD_EXIT = re.compile(r"^\s*(?:error: )?Bad exit status from \S+ \((%\w+)\)")
_SCRIPT_END = re.compile(r"^(?:\+ exit |RPM build errors:|error:$)")
_FAILED_EXIT = re.compile(r"^\+ exit [1-9]")
# Commands that a script says its own words with.
_WRITES = re.compile(r"^\++ (?:echo|printf|cat)\b")
_COMMAND_LIMIT = 100  # characters
_COMMAND = re.compile(r"^\++ ")  # rpmbuild's scripts run under `sh -x`
_NOT_A_CAUSE = re.compile(
    r"\bwarning: |\.\.\. |\(ignored\)|^\s*(?:checking|Provides|Requires)\b|^RPM build errors:", re.I
)


def first_error_line(log_path: Path, failure: FailureKind | None, *, also: Sequence[Path] = ()) -> str:
    """The first line of a log that names the cause of a failure, cleaned for display.

    `failure` says which part failed: for missing dependencies and buildroots, messages of the package manager are
    looked for first, otherwise those of compilers and rpmbuild. `also` are logs to read when the first names no cause.
    Without a known message the result is the last line that is not empty; "" only when the logs are missing or empty.
    """
    logs = [lines for lines in map(_read_lines, (log_path, *also)) if lines]
    searches = [_build_cause, _dependency_cause]
    if failure in (FailureKind.DEPENDENCIES, FailureKind.BUILDROOT):
        searches.reverse()
    causes = (search(lines) for lines in logs for search in searches)
    found = next((line for line in causes if line), _last_line(logs[0]) if logs else "")
    return _MOCK_LEVEL.sub("", found.strip()).removeprefix("- ")[:LINE_LIMIT]


def read_ends(path: Path, head_size: int, tail_size: int) -> tuple[bytes, int, bytes]:
    """The start of a log, the number of bytes left out, and the end: from the start of a line on, unless that is long.

    What was printed decides how long a log is: none is read whole into memory. Raises OSError.
    """
    with open_regular_file(path) as stream:
        head = stream.read(head_size)
        left_out = max(os.fstat(stream.fileno()).st_size - head_size - tail_size, 0)
        if left_out:
            stream.seek(left_out, os.SEEK_CUR)
            # The rest of a line that was cut in two.
            left_out += len(stream.readline(min(tail_size, 4096)))
        return head, left_out, stream.read(tail_size)


def read_for_keeping(path: Path) -> bytes:
    """A log as it is kept in releases: of one longer than KEPT_SIZE the start and the end. Raises OSError."""
    head, left_out, tail = read_ends(path, KEPT_SIZE // 4, KEPT_SIZE - KEPT_SIZE // 4)
    return b"%s\n[%d bytes are left out here]\n%s" % (head, left_out, tail) if left_out else head + tail


def _dependency_cause(lines: list[str]) -> str:
    """The package manager's message about a package that is missing, not available or in conflict."""
    return _first_match(lines, _DEPENDENCY_CAUSES)


def _build_cause(lines: list[str]) -> str:
    """The message that stopped the build: in the output of the last command, else in the last section.

    Earlier commands and sections succeeded, whatever they printed.
    """
    section = lines[_failing_section(lines) :]
    ends = [number for number, line in enumerate(section) if _BAD_EXIT.match(line)]
    if not ends:
        return _find_cause(section)
    # mock reads rpmbuild's stdout and stderr in turns: a line of stdout may stand too early, or within another line.
    script = [line for line in section[: ends[0]] if not _SCRIPT_END.match(line)]
    commands = [number for number, line in enumerate(script) if _COMMAND.match(line)]
    printed = script[commands[-1] + 1 :] if commands else script
    last = next((line for line in reversed(section[: ends[0]]) if _COMMAND.match(line)), "")
    exits = [last] if _FAILED_EXIT.match(last) else []
    # A script that ends itself: what its earlier commands printed did not stop it.
    earlier = "" if exits else _find_cause(script)
    found = _find_cause(printed)
    if not commands:
        return found or _last_line(printed) or section[ends[0]]
    found = found or (_last_line(printed) if _WRITES.match(script[commands[-1]]) else "")
    if found or (earlier and not printed):
        return found or earlier
    command = _COMMAND.sub("", exits[-1] if exits else script[commands[-1]])
    where = _failed_section(section[ends[0]])
    if not printed:
        return f"{command}: failed without a message ({where})"
    # Whatever a program prints last need not be why it failed, and not why a script ends itself behind it.
    return f"{command[:_COMMAND_LIMIT]}: failed ({where}); the last output before that: {_last_line(printed)}"


def _failed_section(bad_exit: str) -> str:
    """The section that failed according to rpmbuild: %build."""
    match = _BAD_EXIT.match(bad_exit)
    return match[1] if match else ""


def _find_cause(lines: list[str]) -> str:
    """A cause, else the exception that ended a Python program, else make's message."""
    lines = [line for line in lines if not _NOT_A_CAUSE.search(line) and not _COMMAND.match(line)]
    return (
        _append_detail(lines, _first_match(lines, _BUILD_CAUSES))
        or _last_exception(lines)
        or _first_match(lines, _SECONDARY_CAUSES)
    )


def _failing_section(lines: list[str]) -> int:
    """The line where rpmbuild's last section begins: a script, or the processing of %files after them."""
    start = 0
    for number, line in enumerate(lines):
        if _SECTION.match(line) and not (
            line.startswith("Processing") and lines[start].startswith("Processing")
        ):
            start = number
    return start


def _first_match(lines: Sequence[str], patterns: Sequence[re.Pattern[str]]) -> str:
    """The first line that matches the first pattern that any line matches."""
    return next((line for pattern in patterns for line in lines if pattern.search(line)), "")


def _append_detail(lines: list[str], line: str) -> str:
    """The line, with the next one where it ends in a colon: that says which error it is."""
    if line.endswith(":") and line in lines[:-1]:
        return f"{line} {lines[lines.index(line) + 1].strip()}"
    return line


def _last_exception(lines: list[str]) -> str:
    """The last line of the last Python traceback: the uncaught exception."""
    if _TRACEBACK not in (line.strip() for line in lines):
        return ""
    start = max(number for number, line in enumerate(lines) if line.strip() == _TRACEBACK)
    indent = len(lines[start]) - len(lines[start].lstrip())
    return next((line for line in lines[start + 1 :] if not line[indent:].startswith((" ", "\t"))), "")


def _last_line(lines: list[str]) -> str:
    """The last line."""
    return lines[-1] if lines else ""


def _read_lines(path: Path) -> list[str]:
    """The lines of a log that are not empty, without colours; of a large log the start and the end."""
    try:
        head, _, tail = read_ends(path, HEAD_SIZE, TAIL_SIZE)
    except OSError:
        return []
    data = head + tail
    text = _ESCAPE_SEQUENCES.sub("", data.decode("utf-8", "replace"))
    # A progress bar overwrites its line: what a person saw is the text after the last carriage return.
    visible = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    cleaned = (_MOCK_LOCATION.sub("", _CONTROL_CHARACTERS.sub("", line)).rstrip() for line in visible)
    return [line for line in cleaned if line.strip() and not _MOCK_NOISE.match(line)]
