"""scripts/attack-clients: what it needs is said before anything is played."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.conftest import ROOT

SCRIPT = ROOT / "scripts" / "attack-clients"


def call(*words: str, path: str = "/usr/bin:/bin") -> tuple[int, str]:
    result = subprocess.run(
        [str(SCRIPT), *words],
        env={"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def test_it_says_what_it_needs(tmp_path: Path) -> None:
    for name in ("bash", "env", "dirname"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    code, text = call(path=str(tmp_path))
    assert (code, text) == (4, "not installed: dnf, zypper (apt-get install dnf zypper)\n")
    assert "--only TEXT" in call("--help")[1]
