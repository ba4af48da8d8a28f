"""Tries faults at every point of a command, and says what did not hold afterwards; scripts/inject-errors calls it."""

from __future__ import annotations

import argparse
import collections
import errno
import functools
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kit.injection.inject import CHANGES, DEATHS, ERRORS, OTHER_ERRORS, Event, Fault
from tests.kit.injection.site import DIGEST, FaultSite, Outcome, adopt_orphans, load_everything

RELEASE = "1.0.1"
COMMANDS = {
    "release": ("release", RELEASE, "--tag"),
    "build": ("build", "-o", "../out"),
    "srpm": ("srpm", "-o", "../out"),
    "keys": ("keys", "init", "k", "--no-passphrase", "--algorithm", "ed25519"),
    "verify": ("verify", "1.0.0"),
    "clean": ("clean", "--older-than", "0d"),
    "lock": ("deps", "lock"),
    "fetch": ("deps", "fetch"),
    "rebuild": ("rebuild", "--compare", "floor", "1.0.0", "-o", "../out"),
    "report": ("report", "1.0.0", "-o", "../report.html"),
    "upgrades": ("upgrade-check", "1.0.0"),
    "plan": ("plan",),
}
# Those that do not hold the workspace leave it to others to remove what killed ones have left.
READING = ("verify", "report", "upgrades", "plan")
KINDS = ("kill", "error", "child", "disk", "inodes", "files")
# Folders of the site that may be full: the workspace, the releases, the temporary files.
DISKS = ("ws", "super/releases", "tmp")
# What an error of the machine may be told as: input, a missing program, signing, publishing.
_MACHINE_CODES = (3, 4, 6, 8)


_LACKS = ("disk", "inodes", "files")
_DISK_STEPS = {"disk": 18, "inodes": 16}


@dataclass(frozen=True)
class Finding:
    """What did not hold after a fault."""

    fault: Fault
    event: Event | None
    text: str

    def __str__(self) -> str:
        event = (
            f" ({self.event.name} of {self.event.subject[-90:]}, {self.event.place})" if self.event else ""
        )
        return f"{self.fault}{event}: {self.text}"


@dataclass(frozen=True)
class Try:
    """One fault that was tried: whether it happened, the exit code, and what did not hold."""

    command: str
    fault: Fault
    happened: bool
    code: int
    seconds: float
    findings: list[str]


