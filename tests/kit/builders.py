"""A builder that needs neither root nor a testbed: the host's rpmbuild, for the specs that tests write themselves."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from altai_build.config import load_config
from altai_build.model.build import (
    BuilderSettings,
    BuildOutcome,
    BuildRequest,
    BuildStep,
    FailureKind,
    HostSupport,
)
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.pipeline.build.plan import BuildPlan, plan_build
from altai_build.pipeline.build.run import BuildRun, build_all
from altai_build.pipeline.run import Run
from altai_build.tools.builder import Builder
from altai_build.tools.buildlog.causes import find_causes
from altai_build.tools.buildlog.machine import may_blame_machine
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.mock.option_check import UnsupportedOption
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.cli import CliResult, altai_build
from tests.kit.git import Entry
from tests.kit.repositories import Package, make_repository
from tests.kit.superprojects import DEFINITION, World, make_spec

_MOCK_CONFIG = """\
config_opts['root'] = 'm'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install bash'
config_opts['dnf.conf'] = '''
[main]
gpgcheck=0
[base]
name=base
baseurl={url}
'''
"""


# The command line with this builder in the registry.
_MAIN = """\
from altai_build.cli.main import main
from altai_build.pipeline.build.builders import BUILDERS
BUILDERS["host"] = "tests.kit.builders:HostBuilder"
main()
"""

_VERBS = {
    BuildStep.PACKAGES: "--rebuild",
    BuildStep.SPEC_REQUIRES: "-rs",
    BuildStep.GENERATED_REQUIRES: "-rr",
}


class HostBuilder:
    """Runs rpmbuild on this machine; its log begins with the process that it was called in."""

    name: ClassVar[str] = "host"
    resolves_dependencies: ClassVar[bool] = False

    def __init__(self, settings: BuilderSettings) -> None:
        self._macros = settings.macros

    @classmethod
    def open(cls, config: MockConfig, settings: BuilderSettings) -> HostBuilder:
        return cls(settings)

    @classmethod
    def is_installed(cls) -> bool:
        return True

    @classmethod
    def require_usable(cls) -> None:
        pass

    @classmethod
    def inspect_host(cls, scratch: Path) -> HostSupport:
        return HostSupport(found="ready")

    @classmethod
    def find_unsupported(cls, config: MockConfig) -> tuple[UnsupportedOption, ...]:
        return ()

    def version(self) -> str:
        return "1"

    def prepare(self, base: Buildroot) -> None:
        pass

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        started, log = time.monotonic(), request.result_dir / "build.log"
        with tempfile.TemporaryDirectory() as top:
            macros = {**dict(self._macros), **dict(request.macros), "_topdir": top, "_dbpath": f"{top}/db"}
            options = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
            verb = _VERBS[request.step]
            with open(log, "w", encoding="utf-8") as stream:
                stream.write(f"process {os.getpid()}\n")
                stream.flush()
                done = subprocess.run(
                    ["rpmbuild", verb, "--nodeps", *options, str(request.srpm)],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            for path in Path(top, "RPMS").rglob("*.rpm"):
                (request.result_dir / path.name).write_bytes(path.read_bytes())
            for path in Path(top, "SRPMS").glob("*.src.rpm"):
                (request.result_dir / path.name).write_bytes(path.read_bytes())
            for path in Path(top, "SRPMS").glob("*.buildreqs.nosrc.rpm"):
                name = path.name.replace(".buildreqs.nosrc.rpm", ".src.rpm")
                (request.result_dir / name).write_bytes(path.read_bytes())
        failed = done.returncode not in ((0, 11) if request.step is BuildStep.GENERATED_REQUIRES else (0,))
        return BuildOutcome(
            failure=FailureKind.BUILD if failed else None,
            rpms=() if failed else tuple(sorted(request.result_dir.glob("*.rpm"))),
            log=log,
            reason="rpmbuild failed" if failed else "",
            is_conclusive=failed and not may_blame_machine(log),
            seconds=time.monotonic() - started,
            buildroot=buildroot.lines,
            causes=find_causes(log, FailureKind.BUILD, good_log=request.good_log) if failed else (),
        )


def noarch_component(name: str, *needs: str, tags: Sequence[str] = (), build: str = "") -> dict[str, Entry]:
    """A component whose only package holds one file."""
    lines = ["BuildArch: noarch", *(f"BuildRequires: {needed}" for needed in needs), *tags]
    spec = make_spec(
        name,
        tags="\n".join(lines),
        build=build,
        install=f"install -D README %{{buildroot}}/usr/share/{name}/README",
        files=f"/usr/share/{name}",
    )
    return {f"{name}.spec": spec, "README": f"{name}\n"}


@dataclass
class HostSite:
    """A superproject, and the run that builds its components without a chroot."""

    world: World
    run: Run

    @classmethod
    def create(
        cls,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        more: str = "",
        base: Sequence[Package] = (),
        builder: type[Builder] = HostBuilder,
    ) -> HostSite:
        """A superproject without components; `more` is appended to its repos.yaml, `base` to the base repository."""
        monkeypatch.setitem(BUILDERS, builder.name, f"{builder.__module__}:{builder.__qualname__}")
        world = World(folder)
        url = make_repository(folder / "base", [Package("bash"), Package("base-tool"), *base]).as_uri()
        (world.super.path / "repos.yaml").write_text(DEFINITION + more)
        (world.super.path / "mock-configs").mkdir()
        (world.super.path / "mock-configs/m.cfg").write_text(_MOCK_CONFIG.format(url=url))
        run = Run(
            config=load_config(world.super.path / "repos.yaml"),
            workspace=Workspace(folder / "ws"),
            jobs=2,
            builder=builder.name,
            reporter=ProgressReporter(quiet=True),
        )
        return cls(world=world, run=run)

    def plan(self, *names: str, changed_since: str | None = None) -> BuildPlan:
        return plan_build(self.run, "HEAD", names, changed_since)

    def call(self, *words: str) -> CliResult:
        """One call of altai-build in a process of its own, with this builder."""
        options = ["--workspace", str(self.run.workspace.root), "--builder", HostBuilder.name]
        return altai_build(*options, *words, cwd=self.world.super.path, program=("-c", _MAIN))

    def build(self, *names: str, changed_since: str | None = None, fail_fast: bool = False) -> BuildRun:
        return build_all(self.run, self.plan(*names, changed_since=changed_since), fail_fast=fail_fast)
