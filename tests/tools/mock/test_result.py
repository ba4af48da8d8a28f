"""What mock's exit status and the files in its result directory mean together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError, MissingToolError
from altai_build.model.build import BuildRequest, FailureKind
from altai_build.tools.mock.config import MockConfig, read_config
from altai_build.tools.mock.option_check import UnsupportedOption
from altai_build.tools.mock.result import (
    choose_log,
    classify_exit,
    find_failure_reasons,
    installed_packages,
    is_chroot_locked,
    is_conclusive,
    link_log,
)
from tests.kit.rpms import build_rpm

CONFIG = """\
config_opts['root'] = 'small'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install bash'
config_opts['dnf.conf'] = '[main]'
"""
# The files that mock has written when it reaches a stage.
STAGES = {
    "nothing": ("mock.log",),
    "chroot": ("mock.log", "root.log"),
    "build": ("mock.log", "root.log", "build.log", "installed_pkgs.log"),
}


@pytest.fixture(scope="module")
def srpm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_rpm(tmp_path_factory.mktemp("srpm")).source


@pytest.fixture
def config(tmp_path: Path) -> MockConfig:
    (tmp_path / "small.cfg").write_text(CONFIG)
    return read_config("small", search=[tmp_path])


def make_request(folder: Path, srpm: Path, stage: str, logs: dict[str, str]) -> BuildRequest:
    result = folder / "result"
    result.mkdir()
    for name in STAGES[stage]:
        (result / name).write_text(logs.get(name, ""))
    return BuildRequest(component="c", srpm=srpm, local_rpms=(), result_dir=result, source_date_epoch=0)


@pytest.mark.parametrize(
    ("status", "stage", "logs", "failure", "log", "reason"),
    [
        (10, "build", {"build.log": "a:1: error: x\n"}, FailureKind.BUILD, "build.log", "a:1: error: x"),
        (11, "build", {"build.log": "still at it\n"}, FailureKind.BUILD, "build.log", "still at it"),
        (11, "build", {"mock.log": "ERROR: Timeout(12) expired for command:\n # rpmbuild\n"},
         FailureKind.BUILD, "build.log", "stopped after 12 seconds"),
        # mock exits with rpmbuild's status; the list of installed packages shows that it was reached.
        (3, "build", {"build.log": "fatal: no\n"}, FailureKind.BUILD, "build.log", "fatal: no"),
        (1, "build", {"build.log": "fatal: no\n"}, FailureKind.BUILD, "build.log", "fatal: no"),
        (1, "chroot", {"mock.log": "ERROR: no rpm\n"}, FailureKind.BUILDROOT, "root.log", "no rpm"),
        (20, "chroot", {"mock.log": "ERROR: no chroot\n"}, FailureKind.BUILDROOT, "root.log", "no chroot"),
        (25, "nothing", {"mock.log": "ERROR: LVM\n"}, FailureKind.BUILDROOT, "mock.log", "LVM"),
        (30, "chroot", {"mock.log": "No matching package to install: 'x'\nError: Some packages\n"},
         FailureKind.DEPENDENCIES, "root.log", "No matching package to install: 'x'"),
        (31, "chroot", {"root.log": "DEBUG util.py:1:  nothing provides pip(x)\n"},
         FailureKind.DEPENDENCIES, "root.log", "nothing provides pip(x)"),
        (40, "chroot", {"mock.log": "ERROR: bad payload\n"}, FailureKind.SRPM, "mock.log", "bad payload"),
        (60, "nothing", {}, FailureKind.BUSY, "mock.log", "another process holds the chroot"),
        (65, "nothing", {}, FailureKind.BUSY, "mock.log", "another process holds the chroot"),
        (90, "nothing", {"mock.log": "ERROR: image\n"}, FailureKind.BUILDROOT, "mock.log", "image"),
        (110, "nothing", {"mock.log": "ERROR: state\n"}, FailureKind.BUILDROOT, "mock.log", "state"),
        (143, "build", {}, FailureKind.BUILDROOT, "root.log", "mock was killed by SIGTERM"),
        (-9, "build", {}, FailureKind.BUILDROOT, "root.log", "mock was killed by SIGKILL"),
        (10, "build", {}, FailureKind.BUILD, "build.log", "mock exited with 10"),
    ],
)  # fmt: skip
def test_what_an_exit_status_means(
    tmp_path: Path,
    srpm: Path,
    config: MockConfig,
    status: int,
    stage: str,
    logs: dict[str, str],
    failure: FailureKind,
    log: str,
    reason: str,
) -> None:
    request = make_request(tmp_path, srpm, stage, logs)
    assert classify_exit(request, status, config) is failure
    assert choose_log(request.result_dir, failure) == request.result_dir / log
    assert find_failure_reasons(request.result_dir, failure, status)[0] == reason
    assert is_chroot_locked(status) is (failure is FailureKind.BUSY)
    # A time limit, and the network, may end otherwise the next time.
    fails_always = failure is FailureKind.BUILD and status != 11
    assert is_conclusive(request.result_dir, failure, status, config) is fails_always
    online = UnsupportedOption(("rpmbuild_networking",), "", False)
    assert not is_conclusive(request.result_dir, failure, status, replace(config, unsupported=(online,)))


def test_success(tmp_path: Path, srpm: Path, config: MockConfig) -> None:
    request = make_request(tmp_path, srpm, "build", {})
    assert classify_exit(request, 0, config) is None
    assert choose_log(request.result_dir, None) == request.result_dir / "build.log"


@pytest.mark.parametrize("kind", ["broken", "binary", "gone"])
def test_a_file_that_is_no_source_package(tmp_path: Path, config: MockConfig, kind: str) -> None:
    """mock exits with 1, as for its own errors, and has made no chroot."""
    files = {
        "binary": build_rpm(tmp_path / "rpm").binary,
        "broken": tmp_path / "x.src.rpm",
        "gone": tmp_path / "y",
    }
    files["broken"].write_bytes(b"no package")
    request = make_request(tmp_path, files[kind], "nothing", {"mock.log": "ERROR: Cannot find/open srpm\n"})
    assert classify_exit(request, 1, config) is FailureKind.SRPM


@pytest.mark.parametrize(
    ("status", "kind", "what"),
    [
        (2, MissingToolError, "mock was started without the privileges it needs"),
        (3, InputError, "mock does not accept the configuration"),
        (5, MissingToolError, "mock does not know one of its options"),
        (6, MissingToolError, "this machine cannot build for the architecture"),
        (50, MissingToolError, "the installation of mock is incomplete"),
        (70, InputError, "mock cannot write its result directory"),
        (80, MissingToolError, "mock cannot make namespaces"),
        (120, MissingToolError, "mock lacks a plugin of its package manager"),
    ],
)
def test_what_every_build_would_have_is_raised(
    tmp_path: Path, srpm: Path, config: MockConfig, status: int, kind: type[Exception], what: str
) -> None:
    request = make_request(tmp_path, srpm, "nothing", {"mock.log": "ERROR: because of this\n"})
    with pytest.raises(kind) as caught:
        classify_exit(request, status, config)
    assert str(caught.value).startswith(f"{what} (small)\nbecause of this\nWhat to do: ")


def test_the_packages_of_a_chroot_are_listed_without_keys(tmp_path: Path) -> None:
    log = tmp_path / "installed_pkgs.log"
    assert installed_packages(log) == ()
    rows = ("make-1:4-1.x86_64 5 6", "gpg-pubkey-1-1.(none) 1 0", "bash-5-1.x86_64 7 8")
    log.write_text("".join(f"{row} installed\n" for row in rows) + "odd\n")
    assert installed_packages(log) == ("bash-5-1.x86_64 7:8", "make-1:4-1.x86_64 5:6")


def test_the_log_of_a_running_mock_is_seen_in_the_result_directory(tmp_path: Path, srpm: Path) -> None:
    (made := tmp_path / "made").mkdir()
    (results := tmp_path / "results").mkdir()
    request = BuildRequest(component="a", srpm=srpm, local_rpms=(), result_dir=results, source_date_epoch=0)
    with link_log(request, made):
        assert not (results / "build.log").exists()
        (made / "build.log").write_text("now")
        assert (results / "build.log").read_text() == "now"
    assert list(results.iterdir()) == []
