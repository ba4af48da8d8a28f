"""The source package that runs the unit tests of a component: its build is the test run, its package the results.

So tests run where components are built, in the same buildroots, by the same builders, and their results are kept and
found by the same keys. The package contains the component's own source package, which is unpacked there by the
component's own spec: patches, flags and macros are as in its build.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from altai_build.config.unit_tests import DEFAULT_TIMEOUT, TestSettings
from altai_build.errors import BuildError, InputError
from altai_build.model.affected_tests import AffectedTests
from altai_build.model.limits import Limits
from altai_build.model.unit_tests import Suite
from altai_build.tools.files import make_directory, sha256_file
from altai_build.tools.rpm import rpmbuild

# Raise it when the same component and settings are tested in another way than before.
WRAPPER_VERSION = "1"
# Where the results are in the package.
RESULTS_FOLDER = "/unit-tests"
# Of a run without failures.
PASSED_FILE = f"{RESULTS_FOLDER}/passed"
_RUNNER = Path(rpmbuild.__file__).parents[1] / "unit_tests" / "run-suite.sh"
# Besides it, where it is recorded what each test runs.
_RECORDERS = tuple(sorted(_RUNNER.with_name("in_buildroot").glob("*.py")))
_SPEC = """\
%global debug_package %{{nil}}
%global __os_install_post %{{nil}}
%global _build_id_links none
%global _binary_payload w6.gzdio
Name: {name}
Version: {version}
Release: 1
Summary: Results of the unit tests of a component
License: Public Domain
{sources}
{requires}
AutoReqProv: no

%description
Made by altai-build test; it is never released.

%prep
TARGET=%{{_target_cpu}} sh %{{SOURCE0}} unpack %{{SOURCE1}}

%build
JOBS=%{{?_smp_build_ncpus}}%{{!?_smp_build_ncpus:1}} sh %{{SOURCE0}} test

%install
mkdir -p "%{{buildroot}}{results}"
cp -R results/. "%{{buildroot}}{results}/"

