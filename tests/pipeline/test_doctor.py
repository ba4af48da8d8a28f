"""What `doctor` finds: programs, builders, the workspace, and what the configuration asks of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from altai_build.config import Config, default_config, load_config
from altai_build.errors import InputError, MissingToolError
from altai_build.model.build import HostSupport
from altai_build.model.doctor import CheckResult, CheckStatus
from altai_build.pipeline import doctor
from altai_build.pipeline.build.builders import BUILDERS
from altai_build.pipeline.doctor import check_system
from altai_build.tools import commands
from altai_build.tools.chroot.builder import ChrootBuilder
from altai_build.tools.mock.builder import MockBuilder
from altai_build.workspace import Workspace
from tests.kit.git import Repo
from tests.kit.keys import make_key
from tests.kit.superprojects import DEFINITION, World

MOCK_CONFIG = """\
config_opts['root'] = 'm'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install bash'
config_opts['dnf.conf'] = '[main]'
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "ws")


def config(folder: Path, options: str = "") -> Config:
    (folder / "mock-configs").mkdir()
    (folder / "mock-configs" / "m.cfg").write_text(MOCK_CONFIG + options)
    (folder / "repos.yaml").write_text(DEFINITION)
    return load_config(folder / "repos.yaml")


def checks(
    workspace: Workspace, config: Config | None = None, builder: str = "chroot"
) -> dict[str, CheckResult]:
    return {check.check: check for check in check_system(config, None, workspace, builder)}


