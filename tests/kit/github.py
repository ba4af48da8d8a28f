"""The runner of GitHub Actions: which lines of a log it takes for commands."""

from __future__ import annotations

import re

# TryParseV2 and TryParse of src/Runner.Common/ActionCommand.cs.
_AT_START = re.compile(r"\s*::(?P<name>[^ :]+)(?: [^:]*|)::(?P<data>.*)")
_ANYWHERE = re.compile(r".*?##\[(?P<name>[^ \]]+)[^\]]*\](?P<data>.*)")
_KNOWN = {
    "error",
    "warning",
    "notice",
    "debug",
    "group",
    "endgroup",
    "add-mask",
    "set-output",
    "save-state",
    "echo",
}


def list_github_commands(log: str) -> list[str]:
    """The lines that the runner executes; those that stop and resume commands are none."""
    commands: list[str] = []
    word = ""
    for line in log.splitlines():
        found = [match for match in (_AT_START.match(line), _ANYWHERE.match(line)) if match]
        match = next((match for match in found if match["name"] in {*_KNOWN, "stop-commands", word}), None)
        if match is None:
            continue
        if word:
            word = "" if match["name"] == word else word
        elif match["name"] == "stop-commands":
            word = match["data"]
        else:
            commands.append(line)
    return commands
