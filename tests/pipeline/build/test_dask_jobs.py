"""A job as a message: no repositories, no passwords; a result from a worker is examined like a local one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import DistrustedError, InputError
from altai_build.model.build import BuildRequest, BuildStep, FailureKind
from altai_build.model.checksum import Checksum
from altai_build.model.connection import ConnectionSettings
from altai_build.model.nevra import Nevra
from altai_build.pipeline.build import toolchains
from altai_build.pipeline.build.dask_jobs import JobWriter, find_offer, make_offer, read_result, refer_to
from altai_build.stages.build.environment import BuildEnvironment
from altai_build.stages.build.jobs import BuildJob
from altai_build.tools.chroot.resolver import Buildroot
from altai_build.tools.dask.messages import FileReference, Outcome, encode
from altai_build.tools.dask.served_jobs import OUTCOME, Attempt
from altai_build.tools.solver.pool import ResolvedPackage
from tests.kit.builders import HostBuilder, HostSite, noarch_component
from tests.kit.rpms import build_rpm


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> BuildEnvironment:
    with pytest.MonkeyPatch.context() as monkeypatch:
        site = HostSite.create(tmp_path_factory.mktemp("site"), monkeypatch)
        site.world.component("repos/a", noarch_component("a"))
        site.world.pin()
        [found] = toolchains.open_build_environments(site.run, site.plan().discovery.sourced).values()
        return found


def make_job(folder: Path, step: BuildStep = BuildStep.PACKAGES) -> BuildJob:
    (folder / "result").mkdir(exist_ok=True)
    (folder / "a.src.rpm").write_bytes(b"source")
    (folder / "dep-1-1.noarch.rpm").write_bytes(b"dependency")
    dependency = ResolvedPackage(
        nevra=Nevra("dep", 0, "1", "1", "noarch"),
        metadata=None,
        location=str(folder / "dep-1-1.noarch.rpm"),
        checksum=Checksum("sha256", hashlib.sha256(b"dependency").hexdigest()),
        size=len(b"dependency"),
    )
    request = BuildRequest(
        "a",
        folder / "a.src.rpm",
        (folder / "dep-1-1.noarch.rpm",),
        folder / "result",
        source_date_epoch=5,
        step=step,
    )
    return BuildJob("t", request, Buildroot(base=(), extra=(dependency,)))


def test_what_workers_offer_has_the_versions() -> None:
    assert make_offer("host", "1", "x86_64").endswith(", host 1, x86_64")


def test_a_description_has_digests_and_plain_names(environment: BuildEnvironment, tmp_path: Path) -> None:
    assert find_offer(environment) == make_offer("host", "1", "x86_64")
    description, files = JobWriter().describe(make_job(tmp_path), environment)
    assert (description.srpm.name, description.local, description.good_log) == ("a.src.rpm", (), None)
    assert [package.file.name for package in description.extra] == ["dep-1-1.noarch.rpm"]
    assert {digest: find().read_bytes() for digest, find in files.items()} == {
        hashlib.sha256(data).hexdigest(): data for data in (b"source", b"dependency")
    }
    text = encode(description).decode()
    assert str(tmp_path) not in text and "baseurl" not in text and "file:" not in text


class Mocking(HostBuilder):
    resolves_dependencies = True


def test_passwords_do_not_go_to_workers(environment: BuildEnvironment, tmp_path: Path) -> None:
    builder = Mocking(environment.definition.settings)
    mocking = replace(environment, builder=builder)
    description, _ = JobWriter().describe(make_job(tmp_path), mocking)
    # A builder that resolves dependencies itself gets the repositories and the packages of the run.
    assert "baseurl" in description.config.flat and len(description.local) == 1 and description.extra == ()
    config = environment.definition.config
    section = replace(config.repositories[0], connection=ConnectionSettings(username="u", password="p"))
    secret = replace(mocking.definition, config=replace(config, repositories=(section,)))
    with pytest.raises(InputError, match="has a password or a client certificate for base"):
        JobWriter().describe(make_job(tmp_path), replace(mocking, definition=secret))
    # One that gets its packages from the run gets no repositories.
    JobWriter().describe(make_job(tmp_path), replace(environment, definition=secret))


class Sent:
    """An attempt with a package and a log, and an outcome that names them."""

    def __init__(self, folder: Path, *, name: str = "a-1.0-1.noarch.rpm", **fields: Any) -> None:
        self.job = make_job(folder)
        (folder / "attempt").mkdir()
        made = build_rpm(folder / "made", "a").binary
        made.rename(folder / "attempt" / name)
        (folder / "attempt/build.log").write_bytes(b"+ make\n")
        paths = sorted((folder / "attempt").iterdir())
        outcome = Outcome(**{
            "failure": None,
            "reason": "",
            "seconds": 1.5,
            "buildroot": (),
            "causes": (),
            "is_conclusive": False,
            "log": "build.log",
            "rpms": (name,),
            "requires": (),
            "files": tuple(map(refer_to, paths)),
            **fields,
        })  # fmt: skip
        data = encode(outcome)
        self.digest = hashlib.sha256(data).hexdigest()
        arrived = {path.name: (refer_to(path).sha256, path.stat().st_size) for path in paths}
        (folder / "attempt" / OUTCOME).write_bytes(data)
        self.attempt = Attempt("w", folder / "attempt", 0.0, arrived, self.digest)


def test_a_result_is_examined_like_a_local_one(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    result = read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False)
    assert result.folder == tmp_path / "result" and result.outcome.seconds == 1.5
    [rpm] = result.rpms
    assert (rpm.path.parent, rpm.header.nevra.name) == (tmp_path / "result", "a")
    assert result.outcome.log is not None and result.outcome.log.read_bytes() == b"+ make\n"


def test_a_damaged_package_is_a_fault_of_the_worker(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    [path] = (tmp_path / "attempt").glob("*.rpm")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DistrustedError, match="the worker w sent damaged packages") as caught:
        read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False)
    assert caught.value.why.startswith("a-1.0-1.noarch.rpm is damaged: ")


def test_a_package_with_another_name_is_a_failed_build(tmp_path: Path) -> None:
    sent = Sent(tmp_path, name="b-1.0-1.noarch.rpm")
    result = read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False)
    assert result.outcome.failure is FailureKind.BUILD and result.rpms == ()
    assert result.outcome.reason.endswith("b-1.0-1.noarch.rpm contains a-1.0-1.noarch.rpm")
    assert result.outcome.log is not None


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"files": ()}, "a-1.0-1.noarch.rpm was not announced"),
        ({"rpms": ("other.rpm",)}, "other.rpm is no file that it sent"),
        ({"rpms": ()}, "a build that succeeded made no package"),
        ({"failure": "build"}, "a build that failed made packages"),
        ({"rpms": ("a-1.0-1.noarch.rpm",) * 2}, "it names a package twice"),
        ({"log": "other.log"}, "its log is no file that it sent"),
        (
            {"failure": "build", "rpms": (), "log": None, "is_conclusive": True},
            "it fails each time, and there is no log",
        ),
        ({"buildroot": ("a-1-1.noarch sha256:00",)}, "its buildroot had other packages than the run chose"),
        ({"is_conclusive": True}, "it fails each time, and there is no log"),
        (
            {"files": (FileReference(name="more", sha256="a" * 64, size=1),)},
            "more has not arrived as announced",
        ),
    ],
)
def test_results_that_contradict_themselves_are_refused(
    tmp_path: Path, fields: dict[str, Any], why: str
) -> None:
    sent = Sent(tmp_path, **fields)
    with pytest.raises(DistrustedError, match="the worker w sent a wrong result") as caught:
        read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False)
    assert why in caught.value.why.splitlines()
    assert list((tmp_path / "result").iterdir()) == []


def test_an_outcome_must_have_been_sent_and_be_one(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    with pytest.raises(DistrustedError, match="did not send the outcome"):
        read_result(sent.job, sent.attempt, "b" * 64, chooses_packages=False)
    with pytest.raises(InputError, match="the worker w sent a message that is refused"):
        (tmp_path / "attempt" / OUTCOME).write_bytes(b"{}")
        digest = hashlib.sha256(b"{}").hexdigest()
        read_result(sent.job, replace(sent.attempt, outcome=digest), digest, chooses_packages=False)
    with pytest.raises(DistrustedError, match="did not send the outcome"):
        # Another one was written meanwhile.
        read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False)


def test_buildroots_are_lists_of_packages(tmp_path: Path) -> None:
    dependency = f"dep-1-1.noarch sha256:{hashlib.sha256(b'dependency').hexdigest()}"
    for number, line in enumerate(("a-1-1.noarch sha256:\x1b[31m", "a\n-1 sha256:00", "a-1-1.noarch", "")):
        folder = tmp_path / str(number)
        folder.mkdir()
        sent = Sent(folder, buildroot=(line,))
        with pytest.raises(InputError, match="sent a message that is refused"):
            read_result(sent.job, sent.attempt, sent.digest, chooses_packages=True)
    (tmp_path / "good").mkdir()
    sent = Sent(tmp_path / "good", buildroot=(dependency,))
    assert read_result(sent.job, sent.attempt, sent.digest, chooses_packages=False).rpms
    (tmp_path / "mock").mkdir()
    # A builder that chooses packages itself may have others, which the run compares with those that it expected.
    sent = Sent(tmp_path / "mock", buildroot=("other-1-1.noarch 1600000000:123",))
    assert read_result(sent.job, sent.attempt, sent.digest, chooses_packages=True).rpms


def test_packages_are_no_requirements(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    job = make_job(tmp_path, BuildStep.SPEC_REQUIRES)
    with pytest.raises(DistrustedError) as caught:
        read_result(job, sent.attempt, sent.digest, chooses_packages=False)
    assert caught.value.why == "it made packages where only requirements were asked for"
