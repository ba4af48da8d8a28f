"""The `superproject` part of repos.yaml: where the superproject is and which of its folders hold components."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from altai_build.model.gitlink import DEFAULT_FOLDERS
from altai_build.regular_files import open_regular_file

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.config.yaml_reader import YamlNode

# The usual form of the line. Quick verbs match it as it stands: importing a YAML reader takes longer than git does.
_USUAL_FORM = (
    rb"superproject: \{path: (\.|[a-z][a-z-]*(?:/[a-z-]+)*), "
    rb"components: \[([a-z/-]+(?:, [a-z/-]+)*)\], root: (true|false)\}"
)
# bytes; in a larger file the line could stand beyond what was read, so the YAML reader decides
_READ_SIZE = 1 << 16
# YAML 1.1 does not read these words as text
_YAML_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


# A tuple, because a dataclass takes longer to define, and `changed` imports this module.
class SuperprojectSettings(NamedTuple):
    """The git repository that pins the components.

    `folder` is text because importing pathlib takes longer than git takes to answer a quick verb. `components` are the
    folders whose gitlinks are components. `root`: the superproject's own spec is a component too.
    """

    folder: str
    components: tuple[str, ...]
    root: bool

    @property
    def path(self) -> Path:
        """The folder as a Path."""
        from pathlib import Path

        return Path(self.folder)


def get_default_superproject(root: str) -> SuperprojectSettings:
    """The settings where repos.yaml has no `superproject` key, or does not exist."""
    return SuperprojectSettings(folder=root, components=DEFAULT_FOLDERS, root=True)


def read_superproject_settings(path: str | Path) -> SuperprojectSettings:
    """Read the `superproject` part of repos.yaml and nothing else. Raises InputError naming all errors in it."""
    root = os.path.dirname(os.path.realpath(path))
    if settings := _read_usual_form(path, root):
        return settings
    from altai_build.config.yaml_reader import InputErrors, YamlNode, parse_yaml, read_limited

    tree = parse_yaml(read_limited(path), str(path))
    errors = InputErrors()
    settings = parse_superproject_settings(YamlNode(tree, "", errors).get_child("superproject"), root)
    errors.raise_if_any(str(path), todo="fix them all; docs/repos-yaml.md explains each key")
    return settings


def _read_usual_form(path: str | Path, root: str) -> SuperprojectSettings | None:
    """The settings when the file writes them in the usual form on one line, else None."""
    try:
        with open_regular_file(path) as stream:
            data = stream.read(_READ_SIZE)
    except OSError:  # the YAML reader reports it
        return None
    lines = data.split(b"\n")
    found = [number for number, line in enumerate(lines) if line.startswith(b"superproject")]
    if len(found) != 1 or b"\r" in data or lines[-1] or lines[found[0] + 1][:1].isspace():
        return None
    match = re.fullmatch(_USUAL_FORM, lines[found[0]])
    if match is None:
        return None
    folder, components = match[1].decode(), tuple(match[2].decode().split(", "))
    if _YAML_WORDS & {folder, *components} or any(check_inner_path(name) for name in components):
        return None
    return SuperprojectSettings(
        folder=join_folder(root, folder), components=components, root=match[3] == b"true"
    )


def parse_superproject_settings(node: YamlNode, root: str) -> SuperprojectSettings:
    """The settings of a `superproject` node; errors are added to the node's own list."""
    from pathlib import Path

    if node.value is not None:
        from altai_build.config.package_keys import SUPERPROJECT

        node = node.check_section(SUPERPROJECT)
    components = node.get_child("components").read_texts(check=check_inner_path)
    default = get_default_superproject(root)
    return SuperprojectSettings(
        folder=str(Path(root) / node.get_child("path").read_text(".")),
        components=components if node.has_key("components") else default.components,
        root=node.get_child("root").read_flag(default.root),
    )


def join_folder(root: str, path: str) -> str:
    """A path relative to `root`, joined to it."""
    return root if path == "." else os.path.join(root, path)


def check_inner_path(value: str) -> str | None:
    """What is wrong with a path that must stay inside its folder, or None."""
    parts = value.split("/")
    if value == ".":
        return None
    if value.startswith(("/", "-")) or any(part in ("", ".", "..") for part in parts):
        return "write a relative path that stays inside, without '..' and without a leading '/' or '-'"
    return None
