"""The line with the cause of a failure, from real logs of rpmbuild."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.model.build import FailureKind
from altai_build.tools import buildlog
from altai_build.tools.buildlog import HEAD_SIZE, LINE_LIMIT, TAIL_SIZE, first_error_line
from tests.conftest import ROOT, Require

PREAMBLE = """\
Name: case
Version: 1
Release: 1
Summary: A build that fails
License: MIT
BuildArch: noarch
%description
One of the ways in which builds fail.
"""

# The sections of a spec, and the line that a person would point at.
BUILDS = {
    "compiler": (
        r"""
%build
printf "int main() { return x; }\n" > a.c
gcc -fdiagnostics-color=always -c a.c
""",
        "a.c:1:21: error: ",
    ),
    "compiler under make": (
        r"""
%build
printf "int main() { return x; }\n" > a.c
printf "all: a.o\n" > Makefile
make
""",
        "a.c:1:21: error: ",
    ),
    "linker": (
        r"""
%build
printf "int f(); int main() { return f(); }\n" > a.c
gcc a.c
""",
        "undefined reference to `f'",
    ),
    "make": (
        r"""
%build
printf "all:\n\t@false\n" > Makefile
make
""",
        "make: *** [Makefile:2: all] Error 1",
    ),
    "configure": (
        r"""
%build
echo 'checking for error: handling... no'
sh -c 'echo "configure: error: libxml2 is required" >&2; exit 1'
""",
        "configure: error: libxml2 is required",
    ),
    "import": (
        r"""
%build
python3 -c "import nosuchmodule"
""",
        "ModuleNotFoundError: No module named 'nosuchmodule'",
    ),
    "syntax": (
        r"""
%build
echo 'x = = 1' > a.py; python3 a.py
""",
        "SyntaxError: invalid syntax",
    ),
    "caught exception before": (
        r"""
%build
python3 -c 'import traceback
try: 1/0
except Exception: traceback.print_exc()'
cp nosuch there
""",
        "cp: cannot stat 'nosuch': No such file or directory",
    ),
    "unit test": (
        r"""
%check
printf 'import unittest\nclass T(unittest.TestCase):\n def test(self): self.fail()\n' > t.py
python3 -m unittest t
""",
        "FAIL: test (t.T",
    ),
    "no such command": (
        r"""
%build
nosuchcommand --x
""",
        "nosuchcommand: not found",
    ),
    "no such folder": (
        r"""
%prep
%setup -q -T -D -n nosuch
""",
        "cd: can't cd to nosuch",
    ),
    "patch": (
        r"""
%prep
printf -- '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n' > p; echo z > x; patch -p1 < p
""",
        "Hunk #1 FAILED at 1.",
    ),
    "archive": (
        r"""
%prep
tar --extract --file=/nosuch.tar
""",
        "tar: /nosuch.tar: Cannot open: No such file or directory",
    ),
    "killed": (
        r"""
%build
sh -c 'kill -9 $$'
""",
        "Killed",
    ),
    "silent": (
        r"""
%build
echo 'x.c:1: warning: error: harmless'
false
""",
        "false: failed without a message (%build)",
    ),
    "bare exit": (
        r"""
%build
make -C /nowhere || true
echo building
if true; then
exit 4
fi
""",
        "exit 4: failed without a message (%build)",
    ),
    "exit behind other output": (
        r"""
%build
(seq 3; exit 4)
""",
        "exit 4: failed (%build); the last output before that: 3",
    ),
    "a program that says nothing of it": (
        r"""
%build
sh -c "seq 3; exit 4"
""",
        "; exit 4: failed (%build); the last output before that: 3",
    ),
    "exit after an error": (
        r"""
%build
cp nosuch there || exit 4
""",
        "cp: cannot stat 'nosuch': No such file or directory",
    ),
    "own words": (
        r"""
%build
echo 'Extension error: not this time' >&2; exit 2
""",
        "Extension error: not this time",
    ),
    "missing file": (
        r"""
%files
/usr/bin/nosuch
""",
        "/usr/bin/nosuch",
    ),
    "unpackaged file": (
        r"""
%install
mkdir --parents %{buildroot}/usr
touch %{buildroot}/usr/a
%files
""",
        "error: Installed (but unpackaged) file(s) found: /usr/a",
    ),
    "earlier section": (
        r"""
%build
echo 'a.c:1:2: error: shown, not meant'
%install
install nosuch there
""",
        "install: cannot stat 'nosuch': No such file or directory",
    ),
    "not UTF-8": (
        r"""
%build
printf 'a.c:1:2: error: caf\351\n'; exit 1
""",
        "a.c:1:2: error: caf\N{REPLACEMENT CHARACTER}",
    ),
}


@pytest.fixture
def rpmbuild(tmp_path: Path, require: Require) -> Callable[[str], Path]:
    """Builds a spec with these sections and returns rpmbuild's log."""
    require(shutil.which("rpmbuild") is not None, "rpmbuild is not installed")

    def build(sections: str) -> Path:
        spec, log = tmp_path / "case.spec", tmp_path / "build.log"
        spec.write_text(PREAMBLE + sections + ("" if "%files" in sections else "\n%files") + "\n")
        with open(log, "wb") as stream:
            result = subprocess.run(
                [
                    "rpmbuild",
                    "-bb",
                    "--define",
                    f"_topdir {tmp_path}",
                    "--define",
                    f"_dbpath {tmp_path}/db",
                    str(spec),
                ],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
                timeout=60,
                check=False,
            )
        assert result.returncode != 0, log.read_text(errors="replace")
        return log

    return build


