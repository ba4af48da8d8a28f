"""A machine that a real dnf installs and upgrades, from repositories of tiny packages that nobody signed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path


class Machine:
    """An empty root; what it may install from is told anew with every call, as a client's configuration changes."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self._folder = folder
        for place in (self.root, folder / "repos", folder / "home"):
            place.mkdir(parents=True)
        (folder / "home" / ".rpmmacros").write_text("%_dbpath /var/lib/rpm\n")

    def dnf(self, repositories: Mapping[str, Path], *words: str, fails: bool = False) -> str:
        """Run dnf with these repositories enabled and return what it said; it must succeed, or fail."""
        sections = [
            f"[{name}]\nname={name}\nbaseurl=file://{place}\ngpgcheck=0\n"
            for name, place in repositories.items()
        ]
        (self._folder / "repos" / "all.repo").write_text("\n".join(sections))
        settings = {
            "reposdir": self._folder / "repos",
            "cachedir": self._folder / "cache",
            "logdir": "/var/log",
            "install_weak_deps": "0",
            "metadata_expire": "0",
            "best": "0",
        }
        options = [f"--installroot={self.root}", "--noplugins", "--assumeyes", "--releasever=1"]
        options += [f"--setopt={name}={value}" for name, value in settings.items()]
        return self._run(["dnf", *options, *words], fails=fails)

    def installed(self) -> set[str]:
        """The NEVRAs of all packages in the root."""
        form = "%{NAME}-%{EPOCHNUM}:%{VERSION}-%{RELEASE}.%{ARCH}\\n"
        listed = self._run(["rpm", "--root", str(self.root), "-qa", "--qf", form])
        return {line.replace("-0:", "-") for line in listed.splitlines()}

    def _run(self, argv: list[str], *, fails: bool = False) -> str:
        result = subprocess.run(
            argv,
            env={"PATH": os.environ["PATH"], "HOME": str(self._folder / "home"), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        said = result.stdout.decode("utf-8", "replace")
        assert (result.returncode != 0) is fails, said
        return said
