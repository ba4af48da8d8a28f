"""Whether an update could replace a package at all, known without a question to the solver."""

from __future__ import annotations

from collections.abc import Iterable

import solv

from altai_build.tools.solver.dependencies import list_dependencies


class UpdateCandidates:
    """What could replace a package of a machine: packages of its name, and those that obsolete its name.

    Nothing else is a candidate for libsolv (policy_findupdatepackages in its policy.c), so that a machine without any,
    which has all that its packages require, is the same after an update.
    """

    def __init__(self, packages: Iterable[solv.XSolvable]) -> None:
        self._by_name: dict[int, list[int]] = {}
        # Whatever the versions.
        self._obsoleted_names: set[str] = set()
        for package in packages:
            self._by_name.setdefault(package.nameid, []).append(package.id)
            names = {str(dep).split()[0] for dep in list_dependencies(package, solv.SOLVABLE_OBSOLETES)}
            self._obsoleted_names |= names - {package.name}

    def find(self, package: solv.XSolvable) -> list[int] | None:
        """The packages of the same name, the same package among them; None when its name is obsoleted too."""
        if package.name in self._obsoleted_names:
            return None
        return self._by_name.get(package.nameid, [])
