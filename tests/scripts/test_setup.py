"""scripts/setup installs what is missing, repairs what is broken, and does nothing where nothing is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
PLAIN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The files of a checkout that scripts/setup reads, with the few locked packages that it needs itself."""
    place = Path(tempfile.mkdtemp(prefix="altai-setup."))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(place / "home"))
    shutil.copytree(
        ROOT / "altai_build", place / "first" / "altai_build", ignore=shutil.ignore_patterns("__pycache__")
    )
    (place / "first" / "scripts").mkdir()
    for name in ("scripts/setup", "scripts/lib.sh", "setup.cfg", "pyproject.toml"):
        shutil.copy2(ROOT / name, place / "first" / name)
    lock = (ROOT / "requirements.lock").read_text()
    blocks = re.findall(
        r"^(?:setuptools|solv|createrepo-c|click)==.*\\\n(?:    --hash=.*\n)+", lock, re.MULTILINE
    )
    assert len(blocks) >= 4
    (place / "first" / "requirements.lock").write_text("".join(blocks))
    yield place / "first"
    shutil.rmtree(place)


@pytest.fixture
def debian(require: Callable[[bool, str], None]) -> None:
    """A system with dpkg, whose rpm has nothing installed."""
    require(shutil.which("dpkg-query") is not None, "this is not a Debian system")


