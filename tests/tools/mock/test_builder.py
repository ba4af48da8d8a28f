"""mock as a builder: how it is called and what a build returns; a stub on PATH stands in for it."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from altai_build.errors import MissingToolError
from altai_build.model.build import BuildOutcome, BuildRequest, FailureKind
from altai_build.model.limits import Limits
from altai_build.tools import children, process
from altai_build.tools.mock.builder import TERMINATE_SCRIPT, MockBuilder
from altai_build.tools.mock.config import MockConfig, read_config
from tests.conftest import Require
from tests.kit.processes import is_running, wait_until_gone

ROOT = Path(__file__).resolve().parents[3]
STUB = ROOT / "tests" / "kit" / "mock_stub"
CONFIG = """\
config_opts['root'] = 'small-{{ target_arch }}'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install bash'
config_opts['use_bootstrap'] = False
config_opts['dnf.conf'] = '[main]\\n[base]\\nbaseurl=https://example.org/\\n'
"""
SPEC = """\
Name: {name}
Version: 1
Release: 1
Summary: A package
License: MIT
BuildArch: noarch
%description
Empty.
%files
"""


class Stub:
    """The stub of mock: what it does next, and how it was called."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def behave(self, **behaviour: Any) -> None:
        (self.place / "behaviour").write_text(json.dumps(behaviour))

    @property
    def calls(self) -> list[dict[str, Any]]:
        lines = (self.place / "calls.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def option(self, name: str, call: int = 0) -> str:
        argv = self.calls[call]["argv"]
        return str(argv[argv.index(name) + 1])


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stub:
    """The stub on PATH, for a user for whom mock works."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mock").symlink_to(STUB)
    place = tmp_path / "home" / "mock-stub"
    place.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(place.parent))
    monkeypatch.setenv("SECRET", "not for children")
    if os.geteuid() == 0:
        monkeypatch.setenv("SUDO_UID", "65534")
    else:
        monkeypatch.setattr(grp, "getgrnam", lambda name: grp.getgrgid(os.getgid()))
    return Stub(place)


@pytest.fixture
def config(tmp_path: Path) -> MockConfig:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.cfg").write_text(CONFIG)
    return read_config("small", search=[tmp_path / "configs"])


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory, require: Require) -> Path:
    """A folder with real packages: case-1-1.src.rpm, case-1-1.noarch.rpm."""
    require(shutil.which("rpmbuild") is not None, "rpmbuild is not installed")
    place = tmp_path_factory.mktemp("packages")
    (place / "case.spec").write_text(SPEC.format(name="case"))
    defines = [f"_topdir {place}", f"_rpmdir {place}", f"_srcrpmdir {place}", "_rpmfilename %%{NVRA}.rpm"]
    arguments = [word for define in defines for word in ("--define", define)]
    subprocess.run(
        ["rpmbuild", "-ba", *arguments, str(place / "case.spec")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return place


@pytest.fixture
def request_for(tmp_path: Path, packages: Path) -> Callable[..., BuildRequest]:
    """A request for a component, with a result directory of its own."""

    def make(
        component: str = "repos/altai/case", *, local: bool = False, srpm: Path | None = None
    ) -> BuildRequest:
        result = tmp_path / "results" / component.replace("/", "_")
        result.mkdir(parents=True)
        return BuildRequest(
            component=component,
            srpm=srpm or packages / "case-1-1.src.rpm",
            local_rpms=(packages / "case-1-1.noarch.rpm",) if local else (),
            result_dir=result,
            source_date_epoch=1356998400,
            jobs=3,
        )

    return make


def make_builder(config: MockConfig, workspace: Path, **settings: Any) -> MockBuilder:
    return MockBuilder(config, directory=workspace / "mock", roots=workspace / "roots" / "mock", **settings)


@pytest.fixture
def builder(config: MockConfig, tmp_path: Path) -> MockBuilder:
    return MockBuilder(
        config,
        directory=tmp_path / "workspace/mock",
        roots=tmp_path / "workspace/roots/mock",
        macros=[("dist", ".el6")],
        lock_timeout=0,
    )


def test_a_build_that_succeeds(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    request = request_for()
    outcome = builder.build(request)
    result = request.result_dir
    assert (outcome.failure, outcome.reason, outcome.log) == (None, "", result / "build.log")
    assert outcome.rpms == (result / "case-1-1.noarch.rpm", result / "case-doc-1-1.noarch.rpm")
    assert outcome.buildroot == ("bash-5.1-2.x86_64 1600000000:42", "make-1:4.3-1.x86_64 1600000001:7")
    assert {path.name for path in result.iterdir()} == {
        "build.log", "case-1-1.noarch.rpm", "case-doc-1-1.noarch.rpm", "installed_pkgs.log", "mock.log", "root.log",
        "state.log",
    }  # fmt: skip
    assert {path.stat().st_uid for path in result.iterdir()} == {os.geteuid()}


def test_how_mock_is_called(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    builder.build(request_for())
    (call,) = stub.calls
    unique = stub.option("--uniqueext")
    assert re.fullmatch("altai-[0-9a-f]{10}-0", unique)
    scratch = Path(stub.option("--resultdir")).parent
    assert scratch.parent == tmp_path / "workspace" / "mock"
    assert call["argv"] == [
        "--configdir", f"{scratch}/config",
        "--root", "small",
        "--uniqueext", unique,
        "--resultdir", f"{scratch}/result",
        "--cleanup-after",
        "--no-bootstrap-chroot",
        "--define", "_buildhost altai-build.localdomain",
        "--define", "use_source_date_epoch_as_buildtime 1",
        "--define", "clamp_mtime_to_source_date_epoch 1",
        "--define", "_smp_mflags -j3",
        "--define", "_smp_build_ncpus 3",
        "--define", "dist .el6",
        "--rebuild", str(request_for("other").srpm),
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "workspace" / "mock").rglob("*")] == ["used"]


def test_the_environment_of_mock(
    stub: Stub,
    builder: MockBuilder,
    request_for: Callable[..., BuildRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    builder.build(request_for())
    environment = stub.calls[0]["environment"]
    allowed = {
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "TMPDIR",
        "LC_ALL",
        "TZ",
        "LC_CTYPE",
        "SUDO_UID",
        "https_proxy",
    }
    assert set(environment) <= allowed
    assert environment["https_proxy"] == "http://proxy.example:3128"
    assert environment.get("SUDO_UID") == ("65534" if os.geteuid() == 0 else None)


def test_mock_does_not_read_the_callers_standard_input(
    config: MockConfig, stub: Stub, tmp_path: Path, packages: Path
) -> None:
    """A build in a loop over standard input must not read the next rows."""
    stub.behave(stage="nothing", status=30)
    program = """
        import sys
        from pathlib import Path
        from altai_build.model.build import BuildRequest
        from altai_build.tools.mock.builder import MockBuilder
        from altai_build.tools.mock.config import read_config
        place, srpm = Path(sys.argv[1]), Path(sys.argv[2])
        import grp, os
        if os.geteuid():
            grp.getgrnam = lambda name: grp.getgrgid(os.getgid())
        builder = MockBuilder(
            read_config("small", search=[place / "configs"]),
            directory=place / "workspace/mock", roots=place / "workspace/roots/mock")
        rows = 0
        for row in sys.stdin:
            rows += 1
            if rows in (1, 600):
                result = place / f"result{rows}"
                result.mkdir()
                builder.build(
                    BuildRequest(
                        component="case", srpm=srpm, local_rpms=(), result_dir=result, source_date_epoch=1
                    )
                )
        print(rows)
        """
    table = "".join(f"{number:04} repos/altai/{'x' * 72}\n" for number in range(1200))
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), str(packages / "case-1-1.src.rpm")],
        input=table.encode(),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        timeout=120,
        check=True,
    )
    assert result.stdout.decode() == "1200\n"
    assert [call["stdin"] for call in stub.calls] == ["", ""]


def test_the_configuration_given_to_mock_is_the_one_that_was_read(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    builder.build(request_for())
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "small.cfg").write_text(stub.calls[0]["config"])
    given = read_config("small", search=[tmp_path / "given"])
    assert given.root == f"small-x86_64-{builder.config.digest[:12]}"
    assert dict(given.environment)["SOURCE_DATE_EPOCH"] == "1356998400"
    assert (given.repositories, given.use_bootstrap) == (builder.config.repositories, False)


def test_packages_of_this_run_are_a_repository_for_the_next(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    builder.build(request_for("a b/ü", local=True))
    url = stub.option("--addrepo")
    assert url.startswith("file:///")
    assert " " not in url
    assert stub.calls[0]["repository"] == ["case-1-1.noarch.rpm", "repodata"]


def test_a_build_that_fails_has_the_log_and_the_reason_of_the_stage_that_mock_reached(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    stub.behave(
        status=30, stage="chroot", output="No matching package to install: 'x'\nError: Some packages\n"
    )
    request = request_for()
    outcome = builder.build(request)
    assert (outcome.failure, outcome.rpms) == (FailureKind.DEPENDENCIES, ())
    assert (outcome.reason, outcome.log) == (
        "No matching package to install: 'x'",
        request.result_dir / "root.log",
    )


def test_a_build_without_packages_has_failed(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    stub.behave(status=0, stage="build")
    outcome = builder.build(request_for())
    assert outcome.failure is FailureKind.BUILD
    assert outcome.reason == "mock made no package: the spec has no %files for this architecture"


def test_an_error_that_every_build_has_is_raised(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    stub.behave(status=80, stage="nothing", output="ERROR: because of this\n")
    with pytest.raises(MissingToolError, match="mock cannot make namespaces"):
        builder.build(request_for())


def test_a_chroot_whose_packages_are_not_listed_is_an_error(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    stub.behave(installed="gpg-pubkey-1-1.(none) 1 0 installed\n")
    with pytest.raises(MissingToolError, match="does not list the packages of the chroot"):
        builder.build(request_for())


def test_a_locked_chroot_is_waited_for(
    stub: Stub, config: MockConfig, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    stub.behave(busy=2)
    outcome = MockBuilder(
        config,
        directory=tmp_path / "workspace/mock",
        roots=tmp_path / "workspace/roots/mock",
        lock_timeout=30,
    ).build(request_for())
    assert outcome.failure is None
    assert len(stub.calls) == 3
    assert outcome.seconds >= 3


def test_leftovers_of_a_killed_run_are_removed(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    builder.build(request_for())
    left = tmp_path / "workspace" / "mock" / f"{stub.option('--uniqueext')}.abcdefgh"
    (left / "result").mkdir(parents=True)
    shutil.rmtree(tmp_path / "results")
    builder.build(request_for())
    assert not left.exists()


def test_parallel_builds_do_not_share_a_chroot(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest]
) -> None:
    stub.behave(seconds=0.5)
    requests = [
        request_for(name)
        for name in ("repos/altai/nova", "repos/openstack/nova", "nova", "repos/altai/glance")
    ]
    with ThreadPoolExecutor(4) as pool:
        outcomes: list[BuildOutcome] = list(pool.map(builder.build, requests))
    assert [outcome.failure for outcome in outcomes] == [None] * 4
    for name in ("--uniqueext", "--resultdir", "--configdir"):
        assert len({stub.option(name, number) for number in range(4)}) == 4
    first = stub.option("--uniqueext", 0)
    shutil.rmtree(requests[0].result_dir)
    repeated = [stub.option("--uniqueext", number) for number in range(4)]
    builder.build(request_for(requests[0].component))
    assert stub.option("--uniqueext", 4) in repeated
    assert first in repeated


def test_builders_of_other_targets_have_chroots_of_their_own(
    stub: Stub,
    builder: MockBuilder,
    request_for: Callable[..., BuildRequest],
    config: MockConfig,
    tmp_path: Path,
) -> None:
    """Targets that differ in macros only, or in the configuration, build at the same time."""
    stub.behave(seconds=0.5)
    (tmp_path / "configs" / "other.cfg").write_text(CONFIG + "config_opts['macros']['%x'] = 'y'\n")
    others = [config, read_config("other", search=[tmp_path / "configs"])]
    workspace = builder.directory.parent
    builders = [
        builder,
        *(make_builder(other, workspace, macros=[("x", "z")]) for other in others),
    ]
    with ThreadPoolExecutor(3) as pool:
        builds = [
            pool.submit(builder.build, request_for(f"c{number}")) for number, builder in enumerate(builders)
        ]
        assert [build.result().failure for build in builds] == [None] * 3
    assert len({stub.option("--uniqueext", number) for number in range(3)}) == 3


def test_the_version_of_mock_is_read_once(stub: Stub, builder: MockBuilder, tmp_path: Path) -> None:
    assert builder.version() == "mock 6.7"
    (tmp_path / "bin" / "mock").unlink()
    (tmp_path / "bin" / "mock").write_text("#!/bin/sh\necho 6.8\n")
    (tmp_path / "bin" / "mock").chmod(0o755)
    assert builder.version() == "mock 6.7"


def test_the_limits_of_a_build_reach_mock(
    stub: Stub, config: MockConfig, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    limits = Limits(seconds=90.0, file=5 << 20)
    MockBuilder(
        config, directory=tmp_path / "workspace/mock", roots=tmp_path / "workspace/roots/mock", limits=limits
    ).build(request_for())
    assert "config_opts['rpmbuild_timeout'] = 90\n" in stub.calls[0]["config"]
    assert stub.calls[0]["limits"]["fsize"] == 5 << 20


@pytest.mark.parametrize("seconds", [0, 600])
def test_a_build_whose_logs_are_too_long_is_stopped_and_fails(
    stub: Stub, config: MockConfig, request_for: Callable[..., BuildRequest], tmp_path: Path, seconds: int
) -> None:
    """Whether mock has ended by then or not."""
    text = "x" * 1_200_000
    if seconds:
        stub.behave(early_output=text * 2, seconds=seconds)
    else:
        stub.behave(output=text, build_log=text)
    builder = MockBuilder(
        config,
        directory=tmp_path / "workspace/mock",
        roots=tmp_path / "workspace/roots/mock",
        limits=Limits(log=2 << 20),
    )
    outcome = builder.build(request_for())
    why = "stopped: it printed more than build.limits.log allows (2.1 MB)"
    assert (outcome.failure, outcome.rpms, outcome.reason) == (FailureKind.BUILD, (), why)


def test_a_build_whose_chroot_fills_the_disk_is_stopped_and_fails(
    stub: Stub,
    request_for: Callable[..., BuildRequest],
    require: Require,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """mock's chroots may be on another disk than the workspace."""
    require(os.geteuid() == 0, "mounting a small disk needs root")
    disk = tmp_path / "disk"
    (tmp_path / "configs").mkdir()
    disk.mkdir()
    (tmp_path / "configs/small.cfg").write_text(CONFIG + f"config_opts['basedir'] = {str(disk)!r}\n")
    config = read_config("small", search=[tmp_path / "configs"])
    builder = make_builder(config, tmp_path / "workspace", limits=Limits(free=6 << 20))
    builder.build(request_for("a"))
    monkeypatch.setattr(children, "_LONGEST_PAUSE", 0.05)
    stub.behave(seconds=600)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], check=True)
    try:
        root = stub.calls[0]["config"].rpartition("config_opts['root'] = '")[2].partition("'")[0]
        chroot = disk / f"{root}-{stub.option('--uniqueext')}"
        chroot.mkdir()
        (chroot / "huge").write_bytes(bytes(11 << 20))
        outcome = builder.build(request_for("b"))
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
    assert (outcome.failure, outcome.rpms) == (FailureKind.BUILD, ())
    assert outcome.reason.startswith("stopped: it fills the disk: it uses 11.5 MB")


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not (path.is_file() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.01)
    return path.read_text()


