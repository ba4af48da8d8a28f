"""`completion`: the scripts, printed and installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.kit.cli import altai_build


def test_scripts_are_printed_and_bash_accepts_its_own(tmp_path: Path) -> None:
    answer = altai_build("completion", cwd=tmp_path, env={"SHELL": "/usr/bin/bash"})
    assert answer.code == 0 and "complete -F _altai_build_completion altai-build" in answer.out
    subprocess.run(["bash", "-n"], input=answer.out, text=True, check=True)
    answer = altai_build("completion", "zsh", "fish", "--json", cwd=tmp_path)
    assert [row["shell"] for row in answer.json] == ["zsh", "fish"]
    assert answer.json[0]["script"].startswith("#compdef altai-build\n")
    for row in answer.json:
        if shutil.which(row["shell"]):
            subprocess.run([row["shell"], "-n"], input=row["script"], text=True, check=True)
    assert altai_build("completion", cwd=tmp_path, env={"SHELL": "/bin/csh"}).code == 2


def test_scripts_are_installed_where_shells_look_and_once(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": "relative", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    answer = altai_build("completion", "--install", "bash", "zsh", "fish", cwd=tmp_path, env=home)
    places = [
        ".local/share/bash-completion/completions/altai-build",
        ".local/share/zsh/site-functions/_altai-build",
        "config/fish/completions/altai-build.fish",
    ]
    assert [line.split("; ")[0] for line in answer.err.splitlines()] == [
        f"altai-build: wrote {tmp_path / place}" for place in places
    ]
    assert all((tmp_path / place).is_file() for place in places) and "fpath+=" in answer.err
    again = altai_build("completion", "--install", "bash", "--json", cwd=tmp_path, env=home)
    assert (again.err, again.json[0]["changed"], again.json[0]["file"]) == (
        "",
        False,
        str(tmp_path / places[0]),
    )
