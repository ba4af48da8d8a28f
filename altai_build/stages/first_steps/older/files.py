"""Files of older tools, read within limits: settings of bash without running it, INI without interpolation."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from altai_build.errors import InputError
from altai_build.stages.first_steps.texts import CommitFiles

_MOST_SETTINGS = 500
_LONGEST_VALUE = 4096  # characters
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+|readonly\s+|declare\s+(?:-\w+\s+)*)?([A-Za-z_]\w*)=(.*)$")
_EXPANSION = re.compile(r"[$`]")


@dataclass(frozen=True)
class OlderFiles:
    """What an older tool left: the files of the superproject, those that a person named, and the components.

    `given` are name and text of the named files. `components` are the paths of pinned repositories, and
    `open_component` gives the files of one, or None where it is not cloned here.
    """

    superproject: CommitFiles
    given: tuple[tuple[str, str], ...] = ()
    components: tuple[str, ...] = ()
    open_component: Callable[[str], CommitFiles | None] = field(default=lambda path: None)

    def find(self, *names: str) -> list[tuple[str, str]]:
        """Path and text of the files of these paths in the superproject, then of all that a person named."""
        return [*self.superproject.read(names).items(), *self.given]


def read_bash_settings(text: str) -> dict[str, str | None]:
    """The variables that a bash file sets, as far as their values are plain text; None for one that bash computes.

    Nothing is expanded or run. The last assignment counts; what stands in functions or conditions counts too.
    """
    found: dict[str, str | None] = {}
    for line in text.splitlines():
        match = _ASSIGNMENT.match(line)
        if match and (match[1] in found or len(found) < _MOST_SETTINGS):
            found[match[1]] = _read_bash_value(match[2])
    return found


def _read_bash_value(written: str) -> str | None:
    if len(written) > _LONGEST_VALUE:
        return None
    single_quoted = re.fullmatch(r"'([^']*)'\s*(?:#.*)?;?\s*", written)
    if single_quoted:
        return single_quoted[1]
    if _EXPANSION.search(written) or written.startswith("("):
        return None
    try:
        words = shlex.split(written, comments=True)
    except ValueError:
        # A quotation that goes on in the next line.
        return None
    return words[0].rstrip(";") if words else ""


def read_ini(name: str, text: str) -> dict[str, dict[str, str]]:
    """Section → setting → value of an INI file; `DEFAULT` is a section like others. Raises InputError."""
    parser = configparser.RawConfigParser(strict=False, default_section="\0", allow_no_value=True)
    try:
        parser.read_string(text, name)
    # A value that goes on below a setting without one: configparser does not catch that.
    except (configparser.Error, AttributeError) as error:
        raise InputError(
            f"{name} is no INI file", why=str(error)[:500], todo="correct the line that the message names"
        ) from error
    return {section: _read_section(parser[section]) for section in parser.sections()}


def _read_section(section: Mapping[str, str | None]) -> dict[str, str]:
    return {key: (value or "").strip() for key, value in list(section.items())[:_MOST_SETTINGS]}
