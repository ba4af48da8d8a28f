"""What the machine refuses is an error with what to do, and no bug."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from altai_build.cli import main as cli_module
from altai_build.cli.machine_errors import describe_machine_error
from altai_build.errors import MissingToolError
from tests.conftest import Require


@pytest.mark.parametrize(
    "number", [errno.ENOLCK, errno.EXDEV, errno.ESTALE, errno.EMLINK, errno.EBUSY, errno.EINVAL, 133]
)
def test_whatever_the_kernel_refuses_is_no_bug(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(**_: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(cli_module.cli, "main", refuse)
    code, message = cli_module._run([])
    assert (code, message.splitlines()[0]) == (3, f"{os.strerror(number)}: /some/file")
    assert "Traceback" in message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
            "the machine starts no more processes or threads",
        ),
        (RuntimeError("can't start new thread"), "the machine starts no more processes or threads"),
        (MemoryError(), "the machine has no memory left"),
        (shutil.Error("no errno"), "the operating system refused an operation: no errno"),
        (OSError(), "the operating system refused an operation: OSError"),
        (OSError(errno.ENOSPC, "full", "standard output"), "full: standard output"),
    ],
)
def test_a_machine_at_its_limits_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli_module.cli, "main", fail)
    code, described = cli_module._run([])
    assert (code, described.splitlines()[0]) == (3, message)


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "free disk space"),
        (errno.EACCES, "correct the permissions there, or name another --workspace DIR, and rerun"),
        (errno.EROFS, "make the file system writable, or name"),
        (errno.EBUSY, "correct what is wrong there, or name"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOSYS, "with /proc"),
    ],
)
def test_the_advice_fits_the_reason(number: int, cure: str) -> None:
    described = describe_machine_error(OSError(number, os.strerror(number), "/some/file"))
    assert described is not None and cure in described.todo
    assert ("free disk space" in described.todo) == (number == errno.ENOSPC)


def test_a_library_that_cannot_be_loaded_is_a_missing_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """rpm's bindings find nothing when RPM_CONFIGDIR leads nowhere. A module of our own is a bug."""
    assert isinstance(
        describe_machine_error(ImportError("cannot import name 'ts'", name="rpm._rpm")), MissingToolError
    )
    assert describe_machine_error(ImportError("no such module", name="altai_build.nothing")) is None

    def fail(**_: object) -> None:
        raise ModuleNotFoundError("No module named 'solv'", name="solv")

    monkeypatch.setattr(cli_module.cli, "main", fail)
    code, described = cli_module._run([])
    assert (code, described.splitlines()[0]) == (4, "the library solv cannot be loaded")


def test_a_shared_library_that_is_missing_is_named_with_its_package() -> None:
    text = "libgobject-2.0.so.0: cannot open shared object file: No such file or directory"
    described = describe_machine_error(ImportError(text))
    assert isinstance(described, MissingToolError)
    assert described.todo == (
        "install the package that has libgobject-2.0.so.0: apt-get install libglib2.0-0, or dnf install glib2"
    )


def test_a_full_disk_is_named_where_the_error_does_not_say_which(
    require: Require, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require(os.geteuid() == 0, "mounting a small disk needs root")
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", tmp_path], check=True)
    try:
        described = describe_machine_error(error)
    finally:
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
    assert described is not None and f"the file system of {tmp_path} is full" in described.why
    other = describe_machine_error(OSError(errno.EIO, os.strerror(errno.EIO)))
    assert other is not None and other.why == ""
