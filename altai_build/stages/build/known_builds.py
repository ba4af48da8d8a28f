"""Which build was found for a component: what is asked the same way again has the same answer.

Finding a build means to resolve its buildroot, with the packages of other components in it. By a digest of all that
this depends on, the key of the build is remembered; its packages are read and hashed as always.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from pathlib import Path

from altai_build.model.build_inputs import BuildInputs
from altai_build.tools.remembered import Remembered


@dataclass(frozen=True)
class KnownBuild:
    """The key of a build, a digest of its inputs, why it is reused, and the keys of what was asked to find it.

    A build that was repeated has the same key, and other inputs where they are not part of it: which release of a
    package it was, with the same content.
    """

    key: str
    inputs: str
    reason: str
    asked: tuple[str, ...]


class KnownBuilds:
    """Builds that were found, by the question."""

    def __init__(self, path: Path) -> None:
        self._rows = Remembered(path)

    def find(self, question: str) -> KnownBuild | None:
        """The build that was found by a question; None where there was none, or the question is ""."""
        row = self._rows.find(question) if question else None
        if not isinstance(row, list) or len(row) != len(fields(KnownBuild)):
            return None
        key, inputs, reason, asked = row
        if not isinstance(asked, list):
            return None
        if not all(isinstance(text, str) for text in (key, inputs, reason, *asked)):
            return None
        return KnownBuild(key=key, inputs=inputs, reason=reason, asked=tuple(asked))

    def add(self, question: str, known: KnownBuild) -> None:
        """Remember a build that was found, or made, by a question; nothing for ""."""
        if question:
            self._rows.add(question, [known.key, known.inputs, known.reason, [*known.asked]])

    def save(self) -> None:
        """Write what is new. Raises CannotWriteError."""
        self._rows.save()


def digest_inputs(inputs: BuildInputs) -> str:
    """What distinguishes the inputs of two builds, also where a rebuild policy would ignore it."""
    return hashlib.sha256(repr(tuple(inputs)).encode("utf-8", "surrogatepass")).hexdigest()