def test_an_interrupted_build_lets_mock_end_the_processes_of_the_chroot(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    stub.behave(seconds=600)
    outcomes: list[BuildOutcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(builder.build(request_for())))
    thread.start()
    child = int(wait_for(stub.place / "child"))
    assert is_running(child)
    process.kill_all_children()
    thread.join(timeout=20)
    assert not thread.is_alive()
    assert stub.calls[0]["pid"] != child
    assert (stub.place / "ended").read_text() == f"{stub.calls[0]['pid']} {signal.SIGTERM.value}\n"
    assert wait_until_gone(child)
    # The reason depends on which process of mock ends first; test_result.py tests the reason of each exit status.
    assert outcomes[0].failure is FailureKind.BUILDROOT
    # Its chroot is left; the next run has mock clean it, with the configuration that it was made with.
    (left,) = (tmp_path / "workspace" / "mock" / "used").iterdir()
    assert left.name == stub.option("--uniqueext")
    assert (left / "small.cfg").read_text() == stub.calls[0]["config"]
    stub.behave()
    builder.prepare()
    words = ["--configdir", str(left), "--root", "small", "--uniqueext", left.name, "--clean"]
    assert stub.calls[1]["argv"] == words
    assert not left.exists()


def test_how_mock_ended_is_known_when_it_ends_at_once_on_a_signal() -> None:
    # bash forgets some of those that end while it handles the signal itself.
    mock = "trap 'exit 143' TERM; sleep 60 & echo; wait"
    command = ["bash", str(TERMINATE_SCRIPT), "sh", "-c", mock]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) for _ in range(60)]
    for run in runs:
        assert run.stdout and run.stdout.read(1)
    for run in runs:
        os.killpg(run.pid, signal.SIGTERM)
    assert {run.wait(30) for run in runs} == {143}
    for run in runs:
        if run.stdout:
            run.stdout.close()