def test_a_library_that_cannot_be_imported_is_named_with_its_reason_and_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Python libraries that are not there, and one whose shared library the operating system lacks."""
    probe = tmp_path / "python"
    probe.write_text(
        "#!/bin/sh\ncase $2 in\n"
        "*,*) exit 1 ;;\n"
        "*rpm) echo \"ModuleNotFoundError: No module named 'rpm'\" >&2; exit 1 ;;\n"
        "*createrepo_c) echo 'ImportError: libgobject-2.0.so.0: cannot open shared object file: No such file' >&2\n"
        "exit 1 ;;\nesac\n"
    )
    probe.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(probe))
    found = doctor._check_libraries()
    assert found.found == (
        "cannot import rpm, createrepo_c (ImportError: libgobject-2.0.so.0: cannot open shared object file: "
        "No such file)"
    )
    assert found.todo == (
        "apt-get install python3-rpm, or dnf install python3-rpm, and let this Python see it (scripts/setup; "
        "pipx install --system-site-packages); apt-get install libglib2.0-0, or dnf install glib2"
    )
    assert [library.debian for library in doctor.find_shared_libraries()] == ["libglib2.0-0"]


def test_a_missing_program_is_named_with_its_package(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commands.find_program
    monkeypatch.setattr(
        commands, "find_program", lambda name: None if name in ("rpmsign", "zstd") else real(name)
    )
    found = checks(workspace)
    assert found["rpmsign"] == CheckResult(
        check="rpmsign",
        status=CheckStatus.MISSING,
        found="not installed; it signs packages",
        todo="apt-get install rpm, or dnf install rpm-sign",
        exit_code=4,
    )
    assert (found["zstd"].status, found["zstd"].exit_code) == (CheckStatus.WARNING, 0)
    assert found["git"].status is CheckStatus.OK and found["git"].found.startswith("git version ")


def test_a_builder_that_cannot_run_is_missing_only_where_no_other_can(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(scratch: Path) -> HostSupport:
        raise MissingToolError("it needs root", todo="run as root")

    def work(scratch: Path) -> HostSupport:
        assert scratch.is_dir()
        return HostSupport(found="overlayfs works")

    monkeypatch.setattr(MockBuilder, "inspect_host", refuse)
    monkeypatch.setattr(ChrootBuilder, "inspect_host", work)
    found = checks(workspace)
    assert (found["builder mock"].status, found["builder mock"].exit_code) == (CheckStatus.WARNING, 0)
    assert found["builder mock"].todo == "run as root"
    assert found["builder chroot"].status is CheckStatus.OK
    monkeypatch.setattr(ChrootBuilder, "inspect_host", refuse)
    found = checks(workspace)
    assert {name for name in BUILDERS if found[f"builder {name}"].status is CheckStatus.MISSING} == set(
        BUILDERS
    )
    assert found["builder chroot"].exit_code == 4


def test_a_target_is_checked_for_the_builder_that_a_run_would_use(
    tmp_path: Path, workspace: Workspace
) -> None:
    options = "config_opts['module_enable'] = ['x:1']\nconfig_opts['rpmbuild_networking'] = True\n"
    found = checks(workspace, config(tmp_path, options))["target t"]
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, InputError.exit_code)
    assert found.found == (
        "not supported by the builder chroot: config_opts['module_enable']: the chroot builder knows no modules; "
        "config_opts['rpmbuild_networking']: builds of the chroot builder never reach the network"
    )
    assert found.todo == "remove these options, or build with --builder mock"
    with_mock = checks(workspace, load_config(tmp_path / "repos.yaml"), "mock")["target t"]
    assert (with_mock.status, with_mock.found) == (CheckStatus.OK, "mock configuration m")


def test_an_option_that_builds_may_miss_is_a_warning(tmp_path: Path, workspace: Workspace) -> None:
    found = checks(workspace, config(tmp_path, "config_opts['post_install'] = True\n"))["target t"]
    assert (found.status, found.exit_code) == (CheckStatus.WARNING, 0)


def test_a_mock_configuration_that_fails_names_its_line(tmp_path: Path, workspace: Workspace) -> None:
    every = checks(workspace, config(tmp_path, "import nothing_here\n"))
    found = every["target t"]
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, 3)
    assert found.found.startswith(f"{tmp_path}/mock-configs/m.cfg:5: ModuleNotFoundError")
    assert [one.check for one in every.values() if one.status is not CheckStatus.OK and not one.todo] == []


def test_a_superproject_that_cannot_be_released_is_not_ok(tmp_path: Path, workspace: Workspace) -> None:
    """No repository, one without a commit, a shallow clone."""
    (tmp_path / "site").mkdir()
    definition = config(tmp_path / "site")
    found = checks(workspace, definition)["superproject"]
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, 3)
    assert found.found.endswith("is not a git repository: it has neither .git nor HEAD and objects/")
    repo = Repo(tmp_path / "site")
    assert checks(workspace, definition)["superproject"].exit_code == 3
    for text in ("1\n", "2\n"):
        commit = repo.commit({"README": text})
    found = checks(workspace, definition)["superproject"]
    assert (found.status, found.found) == (CheckStatus.OK, f"{repo.path} at commit {commit[:12]}")
    repo.git("clone", "--quiet", "--depth=1", repo.path.as_uri(), str(tmp_path / "shallow"))
    shallow = tmp_path / "shallow"
    (shallow / "repos.yaml").write_text(DEFINITION)
    found = checks(workspace, load_config(shallow / "repos.yaml"))["superproject"]
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, 3)
    assert found.todo == f"run: git -C {shallow} fetch --unshallow"


def test_little_space_is_a_warning(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_USUAL_WORKSPACE", float("inf"))
    assert checks(workspace)["workspace"].status is CheckStatus.WARNING


def test_without_gpg_the_other_checks_are_made(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = config(tmp_path)
    (tmp_path / "k").write_bytes(make_key(tmp_path / "keys").public.read_bytes())
    workspace.gnupg.mkdir(parents=True)
    real = commands.find_program
    monkeypatch.setattr(commands, "find_program", lambda name: None if name == "gpg" else real(name))
    found = checks(workspace, loaded)
    assert (found["gpg"].status, found["signing with k"].status) == (CheckStatus.MISSING, CheckStatus.MISSING)
    assert found["signing with k"].exit_code == 4 and found["target t"].status is CheckStatus.OK


def test_a_folder_without_definition_and_superproject_is_not_ok(tmp_path: Path, workspace: Workspace) -> None:
    (tmp_path / "here").mkdir()
    whole = checks(workspace, default_config(tmp_path / "here"))
    found = whole["configuration"]
    assert (found.status, found.exit_code) == (CheckStatus.MISSING, 3)
    assert list(whole)[-1] == "configuration", "nothing else can be said"
    World(tmp_path).super.commit({"a": "b"})
    found = checks(workspace, default_config(tmp_path / "super"))["configuration"]
    assert (found.status, found.exit_code) == (CheckStatus.WARNING, 0)


def test_a_missing_bubblewrap_is_not_blamed_on_the_kernel(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = commands.find_program
    monkeypatch.setattr(commands, "find_program", lambda name: None if name == "bwrap" else real(name))
    assert checks(workspace)["sandbox"].todo.startswith("install it: apt-get install bubblewrap")


def test_a_check_creates_no_workspace(tmp_path: Path) -> None:
    loaded = config(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    found = checks(Workspace(tmp_path / ".altai-build"), loaded)
    assert found["workspace"].found.startswith(f"{tmp_path}/.altai-build, ")
    assert (found["builder chroot"].status, found["target t"].status) == (CheckStatus.OK, CheckStatus.OK)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_workspace_that_cannot_be_written_does_not_hide_the_other_checks(tmp_path: Path) -> None:
    loaded = config(tmp_path)
    (tmp_path / "file").write_text("")
    for root, why in (
        (tmp_path / "file" / "ws", f"cannot write to {tmp_path}/file: Not a directory"),
        (Path("/proc/nothing/here"), "cannot write to /proc: No such file or directory"),
    ):
        found = checks(Workspace(root), loaded)
        assert (found["workspace"].status, found["workspace"].exit_code) == (CheckStatus.MISSING, 3)
        assert found["workspace"].found == why and "--workspace DIR" in found["workspace"].todo
        assert found["git"].status is found["target t"].status is CheckStatus.OK


def test_a_missing_public_key_of_ours_is_created_and_that_of_a_distribution_is_published(
    tmp_path: Path, workspace: Workspace
) -> None:
    config(tmp_path)
    other = "keys: {c: {file: RPM-GPG-KEY-CentOS-6}, "
    (tmp_path / "repos.yaml").write_text(DEFINITION.replace("keys: {", other))
    found = checks(workspace, load_config(tmp_path / "repos.yaml"))
    assert (found["key k"].status, found["key k"].exit_code) == (CheckStatus.MISSING, 3)
    assert found["key k"].todo == f"create it with `altai-build keys init k`, or restore {tmp_path}/k"
    assert found["key c"].todo.startswith(
        f"get it as {tmp_path}/RPM-GPG-KEY-CentOS-6: https://vault.centos.org/RPM-GPG-KEY-CentOS-6, or "
    )
