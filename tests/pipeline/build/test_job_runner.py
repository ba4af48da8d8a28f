"""What a worker makes of a task: builds that are those of the run, or an error that says what is wrong there."""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from altai_build import __version__
from altai_build.errors import InputError, MissingToolError
from altai_build.model.build import BuildOutcome, FailureKind
from altai_build.pipeline.build import job_runner
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.pipeline.build.job_runner import JobRunner, identify_programs, list_offers
from altai_build.tools import process
from altai_build.tools.dask.file_server import FileServer
from altai_build.tools.dask.messages import (
    BuilderConfig,
    BuildLimits,
    Description,
    FileReference,
    Package,
    Task,
    encode,
)
from altai_build.tools.dask.served_jobs import ServedJob
from altai_build.tools.dask.store import FileStore
from altai_build.workspace import Workspace
from tests.kit.builders import HostBuilder
from tests.kit.clusters import refer


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobRunner:
    monkeypatch.setitem(BUILDERS, "host", "tests.kit.builders:HostBuilder")
    workspace = Workspace(tmp_path / "worker")
    return JobRunner(
        workspace=workspace,
        name="w",
        builders=("host",),
        cpus=1,
        store=FileStore(workspace.cache / "store", 1 << 20),
        context=None,
    )


CONFIG = BuilderConfig(
    name="m", root="m", basedir="", target_arch="x86_64", legal_host_arches=(), macros=(), environment=(),
    use_bootstrap=False, rpmbuild_timeout=0, rpmbuild_arch="x86_64", rpmbuild_command="rpmbuild", rpmbuild_opts=(),
    run_check=True, flat="", digest="0" * 64,
)  # fmt: skip
LIMITS = BuildLimits(seconds=None, processes=None, memory=None, file=None, log=None, free=None)
SOURCE = refer(b"source", "a.src.rpm")
DEPENDENCY = Package(
    name="dep", epoch=0, version="1", release="1", arch="noarch", checksum="sha1:" + "0" * 40,
    file=refer(b"dependency", "dep-1-1.noarch.rpm"),
)  # fmt: skip


def describe(**fields: object) -> Description:
    values: dict[str, object] = {
        "program": __version__,
        "builder": "host",
        "builder_version": "1",
        "config": CONFIG,
        "macros": (),
        "limits": LIMITS,
        "component": "a",
        "step": "build",
        "srpm": SOURCE,
        "local": (),
        "good_log": None,
        "source_date_epoch": 1,
        "request_macros": (),
        "base": (),
        "extra": (DEPENDENCY,),
        "nodocs": False,
        "directories": (),
        "files": (),
    }
    return Description(**{**values, **fields})  # type: ignore[arg-type]


@pytest.fixture
def server() -> Iterator[FileServer]:
    server = FileServer("127.0.0.1", 0, None)
    yield server
    server.close()


def run(runner: JobRunner, server: FileServer, folder: Path, data: bytes, *, url: str = "") -> dict[str, str]:
    """The answer of a worker to a task whose description is this."""
    files = {}
    for number, content in enumerate((data, b"source", b"dependency")):
        path = folder / f"{number}"
        path.write_bytes(content)
        files[refer(content).sha256] = lambda path=path: path
    (folder / "incoming").mkdir(exist_ok=True)
    served = ServedJob("token", files, folder / "incoming", folder / "live", 1 << 20)
    task = Task(
        format=1, url=url or server.url, job=server.add(served), token="token", description=refer(data, "d")
    )
    answer: dict[str, str] = json.loads(runner.run(encode(task)))
    return answer


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (encode(describe(program="9.9")), "the run needs 9.9 with host"),
        (
            encode(describe(builder="mock")),
            f"this worker has altai-build {__version__} with host; the run needs",
        ),
        (encode(describe(builder_version="2")), "this worker builds with host 1; the run needs 2"),
        (b"{}", "the run sent a message that is refused"),
        (
            encode(describe(srpm=FileReference(name="a", sha256="b" * 64, size=1))),
            "refused a request (404)",
        ),
    ],
)
def test_what_a_worker_cannot_do_is_an_answer(
    runner: JobRunner, server: FileServer, tmp_path: Path, data: bytes, why: str
) -> None:
    answer = run(runner, server, tmp_path, data)
    assert why in answer["error"] and not answer["outcome"]
    assert list(runner.workspace.scratch.iterdir()) == []


