"""A look-up finds builds of the same inputs, and runs nothing unless it is told to."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from altai_build.ledger import Ledger
from altai_build.model.build import BuildOutcome, BuildRequest
from altai_build.model.package import LocalRpm
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.pipeline.build.toolchains import open_build_environments
from altai_build.stages.build import lookup
from altai_build.stages.build.cache import BuildCache
from altai_build.stages.build.environment import BuildEnvironment, ComponentBuild
from altai_build.stages.build.jobs import run_job, run_steps
from altai_build.stages.build.lookup import UnknownBuildRequires, ask_early, compute_question, look_up_build
from altai_build.stages.build.run import build_or_reuse
from altai_build.tools.chroot.resolver import Buildroot, BuildrootResolver
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.header import read_header
from altai_build.tools.solver.resolve import Unsatisfiable
from altai_build.workspace import Workspace
from tests.kit.builders import HostBuilder, HostSite, noarch_component
from tests.kit.repositories import Package
from tests.kit.rpms import build_rpm


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildEnvironment:
    site = HostSite.create(tmp_path / "site", monkeypatch, base=[Package("base-more")])
    site.world.component("repos/any", noarch_component("any"))
    site.world.pin()
    (found,) = open_build_environments(site.run, site.plan().discovery.sourced).values()
    return found


@pytest.fixture
def cache(tmp_path: Path, environment: BuildEnvironment) -> BuildCache:
    return BuildCache(Workspace(tmp_path / "ws"), Ledger(tmp_path / "ws/ledger.jsonl"))


def local(path: Path) -> LocalRpm:
    return LocalRpm(path=path, header=read_header(path), sha256=sha256_file(path))


def build_of(srpm: Path, *others: LocalRpm) -> ComponentBuild:
    return ComponentBuild("app", "c", srpm, sha256_file(srpm), read_header(srpm), local=others, cpus=1)


def finish(build: ComponentBuild, environment: BuildEnvironment, cache: BuildCache) -> str:
    result = run_steps(
        build_or_reuse(build, environment, cache), lambda job: run_job(job, environment.builder)
    )
    assert result.rpms, result.reason
    return result.key


def make_srpm(folder: Path, *needs: str, generated: str = "") -> Path:
    """A source package whose only package is empty."""
    folder.mkdir()
    spec = folder / "app.spec"
    tags = "".join(f"BuildRequires: {needed}\n" for needed in needs)
    section = f"%generate_buildrequires\n{generated}\n" if generated else ""
    spec.write_text(
        f"Name: app\nVersion: 1\nRelease: 1\nSummary: x\nLicense: MIT\nBuildArch: noarch\n{tags}"
        f"%description\nx\n%prep\n{section}%build\n%files\n"
    )
    options = ["--define", f"_topdir {folder}", "--define", f"_dbpath {folder}/db"]
    subprocess.run(
        ["rpmbuild", "-bs", "--nodeps", *options, str(spec)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    (srpm,) = folder.glob("SRPMS/*.src.rpm")
    return srpm


def test_a_build_of_the_same_inputs_is_found(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    build = build_of(make_srpm(tmp_path / "srpm", "base-tool"))
    first = look_up_build(build, environment, cache)
    assert (first.cached_record, first.rpms) == (None, ())
    names = [package.nevra.name for package in first.resolved.buildroot.extra]
    assert names == ["base-tool"] and not cache.workspace.builds.exists()
    key = finish(build, environment, cache)
    again = look_up_build(build, environment, cache)
    assert key == first.resolved.key == again.resolved.key
    assert again.cached_record is not None and len(again.rpms) == 1
    other = replace(build, macros=(("x", "1"),))
    assert look_up_build(other, environment, cache).cached_record is None


@pytest.mark.parametrize(
    ("policy", "changes"),
    [
        (RebuildPolicy.REBUILD, {"release": "2"}),
        (RebuildPolicy.HEADERS, {"files": {"/usr/share/lib/other": "x"}}),
        (RebuildPolicy.NEVER, {"version": "2.0"}),
    ],
)
def test_the_policy_says_which_rebuilds_of_a_dependency_count(
    tmp_path: Path,
    environment: BuildEnvironment,
    cache: BuildCache,
    policy: RebuildPolicy,
    changes: dict[str, str],
) -> None:
    srpm = make_srpm(tmp_path / "srpm", "lib")
    key = finish(build_of(srpm, local(build_rpm(tmp_path / "lib", "lib").binary)), environment, cache)
    rebuilt = build_rpm(tmp_path / "new", "lib", **changes).binary  # type: ignore[arg-type]
    build = build_of(srpm, local(rebuilt))
    found = look_up_build(build, replace(environment, policy=policy), cache)
    assert found.cached_record is not None and found.cached_record.key == key
    if policy is not RebuildPolicy.REBUILD:
        assert look_up_build(build, environment, cache).cached_record is None


def test_unmet_requirements_are_named(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    with pytest.raises(Unsatisfiable, match="nothing provides not-there"):
        look_up_build(build_of(make_srpm(tmp_path / "srpm", "not-there")), environment, cache)


def test_what_is_generated_is_unknown_until_it_has_run(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    build = build_of(make_srpm(tmp_path / "srpm", generated="echo base-tool"))
    with pytest.raises(
        UnknownBuildRequires, match="what the spec in the buildroot asks for is not known yet"
    ):
        look_up_build(build, environment, cache)
    finish(build, environment, cache)
    found = look_up_build(build, environment, cache)
    assert [package.nevra.name for package in found.resolved.buildroot.extra] == ["base-tool"]


class MacroBuilder(HostBuilder):
    """A package of the buildroot brings a macro along, as many do; it counts what it is asked."""

    steps: ClassVar[list[str]] = []

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        self.steps.append(request.step.value)
        has_tool = any(line.startswith("base-tool-") for line in buildroot.lines)
        more = (("tool_prefix", "base"),) if has_tool else ()
        return super().build(replace(request, macros=(*request.macros, *more)), buildroot)


TOOL_PREFIX = "%{?tool_prefix:%{tool_prefix}-more}%{!?tool_prefix:bash}"


def test_macros_of_the_buildroot_decide_what_is_required(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    srpm = make_srpm(tmp_path / "srpm", "base-tool", TOOL_PREFIX)
    assert "bash" in {need.name for need in read_header(srpm).requires}
    asking = replace(environment, builder=MacroBuilder(environment.definition.settings))
    MacroBuilder.steps.clear()
    key = finish(build_of(srpm), asking, cache)
    assert MacroBuilder.steps == ["spec-requires"] * 3 + ["build"]
    found = look_up_build(build_of(srpm), asking, cache)
    assert found.cached_record is not None and found.cached_record.key == key
    assert {one.nevra.name for one in found.resolved.buildroot.extra} == {"base-tool", "base-more"}


def test_an_early_answer_is_not_asked_for_again(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    build = build_of(make_srpm(tmp_path / "srpm", "lib"))
    asking = replace(environment, builder=MacroBuilder(environment.definition.settings))
    MacroBuilder.steps.clear()
    for _ in range(2):
        # What it needs is not there yet.
        run_steps(ask_early(build, asking, cache), lambda job: run_job(job, asking.builder))
    assert MacroBuilder.steps == ["spec-requires"]
    finish(replace(build, local=(local(build_rpm(tmp_path / "lib", "lib").binary),)), asking, cache)
    assert MacroBuilder.steps == ["spec-requires"] * 2 + ["build"]


def test_a_spec_that_asks_for_other_packages_each_time_fails(
    tmp_path: Path, environment: BuildEnvironment, cache: BuildCache
) -> None:
    srpm = make_srpm(tmp_path / "srpm", "%{?tool_prefix:base-more}%{!?tool_prefix:base-tool}")
    asking = replace(environment, builder=MacroBuilder(environment.definition.settings))
    steps = build_or_reuse(build_of(srpm), asking, cache)
    result = run_steps(steps, lambda job: run_job(job, asking.builder))
    assert result.reason == "the spec in the buildroot asks for other packages each time, 10 times in a row"


def test_a_question_is_another_one_by_all_that_decides_on_the_build(
    tmp_path: Path, environment: BuildEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (local(build_rpm(tmp_path / name, name).binary) for name in ("one", "two"))
    build = build_of(make_srpm(tmp_path / "srpm", "one"), one, two)
    definition = environment.definition
    more_config = replace(definition.config, more_buildreqs=(("app", ("base-more",)),))
    other_builds = [
        replace(build, srpm_sha256="0" * 64),
        replace(build, macros=(("x", "1"),)),
        replace(build, local=(one,)),
        replace(build, local=(two, one)),
        replace(build, local=(one, replace(two, sha256="0" * 64))),
    ]
    other_environments = [
        replace(environment, definition=replace(definition, config=replace(definition.config, digest="0"))),
        replace(environment, definition=replace(definition, config=more_config)),
        replace(environment, target=replace(environment.target, macros=(("x", "1"),))),
        replace(
            environment,
            resolver=BuildrootResolver(replace(definition.config, digest="0"), cache=tmp_path / "cache"),
        ),
    ]
    questions = [compute_question(other, environment) for other in (build, *other_builds)]
    questions += [compute_question(build, other) for other in other_environments]
    monkeypatch.setattr(lookup, "digest_code", lambda *_: "another")
    questions.append(compute_question(build, environment))
    assert "" not in questions and len({*questions}) == len(questions)
    assert questions[-1] == compute_question(replace(build, component="b", cpus=7), environment)


def test_there_is_no_question_where_more_decides(tmp_path: Path, environment: BuildEnvironment) -> None:
    build = build_of(make_srpm(tmp_path / "srpm"))
    for policy in (RebuildPolicy.HEADERS, RebuildPolicy.NEVER):
        assert compute_question(build, replace(environment, policy=policy)) == ""
    # As if a repository had no checksums.
    environment.resolver.__dict__["fingerprint"] = None
    assert compute_question(build, environment) == ""
