"""The lines with the cause of a failure, from real logs of rpmbuild."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from altai_build.model.build import FailureKind
from altai_build.tools.buildlog.causes import LINE_LIMIT, find_causes
from altai_build.tools.buildlog.reading import HEAD_SIZE, TAIL_SIZE
from tests.conftest import Require

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
        "1 out of 1 hunk FAILED -- saving rejects to file x.rej",
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
    line = find_causes(rpmbuild(sections), FailureKind.BUILD)[0]
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
            "Package bash-1.rpm is not signed",
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
    assert find_causes(log(text), FailureKind.DEPENDENCIES)[:1] == ((expected,) if expected else ())


def test_a_line_that_ends_in_a_colon_is_shown_with_the_next(log: Callable[[str], Path]) -> None:
    text = "error: Failed build dependencies:\n\terlang >= 3 is needed by case-1-1.noarch\n"
    expected = "error: Failed build dependencies: erlang >= 3 is needed by case-1-1.noarch"
    assert find_causes(log(text), FailureKind.BUILD) == (expected,)


def test_without_a_log_there_is_no_line(tmp_path: Path) -> None:
    assert find_causes(tmp_path / "nothing.log", None) == ()


def test_only_the_start_and_the_end_of_a_huge_log_are_read(tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    with open(path, "wb") as stream:
        stream.write(b"Executing(%build): /bin/sh -e x\n")
        stream.seek(HEAD_SIZE + TAIL_SIZE + (1 << 30))
        stream.write(
            b"\nmake: *** [all] Error 2\n" + b"x" * 10 + b"\na.c:1:2: error: " + b"y" * 10_000 + b"\n"
        )
    started = time.monotonic()
    line, *_ = find_causes(path, FailureKind.BUILD)
    assert line == "a.c:1:2: error: " + "y" * (LINE_LIMIT - len("a.c:1:2: error: "))
    assert time.monotonic() - started < 10


def test_what_follows_from_the_first_error_comes_after_it(log: Callable[[str], Path]) -> None:
    text = """\
Executing(%build): /bin/sh -e /var/tmp/rpm-tmp.1
+ make -j2
cc -c b.c -Werror=format-security
b.c:2:1: warning: unused
a.c:1:2: error: 'x' undeclared
make[1]: *** [Makefile:2: a.o] Error 1
c.c:1:2: error: of another target, in parallel
make: *** [Makefile:9: all] Error 2
error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)

RPM build errors:
    Bad exit status from /var/tmp/rpm-tmp.1 (%build)
"""
    assert find_causes(log(text), FailureKind.BUILD) == (
        "a.c:1:2: error: 'x' undeclared",
        "make[1]: *** [Makefile:2: a.o] Error 1",
        "error: Bad exit status from /var/tmp/rpm-tmp.1 (%build)",
    )


def test_several_causes_are_shown_once_each_before_what_follows(log: Callable[[str], Path]) -> None:
    text = """\
/usr/bin/ld: a.o:a.c:7:(.text+0x1): undefined reference to `f'
/usr/bin/ld: a.o:a.c:9:(.text+0x9): undefined reference to `f'
/usr/bin/ld: a.o:a.c:9:(.text+0x9): undefined reference to `g'
collect2: error: ld returned 1 exit status
make: *** [Makefile:2: a] Error 1
"""
    assert find_causes(log(text), FailureKind.BUILD) == (
        "/usr/bin/ld: a.o:a.c:7:(.text+0x1): undefined reference to `f'",
        "/usr/bin/ld: a.o:a.c:9:(.text+0x9): undefined reference to `g'",
        "collect2: error: ld returned 1 exit status",
    )


def test_of_symptoms_the_newest_is_the_first(log: Callable[[str], Path]) -> None:
    text = "git: command not found\nValueError: bad digit\nx: Permission denied\nend\n"
    assert find_causes(log(text), FailureKind.BUILD) == (
        "x: Permission denied",
        "ValueError: bad digit",
        "git: command not found",
    )


GOOD = "error: no network, using the cache\nline 7 of 9: at 12:01:33\n"
BAD = "error: no network, using the cache\n1 out of 2 hunks FAILED -- saving rejects to file a.rej\n"


@pytest.mark.parametrize("name", ["good.log", "good.log.gz"])
def test_messages_that_the_last_good_log_has_too_are_left_out(
    log: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    good = tmp_path / name
    good.write_bytes(gzip.compress(GOOD.encode()) if name.endswith(".gz") else GOOD.encode())
    everything = find_causes(log(BAD), FailureKind.BUILD)
    assert everything == tuple(BAD.splitlines())
    assert find_causes(log(BAD), FailureKind.BUILD, good_log=good) == everything[1:]


def test_a_message_in_the_good_log_is_shown_where_there_is_no_other(
    log: Callable[[str], Path], tmp_path: Path
) -> None:
    good = tmp_path / "good.log"
    good.write_text(GOOD)
    assert find_causes(log(GOOD), FailureKind.BUILD, good_log=good) == (GOOD.split("\n")[0],)


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"error: x\n", mtime=0)[:-9]])
def test_a_good_log_that_cannot_be_read_leaves_nothing_out(
    log: Callable[[str], Path], tmp_path: Path, content: bytes
) -> None:
    good = tmp_path / "good.log.gz"
    good.write_bytes(content)
    assert find_causes(log("error: y\n"), FailureKind.BUILD, good_log=good) == ("error: y",)


def test_rpmbuild_says_before_the_script_which_source_is_missing(log: Callable[[str], Path]) -> None:
    text = """\
error: Bad source: /SOURCES/a-1.tar.gz: No such file or directory
Executing(%prep): /bin/sh -e /var/tmp/rpm-tmp.1
+ cd a-1
/var/tmp/rpm-tmp.1: line 38: cd: a-1: No such file or directory
error: Bad exit status from /var/tmp/rpm-tmp.1 (%prep)
"""
    assert find_causes(log(text), FailureKind.BUILD)[:2] == (
        "error: Bad source: /SOURCES/a-1.tar.gz: No such file or directory",
        "/var/tmp/rpm-tmp.1: line 38: cd: a-1: No such file or directory",
    )