@pytest.mark.parametrize("case", BUILDS)
def test_the_cause_of_a_failed_build(rpmbuild: Callable[[str], Path], case: str) -> None:
    sections, expected = BUILDS[case]
    line = first_error_line(rpmbuild(sections), FailureKind.BUILD)
    assert expected in line
    assert "\x1b" not in line


@pytest.fixture
def log(tmp_path: Path) -> Callable[[str], Path]:
    """A log with this text."""

    def write(text: str) -> Path:
        path = tmp_path / "root.log"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "DEBUG util.py:459:  No matches found for the following disable plugin patterns: spacewalk\n"
            "DEBUG util.py:459:  No matching package to install: 'erlang >= 3'\n"
            "DEBUG util.py:459:  Error: Some packages could not be found.\n"
            "DEBUG util.py:609:  Child return code was: 1\n",
            "No matching package to install: 'erlang >= 3'",
        ),
        (
            "Error: \n Problem: conflicting requests\n"
            "  - nothing provides python(abi) = 2.7 needed by python-lettuce-bunch-0.2.0-1.el6.noarch\n",
            "nothing provides python(abi) = 2.7 needed by python-lettuce-bunch-0.2.0-1.el6.noarch",
        ),
        (
            "Error: Failed to download metadata for repo 'base': Cannot download repomd.xml: All mirrors were tried\n",
            "Error: Failed to download metadata for repo 'base': Cannot download repomd.xml: All mirrors were tried",
        ),
        (
            "ERROR: Exception(x.src.rpm) Config(y) 0 minutes 4 seconds\nERROR: Command failed: \n # dnf install\n"
            "Package bash-1.rpm is not signed\nError: GPG check FAILED\n",
            "Error: GPG check FAILED",
        ),
        (
            'Traceback (most recent call last):\n  File "mock.py", line 1, in <module>\n    main()\n'
            "FileNotFoundError: [Errno 2] nothing: '/bin/rpm'\n",
            "FileNotFoundError: [Errno 2] nothing: '/bin/rpm'",
        ),
        ("DEBUG util.py:557:  Executing command: ['true']\nsomething went by\n\n", "something went by"),
        ("10%\r50%\r100% done\n", "100% done"),
        ("\x1b[31;1mall\x1b[0m is \x1b]0;title\x07red\x00\n", "all is red"),
        ("", ""),
    ],
)
def test_the_cause_of_a_failed_chroot(log: Callable[[str], Path], text: str, expected: str) -> None:
    assert first_error_line(log(text), FailureKind.DEPENDENCIES) == expected


def test_a_line_that_ends_in_a_colon_is_shown_with_the_next(log: Callable[[str], Path]) -> None:
    text = "error: Failed build dependencies:\n\terlang >= 3 is needed by case-1-1.noarch\n"
    expected = "error: Failed build dependencies: erlang >= 3 is needed by case-1-1.noarch"
    assert first_error_line(log(text), FailureKind.BUILD) == expected


def test_without_a_log_there_is_no_line(tmp_path: Path) -> None:
    assert first_error_line(tmp_path / "nothing.log", None) == ""


def test_only_the_start_and_the_end_of_a_huge_log_are_read(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    with open(path, "wb") as stream:
        stream.write(b"Executing(%build): /bin/sh -e x\n")
        stream.seek(HEAD_SIZE + TAIL_SIZE + (1 << 30))
        stream.write(
            b"\nmake: *** [all] Error 2\n" + b"x" * 10 + b"\na.c:1:2: error: " + b"y" * 10_000 + b"\n"
        )
    started = time.monotonic()
    line = first_error_line(path, FailureKind.BUILD)
    assert line == "a.c:1:2: error: " + "y" * (LINE_LIMIT - len("a.c:1:2: error: "))
    assert time.monotonic() - started < 10


def test_a_long_log_is_kept_and_read_by_its_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buildlog, "KEPT_SIZE", 40)
    log = tmp_path / "log"
    log.write_bytes(b"0123456789" * 4)
    assert buildlog.read_for_keeping(log) == b"0123456789" * 4
    log.write_bytes(b"the first\n" + b"middle\n" * 100 + b"the last line\n")
    head, tail = b"the first\n", b"middle\nmiddle\nthe last line\n"
    left_out = log.stat().st_size - len(head) - len(tail)
    assert (
        buildlog.read_for_keeping(log) == head + f"\n[{left_out} bytes are left out here]\n".encode() + tail
    )


def test_a_huge_log_needs_little_memory(tmp_path: Path) -> None:
    """Sparse files stand for what a scriptlet or a build has printed."""
    for name in ("one", "two"):
        with open(tmp_path / name, "wb") as stream:
            stream.truncate(8 << 30)
            stream.seek(0, 2)
            stream.write(b"\nerror: the cause\n")
    script = (
        "import resource; from pathlib import Path; resource.setrlimit(resource.RLIMIT_DATA, (600 << 20, 600 << 20))\n"
        "from altai_build.tools.buildlog import read_for_keeping\n"
        "from altai_build.tools.chroot.roots import RpmInstallFailed\n"
        f"print(len(read_for_keeping(Path({str(tmp_path / 'one')!r}))) < 70_000_000)\n"
        f"print('error: the cause' in str(RpmInstallFailed(Path({str(tmp_path / 'two')!r}), 1, '')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\nTrue\n", done.stderr
