"""No tracked file names a package registry: which one is used is the machine's own configuration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def registry_hosts() -> set[str]:
    """The hosts that pip, npm and apt of this machine are configured to download from."""
    texts = []
    for command in (
        [sys.executable, "-m", "pip", "config", "list"],
        ["npm", "config", "get", "registry"],
    ):
        if shutil.which(command[0]):
            result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
            texts.append(result.stdout.decode())
    index = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pip._internal.models.index import PyPI as i; print(i.url, f'https://{i.file_storage_domain}')",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    texts.append(index.stdout.decode())
    for path in [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]:
        if path.is_file():
            texts.append(path.read_text("utf-8", "replace"))
    hosts = re.findall(
        r"https?://(?:[^/@\s]*@)?(?:www\.)?([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)", "\n".join(texts)
    )
    return {host.lower() for host in hosts if not re.fullmatch(r"[0-9.]+|localhost.*", host)}


def test_no_tracked_file_names_a_package_registry() -> None:
    hosts = registry_hosts()
    assert hosts, "not even pip's default index was found: the check would examine nothing"
    listing = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = [name for name in listing.stdout.split(b"\0") if name]
    assert b"tests/test_registry_hosts.py" in names
    pattern = re.compile("|".join(re.escape(host) for host in sorted(hosts)).encode(), re.IGNORECASE)
    wrong = []
    for name in names:
        path = ROOT / os.fsdecode(name)
        if path.is_file() and (found := pattern.search(path.read_bytes())):
            wrong.append(f"{os.fsdecode(name)}: {found.group().decode()}")
    assert not wrong, "read the host from the machine's own configuration instead:\n" + "\n".join(wrong)
