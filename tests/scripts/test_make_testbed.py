"""scripts/make-testbed: the testbed is signed and complete, is reused, and an interrupted run leaves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "make-testbed"
REPOSITORIES = ("base", "updates", "epel")


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )


def dnf(testbed: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """dnf on an empty root, with the three repositories of the testbed and none of the host's."""
    lines = ["[main]", "reposdir=/dev/null", "plugins=0", "best=1", "install_weak_deps=0", "gpgcheck=1"]
    for name in REPOSITORIES:
        key = f"{testbed}/keys/RPM-GPG-KEY-testbed-{name}"
        lines += [
            f"[{name}]",
            f"name={name}",
            f"baseurl=file://{testbed}/{name}",
            f"gpgkey=file://{key}",
            "repo_gpgcheck=1",
        ]
    root.mkdir()
    (root / "dnf.conf").write_text("\n".join(lines) + "\n")
    (root / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")
    return run(
        "dnf",
        f"--config={root}/dnf.conf",
        f"--installroot={root}/root",
        "--releasever=1",
        f"--setopt=cachedir={root}/cache",
        *arguments,
        HOME=str(root),
    )


def test_an_unchanged_testbed_is_reused_at_once(testbed: Path) -> None:
    before = testbed.stat().st_ino
    start = time.monotonic()
    again = run(SCRIPT, testbed)
    assert (again.returncode, again.stderr) == (0, f"make-testbed: {testbed} is up to date\n")
    assert time.monotonic() - start < 1
    assert testbed.stat().st_ino == before


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_packages_and_metadata_are_signed_by_their_own_key_only(
    testbed: Path, tmp_path: Path, repository: str
) -> None:
    packages = sorted((testbed / repository).glob("*.rpm"))
    assert packages
    others = {name: tmp_path / name for name in REPOSITORIES}
    for name, ring in others.items():
        ring.mkdir(mode=0o700)
        key = testbed / "keys" / f"RPM-GPG-KEY-testbed-{name}"
        assert run("rpmkeys", f"--define=_dbpath {ring}", "--import", key).returncode == 0
        assert run("gpg", "--batch", "--dearmor", f"--output={ring}/ring.gpg", key).returncode == 0
        check = run(
            "rpmkeys", f"--define=_dbpath {ring}", "--define=_pkgverify_level all", "--checksig", *packages
        )
        metadata = testbed / repository / "repodata" / "repomd.xml"
        detached = run("gpgv", f"--keyring={ring}/ring.gpg", f"{metadata}.asc", metadata)
        expected = name == repository
        assert (check.returncode == 0) is expected, check.stdout
        assert (detached.returncode == 0) is expected, detached.stderr


def test_every_package_can_be_installed_from_the_three_repositories_alone(
    testbed: Path, tmp_path: Path
) -> None:
    answer = dnf(testbed, tmp_path / "all", "--assumeyes", "install", "--downloadonly", "*")
    assert answer.returncode == 0, answer.stderr


def test_base_makes_a_root_in_which_an_unprivileged_user_builds(testbed: Path, tmp_path: Path) -> None:
    place = tmp_path / "base"
    made = dnf(testbed, place, "--assumeyes", "install", "testbed-base")
    assert made.returncode == 0, made.stderr
    root = place / "root"
    assert (root / "bin" / "rpm").is_file()
    installed = run("chroot", root, "rpm", "--query", "--all", "--queryformat", "%{name}\n").stdout.split()
    assert {"testbed-runtime", "testbed-base", "python3-setuptools"} <= set(installed)
    home = root / "home" / "builder"
    home.mkdir()
    (home / "tiny.spec").write_text(
        "Name: tiny\nVersion: 1\nRelease: 1%{?dist}\nSummary: Tiny\nLicense: MIT\n%description\nTiny.\n"
        "%install\nmkdir --parents tiny\n"
        "printf \"from setuptools import setup\\nsetup(name='tiny', version='1', py_modules=['tiny'])\\n\" "
        ">tiny/setup.py\n"
        "touch tiny/tiny.py\ncd tiny\n%py3_build\n%py3_install\n"
        "%files\n%{python3_sitelib}/tiny.py\n%{python3_sitelib}/__pycache__/tiny.*\n"
        "%{python3_sitelib}/tiny-1-py%{python3_version}.egg-info\n"
    )
    for path in (home, home / "tiny.spec"):
        os.chown(path, 1000, 1000)
    inside = ("chroot", "--userspec=1000:1000", root, "env", "HOME=/home/builder", "rpmbuild", "--quiet")
    source = run(*inside, "-bs", "/home/builder/tiny.spec")
    assert source.returncode == 0, source.stderr
    (srpm,) = home.glob("rpmbuild/SRPMS/*.src.rpm")
    built = run(*inside, "--rebuild", f"/{srpm.relative_to(root)}")
    assert built.returncode == 0, built.stderr
    assert [path.name.split(".")[0] for path in home.glob("rpmbuild/RPMS/*/*.rpm")] == ["tiny-1-1"]


def test_an_interrupted_run_leaves_no_files(require: Callable[[bool, str], None], tmp_path: Path) -> None:
    require(os.geteuid() == 0, "making a testbed needs root")
    require(shutil.which("mmdebstrap") is not None, "mmdebstrap is not installed")
    place = tmp_path / "testbed"
    child = subprocess.Popen(
        [SCRIPT, place],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "testbed.work" / "root").is_dir():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(child.pid, signal.SIGTERM)
    assert child.wait(timeout=60) != 0
    assert [path.name for path in tmp_path.iterdir()] == ["testbed.lock"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--sweet", "bookworm"), "unknown option --sweet"),
        (("--suite",), "--suite needs a name"),
        (("--suite", "no such/suite"), "not the name of a suite: 'no such/suite'"),
        (("one", "two"), "more than one directory: one and two"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: tuple[str, ...], message: str) -> None:
    answer = run(SCRIPT, *arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