class Explorer:
    """Tries faults on one command of one site."""

    def __init__(self, site: FaultSite, command: str) -> None:
        self._site = site
        self._command = command
        self._words = COMMANDS[command]
        self._is_release = command == "release"
        if command == "keys":
            site.forget_key()
        if command in ("lock", "fetch"):
            site.add_mirror(locked=command == "fetch")
        self._before = site.read_published()
        self.events = site.list_events(*self._words)
        self._files = set(self._list_files())
        self._manifest = site.read_manifest(RELEASE) if self._is_release else None

    def list_faults(self, kind: str) -> list[Fault]:
        """Every fault of a kind: kills before each change; each error at each place; each death of each child."""
        if kind == "kill":
            changes = sum(event.name in CHANGES for event in self.events)
            return [Fault("kill", at) for at in range(1, changes + 1)]
        if kind == "child":
            children = sum(event.name == "start" for event in self.events)
            return [Fault("child", at, error=death) for at in range(1, children + 1) for death in DEATHS]
        if kind in ("disk", "inodes"):
            # Small steps where little is free, as most commands of the tests need little.
            return [
                Fault(kind, round(1.5**step) - 1, place)
                for place in DISKS
                for step in range(_DISK_STEPS[kind])
            ]
        if kind == "files":
            return [Fault("files", limit) for limit in range(4, 40)]
        places: dict[str, str] = {}
        counts: collections.Counter[str] = collections.Counter()
        for event in self.events:
            places.setdefault(event.place, event.name)
            counts[event.place] += 1
        return [
            Fault("error", at, place, error)
            for place, name in places.items()
            # The last one may be in another state of the run than the first.
            for at in sorted({1, counts[place]})
            for error in ERRORS.get(name, OTHER_ERRORS)
        ]

    def try_fault(self, fault: Fault) -> Try:
        """Run the command with a fault, and then once more without."""
        started = time.monotonic()
        self._site.restore()
        with ExitStack() as stack:
            free_space: Callable[[], None] | None = None
            prepare: Callable[[], None] | None = None
            if fault.kind == "disk":
                free_space = stack.enter_context(self._site.full_disk(fault.place, kilobytes=fault.at))
            elif fault.kind == "inodes":
                free_space = stack.enter_context(self._site.full_disk(fault.place, inodes=fault.at))
            elif fault.kind == "files":
                prepare = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (fault.at, fault.at))
            first = self._site.run(*self._words, fault=fault, prepare=prepare)
            happened = first.event is not None or (fault.kind in _LACKS and first.code != 0)
            texts = [*self._judge_first(first, fault)]
            if free_space is not None:
                free_space()
            texts += self._judge_again(first, self._site.run(*self._words))
        findings = [str(Finding(fault, first.event, text)) for text in texts]
        return Try(self._command, fault, happened, first.code, time.monotonic() - started, findings)

    def _judge_first(self, first: Outcome, fault: Fault) -> Iterator[str]:
        yield from _judge(first)
        if fault.kind == "kill" and first.event is not None:
            if first.code != -9:
                yield f"it was killed, and ended with {first.code}"
        elif first.code == 5 and fault.kind == "child" and "was killed by SIGKILL" in first.output:
            pass  # too much memory is a component's fault
        elif first.code == 7 and fault.kind == "error" and self._is_unreadable_release(first.event):
            pass  # that a file of a release cannot be read is a finding about the release
        elif first.code not in (0, *_MACHINE_CODES):
            yield f"exit code {first.code}: {_tail(first.output)}"
        elif (
            first.code and (texts := _list_causes(fault)) and not any(text in first.output for text in texts)
        ):
            yield f"the cause ({texts[0]}) is not told: {_tail(first.output)}"
        try:
            published = self._site.read_published()
        except (AssertionError, OSError) as error:
            yield f"half of a release is visible: {error!r}"
            return
        if any(published.get(version) != digest for version, digest in self._before.items()):
            yield "an earlier release has changed"
        if not self._is_release:
            return
        if first.code == 0 and (
            RELEASE not in published or self._site.read_manifest(RELEASE) != self._manifest
        ):
            yield f"exit code 0 with another result: {_tail(first.output)}"
        if RELEASE in published and first.code not in (0, -9) and "is published" not in first.output:
            yield f"it is published, and the error does not say so: {_tail(first.output)}"

    def _is_unreadable_release(self, event: Event | None) -> bool:
        return (
            event is not None
            and event.name not in CHANGES
            and event.subject.startswith(str(self._site.releases))
        )

    def _judge_again(self, first: Outcome, again: Outcome) -> Iterator[str]:
        for text in _judge(again):
            yield f"the next run: {text}"
        is_done = " exists" in again.output and again.code in (6, 8)
        if again.code and not (is_done and first.code in (0, -9, *_MACHINE_CODES)):
            yield f"the next run ends with {again.code}: {_tail(again.output)}"
            return
        if self._command in READING:
            self._site.require("clean", "--older-than", "9999d")
        files = set(self._list_files())
        if files - self._files:
            yield f"left behind: {', '.join(sorted(files - self._files)[:5])}"
        if self._files - files:
            yield f"missing: {', '.join(sorted(self._files - files)[:5])}"
        if self._is_release:
            published = self._site.read_published()
            if RELEASE not in published or self._site.read_manifest(RELEASE) != self._manifest:
                yield "the next run has another result"
            latest = os.readlink(self._site.releases / "latest")
            if latest != RELEASE:
                yield f"latest -> {latest}"

    def _list_files(self) -> Iterator[str]:
        """Without objects of git and without digests: signatures and build times are in them."""
        for name in self._site.list_files():
            if "/.git/objects/" not in name:
                yield DIGEST.sub("*", name)


def _judge(outcome: Outcome) -> Iterator[str]:
    """What must hold of every command."""
    if outcome.code == 70 or "Traceback" in outcome.output:
        yield f"called a bug: {_tail(outcome.output)}"
    elif outcome.code > 0 and "What to do:" not in outcome.output:
        yield f"no next step: {_tail(outcome.output)}"
    if outcome.survivors:
        yield f"processes were left behind: {outcome.survivors}"


def _list_causes(fault: Fault) -> tuple[str, ...]:
    """How the cause of an error may be told; none for deaths of children, of which each has its own words."""
    if fault.kind == "error":
        return (os.strerror(getattr(errno, fault.error)), "starts no more processes")
    return {
        "disk": ("is full", os.strerror(errno.ENOSPC)),
        "inodes": ("is full", os.strerror(errno.ENOSPC)),
        "files": (os.strerror(errno.EMFILE),),
    }.get(fault.kind, ())


