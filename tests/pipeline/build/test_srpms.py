"""Source packages made at the same time: each has a result, whatever happens to the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.model.component_status import ComponentStatus
from altai_build.model.srpm import Srpm
from altai_build.pipeline.build.srpms import SrpmBatch, make_srpms
from altai_build.pipeline.run import Run
from altai_build.stages.discover.candidates import CandidateFinder
from altai_build.stages.srpm import PackedSrpm, PreparedSrpm, SrpmMaker
from altai_build.tools.git import repository_state
from altai_build.tools.git.component_source import LoadedContent
from altai_build.tools.git.superproject import Submodule
from altai_build.tools.progress import ProgressReporter
from altai_build.tools.spec.reader import SpecReader
from altai_build.workspace import Workspace
from tests.kit.superprojects import DEFINITION, World, make_files, make_spec

NAMES = [f"c{number}" for number in range(12)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    for name in NAMES:
        world.component(f"repos/{name}", make_files(name))
    world.pin({"repos.yaml": DEFINITION})
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    return world


def run(world: World, jobs: int) -> Run:
    return Run(
        config=load_config(world.super.path / "repos.yaml"),
        workspace=Workspace(world.folder / f"ws{jobs}"),
        jobs=jobs,
        builder="chroot",
        reporter=ProgressReporter(quiet=True),
    )


def make(at_work: Run) -> SrpmBatch:
    with SpecReader(cache=at_work.workspace.specs) as reader:
        return make_srpms(at_work, "HEAD", (), reader)


def outcomes(srpm_batch: SrpmBatch) -> dict[str, ComponentStatus]:
    return {row.component: row.status for row in srpm_batch.results}


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_refused_spec_does_not_stop_the_others(world: World, jobs: int) -> None:
    wrong = make_spec("c3").replace("License: MIT\n", "")
    world.component("repos/c3", {"c3.spec": wrong})
    world.component("repos/c5", {"c5.spec": make_spec("c5", source="gone.patch")})
    world.pin()
    found = outcomes(make(run(world, jobs)))
    failed = {name for name, status in found.items() if status is ComponentStatus.FAILED}
    assert failed == {"c3", "c5"}
    assert all(found[name] is ComponentStatus.BUILT for name in NAMES if name not in failed)


@pytest.mark.parametrize("station", ["prepare", "run_rpmbuild", "store_packages"])
def test_an_error_of_the_machine_ends_the_run_and_leaves_no_scratch_files(
    world: World, station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SrpmMaker, station, fail)
    at_work = run(world, 1)
    with pytest.raises(OSError, match="No space left"):
        make(at_work)
    assert list(at_work.workspace.scratch.iterdir()) == []


def test_damaged_packages_are_named_and_the_others_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = SrpmMaker.run_rpmbuild

    def pack(self: SrpmMaker, prepared: PreparedSrpm) -> PackedSrpm:
        packed = original(self, prepared)
        if packed.component.name == "c7":
            packed.path.write_bytes(packed.path.read_bytes()[:-9])
        return packed

    monkeypatch.setattr(SrpmMaker, "run_rpmbuild", pack)
    at_work = run(world, 2)
    srpm_batch = make(at_work)
    found = outcomes(srpm_batch)
    assert found.pop("c7") is ComponentStatus.FAILED
    assert set(found.values()) == {ComponentStatus.BUILT}
    assert all(at_work.ledger.latest("srpm", name) for name in found)
    assert at_work.ledger.latest("srpm", "c7") is None


def test_many_packages_and_one_have_the_same_bytes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    marked = {".gitattributes": "v export-subst\n", "v": "$Format:%H$ $Format:%(describe)$\n"}
    world.component("repos/c0", {**make_files("c0"), **marked})
    world.component("repos/c1", make_files("c1", version="%(git describe || echo 1)"))
    world.component("repos/c2", make_files("c2", changelog="* Tue Foo 01 2019 A\n- x"))
    world.pin()
    srpm_batch = make(run(world, 2))
    warning, *others = sorted(capsys.readouterr().err.splitlines())
    assert [line.partition(", ")[0] for line in others] == [
        "warning: c1: repos/c1/c1.spec asks git (`git describe`)",
        "warning: c2: rpm goes on behind an error: bad date in %changelog: Tue Foo 01 2019 A",
    ]
    assert warning.startswith(
        "warning: c0: v in its archive keeps $Format:%(describe)$ as it is: tags and other"
    )
    alone = run(world, 1)
    (sourced, srpm), *_ = srpm_batch.srpms
    maker = SrpmMaker(
        superproject=alone.superproject,
        config=alone.config,
        workspace=alone.workspace,
        ledger=alone.ledger,
        rpm_version=srpm_batch.maker.rpm_version,
    )
    made = maker.make_srpm(sourced)
    assert isinstance(made, Srpm) and not made.reused
    assert (made.key, made.path.read_bytes()) == (srpm.key, srpm.path.read_bytes())


def test_known_source_packages_are_found_without_their_repositories(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered is only which package it is: where that is damaged it is made again, with the same bytes."""
    monkeypatch.setattr(repository_state, "_SETTLED", -3600.0)
    first = make(run(world, 2))
    loaded: list[str] = []
    original = CandidateFinder._load

    def load(self: CandidateFinder, submodule: Submodule, spec: str) -> LoadedContent:
        loaded.append(submodule.link.path)
        return original(self, submodule, spec)

    monkeypatch.setattr(CandidateFinder, "_load", load)
    again = make(run(world, 2))
    assert [srpm for _, srpm in again.srpms] == [replace(srpm, reused=True) for _, srpm in first.srpms]
    assert loaded == []
    (damaged,) = (srpm.path for source, srpm in first.srpms if source.component.name == "c4")
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + b"x")
    assert outcomes(make(run(world, 2)))["c4"] is ComponentStatus.BUILT
    assert loaded == ["repos/c4"] and damaged.read_bytes() == content
    run(world, 2).workspace.known_srpms.write_bytes(b"{}")
    assert set(outcomes(make(run(world, 2))).values()) == {ComponentStatus.REUSED}
    assert sorted({*loaded}) == sorted(f"repos/{name}" for name in NAMES)