%files
%defattr(0644,root,root,0755)
{results}
"""


@dataclass(frozen=True)
class LockedFile:
    """A file of a project on PyPI that test.lock.yaml names, downloaded and verified."""

    project: str  # normalized as in PEP 503
    path: Path


@dataclass(frozen=True)
class Recording:
    """It is recorded what each test runs. `algorithm` is that of the repository's object ids.

    Some tests are left out where there is a `selection`; `base` is the document of its record.
    """

    algorithm: str
    selection: AffectedTests | None = None
    base: Any = None


@dataclass(frozen=True)
class SuiteRequest:
    """Everything that a test run is made from; the same request gives the same source package.

    `srpm` is the component's own; `requires` what the buildroot must have, as in BuildRequires; `version` the
    component's; `epoch` its commit's time.
    """

    component: str
    srpm: Path
    version: str
    epoch: int
    suite: Suite
    settings: TestSettings
    requires: tuple[str, ...]
    coverage: str = ""  # the tool that measures; "" for none
    locked: tuple[LockedFile, ...] = ()
    recording: Recording | None = None


def list_suite_settings(request: SuiteRequest) -> tuple[tuple[str, str], ...]:
    """How a suite is run, besides the source and which of its tests are left out: digests by name."""
    files = [*_list_scripts(request), *(file.path for file in request.locked)]
    return (
        *((f"file {path.name}", sha256_file(path)) for path in files),
        ("command", request.suite.command),
        ("rerun", request.suite.rerun),
        ("settings", _write_settings(request)),
    )


def _list_scripts(request: SuiteRequest) -> list[Path]:
    return [_RUNNER, *(_RECORDERS if request.recording is not None else ())]


def make_wrapper(
    request: SuiteRequest, folder: Path, macros: Mapping[str, str], arch: str, limits: Limits
) -> Path:
    """Make the source package below `folder`, which is empty. Raises InputError and BuildError."""
    sources = make_directory(folder / "SOURCES")
    specs = make_directory(folder / "SPECS")
    scripts = _list_scripts(request)
    for script in scripts:
        shutil.copyfile(script, sources / script.name)
    shutil.copyfile(request.srpm, sources / request.srpm.name)
    for file in request.locked:
        shutil.copyfile(file.path, sources / file.path.name)
    suite = request.suite
    texts = {
        "suite.conf": _write_settings(request),
        "command": suite.command,
        "rerun": suite.rerun or suite.command,
        **(_write_recording(request.recording) if request.recording is not None else {}),
    }
    for name, text in texts.items():
        (sources / name).write_text(f"{text}\n", encoding="utf-8")
    names = [_RUNNER.name, request.srpm.name, *texts, *(script.name for script in scripts[1:])]
    names += sorted(file.path.name for file in request.locked)
    spec = specs / "unit-tests.spec"
    spec.write_text(_write_spec(request, names), encoding="utf-8")
    for path in (*sources.iterdir(), spec):
        path.chmod(0o644)
        os.utime(path, (request.epoch, request.epoch))
    # Its largest source is compressed already.
    macros = {**macros, "_source_payload": "w0.gzdio"}
    done = rpmbuild.build_srpm(folder, spec.name, macros, arch, limits, epoch=request.epoch)
    packages = sorted((folder / "SRPMS").glob("*.src.rpm"))
    if done.returncode != 0 or len(packages) != 1:
        raise BuildError(
            f"{request.component}: the source package of its test run was not made", why=done.error_text
        )
    return packages[0]


def _write_recording(recording: Recording) -> dict[str, str]:
    """The files that altai_test_record.py reads."""
    selection = recording.selection
    if selection is None:
        return {"selection.json": json.dumps({"hash": recording.algorithm})}
    fields = {
        "hash": recording.algorithm,
        "base": selection.base,
        "carried": selection.carried,
        "changed": selection.changed,
        "moved": selection.moved,
    }
    return {"selection.json": json.dumps(fields), "base.json": json.dumps(recording.base)}


def _write_spec(request: SuiteRequest, sources: Sequence[str]) -> str:
    name = re.sub(r"[^A-Za-z0-9._+-]", "-", request.component).strip(".-") or "component"
    return _SPEC.format(
        name=f"{name}-unit-tests",
        version=WRAPPER_VERSION,
        sources="\n".join(f"Source{number}: {_escape(file)}" for number, file in enumerate(sources)),
        requires="\n".join(map(_write_requirement, request.requires)),
        results=RESULTS_FOLDER,
    )


def _write_requirement(text: str) -> str:
    if text.startswith("!"):
        return f"BuildConflicts: {_escape(text[1:])}"
    return f"BuildRequires: {_escape(text)}"


def _escape(text: str) -> str:
    """Foreign text for a line of a spec: no macros and no further lines."""
    if not text.isprintable():
        raise InputError(f"{text!r} cannot be written into a spec")
    return text.replace("%", "%%")


def _write_settings(request: SuiteRequest) -> str:
    """The variables of run-suite.sh."""
    suite, settings = request.suite, request.settings
    names = [file.path.name for file in request.locked]
    options = ["--parallel-mode", *(["--branch"] if settings.coverage.branches is not False else [])]
    values = {
        "COMPONENT": request.component,
        "VERSION": request.version,
        "KIND": suite.kind.value,
        "START": suite.start.value,
        "DIRECTORY": settings.directory or "",
        "PYTHON": suite.python,
        "COVERAGE": request.coverage,
        "COVERAGE_OPTIONS": " ".join(options),
        "TIMEOUT": str(int(settings.timeout or DEFAULT_TIMEOUT)),
        "RERUNS": str(1 if settings.rerun is None else settings.rerun),
        "RECORD": "" if request.recording is None else "1",
        "SDISTS": " ".join(sorted(name for name in names if not name.endswith(".whl"))),
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    if settings.parallel is not None:
        lines.append(f"JOBS={settings.parallel}")
    return "\n".join(lines)
