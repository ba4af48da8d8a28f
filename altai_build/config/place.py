"""Where the superproject is and which of its folders hold components: the part of repos.yaml that quick verbs need."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.gitlink import DEFAULT_FOLDERS

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.config.reader import YamlNode

# The form that is mostly written, in plain words: loading a YAML reader for it would take longer than git does.
_PLAIN = (
    rb"superproject: \{path: (\.|[a-z][a-z-]*(?:/[a-z-]+)*), "
    rb"components: \[([a-z/-]+(?:, [a-z/-]+)*)\], root: (true|false)\}"
)
_SIZE = 1 << 16  # bytes; in a larger file the form would not be found at its end, and YAML decides
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # are no text in YAML 1.1


@dataclass(frozen=True)
class SuperprojectSettings:
    """The git repository that pins the components."""

    place: str  # its folder: text, for loading pathlib takes longer than git's answer to a quick verb
    components: tuple[str, ...]  # folders of the superproject whose gitlinks are components
    root: bool  # the superproject's own spec is a component too

    @property
    def path(self) -> Path:
        """Its folder."""
        from pathlib import Path

        return Path(self.place)


def get_default_superproject(root: str) -> SuperprojectSettings:
    """What holds where repos.yaml says nothing, or is not."""
    return SuperprojectSettings(place=root, components=DEFAULT_FOLDERS, root=True)


def read_superproject_settings(path: str | Path) -> SuperprojectSettings:
    """The `superproject` part of a definition, without a look at the rest. Raises InputError with its faults."""
    root = os.path.dirname(os.path.realpath(path))
    if plain := _plain(path, root):
        return plain
    from altai_build.config.reader import InputErrors, YamlNode, parse_yaml, read_limited

    tree = parse_yaml(read_limited(path), str(path))
    faults = InputErrors()
    settings = parse_superproject_settings(YamlNode(tree, "", faults).child("superproject"), root)
    if faults.lines:
        raise InputError(f"{path} has faults", why="\n".join(faults.lines), todo="mend them")
    return settings


def _plain(path: str | Path, root: str) -> SuperprojectSettings | None:
    try:
        with open(path, "rb") as stream:
            data = stream.read(_SIZE)
    except OSError:  # told by who reads it next
        return None
    lines = data.split(b"\n")
    found = [number for number, line in enumerate(lines) if line.startswith(b"superproject")]
    if len(found) != 1 or b"\r" in data or lines[-1] or lines[found[0] + 1][:1].isspace():
        return None
    match = re.fullmatch(_PLAIN, lines[found[0]])
    if match is None:
        return None
    place, folders = match[1].decode(), tuple(match[2].decode().split(", "))
    if _YAML_WORDS & {place, *folders} or any(check_inner_path(folder) for folder in folders):
        return None
    return SuperprojectSettings(place=join_folder(root, place), components=folders, root=match[3] == b"true")


def parse_superproject_settings(node: YamlNode, root: str) -> SuperprojectSettings:
    """The settings that a `superproject` node gives; faults go where its faults go."""
    from pathlib import Path

    if node.value is not None:
        node = node.known(("path", "components", "root"))
    folders = node.child("components").texts(check=check_inner_path)
    default = get_default_superproject(root)
    return SuperprojectSettings(
        place=str(Path(root) / node.child("path").text(".")),
        components=folders if node.has("components") else default.components,
        root=node.child("root").flag(default.root),
    )


def join_folder(root: str, place: str) -> str:
    """A relative place as seen from a folder."""
    return root if place == "." else os.path.join(root, place)


def check_inner_path(value: str) -> str | None:
    """What is wrong with a path that has to stay inside, or None."""
    parts = value.split("/")
    if value == ".":
        return None
    if value.startswith(("/", "-")) or any(part in ("", ".", "..") for part in parts):
        return "write a relative path that stays inside, without '..' and without a leading '/' or '-'"
    return None