def test_a_chroot_that_mock_could_not_clean_is_cleaned_before_it_is_used_again(
    stub: Stub, builder: MockBuilder, request_for: Callable[..., BuildRequest], tmp_path: Path
) -> None:
    stub.behave(status=143, stage="chroot")
    assert builder.build(request_for("a")).failure is FailureKind.BUILDROOT
    unique = stub.option("--uniqueext")
    flag = tmp_path / "workspace/roots/mock" / unique / "layers/small/.root-mounted"
    for again in (lambda: builder.build(request_for("b")), builder.prepare):
        flag.parent.mkdir(parents=True, exist_ok=True)
        flag.write_text("")
        calls = len(stub.calls)
        again()
        assert "--clean" in stub.calls[calls]["argv"] and not flag.exists()
    stub.behave(status=1, stage="chroot")  # it says that it has cleaned up, and may not have
    builder.build(request_for("c"))
    flag.parent.mkdir(parents=True, exist_ok=True)
    flag.write_text("")
    builder.build(request_for("d"))
    assert "--rebuild" in stub.calls[-1]["argv"] and not flag.exists()


def test_mock_ends_with_a_killed_run(stub: Stub, config: MockConfig, tmp_path: Path, packages: Path) -> None:
    if os.geteuid():
        return  # the signal does not reach the setuid wrapper of other users' mock
    stub.behave(seconds=600)
    program = """
        import sys
        from pathlib import Path
        from altai_build.model.build import BuildRequest
        from altai_build.tools.mock.builder import MockBuilder
        from altai_build.tools.mock.config import read_config
        place, srpm = Path(sys.argv[1]), Path(sys.argv[2])
        builder = MockBuilder(
            read_config("small", search=[place / "configs"]),
            directory=place / "workspace/mock", roots=place / "workspace/roots/mock")
        (place / "result").mkdir()
        builder.build(
            BuildRequest(component="c", srpm=srpm, local_rpms=(), result_dir=place / "result", source_date_epoch=1)
        )
        """
    srpm = packages / "case-1-1.src.rpm"
    words = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), str(srpm)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL) as run:
        child = int(wait_for(stub.place / "child"))
        run.kill()
    assert wait_until_gone(child)
    assert wait_for(stub.place / "ended").split()[1] == str(signal.SIGTERM.value)