def test_upgraded_programs_end_what_a_worker_offers(
    runner: JobRunner, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    rpm = tmp_path / "bin/rpm"
    rpm.write_text("#!/bin/sh\necho RPM version 1\n")
    rpm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    builds: list[str] = []

    def build(self: HostBuilder, request: object, buildroot: object) -> BuildOutcome:
        builds.append("built")
        os.utime(rpm, (1, 1))  # upgraded in the middle of a build
        return BuildOutcome(FailureKind.BUILD, (), None, "broken", 1.0, ())

    monkeypatch.setattr(HostBuilder, "build", build)
    runner._programs = identify_programs()
    for _ in range(2):
        answer = run(runner, server, tmp_path, encode(describe()))
        assert "rpm or mock was upgraded on this worker" in answer["error"]
        assert "start the worker again" in answer["error"] and not answer["outcome"]
    assert builds == ["built"]


def test_a_task_that_is_none_is_an_answer(runner: JobRunner) -> None:
    assert "the run sent a message that is refused" in json.loads(runner.run(b"\x80\x04N."))["error"]


def test_packages_of_buildroots_come_from_the_run(
    runner: JobRunner, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[str, bytes, int]] = []

    def build(self: HostBuilder, request: object, buildroot: object) -> None:
        [package] = buildroot.extra  # type: ignore[attr-defined]
        [path] = runner._fetch_packages([package])
        found.append((package.line, path.read_bytes(), request.jobs))  # type: ignore[attr-defined]
        raise InputError("that was all")

    monkeypatch.setattr(HostBuilder, "build", build)
    assert "that was all" in run(runner, server, tmp_path, encode(describe()))["error"]
    # Its line, which names buildroots, is that of its repository; its bytes are verified by SHA-256.
    assert found == [(f"dep-1-1.noarch sha1:{'0' * 40}", b"dependency", 1)]


def test_jobs_end_with_their_worker_and_the_next_ones_run(
    runner: JobRunner, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def build(self: HostBuilder, request: object, buildroot: object) -> None:
        threads.append(threading.get_ident())
        if len(threads) == 1:
            threading.Thread(target=runner.stop).start()
        process.run(["sleep", "600" if len(threads) == 1 else "0"])
        raise InputError("that was all")

    monkeypatch.setattr(HostBuilder, "build", build)
    data = encode(describe())
    assert run(runner, server, tmp_path, data)["error"] == "the worker was stopped"
    assert list(runner.workspace.scratch.iterdir()) == []
    assert run(runner, server, tmp_path, data)["error"] == "that was all"
    assert len(set(threads)) == 1


def test_stopped_jobs_are_waited_for_but_not_for_ever(runner: JobRunner) -> None:
    runner._threads.add(1)
    runner.wait(0.01)
    threading.Timer(0.05, runner._threads.clear).start()
    started = time.monotonic()
    runner.wait(60)
    assert time.monotonic() - started < 50


def test_a_build_that_fails_because_the_worker_ends_is_no_result(
    runner: JobRunner, server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "END_GRACE", 0.0)
    ends = [True, False]

    def build(self: HostBuilder, request: object, buildroot: object) -> BuildOutcome:
        if ends.pop(0):
            runner.stop()
        return BuildOutcome(
            failure=FailureKind.BUILD, rpms=(), log=None, reason="signal 15", seconds=0.1, buildroot=()
        )

    monkeypatch.setattr(HostBuilder, "build", build)
    assert run(runner, server, tmp_path, encode(describe()))["error"] == "the worker was stopped"
    answer = run(runner, server, tmp_path, encode(describe()))
    assert not answer["error"] and answer["outcome"]


def test_tls_is_demanded_as_the_worker_was_told(
    runner: JobRunner, server: FileServer, tmp_path: Path
) -> None:
    data = encode(describe(program="9.9"))
    assert "needs certificates" in run(runner, server, tmp_path, data, url="https://127.0.0.1:1")["error"]
    remote = run(runner, server, tmp_path, data, url="http://192.0.2.1:1")
    assert "is on another machine and has no TLS" in remote["error"]
    runner.context = ssl.create_default_context()
    assert "has no TLS, which this worker demands" in run(runner, server, tmp_path, data)["error"]


def test_offers_are_of_builders_that_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")

    class Broken(HostBuilder):
        @classmethod
        def require_usable(cls) -> None:
            raise MissingToolError("no rpm here")

    monkeypatch.setattr("tests.kit.builders.BrokenBuilder", Broken, raising=False)
    for name in list(BUILDERS):
        monkeypatch.delitem(BUILDERS, name)
    monkeypatch.setitem(BUILDERS, "broken", "tests.kit.builders:BrokenBuilder")
    with pytest.raises(MissingToolError, match="no rpm here"):
        list_offers("auto", Workspace(tmp_path))
    monkeypatch.setitem(BUILDERS, "host", "tests.kit.builders:HostBuilder")
    offers = [f"altai-build {__version__}, host 1, {arch}" for arch in ("x86_64", "i386")]
    assert list_offers("auto", Workspace(tmp_path)) == {"host": offers}
    assert list_offers("host", Workspace(tmp_path)) == {"host": offers}
