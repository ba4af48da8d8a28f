"""What the buildroot of a test run must have: what the component's build requires, and what its tests do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from altai_build.model.build import BuildStep
from altai_build.model.build_inputs import SOURCE_PACKAGE
from altai_build.model.python_packages import list_capabilities
from altai_build.model.unit_tests import Suite, SuiteKind
from altai_build.stages.build.jobs import list_build_requires
from altai_build.tools.solver.resolve import Unsatisfiable

if TYPE_CHECKING:
    from altai_build.config.unit_tests import TestSettings
    from altai_build.model.package import LocalRpm, RpmHeader
    from altai_build.stages.build.cache import BuildCache

# Which of the requirements some package provides.
FindProvided = Callable[[Iterable[str]], frozenset[str]]
_PYTHON_MODULES = re.compile(r"^/usr/lib(?:64)?/python\d")
COVERAGE_PY = "coverage.py"


@dataclass(frozen=True)
class SuiteNeeds:
    """What is installed for a suite; `missing` is what it cannot run without, `absent` what it may want in vain.

    `optional` is installed too, as far as it can be; `uninstallable` is what cannot, and why. `coverage` is the tool
    that measures, "" for none, and `unmeasured` says why there is none.
    """

    requires: tuple[str, ...]
    optional: tuple[str, ...]
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    coverage: str
    unmeasured: str
    uninstallable: tuple[tuple[str, str], ...] = ()


def find_suite_needs(
    suite: Suite,
    settings: TestSettings,
    build_requires: Sequence[str],
    packages: Sequence[LocalRpm],
    provided: FindProvided,
    locked: Iterable[str] = (),
) -> SuiteNeeds:
    """What to install for a suite. `packages` are those that the component's build made, `locked` projects of PyPI."""
    have = set(locked)
    runtime = list_runtime_requires(packages) if suite.python else []
    projects = [name for name in (*suite.needs, *suite.wants, "coverage") if name not in have]
    names = {name: list_capabilities(name, suite.python) for name in projects} if suite.python else {}
    known = provided([*runtime, *(one for found in names.values() for one in found)])
    chosen = {name: next((one for one in found if one in known), "") for name, found in names.items()}
    own = {
        capability for rpm in packages for capability in (rpm.header.nevra.name, *_list_provides(rpm.header))
    }
    coverage, unmeasured = _choose_coverage(
        suite, settings, bool(chosen.get("coverage")) or "coverage" in have
    )
    needed = [*suite.needs, *(["coverage"] if coverage == COVERAGE_PY else [])]
    requires = [
        *(name for name in build_requires if not name.startswith("rpmlib(")),
        *suite.requires,
        *(chosen[name] for name in needed if chosen.get(name) and chosen[name] not in own),
        *(["lcov"] if coverage == "lcov" else []),
    ]
    optional = [
        *(one for one in runtime if one in known),
        *(chosen[name] for name in suite.wants if chosen.get(name) and chosen[name] not in own),
    ]
    return SuiteNeeds(
        requires=tuple(dict.fromkeys(requires)),
        optional=tuple(one for one in dict.fromkeys(optional) if one not in requires),
        missing=tuple(name for name in suite.needs if name in chosen and not chosen[name]),
        absent=tuple(
            dict.fromkeys(
                [one for one in runtime if one not in known]
                + [name for name in suite.wants if name in chosen and not chosen[name]]
            )
        ),
        coverage=coverage,
        unmeasured=unmeasured,
    )


def drop_uninstallable(needs: SuiteNeeds, resolve: Callable[[Sequence[str]], object]) -> SuiteNeeds:
    """The needs without what cannot be installed: its own requirements are not satisfied, or it conflicts.

    `resolve` raises Unsatisfiable. Tests that need such a package fail for that; the others run.
    """
    try:
        resolve([*needs.requires, *needs.optional])
    except Unsatisfiable:
        pass
    else:
        return needs
    kept: list[str] = []
    dropped: list[tuple[str, str]] = []
    for one in needs.optional:
        try:
            resolve([*needs.requires, *kept, one])
        except Unsatisfiable as error:
            dropped.append((one, error.problems[0]))
        else:
            kept.append(one)
    # Where nothing is left, it is the rest that cannot be installed, and the build says so.
    return replace(needs, optional=tuple(kept), uninstallable=tuple(dropped)) if kept or dropped else needs


def _choose_coverage(suite: Suite, settings: TestSettings, has_coverage_py: bool) -> tuple[str, str]:
    """The tool that measures coverage, or why none does."""
    tool = settings.coverage.tool
    if tool == "none":
        return "", "switched off in repos.yaml"
    if tool in ("lcov", "go"):
        return tool, ""
    if tool == COVERAGE_PY or suite.python:
        if has_coverage_py:
            return COVERAGE_PY, ""
        return "", f"no package of the target provides coverage for {suite.python or 'Python'}"
    if suite.kind is SuiteKind.GO:
        return "go", ""
    return "", "no tool is configured (test.coverage.tool)"


def list_runtime_requires(packages: Sequence[LocalRpm]) -> list[str]:
    """What the packages with Python modules require when they are installed, without what they provide themselves."""
    names = {
        capability for rpm in packages for capability in (rpm.header.nevra.name, *_list_provides(rpm.header))
    }
    found = [
        str(requirement)
        for rpm in packages
        if any(_PYTHON_MODULES.match(file.path) for file in rpm.header.files)
        for requirement in rpm.header.requires
        if requirement.name not in names and not requirement.name.startswith(("rpmlib(", "config("))
    ]
    return list(dict.fromkeys(found))


def _list_provides(header: RpmHeader) -> list[str]:
    return [provide.name for provide in header.provides]


def list_known_build_requires(
    cache: BuildCache, component: str, srpm_sha256: str, header: RpmHeader
) -> tuple[str, ...]:
    """What the build of a source package requires: as its buildroot was asked, else as the package itself says."""
    for step in (BuildStep.GENERATED_REQUIRES, BuildStep.SPEC_REQUIRES):
        for record in cache.ledger.history(step.value, component):
            if dict(record.inputs).get(SOURCE_PACKAGE) == srpm_sha256:
                requires = cache.read_requires(record)
                if requires is not None:
                    return requires
    return list_build_requires(header)
