"""Messages of compilers, linkers and build tools."""

from __future__ import annotations

import pytest

from altai_build.tools.buildlog.rule import Rank
from tests.kit.buildlogs import check_message

CAUSE, SYMPTOM, RESULT, MAKE = Rank.CAUSE, Rank.SYMPTOM, Rank.RESULT, Rank.MAKE


@pytest.mark.parametrize(
    ("tool", "rank", "line"),
    [
        ("gcc", CAUSE, "src/a.c:7:3: error: 'x' undeclared (first use in this function)"),
        ("gcc", CAUSE, "src/a.c:7:10: fatal error: zlib.h: No such file or directory"),
        ("gcc", CAUSE, "A.java:3: error: cannot find symbol"),
        ("gcc", CAUSE, "gcc: error: unrecognized command-line option '-fnot'"),
        (
            "gcc",
            CAUSE,
            "/usr/bin/x86_64-linux-gnu-g++-13: fatal error: Killed signal terminated program cc1plus",
        ),
        ("gcc", CAUSE, "a.cc:9:1: internal compiler error: in f, at g.c:1"),
        ("gcc", CAUSE, "LLVM ERROR: out of registers"),
        ("gcc", SYMPTOM, "ipmr.c:1114: structure has no member named `pmtu'"),
        ("gcc", RESULT, "cc1: all warnings being treated as errors"),
        ("gfortran", CAUSE, "Fatal Error: Can't open module file 'm.mod' for reading at (1)"),
        ("ld", CAUSE, "/usr/bin/ld: a.o: in f: a.c:(.text+0x5): undefined reference to `g'"),
        ("ld", CAUSE, "a.c:7: undefined reference to `g'"),
        ("ld", CAUSE, "/usr/bin/ld: cannot find -lz: No such file or directory"),
        ("ld", CAUSE, "/usr/bin/ld: a.o: relocation R_X86_64_32 against `.data' can not be used"),
        ("ld", CAUSE, "/usr/bin/ld: libz.so.1: error adding symbols: DSO missing from command line"),
        ("ld", CAUSE, "ld.lld: error: undefined symbol: g"),
        ("ld", CAUSE, "b.o:(.bss+0x0): multiple definition of `x'; a.o:(.bss+0x0): first defined here"),
        ("ld", CAUSE, "./a.so: undefined symbol: request_key"),
        ("ld", CAUSE, "collect2: fatal error: cannot find 'ld'"),
        ("ld", RESULT, "collect2: error: ld returned 1 exit status"),
        ("ld", RESULT, "clang: error: linker command failed with exit code 1 (use -v to see invocation)"),
        ("ld", RESULT, "/usr/bin/ld: final link failed: bad value"),
        ("ld", RESULT, "/usr/bin/ld: a.o:a.c:2: more undefined references to `g' follow"),
        ("cmake", CAUSE, "CMake Error at CMakeLists.txt:9 (message):\n  Qt5 is required.\n\n  Call Stack"),
        ("cmake", CAUSE, 'CMake Error: The source directory "/x" does not appear to contain CMakeLists.txt.'),
        ("cmake", RESULT, "-- Configuring incomplete, errors occurred!"),
        ("ctest", CAUSE, " 3/12 Test  #3: parser ...........***Failed    0.02 sec"),
        ("ctest", SYMPTOM, "\t  3 - parser (Failed)"),
        ("ctest", RESULT, "92% tests passed, 1 tests failed out of 12"),
        ("meson", CAUSE, '../meson.build:4:0: ERROR: Dependency "glib-2.0" not found, tried pkgconfig'),
        ("meson", CAUSE, " 3/12 parser      FAIL     0.32 s (exit status 1)"),
        ("meson", CAUSE, "Meson encountered an error in file meson.build, line 9, column 0:\nNo gtk."),
        ("ninja", CAUSE, "ninja: error: loading 'build.ninja': No such file or directory"),
        ("ninja", RESULT, "FAILED: src/a.c.o"),
        ("ninja", RESULT, "ninja: build stopped: subcommand failed."),
        ("configure", CAUSE, "configure: error: libxml2 is required"),
        ("configure", CAUSE, "config.status: error: cannot find input file: `Makefile.in'"),
        ("gcc", CAUSE, "configure.ac:12: error: possibly undefined macro: AC_X"),
        ("configure", SYMPTOM, "No package 'glib-2.0' found"),
        ("automake", CAUSE, "automake: error: no 'Makefile.am' found for any configure output"),
        ("automake", RESULT, "autoreconf: error: automake failed with exit status: 1"),
        ("automake", CAUSE, "FAIL: tests/test_resolve.sh"),
        ("autotest", CAUSE, "169: low max_cmd_len                  FAILED (cmdline_wrap.at:48)"),
        ("autotest", RESULT, "# FAIL:  1"),
        ("make", CAUSE, "make[2]: *** No rule to make target 'a.c', needed by 'a.o'.  Stop."),
        ("make", CAUSE, "Makefile:7: *** missing separator.  Stop."),
        ("make", CAUSE, "make: g++: Command not found"),
        ("make", MAKE, "make[1]: *** [Makefile:2: a.o] Error 1"),
        ("make", MAKE, "gmake: *** [a.o] Error 127"),
    ],
)
def test_message(tool: str, rank: Rank, line: str) -> None:
    check_message(tool, rank, line)
