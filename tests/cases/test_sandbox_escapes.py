"""Ways out of sandboxes that are known from elsewhere: sockets, terminals, chroot, setuid programs, links, signals."""

from __future__ import annotations

import os
import pty
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build.tools import process
from altai_build.tools.sandbox.bubblewrap import (
    BUILD_UID,
    BuildrootSandbox,
    EvaluationSandbox,
    HostSandbox,
    InstallSandbox,
)
from tests.conftest import Require

KINDS = ("host", "evaluation", "install", "root")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, require: Require) -> str:
    if request.param in ("install", "root"):
        require(os.geteuid() == 0, "the sandboxes of the chroot builder need root")
    return str(request.param)


def command(kind: str, folder: Path, argv: list[str]) -> list[str]:
    """The command that runs `argv` in a sandbox; `folder` is what it may write to."""
    folder.mkdir(exist_ok=True)
    if kind == "host":
        return HostSandbox(writable=folder, now=1).command(argv)
    if kind == "evaluation":
        return EvaluationSandbox({}).command(argv)
    if kind == "install":
        for name in ("dev", "proc"):
            (folder / name).mkdir(exist_ok=True)
        scratch = folder.with_name("scratch")
        return InstallSandbox(root=str(folder), packages=folder, scratch=scratch).command(argv)
    os.chown(folder, BUILD_UID, BUILD_UID)
    return BuildrootSandbox(root="/", build_dir=folder).command(argv)


def run_python(kind: str, folder: Path, program: str) -> process.ProcessResult:
    return process.run(
        command(kind, folder, ["/usr/bin/python3", "-I", "-c", program]), ok=process.ANY_END, timeout=60
    )