def _tail(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    start = next((number for number, line in enumerate(lines) if line.startswith("altai-build:")), -4)
    return " | ".join(lines[start:])[:400]


def select(faults: Sequence[Fault], tries: int | None, part: int, parts: int) -> list[Fault]:
    """So many of the faults, evenly spread, and of these the share of one of several workers; None: all."""
    count = len(faults) if tries is None else min(tries, len(faults))
    chosen = [faults[number * len(faults) // count] for number in range(count)]
    return chosen[part::parts]


def read_journal(journal: Path | None) -> list[Try]:
    """The tries of earlier calls; a killed call may have left half a line."""
    lines = journal.read_text().splitlines() if journal is not None and journal.exists() else []
    found = []
    for line in lines:
        with suppress(ValueError):
            tried = json.loads(line)
            found.append(Try(**{**tried, "fault": Fault(**tried["fault"])}))
    return found


def work(command: str, kinds: Sequence[str], options: argparse.Namespace) -> None:
    """Try a share of the faults, and print a line of JSON for each finding, and one at the end of each kind."""
    adopt_orphans()
    load_everything()
    with tempfile.TemporaryDirectory(prefix="altai-faults.", dir=_find_fast_folder()) as folder:
        explorer = Explorer(FaultSite(Path(folder)), command)
        for kind in kinds:
            points = explorer.list_faults(kind)
            share = select(points, options.tries, options.part, options.jobs)
            # What did not hold is tried again.
            known = {
                tried.fault: tried
                for tried in read_journal(options.journal)
                if tried.command == command and not tried.findings
            }
            left = [fault for fault in share if fault not in known]
            if options.journal is not None:
                # So that a part of them says something about all.
                random.shuffle(left)
            for fault in left:
                if time.time() > options.until:
                    break
                known[fault] = tried = explorer.try_fault(fault)
                for finding in tried.findings:
                    print(json.dumps({"finding": finding}), flush=True)
                if options.journal is not None:
                    with options.journal.open("a") as stream:
                        stream.write(json.dumps(asdict(tried)) + "\n")
            tries = [known[fault] for fault in share if fault in known]
            row = {
                "command": command, "kind": kind, "points": len(points), "tried": len(tries),
                "happened": sum(tried.happened for tried in tries),
                "codes": collections.Counter(tried.code for tried in tries),
                "seconds": sum(tried.seconds for tried in tries),
            }  # fmt: skip
            print(json.dumps(row), flush=True)


def _find_fast_folder() -> str | None:
    """Memory, where there is some for everybody: nothing waits for a disk then, and power cuts are not tried here."""
    return next((folder for folder in ("/dev/shm",) if os.access(folder, os.W_OK | os.X_OK)), None)


def main() -> None:
    """Run workers, and print findings and a table."""
    parser = argparse.ArgumentParser(prog="inject-errors", description=__doc__)
    parser.add_argument(
        "commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; all by default"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="kinds of faults; all by default")
    parser.add_argument(
        "--tries", type=int, metavar="N", help="try N faults of each kind, evenly spread; else all"
    )
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="FILE",
        help="try points in random order, and only those that are not in FILE; write to it what was tried",
    )
    parser.add_argument("--minutes", type=float, metavar="N", help="begin no further try after N minutes")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=math.inf, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.minutes is not None:
        options.until = time.time() + 60 * options.minutes
    unknown = set(options.commands) - set(COMMANDS)
    if unknown:
        parser.error(f"unknown command {', '.join(sorted(unknown))}")
    kinds = options.kind or KINDS
    if options.part is not None:
        work(options.commands[0], kinds, options)
        return
    findings = 0
    print(
        "| command | fault | points | tried | happened | exit codes | findings | minutes |\n"
        + "|---" * 8
        + "|"
    )
    for command in options.commands or COMMANDS:
        for kind in kinds:
            findings += _run_workers(command, kind, options)
    sys.exit(1 if findings else 0)


def _run_workers(command: str, kind: str, options: argparse.Namespace) -> int:
    started = time.monotonic()
    words = [sys.executable, "-m", "tests.kit.injection", command, "--kind", kind, f"--until={options.until}"]
    words += [f"--tries={options.tries}"] if options.tries is not None else []
    words += [f"--journal={options.journal}"] if options.journal is not None else []
    words += [f"--jobs={options.jobs}"]
    workers = [
        subprocess.Popen([*words, "--part", str(part)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for part in range(options.jobs)
    ]
    findings, rows = [], []
    for worker in workers:
        out, _ = worker.communicate()
        if worker.returncode:
            findings.append(f"a worker ended with {worker.returncode}")
        for line in map(json.loads, out.splitlines()):
            if "finding" in line:
                findings.append(line["finding"])
            else:
                rows.append(line)
    codes: collections.Counter[str] = collections.Counter()
    for row in rows:
        codes.update(row["codes"])
    cells = [
        command, kind, max((row["points"] for row in rows), default=0), sum(row["tried"] for row in rows),
        sum(row["happened"] for row in rows), ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())),
        len(findings), f"{(time.monotonic() - started) / 60:.1f}",
    ]  # fmt: skip
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    for finding in findings:
        print(f"  {finding}", file=sys.stderr, flush=True)
    return len(findings)


if __name__ == "__main__":
    main()
