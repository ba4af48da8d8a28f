"""What the real dnf would install, from repositories of which there is only the metadata."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.kit.repodata import describe_repository
from tests.kit.repositories import Package

_ROW = re.compile(r" (\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s")


def ask_dnf(
    folder: Path,
    repositories: Mapping[str, Sequence[Package]],
    wanted: Sequence[str],
    *,
    modules: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> set[str] | None:
    """`repository/NEVRA` of what `dnf install` would take on an empty machine; None when it refuses.

    Earlier repositories have priority. `modules` are texts of modules.yaml by repository.
    """
    texts = []
    for priority, (name, packages) in enumerate(repositories.items(), start=1):
        parts = {"modules": modules[name].encode()} if modules and name in modules else {}
        place = describe_repository(folder / name, packages, **parts)
        texts.append(
            f"[{name}]\nname={name}\nbaseurl={place.as_uri()}\ngpgcheck=0\npriority={priority}\n"
            "skip_if_unavailable=0\n"
        )
    (folder / "dnf").mkdir()
    (folder / "dnf" / "all.repo").write_text("\n".join(texts))
    settings = {
        "reposdir": folder / "dnf",
        "cachedir": folder / "dnf-cache",
        "install_weak_deps": "0",
        "module_platform_id": "platform:el8",
    }
    command = [
        "dnf",
        f"--installroot={folder}/root",
        "--noplugins",
        "--releasever=8",
        "--assumeno",
        "--forcearch=x86_64",
    ]
    result = subprocess.run(
        [
            *command,
            *(f"--setopt={key}={value}" for key, value in settings.items()),
            *options,
            "install",
            *wanted,
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = result.stdout.decode()
    if "Operation aborted" not in text:
        assert "Error:" in text or "Nothing to do" in text, text
        return None
    # "Installing:", or "Installing group/module packages:".
    table = text[text.index("\nInstalling") : text.index("Transaction Summary")]
    rows = (match for line in table.splitlines() if (match := _ROW.match(line)))
    return {f"{row[4]}/{row[1]}-{row[3]}.{row[2]}" for row in rows}