def test_overlay_chroots_share_neither_layers_nor_caches(
    stub: Stub,
    builder: MockBuilder,
    request_for: Callable[..., BuildRequest],
    require: Require,
    tmp_path: Path,
) -> None:
    (tmp_path / "bin" / "modprobe").symlink_to("/bin/true")
    require(builder.supports_overlays, "overlayfs cannot be mounted here")
    stub.behave(seconds=0.5)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(builder.build, [request_for("a"), request_for("b")]))
    configs = [call["config"] for call in stub.calls]
    for pattern in (r"'base_dir': '([^']+)'", r"\['cache_topdir'\] = '([^']+)'"):
        places = {match[1] for text in configs if (match := re.search(pattern, text))}
        assert len(places) == 2 and all(
            place.startswith(f"{tmp_path}/workspace/roots/mock/") for place in places
        )


def test_the_version_contains_the_users_own_configuration(
    stub: Stub, builder: MockBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "caller"
    (home / ".config").mkdir(parents=True)
    user = pwd.struct_passwd(("caller", "x", 1, 1, "", str(home), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)
    assert builder.version() == "mock 6.7"
    (home / ".config" / "mock.cfg").write_text("config_opts['rpmbuild_networking'] = True\n")
    digest = hashlib.sha256((home / ".config" / "mock.cfg").read_bytes()).hexdigest()
    assert builder.version() == f"mock 6.7 mock.cfg:{digest}"
