#!/usr/bin/env python3
"""The lines of a failed build's log that say why: `find_causes` and one reading of the file by `grep`."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1])]

from altai_build.model.build import FailureKind  # noqa: E402
from altai_build.tools.buildlog.causes import find_causes  # noqa: E402
from benchmarks import measure  # noqa: E402
from benchmarks.measure import Variant, ratios  # noqa: E402

_FLAGS = (
    "-O2 -g -pipe -Wall -Werror=format-security -Wp,-D_FORTIFY_SOURCE=2 -fexceptions -fstack-protector-strong"
)
# What make and gcc print for one file, with a warning as every other file has.
_FILE = """\
make[2]: Entering directory '/builddir/build/BUILD/x-1/src'
gcc -DHAVE_CONFIG_H -I. -I.. {flags} -c -o error_{number}.o error_{number}.c
error_{number}.c: In function 'fail':
error_{number}.c:12:9: warning: unused variable 'failed_{number}' [-Wunused-variable]
   12 |     int failed_{number}; /* fprintf(stderr, "Error: cannot open"); */
      |         ^~~~~~
"""
_END = """\
main.c:3:1: error: unknown type name 'in'
make[2]: *** [Makefile:9: main.o] Error 1
error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)
"""


def write_log(folder: Path, megabytes: int) -> Path:
    """A failed build's log of this size."""
    path = folder / f"{megabytes}.log"
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.1\n+ make\n")
        number = 0
        while stream.tell() < megabytes * 1_000_000:
            stream.write(_FILE.format(flags=_FLAGS, number=number))
            number += 1
        stream.write(_END)
    return path


def list_variants(folder: Path, megabytes: int) -> list[Variant]:
    """Ours without and with the log of a good build of the same size, and one search by a program."""
    log = write_log(folder, megabytes)
    find = partial(find_causes, log, FailureKind.BUILD)
    return [
        Variant("grep --ignore-case error", ["grep", "--ignore-case", "--count", "error", str(log)]),
        Variant("ours", find),
        Variant("ours, with a good log", partial(find, good_log=log)),
    ]


def main() -> None:
    """Measure, and print the results beside the target."""
    parser = measure.make_parser(__doc__, rounds=5)
    measure.add_sizes(parser, "1,2,4,64", "megabytes")
    arguments = parser.parse_args()
    with measure.scratch("buildlog", "grep") as folder:
        times = measure.take_turns(list_variants(folder, 1), arguments.rounds)
        measure.print_times("A log of one megabyte", times, "grep --ignore-case error")
        # Time per megabyte: the base is a time and no program.
        times["150 ms"] = [0.15] * len(times["ours"])
        targets = [("a log of 1 MB / 150 ms", ratios(times, "ours", "150 ms"), 1.0)]
        curves = measure.measure_growth(
            arguments.sizes, partial(list_variants, folder), max(3, arguments.rounds // 2)
        )
        measure.print_growth("Why a build failed", "MB", curves, arguments.svg)
    measure.print_targets(targets)


if __name__ == "__main__":
    main()