def setup(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "scripts" / "setup", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_what_setup_says_of_rpm_and_dnf_is_what_they_are_used_for() -> None:
    """Buildroots are installed by rpm; dnf is only the machine that installs a release in tests and the demo."""
    lists = re.findall(
        r"^\w+_packages\(\) \{\n    cat <<'TEXT'\n(.*?)^TEXT",
        (ROOT / "scripts" / "setup").read_text(),
        re.S | re.M,
    )
    uses = [dict(line.split(maxsplit=1) for line in listed.splitlines()) for listed in lists]
    assert len(uses) == 2
    assert {of["dnf"] for of in uses} == {"tests, demo: the machine that installs a release"}
    assert any(
        "installs buildroots" in use for of in uses for name, use in of.items() if name.startswith("rpm")
    )
    assert not [use for of in uses for name, use in of.items() if name == "dnf" and "buildroot" in use]


def assert_works(checkout: Path) -> None:
    # The bindings are the system's own: no search for them, with Pythons as children, comes first.
    program = (
        "import sys, rpm; assert 'subprocess' not in sys.modules; "
        "import solv, createrepo_c, altai_build; print(altai_build.__file__)"
    )
    where = subprocess.run(
        [checkout / ".venv/bin/python", "-I", "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        cwd="/",
        check=True,
    ).stdout.decode()
    assert where == f"{checkout}/altai_build/__init__.py\n"
    script = (checkout / ".venv/bin/altai-build").read_text().splitlines()
    assert script[0] == f"#!{checkout}/.venv/bin/python"
    assert_bytecode_is_fresh(checkout)


def assert_bytecode_is_fresh(checkout: Path) -> None:
    for source in (checkout / "altai_build").rglob("*.py"):
        head = Path(importlib.util.cache_from_source(str(source))).read_bytes()[:16]
        assert struct.unpack("<8xII", head) == (int(source.stat().st_mtime), source.stat().st_size), source


def test_two_at_once_over_a_half_made_one_then_again_then_moved_and_broken(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")
    (checkout / ".venv" / "pyvenv.cfg").write_text("home = /nowhere\n")
    pair = [
        subprocess.Popen(
            [checkout / "scripts/setup"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    messages = [one.communicate(timeout=300)[1] for one in pair]
    assert [one.returncode for one in pair] == [0, 0], messages
    assert sorted("making .venv" in text for text in messages) == [False, True]
    assert sorted("waiting for another scripts/setup" in text for text in messages) == [False, True]
    assert_works(checkout)
    home = checkout.parent / "home"
    assert (home / "bash-completion/completions/altai-build").is_file()
    assert (home / "man/man1/altai-build-log.1").is_file()
    told = f"  sudo ln --symbolic --force {checkout}/.venv/bin/altai-build /usr/local/bin/altai-build\n"
    assert sorted(told in text for text in messages) == [False, True]

    source = checkout / "altai_build" / "errors.py"
    source.write_text(source.read_text() + "\n# changed\n")
    os.utime(source, (1, 1))
    begin = time.monotonic()
    again = setup(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.monotonic() - begin < 10
    assert_bytecode_is_fresh(checkout)

    moved = checkout.rename(checkout.with_name("second"))
    (moved / ".venv/bin/python").unlink()
    with monkeypatch.context() as patch:
        patch.setenv("PATH", f"{moved}/.venv/bin:{os.environ['PATH']}")
        repeated = setup(moved)
    assert repeated.returncode == 0, repeated.stderr
    assert "installing altai-build" in repeated.stderr and "PATH" not in repeated.stderr
    assert_works(moved)


def test_a_file_that_is_not_the_locked_one_is_refused(checkout: Path) -> None:
    lock = checkout / "requirements.lock"
    lock.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", lock.read_text()))
    refused = setup(checkout)
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert refused.returncode == 4
    assert (
        "setup: pip cannot install the Python packages of requirements.lock; above is what it says"
        in refused.stderr
    )
    assert not (checkout / ".venv" / "lock.stamp").exists()


def test_without_root_it_names_what_is_missing_and_the_command(
    checkout: Path, debian: None, require: Callable[[bool, str], None]
) -> None:
    require(os.geteuid() == 0, "becoming another user needs root")
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", checkout.parent], check=True)
    (checkout / "dpkg").mkdir()  # in this data base of dpkg nothing is installed
    messages = subprocess.run(
        [checkout / "scripts" / "setup"],
        user=NOBODY,
        group=NOBODY,
        env={"PATH": PLAIN_PATH, "DPKG_ADMINDIR": str(checkout / "dpkg")},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert messages.returncode == 4
    lines = messages.stderr.splitlines()
    packages = lines[0].removeprefix("setup: these packages are missing, and installing them needs root: ")
    assert {"rpm", "python3-rpm", "dnf", "bubblewrap", "gpg-agent"} <= set(packages.split())
    assert lines[1:] == [
        "  Run this as root, then scripts/setup again:",
        f"      apt-get update && apt-get install --no-install-recommends {packages}",
    ]
    assert not (checkout / ".venv").exists()


STUB_DNF = """#!/bin/sh
printf '%s\\n' "$*" >>"$DNF_LOG"
case $* in *epel-release) echo installed; exit 0 ;; esac
cat >/dev/null
seq --format='line %g' 40
exit 1
"""


def run_on(system: Mapping[str, str], checkout: Path) -> tuple[int, str, list[str]]:
    """Run scripts/setup where /etc/os-release names another system, dnf is a stub and rpm's database is empty."""
    outside = checkout.parent
    (outside / "os-release").write_text("".join(f'{key}="{value}"\n' for key, value in system.items()))
    (outside / "bin").mkdir()
    (outside / "bin" / "dnf").write_text(STUB_DNF)
    (outside / "bin" / "dnf").chmod(0o755)
    pretending = [
        "bwrap",
        "--dev-bind",
        "/",
        "/",
        "--ro-bind",
        str(outside / "os-release"),
        "/etc/os-release",
    ]
    messages = subprocess.run(
        [*pretending, str(checkout / "scripts" / "setup")],
        env={"PATH": f"{outside}/bin:{PLAIN_PATH}", "HOME": str(outside), "DNF_LOG": str(outside / "log")},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )
    log = outside / "log"
    return messages.returncode, messages.stderr, log.read_text().splitlines() if log.exists() else []


def test_fedora_gets_its_packages_from_dnf(checkout: Path, debian: None) -> None:
    status, messages, calls = run_on({"ID": "fedora"}, checkout)
    assert status == 4
    assert len(calls) == 1
    # What the package manager prints is shown where it fails, from its end.
    lines = messages.splitlines()
    assert lines[0].startswith("setup: installing bubblewrap ")
    assert lines[1:31] == [f"line {number}" for number in range(11, 41)]
    assert lines[31:33] == [
        "setup: this command failed; above is the end of what it printed:",
        f"      dnf {calls[0]}",
    ]
    words = calls[0].split()
    assert words[:2] == ["install", "--assumeyes"]
    assert {"mock", "rpm-build", "rpm-sign", "python3-rpm", "ShellCheck", "shfmt"} <= set(words)


def test_enterprise_linux_gets_epel_first_and_no_shfmt(checkout: Path, debian: None) -> None:
    status, messages, calls = run_on({"ID": "almalinux", "ID_LIKE": "rhel centos fedora"}, checkout)
    assert status == 4
    assert "\ninstalled" not in messages
    assert calls[0] == "install --assumeyes epel-release"
    assert "mock" in calls[1].split()
    assert "shfmt" not in calls[1].split()


def test_an_unsupported_distribution_gets_the_list_of_packages(checkout: Path) -> None:
    (checkout / "requirements.lock").unlink()
    status, messages, calls = run_on({"ID": "arch"}, checkout)
    assert status != 0
    assert calls == []
    assert "unsupported distribution (arch): install these packages yourself" in messages
    assert "python3-rpm              rpm bindings" in messages


def test_wrong_usage(checkout: Path) -> None:
    wrong = setup(checkout, "--reloc")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("usage: setup [--relock]")
    right = setup(checkout, "--help")
    assert (right.returncode, right.stderr) == (0, "")
    assert right.stdout == wrong.stderr
