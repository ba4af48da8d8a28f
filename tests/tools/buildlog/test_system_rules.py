"""Messages of shells, archivers, patch, git, rpmbuild and package managers, and of tools that have no rules."""

from __future__ import annotations

import pytest

from altai_build.tools.buildlog.rule import Rank
from altai_build.tools.buildlog.system_rules import DEPENDENCY_RULES
from tests.kit.buildlogs import check_message

CAUSE, SYMPTOM, RESULT, PACKAGE = Rank.CAUSE, Rank.SYMPTOM, Rank.RESULT, Rank.PACKAGE


@pytest.mark.parametrize(
    ("tool", "rank", "line"),
    [
        ("shell", CAUSE, "/var/tmp/rpm-tmp.1: line 38: cd: a-1: No such file or directory"),
        ("shell", CAUSE, "/var/tmp/rpm-tmp.1: 38: cd: can't cd to a-1"),
        ("shell", CAUSE, "./autogen.sh: line 6: aclocal: command not found"),
        ("shell", CAUSE, "/bin/bash: -c: line 14: syntax error: unexpected end of file"),
        ("shell", CAUSE, "/var/tmp/rpm-tmp.1: line 36: fg: no job control"),
        ("shell", SYMPTOM, "sh: /usr/bin/python2: No such file or directory"),
        ("coreutils", CAUSE, "cp: cannot stat 'x': No such file or directory"),
        ("coreutils", CAUSE, "/usr/bin/install: cannot create regular file '/usr/x': Permission denied"),
        ("coreutils", CAUSE, "iconv: cannot open input file `NEWS': No such file or directory"),
        ("coreutils", CAUSE, "sed: -e expression #1, char 3: unterminated `s' command"),
        ("system", CAUSE, "cc1: fatal: x.o: No space left on device"),
        ("system", SYMPTOM, "/var/tmp/rpm-tmp.1: line 9:   123 Killed                  ./x"),
        ("c++", CAUSE, "terminate called after throwing an instance of 'std::bad_alloc'"),
        ("c++", CAUSE, "x: a.c:3: main: Assertion `a' failed."),
        ("patch", CAUSE, "1 out of 4 hunks FAILED -- saving rejects to file a.c.rej"),
        ("patch", CAUSE, "can't find file to patch at input line 3"),
        ("patch", SYMPTOM, "Hunk #1 FAILED at 81."),
        ("patch", SYMPTOM, "Reversed (or previously applied) patch detected!  Assume -R? [n]"),
        ("tar", CAUSE, "/usr/bin/tar: a.tar: Cannot open: No such file or directory"),
        ("tar", RESULT, "tar: Error is not recoverable: exiting now"),
        ("archives", CAUSE, "gzip: a.tar.gz: unexpected end of file"),
        ("git", CAUSE, "fatal: not a git repository (or any of the parent directories): .git"),
        ("curl", CAUSE, "curl: (22) The requested URL returned error: 404"),
        ("xml", SYMPTOM, "I/O error : Attempt to load network entity http://example.com/x.dtd"),
        ("latex", CAUSE, "! LaTeX Error: File `x.sty' not found."),
        (
            "rpm",
            CAUSE,
            "error: Installed (but unpackaged) file(s) found:\n   /usr/a\n   /usr/b\n   /usr/c\n   /usr/d",
        ),
        ("rpm", CAUSE, "error: Failed build dependencies:\n\terlang >= 3 is needed by x-1-1.noarch"),
        (
            "rpm",
            CAUSE,
            "ERROR   0001: file '/usr/bin/x' contains a standard rpath '/usr/lib64' in [/usr/lib64]",
        ),
        ("rpm", CAUSE, "Found '/builddir/BUILDROOT' in installed files; aborting"),
        ("rpm", SYMPTOM, "    Missing build-id in /BUILDROOT/usr/x.img"),
        ("any", CAUSE, "error: File not found: /BUILDROOT/usr/x"),
        (
            "any",
            CAUSE,
            "error: Could not open %files file /BUILD/x/debugfiles.list: No such file or directory",
        ),
        ("rpm", PACKAGE, "error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)"),
        ("mock", PACKAGE, "ERROR: Exception(x.src.rpm) Config(y) 0 minutes 4 seconds"),
        ("mock", PACKAGE, "mockbuild.exception.Error: Command failed: "),
        ("any", CAUSE, "x.desktop: error: key Name is missing"),
        ("any", SYMPTOM, "Error: nothing works"),
        ("any", SYMPTOM, "Unable to find the library."),
        ("any", SYMPTOM, "helper: unrecognized option '--x'"),
        ("any", SYMPTOM, "gtk-doc: not found"),
        ("any", SYMPTOM, "/usr/lib/x: Permission denied"),
    ],
)
def test_message(tool: str, rank: Rank, line: str) -> None:
    check_message(tool, rank, line)


@pytest.mark.parametrize(
    ("rank", "line"),
    [
        (CAUSE, "No matching package to install: 'erlang >= 3'"),
        (CAUSE, "No match for argument: pkgconfig(mjpegtools) >= 2.0.0"),
        (CAUSE, "  - nothing provides clang = 13.0.0 needed by clang-rpm-macros-1-136.noarch"),
        (CAUSE, "error: Failed dependencies:\n\ta is needed by b"),
        (SYMPTOM, "Error: Package: a-1.noarch (build)\n           Requires: python(abi) = 2.6"),
        (SYMPTOM, "  - package a-1 conflicts with b provided by b-1"),
        (SYMPTOM, "Error: GPG check FAILED"),
        (RESULT, "Error: Failed to download metadata for repo 'base': Cannot download repomd.xml"),
    ],
)
def test_message_of_a_package_manager(rank: Rank, line: str) -> None:
    check_message(None, rank, line, rules=DEPENDENCY_RULES)
