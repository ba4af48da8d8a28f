"""A folder with repos.yaml that asks for two of three approvals, a sound release, and the keys of three persons."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.kit.configs import make_site
from tests.kit.keys import ThrowawayKey, make_key
from tests.kit.releases import Materials

PERSONS = ("alice", "bob", "carol")


def make_persons(folder: Path) -> dict[str, ThrowawayKey]:
    """A key for each person."""
    return {name: make_key(folder, name) for name in PERSONS}


def make_approved_site(
    folder: Path, materials: Materials, persons: dict[str, ThrowawayKey], needed: int = 2
) -> Path:
    """The folder; its release is 1.0.2."""
    make_site(folder, materials)
    configure_approvals(folder, {name: key.public for name, key in persons.items()}, needed)
    return folder


def configure_approvals(folder: Path, keys: dict[str, Path], needed: int) -> None:
    """Ask for approvals in the repos.yaml of `make_site`, in place of any that it asks for."""
    file = folder / "repos.yaml"
    text = re.sub(r"approvals: \{.*?\}, ", "", file.read_text())
    lines = "".join(f'  {name}: {{file: "{path}"}}\n' for name, path in keys.items())
    settings = f"approvals: {{keys: [{', '.join(keys)}], needed: {needed}}}, directory: "
    text = text.replace("repositories:\n", f"{lines}repositories:\n").replace("directory: ", settings)
    file.write_text(text)


def give_secret_keys(folder: Path, *keys: ThrowawayKey) -> None:
    """Import secret keys into the workspace of a folder."""
    home = folder / ".altai-build" / "gnupg"
    home.mkdir(parents=True, mode=0o700, exist_ok=True)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
    for key in keys:
        subprocess.run([*gpg, "--import", str(key.secret)], stdin=subprocess.DEVNULL, check=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], stdin=subprocess.DEVNULL, check=True)
