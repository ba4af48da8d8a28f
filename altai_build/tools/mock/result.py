"""The outcome of a build by mock, from its exit status and the files in its result directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from altai_build.errors import AltaiError, InputError, MissingToolError
from altai_build.model.build import BUILD_LOG, BuildRequest, FailureKind
from altai_build.regular_files import read_regular_file
from altai_build.tools import commands
from altai_build.tools.buildlog.causes import find_causes
from altai_build.tools.buildlog.machine import may_blame_machine
from altai_build.tools.buildlog.reading import TAIL_SIZE, read_ends
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.rpm.header import read_header

# In the result directory, beside mock's own build.log, root.log and state.log.
MOCK_OUTPUT = "mock.log"

# rpmbuild ran longer than rpmbuild_timeout.
_TIMEOUT_STATUS = 11
# Listed in mockbuild/exception.py. Other statuses, and 1, are rpmbuild's or mock's own: see `classify_exit`.
_FAILURES = {
    10: FailureKind.BUILD,
    _TIMEOUT_STATUS: FailureKind.BUILD,
    20: FailureKind.BUILDROOT,
    25: FailureKind.BUILDROOT,  # LVM
    30: FailureKind.DEPENDENCIES,
    31: FailureKind.DEPENDENCIES,
    40: FailureKind.SRPM,
    60: FailureKind.BUSY,
    65: FailureKind.BUSY,  # LVM pool
    90: FailureKind.BUILDROOT,  # bootstrap
    110: FailureKind.BUILDROOT,
}
# mock cleans up and exits on SIGHUP, SIGPIPE and SIGTERM.
TERMINATED_STATUSES = (129, 141, 143)


@contextmanager
def link_log(request: BuildRequest, made: Path) -> Iterator[None]:
    """While mock runs, a link in the request's result directory leads to the log that mock writes in `made`."""
    link = request.result_dir / BUILD_LOG
    link.symlink_to(made / BUILD_LOG)
    try:
        yield
    finally:
        link.unlink()


@dataclass(frozen=True)
class _HostFault:
    """An error that every other build would have too."""

    what: str
    todo: str
    error: type[AltaiError] = MissingToolError


_HOST_FAULTS = {
    2: _HostFault(
        "mock was started without the privileges it needs",
        "install mock from its package, which has the setuid wrapper",
    ),
    3: _HostFault(
        "mock does not accept the configuration",
        "run `mock --debug-config --root FILE` to see what it reads",
        InputError,
    ),
    5: _HostFault("mock does not know one of its options", "update mock: version 2.0 or later is needed"),
    6: _HostFault(
        "this machine cannot build for the architecture",
        "install qemu-user-static, or build on that hardware",
    ),
    50: _HostFault(
        "the installation of mock is incomplete", "reinstall it: /etc/mock/logging.ini is missing"
    ),
    70: _HostFault(
        "mock cannot write its result directory",
        "choose a --workspace that the user who runs mock can enter and write",
        InputError,
    ),
    80: _HostFault(
        "mock cannot make namespaces", "run on a machine, or in a container, that allows unshare(2)"
    ),
    120: _HostFault("mock lacks a plugin of its package manager", "install dnf-plugins-core (or yum-utils)"),
}


def is_chroot_locked(status: int) -> bool:
    """Whether another process holds the chroot."""
    return _FAILURES.get(status) is FailureKind.BUSY


def classify_exit(request: BuildRequest, status: int, config: MockConfig) -> FailureKind | None:
    """Which part failed, from mock's exit status; None when nothing did. Raises an error of the machine.

    mock exits with rpmbuild's own status, mostly 1, and with 1 for its own errors: then the files in the result
    directory tell them apart. mock lists the installed packages just before rpmbuild starts, and writes its logs when
    it makes the chroot.
    """
    if status == 0:
        return None
    installed = (request.result_dir / "installed_pkgs.log").is_file()
    if status in _HOST_FAULTS and not installed:
        fault = _HOST_FAULTS[status]
        output = request.result_dir / MOCK_OUTPUT
        raise fault.error(
            f"{fault.what} ({config.name})",
            why="\n".join(find_causes(output, FailureKind.BUILDROOT)),
            todo=fault.todo,
        )
    if status in _FAILURES:
        return _FAILURES[status]
    if status < 0 or status in TERMINATED_STATUSES:
        return FailureKind.BUILDROOT
    if installed:
        return FailureKind.BUILD
    return FailureKind.BUILDROOT if _is_source_package(request.srpm) else FailureKind.SRPM


def _is_source_package(path: Path) -> bool:
    """Whether a file has the header of a source package."""
    try:
        return read_header(path).is_source
    except InputError:
        return False


def find_failure_reasons(
    directory: Path, failure: FailureKind, status: int, good_log: Path | None = None
) -> tuple[str, ...]:
    """The lines to show for a failure, at least one: of build.log for rpmbuild, else of mock's output."""
    if failure is FailureKind.BUSY:
        return ("another process holds the chroot",)
    if status == _TIMEOUT_STATUS and (expired := _timeout_seconds(directory / MOCK_OUTPUT)):
        return (f"stopped after {expired} seconds",)
    if status < 0 or status in TERMINATED_STATUSES:
        return (f"mock {commands.describe_exit(min(status, 128 - status))}",)
    logs = ("build.log", MOCK_OUTPUT) if failure is FailureKind.BUILD else (MOCK_OUTPUT, "root.log")
    causes = find_causes(directory / logs[0], failure, also=[directory / logs[1]], good_log=good_log)
    return causes or (f"mock {commands.describe_exit(status)}",)


def is_conclusive(directory: Path, failure: FailureKind | None, status: int, config: MockConfig) -> bool:
    """Whether the scripts of the package failed, and neither a time limit nor the machine or the network made them."""
    return (
        failure is FailureKind.BUILD
        and status != _TIMEOUT_STATUS
        and not any(option.keys == ("rpmbuild_networking",) for option in config.unsupported)
        and not may_blame_machine(choose_log(directory, failure))
    )


def _timeout_seconds(output: Path) -> str:
    """The seconds after which mock stopped rpmbuild; "" when it did not."""
    printed = read_ends(output, 0, TAIL_SIZE)[2].decode("utf-8", "replace")
    found = re.findall(r"^ERROR: Timeout\((\d+)\) expired for command:", printed, re.M)
    return found[-1] if found else ""


def choose_log(directory: Path, failure: FailureKind | None) -> Path | None:
    """The log that shows the failure."""
    logs = {
        None: ("build.log",),
        FailureKind.BUILD: ("build.log",),
        FailureKind.BUILDROOT: ("root.log",),
        FailureKind.DEPENDENCIES: ("root.log",),
    }.get(failure, ())
    return next((directory / log for log in (*logs, MOCK_OUTPUT) if (directory / log).is_file()), None)


def installed_packages(path: Path) -> tuple[str, ...]:
    """The packages of the chroot as "NEVRA BUILDTIME:SIZE", sorted.

    mock prints `%{nevra} %{buildtime} %{size} installed`: build time and size stand for the header's digest. Keys in
    the rpm database are left out.
    """
    if not path.is_file():
        return ()
    rows = [line.split() for line in read_regular_file(path).decode("utf-8", "replace").splitlines()]
    return tuple(
        sorted(
            f"{row[0]} {row[1]}:{row[2]}"
            for row in rows
            if len(row) == 4 and not row[0].startswith("gpg-pubkey-")
        )
    )
