"""GEAR of ALT Linux: `.gear/rules` in each repository, which say how a source package is made of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from altai_build.config.superproject import check_inner_path
from altai_build.config.yaml_writer import format_list
from altai_build.model.first_steps import Imported, MappingRow
from altai_build.stages.first_steps.older.files import OlderFiles
from altai_build.stages.first_steps.texts import CommitFiles
from altai_build.tools.git.spec_files import SPEC_FOLDERS

_RULES = (".gear/rules", ".gear-rules")
_LINE = re.compile(r"^([a-z][a-z0-9.-]*)(\?)?:\s*(.*)$")
_MOST_ROWS = 400
_ARCHIVE = re.compile(r"(?:tar|zip)(?:\.\w+)?|cpio")
_COMPRESSED = {"gzip", "bzip2", "lzma", "xz", "zstd", "compress"}
_WITHOUT = {
    "diff": "commit the change, or the patch: the archive is the pinned commit, so the change is in it",
    "exclude": "write export-ignore into .gitattributes of the repository",
    "tags": "the pinned commit is the source; tags play no part",
    "specsubst": "write the value into the spec, or set a macro in components.NAME.macros",
    "srpm": "the source package is made by `altai-build srpm`",
    "remote": "the archive is the pinned commit",
    "cmd": "commit what the command makes",
}


def read_gear(files: OlderFiles) -> Imported:
    """What the rules of the superproject and of its components say."""
    rows: list[MappingRow] = []
    settings: dict[str, dict[str, str]] = {}
    names: list[str] = []
    for path in ("", *files.components):
        repository = files.superproject if not path else files.open_component(path)
        if repository is None:
            rows.append(
                MappingRow(f"{path}/{_RULES[0]}", "", "", "it is not cloned here, so its rules were not read")
            )
            continue
        for name, text in repository.read(_RULES).items():
            place = f"{path}/{name}" if path else name
            names.append(place)
            component = path.rpartition("/")[2]
            for row, setting in _map_rules(text, place, component, repository):
                rows.append(row)
                if component and setting:
                    settings.setdefault(component, {}).update(setting)
    for name, text in files.given:
        names.append(name)
        rows += [row for row, _ in _map_rules(text, name, "", files.superproject)]
    return Imported(tool="gear", files=tuple(names), rows=tuple(rows[:_MOST_ROWS]), components=settings)


def _map_rules(
    text: str, place: str, component: str, repository: CommitFiles
) -> Iterator[tuple[MappingRow, dict[str, str]]]:
    """Each directive with what it becomes, and settings of the component."""
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        match = _LINE.match(line)
        if match is None:
            if line:
                yield MappingRow(place, line, "", "no directive of GEAR that is known here"), {}
            continue
        directive, value = match[1], match[3].strip()
        setting = f"{place}: {directive}"
        if directive == "spec":
            yield _map_spec(setting, value, component, repository)
        elif _ARCHIVE.fullmatch(directive):
            yield _map_archive(setting, value), {}
        elif directive == "copy":
            note = "sources and patches are found by their names in the commit"
            yield MappingRow(setting, value, "found", note), {}
        elif directive in _COMPRESSED:
            yield (
                MappingRow(
                    setting, value, "", "commit the compressed file, or name the plain one in the spec"
                ),
                {},
            )
        else:
            note = _WITHOUT.get(directive, "no directive of GEAR that is known here")
            yield MappingRow(setting, value, "", note), {}


def _map_spec(
    setting: str, value: str, component: str, repository: CommitFiles
) -> tuple[MappingRow, dict[str, str]]:
    folder = posixpath.dirname(value)
    if check_inner_path(value) is not None or value not in repository.paths:
        return MappingRow(setting, value, "", "the commit has no such file"), {}
    if folder in SPEC_FOLDERS:
        return MappingRow(setting, value, "found", "altai-build looks there"), {}
    if not component:
        return MappingRow(
            setting, value, "", "move the spec into the root: that is where the superproject's own is"
        ), {}
    row = MappingRow(setting, value, f"components.{component}.specs", "written below")
    return row, {"specs": format_list((value,))}


def _map_archive(setting: str, value: str) -> MappingRow:
    words = value.split()
    source = words[0] if words else ""
    if source == ".":
        named = [word for word in words[1:] if word.startswith(("name=", "base="))]
        note = f"its name and folder ({' '.join(named)}) are those of Source0 and %setup" if named else ""
        return MappingRow(setting, value, "Source0", note or "the archive of the pinned commit")
    if ":" in source:
        note = "the archive is always the pinned commit: pin the commit of the tag, or keep its changes in it"
        return MappingRow(setting, value, "", note)
    return MappingRow(
        setting, value, "", "the archive is the whole commit: unpack it, and change into the folder in %prep"
    )
