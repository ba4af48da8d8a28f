"""The Python of a target: what markers (PEP 508) and `Requires-Python` (PEP 345) are evaluated for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from packaging.markers import Environment, Marker
from packaging.specifiers import InvalidSpecifier, SpecifierSet

# Of `python3 >= 3.N.M`: more than there ever were.
_MOST_MINOR, _MOST_PATCH = 40, 60


@dataclass(frozen=True)
class Interpreter:
    """CPython on Linux: its version (`2.7.18`) and the machine (`x86_64`)."""

    version: str
    machine: str

    @property
    def series(self) -> str:
        """`2.7`."""
        return ".".join(self.version.split(".")[:2])

    def accepts(self, requires_python: str) -> bool:
        """Whether a distribution is for it; a requirement that nobody can read forbids nothing, as in pip."""
        try:
            return SpecifierSet(requires_python).contains(self.version, prereleases=True)
        except InvalidSpecifier:
            return True

    def applies(self, marker: Marker, extra: str) -> bool:
        """Whether a marker holds for it, for an extra (or "")."""
        return marker.evaluate(cast("dict[str, str]", {**self._environment, "extra": extra}))

    @property
    def _environment(self) -> Mapping[str, str]:
        environment: Environment = {
            "implementation_name": "cpython",
            "implementation_version": self.version,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.version,
            "platform_python_implementation": "CPython",
            "python_version": self.series,
            "sys_platform": "linux2" if self.version.startswith("2.") else "linux",
        }
        return cast("Mapping[str, str]", environment)


def find_python_version(python: str, list_provided: Callable[[Iterable[str]], frozenset[str]]) -> str | None:
    """The version of a target's `python3`, `python2` or `python`; None where no package has that name.

    `list_provided` is asked which of some requirements packages of the target fulfil.
    """
    names = {"python3": ("python3",), "python2": ("python2", "python"), "python": ("python", "python2")}[
        python
    ]
    majors = (3,) if python == "python3" else (2,) if python == "python2" else (3, 2)
    for name in names:
        for major in majors:
            minor = _find_last(name, f"{major}.{{}}", _MOST_MINOR, list_provided)
            # `python3 >= 3.0` holds for Python 4 as well, and for `python` all of 2 holds where it is 3.
            if minor is not None and minor < _MOST_MINOR:
                patch = _find_last(name, f"{major}.{minor}.{{}}", _MOST_PATCH, list_provided)
                return f"{major}.{minor}.{patch or 0}"
    return None


def _find_last(
    name: str, form: str, most: int, list_provided: Callable[[Iterable[str]], frozenset[str]]
) -> int | None:
    """The largest number up to `most` with which `name >= …` is provided."""
    questions = {f"{name} >= {form.format(number)}": number for number in range(most + 1)}
    return max((questions[found] for found in list_provided(questions)), default=None)
