"""A trace never proves what it cannot see; tests/flow/test_deep.py traces packages that were really built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config.lockfile import dump_lock
from altai_build.model.checksum import Sha256
from altai_build.model.findings import select_errors
from altai_build.model.lock import Choice, ChoiceRule, Lock, LockedPackage, LockedRepository
from altai_build.model.nevra import parse_nevra
from altai_build.model.release import Signer, SuperprojectPin
from altai_build.model.trace import TraceStatus, TraceStep, TraceStepKind
from altai_build.pipeline.published.trace import trace_provenance
from altai_build.pipeline.run import Run
from altai_build.tools.files import sha256_file
from tests.kit.configs import make_run
from tests.kit.git import Repo
from tests.kit.releases import Materials, make_release, make_release_contents

FOCUS = "centos6/focus-1.0-3.el6.noarch.rpm"
ERLANG = "deps/epel/erlang-14-2.el6.noarch.rpm"


@pytest.fixture
def superproject(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "site")


@pytest.fixture
def run(materials: Materials, superproject: Repo) -> Run:
    return make_run(superproject.path, materials)


def make(run: Run, materials: Materials, commit: str) -> Path:
    contents = make_release_contents(materials)
    pin = SuperprojectPin(url="https://example.org/altai.git", commit=commit, tag=None)
    return make_release(
        run.config.root / "releases" / "1.0.2", materials, replace(contents, superproject=pin)
    )


def find(steps: tuple[TraceStep, ...], subject: str, kind: TraceStepKind) -> TraceStep:
    (step,) = (step for step in steps if (step.subject, step.kind) == (subject, kind))
    return step


def test_what_the_superproject_does_not_have_is_not_proved(run: Run, materials: Materials) -> None:
    release = make(run, materials, "0" * 40)
    trace = trace_provenance(run, release)
    *unexamined, error = select_errors(trace.verification.findings)
    assert {finding.subject for finding in unexamined} >= {"1.0.2", "deps/epel"}
    assert all(" could not be examined: " in finding.message for finding in unexamined)
    assert (error.rule, error.subject) == ("deep", "1.0.2")
    assert error.message.startswith("nothing outside the release proves where its packages come from: 0 of ")
    step = find(trace.steps, "1.0.2", TraceStepKind.SUPERPROJECT)
    assert step.status is TraceStatus.UNEXAMINED
    assert step.detail == f"{run.config.root} does not have its commit {'0' * 40}"
    assert find(trace.steps, FOCUS, TraceStepKind.SIGNATURE).status is TraceStatus.PROVED
    for subject, kind in (
        (FOCUS, TraceStepKind.SOURCE),
        (FOCUS, TraceStepKind.GITLINK),
        (ERLANG, TraceStepKind.LOCK),
    ):
        assert find(trace.steps, subject, kind).status is TraceStatus.UNEXAMINED, (subject, kind)


def test_a_commit_without_the_component_or_the_lock_does_not_prove_them(
    run: Run, materials: Materials, superproject: Repo
) -> None:
    commit = superproject.commit({"README": "1\n"})
    trace = trace_provenance(run, make(run, materials, commit))
    superproject_step = find(trace.steps, "1.0.2", TraceStepKind.SUPERPROJECT)
    assert superproject_step.status is TraceStatus.PROVED
    assert superproject_step.detail.startswith(f"{commit} is in ")
    lock = find(trace.steps, ERLANG, TraceStepKind.LOCK)
    assert (lock.status, lock.detail) == (
        TraceStatus.UNEXAMINED,
        "the superproject's commit has no deps.lock.yaml",
    )
    gitlink = find(trace.steps, FOCUS, TraceStepKind.GITLINK)
    assert (gitlink.status, gitlink.detail) == (
        TraceStatus.CONTRADICTED,
        f"the superproject's commit has nothing at {gitlink.origin}",
    )


def test_a_lock_that_is_not_valid_proves_nothing(run: Run, materials: Materials, superproject: Repo) -> None:
    commit = superproject.commit({"deps.lock.yaml": "version: 0\n"})
    step = find(trace_provenance(run, make(run, materials, commit)).steps, ERLANG, TraceStepKind.LOCK)
    assert step.status is TraceStatus.UNEXAMINED
    assert step.detail.startswith("deps.lock.yaml in the superproject's commit is not valid: (top level): ")
    assert "\n" not in step.detail


@pytest.mark.parametrize("is_same", [True, False])
def test_the_lock_proves_or_contradicts_the_bytes_of_a_mirrored_package(
    run: Run, materials: Materials, superproject: Repo, is_same: bool
) -> None:
    nevra = parse_nevra("erlang-14-2.el6.noarch")
    assert nevra is not None
    locked = LockedPackage(
        nevra=nevra,
        repository="deps/epel",
        location="erlang-14-2.el6.noarch.rpm",
        sha256=Sha256(sha256_file(materials.mirrored) if is_same else "f" * 64),
        size=1,
        license="MIT",
        signer=Signer(key_id="A" * 16, fingerprint="A" * 40),
        needed_by=(),
        choice=Choice(rule=ChoiceRule.ONLY, over=()),
    )
    repository = LockedRepository(
        name="deps/epel", url="https://example.org", key="epel6", revision="1", metadata="c" * 64, signed=True
    )
    lock = Lock(target="centos6", repositories=(repository,), from_base=(), packages=(locked,))
    commit = superproject.commit({"deps.lock.yaml": dump_lock(lock)})
    trace = trace_provenance(run, make(run, materials, commit))
    step = find(trace.steps, ERLANG, TraceStepKind.LOCK)
    assert step.status is (TraceStatus.PROVED if is_same else TraceStatus.CONTRADICTED)
    assert locked.sha256 in step.detail


def test_a_changed_package_is_contradicted_and_its_header_is_not_read(
    run: Run, materials: Materials, superproject: Repo
) -> None:
    release = make(run, materials, superproject.commit({"README": "1\n"}))
    package = release / FOCUS
    data = package.read_bytes()
    # Not the inode that other tests use.
    package.unlink()
    package.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    trace = trace_provenance(run, release)
    assert not trace.verification.is_ok
    assert find(trace.steps, FOCUS, TraceStepKind.SIGNATURE).status is TraceStatus.CONTRADICTED
    header = find(trace.steps, FOCUS, TraceStepKind.HEADER)
    assert (header.status, header.detail) == (TraceStatus.UNPROVED, "the header cannot be trusted")


def test_a_release_without_a_readable_manifest_has_no_steps(run: Run, materials: Materials) -> None:
    release = make(run, materials, "0" * 40)
    (release / "release.json").write_text("{")
    trace = trace_provenance(run, release)
    assert trace.steps == ()
    assert not trace.verification.is_ok
