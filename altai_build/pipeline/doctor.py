"""Whether this machine and this configuration can make a release: each need, what was found, what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from altai_build.config import Config, Target
from altai_build.config.lockfile import load_lock
from altai_build.config.schema import Key
from altai_build.errors import AltaiError, InputError
from altai_build.model.distribution import describe_key_source, find_key_of_file
from altai_build.model.doctor import CheckResult, CheckStatus, make_failed_check, run_check
from altai_build.model.lock import LOCK_FILE_NAME, Lock
from altai_build.model.quantity import format_size
from altai_build.pipeline.build.builders import BUILDERS, find_builder, load_builder
from altai_build.pipeline.build.toolchains import refuse_other_arch
from altai_build.pipeline.definition_marks import check_marks
from altai_build.pipeline.repository_checks import check_buildroot_repositories, check_upstreams
from altai_build.tools import commands, process
from altai_build.tools.builder import Builder
from altai_build.tools.commands import describe_exit
from altai_build.tools.files import make_directory
from altai_build.tools.git.layout import git_directory
from altai_build.tools.git.superproject import Superproject
from altai_build.tools.mock.config import read_config
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.keyring import open_keyring
from altai_build.tools.openpgp.signing import check_signing_key
from altai_build.tools.sandbox.cgroup import find_parent
from altai_build.tools.sandbox.seccomp import is_known_machine
from altai_build.tools.sandbox.trial import require_sandbox
from altai_build.tools.sandbox.user_namespace import Way, become_root
from altai_build.tools.shared_libraries import SharedLibrary, find_missing_library
from altai_build.workspace import Workspace


@dataclass(frozen=True)
class _Program:
    """A program, what it is for, and the packages that it is in."""

    name: str
    purpose: str
    debian: str
    redhat: str
    needed: bool = True


_USUAL_WORKSPACE = 5e9  # bytes
_LONGEST_FAULT = 300  # characters
_LIBRARIES = (
    *("rpm", "createrepo_c", "solv", "gnupg", "git", "yaml", "requests"),
    *("jinja2", "templated_dictionary", "rich"),
)

PROGRAMS = (
    _Program("git", "reads the superproject and its components", "git", "git"),
    _Program("rpmbuild", "makes source packages", "rpm", "rpm-build"),
    _Program("rpmsign", "signs packages", "rpm", "rpm-sign"),
    _Program("rpmkeys", "checks signatures", "rpm", "rpm"),
    _Program("gpg", "holds the signing keys", "gnupg", "gnupg2"),
    _Program("gpg-agent", "holds the unlocked key while packages are signed", "gpg-agent", "gnupg2"),
    _Program("gpgv", "checks the signatures of metadata", "gpgv", "gnupg2"),
    _Program("bwrap", "runs specs and mock configurations in a sandbox", "bubblewrap", "bubblewrap"),
    _Program("unshare", "makes the namespaces of the chroot builder", "util-linux", "util-linux"),
    _Program("mount", "mounts the overlays of the chroot builder", "mount", "util-linux", needed=False),
    _Program(
        "setarch", "builds for 32-bit targets on 64-bit machines", "util-linux", "util-linux", needed=False
    ),
    _Program("zstd", "writes source archives (.zst)", "zstd", "zstd", needed=False),
)


def check_system(
    config: Config | None, fault: AltaiError | None, workspace: Workspace, builder: str
) -> tuple[CheckResult, ...]:
    """Every check, in order; a failed one does not hide the next.

    `fault` is why there is no configuration. Targets are checked for the `builder` of this name, or `auto`.
    """
    checks: list[CheckResult] = [_check_python()]
    checks += [_check_program(program) for program in PROGRAMS]
    checks += [_check_libraries(), _check_sandbox()]
    with _open_workspace(workspace) as (usable, found):
        # mock first: for the other one this process becomes root of a user namespace, which has no other groups.
        checks += [*_check_builders(usable), *_check_ways(), found]
        if fault is not None:
            checks.append(make_failed_check("configuration", fault))
        elif config is not None:
            checks += list(_check_configuration(config, usable, builder))
            checks += list(_check_signing(config, workspace))
    return tuple(checks)


@contextmanager
def _open_workspace(workspace: Workspace) -> Iterator[tuple[Workspace, CheckResult]]:
    """A workspace for the checks, and whether a run could use the one given; a check does not create that one."""
    place = next(path for path in (workspace.root, *workspace.root.parents) if path.exists())
    temporary = None
    try:
        temporary = TemporaryDirectory(prefix=".altai-build.", dir=place)
        problem = (
            "" if workspace.is_writable() else f"it belongs to another user: cannot write to {workspace.root}"
        )
    except OSError as error:
        problem = f"cannot write to {place}: {error.strerror}"
    with temporary or TemporaryDirectory(prefix="altai-build.") as folder:
        if problem:
            found = CheckResult(
                check="workspace",
                status=CheckStatus.MISSING,
                found=problem,
                todo="correct the permissions, or name another directory with --workspace DIR",
                exit_code=InputError.exit_code,
            )
        else:
            found = _check_space(workspace, place)
        if problem or place != workspace.root:
            yield Workspace(Path(folder)), found
        else:
            workspace.prepare()
            yield workspace, found


def _check_python() -> CheckResult:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return CheckResult(check="python", status=CheckStatus.OK, found=f"{version} at {sys.executable}")


def _check_program(program: _Program) -> CheckResult:
    path = commands.find_program(program.name)
    if path is None:
        return CheckResult(
            check=program.name,
            status=CheckStatus.MISSING if program.needed else CheckStatus.WARNING,
            found=f"not installed; it {program.purpose}",
            todo=f"apt-get install {program.debian}, or dnf install {program.redhat}",
            exit_code=4 if program.needed else 0,
        )
    try:
        answer = process.run([path, "--version"], ok=process.ANY_STATUS, timeout=20)
    except process.ProgramFailed as error:
        return make_failed_check(program.name, error)
    first = (answer.text or answer.error_text).strip().splitlines()
    return CheckResult(check=program.name, status=CheckStatus.OK, found=first[0] if first else path)


def _check_libraries() -> CheckResult:
    if not _find_import_error(*_LIBRARIES):
        return CheckResult(check="python libraries", status=CheckStatus.OK, found="all can be imported")
    faults = {name: fault for name in _LIBRARIES if (fault := _find_import_error(name))}
    reasons = [
        name if fault.startswith("ModuleNotFound") else f"{name} ({fault})" for name, fault in faults.items()
    ]
    todo = []
    if "rpm" in faults:
        todo.append(
            "apt-get install python3-rpm, or dnf install python3-rpm, and let this Python see it "
            "(scripts/setup; pipx install --system-site-packages)"
        )
    todo += sorted({missing.todo for fault in faults.values() if (missing := find_missing_library(fault))})
    return CheckResult(
        check="python libraries",
        status=CheckStatus.MISSING,
        found=f"cannot import {', '.join(reasons) or 'all of them in one process'}",
        todo="; ".join(todo) or "install altai-build again: scripts/setup of a checkout, pip or pipx",
        exit_code=4,
    )


def _find_import_error(*names: str) -> str:
    """The last line of the error where a new process of this Python cannot import them, else nothing."""
    probe = process.run([sys.executable, "-c", f"import {', '.join(names)}"], ok=process.ANY_END, timeout=60)
    if probe.returncode == 0:
        return ""
    lines = probe.error_text.strip().splitlines()
    return lines[-1][:_LONGEST_FAULT] if lines else describe_exit(probe.returncode)


def find_shared_libraries() -> tuple[SharedLibrary, ...]:
    """The libraries of the operating system that the Python libraries here need and do not find."""
    found = find_missing_library(_find_import_error("createrepo_c"))
    return () if found is None else (found,)


def _check_sandbox() -> CheckResult:
    try:
        require_sandbox()
    except AltaiError as error:
        return make_failed_check("sandbox", error)
    if not is_known_machine(os.uname().machine):
        return CheckResult(
            check="sandbox",
            status=CheckStatus.WARNING,
            found=f"works, but without a filter of system calls: there is none for {os.uname().machine}",
            todo="build only what you trust here: the kernel's keyrings are shared with builds",
        )
    counts = "all processes of a build together" if find_parent() else "each process, without cgroup v2"
    return CheckResult(
        check="sandbox",
        status=CheckStatus.OK,
        found=f"works: no network, no home directory; limits count {counts}",
    )


def _check_builders(workspace: Workspace) -> list[CheckResult]:
    """Each builder; one that cannot run is missing only where no other can."""
    checks = [
        _check_builder(name, load_builder(name), make_directory(workspace.scratch)) for name in BUILDERS
    ]
    if any(check.status is not CheckStatus.MISSING for check in checks):
        checks = [
            replace(check, status=CheckStatus.WARNING, exit_code=0)
            if check.status is CheckStatus.MISSING
            else check
            for check in checks
        ]
    return checks


def _check_ways() -> Iterator[CheckResult]:
    """In which ways the chroot builder can be root on this machine."""
    attempts = become_root()
    for attempt in attempts:
        is_enough = attempt.usable or (attempts[-1].usable and attempts[-1].way is not Way.ONE_ID)
        yield CheckResult(
            check=f"chroot: {attempt.way.value}",
            status=CheckStatus.OK if is_enough else CheckStatus.WARNING,
            found=attempt.found if attempt.usable or not is_enough else f"not needed: {attempt.found}",
            todo="" if is_enough else attempt.todo,
        )
    for way in list(Way)[len(attempts) :]:
        yield CheckResult(check=f"chroot: {way.value}", status=CheckStatus.OK, found="not needed")


def _check_builder(name: str, builder: type[Builder], scratch: Path) -> CheckResult:
    try:
        support = builder.inspect_host(scratch)
    except AltaiError as error:
        return make_failed_check(f"builder {name}", error)
    return CheckResult(
        check=f"builder {name}",
        status=CheckStatus.WARNING if support.todo else CheckStatus.OK,
        found=support.found,
        todo=support.todo,
    )


def _check_space(workspace: Workspace, place: Path) -> CheckResult:
    disk = os.statvfs(place)
    free = disk.f_bavail * disk.f_frsize
    enough = free >= _USUAL_WORKSPACE
    return CheckResult(
        check="workspace",
        status=CheckStatus.OK if enough else CheckStatus.WARNING,
        found=f"{workspace.root}, {format_size(free)} free",
        todo=""
        if enough
        else f"free some space: buildroots and packages of a distribution take {format_size(_USUAL_WORKSPACE)}",
    )


def _check_configuration(config: Config, workspace: Workspace, builder: str) -> Iterator[CheckResult]:
    yield _check_definition(config)
    if config.file is None:
        return
    yield _check_superproject(config, workspace)
    yield from check_marks(config)
    for target in config.targets.values():
        yield from _check_target(config, target, workspace, builder)
    for key in config.keys.values():
        yield _check_key(key)
    lock, errors = _read_lock(config)
    yield from errors
    yield from check_upstreams(config, workspace, lock)


def _check_key(key: Key) -> CheckResult:
    found = run_check(f"key {key.name}", partial(_describe_key, key.file))
    if found.exit_code and key.is_signing_key and not key.file.exists():
        todo = f"create it with `altai-build keys init {key.name}`, or restore {key.file}"
        return replace(found, todo=todo)
    published = find_key_of_file(key.file.name)
    if found.exit_code and published is not None and not key.file.exists():
        return replace(found, todo=f"get it as {key.file}: {describe_key_source(published)}")
    return found


def _check_signing(config: Config, workspace: Workspace) -> Iterator[CheckResult]:
    targets = list(config.targets.values())
    signing = [key for key in config.keys.values() if key.is_signing_key and key.file.exists()]
    if signing and workspace.gnupg.is_dir():
        for key in signing:

            def usable(file: Path = key.file) -> str:
                with open_keyring(workspace.gnupg) as home:
                    public = home.find_key(read_public_keys(file))
                for target in targets:
                    check_signing_key(public, target.compat, workspace.gnupg)
                return "the secret key is here"

            yield run_check(f"signing with {key.name}", usable)
    elif signing:
        yield CheckResult(
            check="signing",
            status=CheckStatus.WARNING,
            found=f"{workspace.gnupg} does not exist: there is no secret key",
            todo="run `altai-build keys init`, or copy that directory from the machine that signs",
        )


def _read_lock(config: Config) -> tuple[Lock | None, list[CheckResult]]:
    """The lock beside repos.yaml, or None; and the failed check of one that cannot be read."""
    path = config.root / LOCK_FILE_NAME
    try:
        return (load_lock(path) if path.exists() else None), []
    except AltaiError as error:
        return None, [make_failed_check("lock", error)]


def _check_definition(config: Config) -> CheckResult:
    """Whether there is a definition of releases, or at least a superproject."""
    if config.file is not None:
        return CheckResult(check="configuration", status=CheckStatus.OK, found=str(config.file))
    folder = config.superproject.folder
    todo = "name the superproject with -C DIR, or run `altai-build init`, which writes repos.yaml"
    if git_directory(folder) is None:
        found = f"{folder} has no repos.yaml and is not a git repository"
        return CheckResult(
            check="configuration", status=CheckStatus.MISSING, found=found, todo=todo, exit_code=3
        )
    found = f"{folder} has no repos.yaml: only `changed` and `srpm` work"
    return CheckResult(check="configuration", status=CheckStatus.WARNING, found=found, todo=todo)


def _check_superproject(config: Config, workspace: Workspace) -> CheckResult:
    """Whether the superproject has a commit, and the history that a release counts."""
    check = "superproject"
    try:
        superproject = Superproject(Path(config.superproject.folder), state=workspace.git)
        commit = superproject.resolve_revision("HEAD")
        superproject.require_full_history()
    except AltaiError as error:
        return make_failed_check(check, error)
    found = f"{superproject.path} at commit {commit[:12]}"
    return CheckResult(check=check, status=CheckStatus.OK, found=found)


def _check_target(
    config: Config, target: Target, workspace: Workspace, builder: str
) -> Iterator[CheckResult]:
    """Whether the mock configuration can be read and its repositories answer; which options have no effect."""
    check = f"target {target.name}"
    try:
        mock = read_config(
            target.mock_config, search=config.mock_config_directories, cache=workspace.mock_configs
        )
        chosen = find_builder(builder)
        refuse_other_arch(target, mock)
    except AltaiError as error:
        failed = make_failed_check(check, error)
        yield failed if error.todo else replace(failed, todo=f"correct {target.mock_config}.cfg there")
        return
    unsupported = chosen.find_unsupported(mock)
    if unsupported:
        refused = any(option.is_error for option in unsupported)
        yield CheckResult(
            check=check,
            status=CheckStatus.MISSING if refused else CheckStatus.WARNING,
            found=f"not supported by the builder {chosen.name}: {'; '.join(map(str, unsupported))}",
            todo="remove these options, or build with --builder mock",
            exit_code=InputError.exit_code if refused else 0,
        )
    else:
        yield CheckResult(check=check, status=CheckStatus.OK, found=f"mock configuration {mock.name}")
    yield from check_buildroot_repositories(mock, workspace)


def _describe_key(file: Path) -> str:
    return ", ".join(f"{key.key_id} {key.uid}" for key in read_public_keys(file))