@pytest.fixture
def host_sockets(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Listening sockets of the host: an abstract one, and one at a path that everybody may use."""
    abstract = f"altai-build-test-{os.getpid()}"
    # Not below a folder that the sandboxes see.
    path = f"/run/{abstract}"
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        first.bind(f"\0{abstract}")
        first.listen()
        second.bind(path)
        second.listen()
        os.chmod(path, 0o777)
        try:
            yield abstract, path
        finally:
            os.unlink(path)


def test_no_socket_of_the_host_is_reached(
    kind: str, tmp_path: Path, host_sockets: tuple[str, str], require: Require
) -> None:
    require(os.access("/run", os.W_OK), "a socket in /run needs root")
    abstract, path = host_sockets
    program = f"""
import socket
for address in ("\\0{abstract}", "{path}"):
    try:
        socket.socket(socket.AF_UNIX).connect(address)
        print("connected to", repr(address))
    except OSError as error:
        print(type(error).__name__)
"""
    assert (
        "connected"
        in subprocess.run(
            ["/usr/bin/python3", "-c", program], capture_output=True, text=True, check=True
        ).stdout
    )
    # The buildroot of this test is the host's own root, with its /run.
    expected = (
        ["ConnectionRefusedError"] if kind == "root" else ["ConnectionRefusedError", "FileNotFoundError"]
    )
    assert run_python(kind, tmp_path / "place", program).text.splitlines()[: len(expected)] == expected


def test_no_terminal_of_the_caller_is_reached(kind: str, tmp_path: Path) -> None:
    """Whoever opens it can put characters into its input (TIOCSTI), which the caller's shell then runs."""
    tmp_path.chmod(0o755)
    argv = command(
        kind,
        tmp_path / "place",
        ["/usr/bin/python3", "-I", "-c", "print(open('/dev/tty', 'rb+', buffering=0).isatty())"],
    )
    child, terminal = pty.fork()
    if not child:
        os.execvp(argv[0], argv)
    printed = b""
    try:
        while piece := os.read(terminal, 4096):
            printed += piece
    except OSError:
        pass  # the end of a terminal
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert (b"No such device or address" in printed, status != 0) == (True, True), printed


def test_setuid_programs_give_nobody_a_right(kind: str, tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "a setuid program of root needs root")
    program = "print([line.split()[1] for line in open('/proc/self/status') if 'NoNewPrivs' in line])"
    assert run_python(kind, tmp_path / "place", program).text == "['1']\n"
    if kind in ("evaluation", "install"):
        return  # no writable folder, or root already
    place = tmp_path / "place"
    shutil.copy("/usr/bin/id", place / "id")
    os.chown(place / "id", 0, 0)
    (place / "id").chmod(0o4755)
    argv = command(kind, place, ["/builddir/id", "-u"])
    if kind == "host":
        # The sandbox has taken it from root.
        os.chown(place / "id", 0, 0)
        (place / "id").chmod(0o4755)
    assert process.run(argv).text == f"{BUILD_UID}\n"


def test_leaving_a_chroot_leads_no_further_than_the_sandbox(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "the sandbox of scriptlets needs root")
    program = """
import os
os.chdir("/target"); os.mkdir("cell"); os.chroot("/target")
os.chroot("cell")
for _ in range(50):
    os.chdir("..")
os.chroot(".")
print(os.path.exists("/target/cell"), os.path.exists("/etc/shadow"), os.path.exists("/root"), os.path.exists("/home"))
for name in ("/proc/1/root", "/proc/self/root"):
    print(os.path.exists(name + "/etc/shadow"))
"""
    done = run_python("install", tmp_path / "place", program)
    assert done.text.split() == ["True", *["False"] * 5], done.error_text


def test_signals_of_a_scriptlet_reach_nobody_else(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "the sandbox of scriptlets needs root")
    with subprocess.Popen(["sleep", "600"]) as bystander:
        try:
            # Not all processes: without the protection the test would end the machine's.
            program = f"""
import os, signal
print(os.path.exists("/proc/{bystander.pid}"), len([name for name in os.listdir("/proc") if name.isdigit()]))
try:
    os.kill({bystander.pid}, signal.SIGKILL)
except ProcessLookupError:
    print("none")
"""
            seen = run_python("install", tmp_path / "place", program)
            assert (seen.text, bystander.poll()) == ("False 1\nnone\n", None)
        finally:
            bystander.kill()


def make_root(folder: Path) -> Path:
    """A root with the programs that a build of one `touch` needs."""
    for program in ("/usr/bin/touch", "/usr/bin/chroot", "/usr/sbin/chroot", "/bin/sh"):
        if not Path(program).exists():
            continue
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        files = {word for word in listed.split() if word.startswith("/")}
        for file in (program, *files):
            # The links /bin and /lib of the host are folders here.
            target = folder / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    shutil.copytree(folder / "usr/bin", folder / "bin", dirs_exist_ok=True)
    for name in ("dev", "proc"):
        (folder / name).mkdir()
    return folder


@pytest.mark.parametrize("trap", ["", "link to a folder", "link to nothing", "file"])
def test_what_a_package_puts_at_the_build_directory_leads_nowhere(
    tmp_path: Path, require: Require, trap: str
) -> None:
    require(os.geteuid() == 0, "the sandbox of builds needs root")
    root = make_root(tmp_path / "root")
    victim, build_dir = tmp_path / "victim", tmp_path / "builddir"
    for folder in (victim, build_dir):
        folder.mkdir()
        folder.chmod(0o777)
    place = root / "builddir"
    if trap.startswith("link"):
        place.symlink_to(victim if "folder" in trap else "/nonexistent")
    elif trap == "file":
        place.write_text("")
    else:
        place.mkdir()
    view = BuildrootSandbox(root=str(root), build_dir=build_dir)
    done = process.run(view.command(["/bin/sh", "-c", "touch /builddir/made"]), ok=process.ANY_END)
    assert list(victim.iterdir()) == []
    assert (done.returncode == 0) == ((build_dir / "made").exists() is True)
    if not trap:
        assert done.returncode == 0, done.error_text
