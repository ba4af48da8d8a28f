"""A machine that installs releases: the real dnf on a root of its own, every signature checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BASE = """\
[testbed-base]
name=testbed base
baseurl=file://{testbed}/base
gpgcheck=1
repo_gpgcheck=1
gpgkey=file://{testbed}/keys/RPM-GPG-KEY-testbed-base
"""


@dataclass(frozen=True)
class ProgramResult:
    """How a program ended, and all that it said."""

    code: int
    said: str


class Client:
    """An empty root and a package manager that knows the operating system's own repository, the testbed's base.

    Debian's dnf has plugins that would copy what is installed to the host's /var, and its rpm keeps the database in
    the user's home: neither is so on a machine that is made of RPMs.
    """

    def __init__(self, folder: Path, testbed: Path) -> None:
        self.root = folder / "root"
        self._repos, self._cache, self._home = folder / "repos", folder / "cache", folder / "home"
        for place in (self.root, self._repos, self._home):
            place.mkdir(parents=True)
        self.configure("testbed", _BASE.format(testbed=testbed))
        (self._home / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")

    def configure(self, name: str, text: str) -> None:
        """Write, or replace, a .repo file."""
        (self._repos / f"{name}.repo").write_text(text)

    def follow_installed_files(self) -> None:
        """Use the .repo files that packages installed in place of ours, and forget all metadata and keys of metadata.

        dnf looks for key files outside of the root that it installs.
        """
        for file in self._repos.glob("*.repo"):
            if file.name != "testbed.repo":
                file.unlink()
        for file in (self.root / "etc" / "yum.repos.d").glob("*.repo"):
            self.configure(file.stem, file.read_text().replace("file:///etc/", f"file://{self.root}/etc/"))
        shutil.rmtree(self._cache)

    def let_days_pass(self) -> None:
        """Make the metadata older than the `metadata_expire` of any .repo file."""
        past = time.time() - 2 * 86400
        for path in self._cache.rglob("*"):
            os.utime(path, (past, past), follow_symlinks=False)

    def dnf(self, *words: str) -> ProgramResult:
        """Run dnf on the root; it answers yes to every question, as an unattended update does."""
        options = [f"--installroot={self.root}", "--noplugins", "--assumeyes", "--releasever=1"]
        settings = {
            "reposdir": self._repos,
            "cachedir": self._cache,
            "logdir": "/var/log",
            "install_weak_deps": "0",
            "metadata_expire": "0",
            "skip_if_unavailable": "0",  # as Red Hat and Fedora configure it
            "timeout": "10",
            "retries": "1",
        }
        options += [f"--setopt={name}={value}" for name, value in settings.items()]
        return self._run(["dnf", *options, *words])

    def installed(self) -> set[str]:
        """The NEVRAs of all packages in the root; keys that rpm keeps as if they were packages left out."""
        listed = self._run(
            ["rpm", "--root", str(self.root), "-qa", "--qf", "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\\n"]
        )
        assert listed.code == 0, listed.said
        return {line for line in listed.said.splitlines() if not line.startswith("gpg-pubkey-")}

    def run(self, argv: Sequence[str]) -> ProgramResult:
        """Run an installed program in the root, with nothing of the host in sight."""
        view = [
            "bwrap",
            "--unshare-all",
            "--ro-bind",
            str(self.root),
            "/",
            "--dev",
            "/dev",
            "--proc",
            "/proc",
        ]
        return self._run([*view, "--clearenv", "--", *argv])

    def _run(self, argv: Sequence[str]) -> ProgramResult:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self._home), "LC_ALL": "C.UTF-8"}
        result = subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return ProgramResult(code=result.returncode, said=result.stdout.decode("utf-8", "replace"))
