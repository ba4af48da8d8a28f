"""The built-in builder: rpmbuild in an overlay on a shared buildroot, as an unprivileged user without network."""

from __future__ import annotations

import platform
import shutil
import stat
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from altai_build.model.build import (
    BUILD_LOG,
    BuilderSettings,
    BuildOutcome,
    BuildRequest,
    BuildStep,
    FailureKind,
    HostSupport,
)
from altai_build.model.limits import Limits
from altai_build.tools import commands
from altai_build.tools.buildlog.causes import find_causes
from altai_build.tools.buildlog.machine import may_blame_machine
from altai_build.tools.chroot.resolver import Buildroot, host_rpm_version
from altai_build.tools.chroot.roots import RootCache, RpmInstallFailed, describe_signal
from altai_build.tools.files import link_or_copy, make_directory, move_out, scratch_directory
from altai_build.tools.mock.config import MockConfig
from altai_build.tools.mock.option_check import UnsupportedOption
from altai_build.tools.mock.options import default_options
from altai_build.tools.sandbox.bubblewrap import (
    BUILD_DIR,
    BUILD_HOSTNAME,
    BuildrootSandbox,
    give_to_build_user,
)
from altai_build.tools.sandbox.limits import run_with_log
from altai_build.tools.sandbox.overlay import Overlay, OverlayKind, find_overlay_kind
from altai_build.tools.sandbox.trial import require_sandbox
from altai_build.tools.sandbox.user_namespace import describe_way, has_one_id, require_root

# Part of every build key: raise it when the same inputs result in other packages than before.
BUILD_FORMAT_VERSION = "2"
# rpmbuild's exit status when it has listed the BuildRequires that a spec generates (rpmbuild(8): -rr).
_BUILDREQS_MISSING_STATUS = 11
_SUCCESS = {
    BuildStep.PACKAGES: (0,),
    BuildStep.SPEC_REQUIRES: (0,),
    BuildStep.GENERATED_REQUIRES: (0, _BUILDREQS_MISSING_STATUS),
}
_BUILDREQS_SUFFIX = ".buildreqs.nosrc.rpm"
_RPM_TOPDIR = f"{BUILD_DIR}/build"
_FIXED_MACROS = {
    "_topdir": _RPM_TOPDIR,
    "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    "_buildhost": BUILD_HOSTNAME,
    "use_source_date_epoch_as_buildtime": "1",
    "source_date_epoch_from_changelog": "0",
    "clamp_mtime_to_source_date_epoch": "1",
    "build_mtime_policy": "clamp_to_source_date_epoch",
}
# Unpacks a source package and runs the command with its spec. The new package may have the name of the old one.
_MAKE_AGAIN = (
    'rpm --install --nodeps --nosignature "$0" && rm "$0" && exec "$@" ' + f"{_RPM_TOPDIR}/SPECS/*.spec"
)
_RPM_DIRECTORIES = ("BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS")


@dataclass(frozen=True)
class ChrootBuilder:
    """Builds SRPMs in buildroots of a mock configuration; safe to call from several threads."""

    config: MockConfig
    roots: RootCache
    scratch: Path
    macros: tuple[tuple[str, str], ...]  # the target's, over those of the mock configuration
    limits: Limits = field(default_factory=Limits)

    name: ClassVar[str] = "chroot"
    resolves_dependencies: ClassVar[bool] = False

    @classmethod
    def open(cls, config: MockConfig, settings: BuilderSettings) -> ChrootBuilder:
        """A builder with the settings of a run."""
        return cls(
            config=config,
            roots=RootCache(
                settings.roots, settings.packages, settings.limits, fetch_packages=settings.fetch_packages
            ),
            scratch=settings.scratch,
            macros=settings.macros,
            limits=settings.limits,
        )

    @classmethod
    def is_installed(cls) -> bool:
        """Always true: it is part of this program."""
        return True

    @classmethod
    def inspect_host(cls, scratch: Path) -> HostSupport:
        """Whether overlayfs works. Raises MissingToolError as `require_usable` does."""
        cls.require_usable()
        kind = find_overlay_kind(make_directory(scratch))
        if kind is not None:
            return HostSupport(found=f"{describe_way()}; {kind.value} works")
        return HostSupport(
            found=f"{describe_way()}; overlayfs does not work here: each build gets a copy of the whole root",
            todo="put the workspace on a file system that overlayfs supports (ext4, xfs, btrfs, tmpfs), or "
            "install fuse-overlayfs",
        )

    @classmethod
    def find_unsupported(cls, config: MockConfig) -> tuple[UnsupportedOption, ...]:
        """Options that only mock carries out, and values that this builder replaces by its own."""
        found = list(config.unsupported)
        machine = platform.machine()
        if config.legal_host_arches and machine not in config.legal_host_arches:
            found.append(UnsupportedOption(("legal_host_arches",), f"this machine is {machine}", True))
        if dict(config.environment).get("HOME", BUILD_DIR) != BUILD_DIR:
            found.append(
                UnsupportedOption(("environment", "HOME"), f"the home of builds is {BUILD_DIR}", True)
            )
        for name, body in config.macros:
            if _FIXED_MACROS.get(name, body) != body:
                why = f"builds have {_FIXED_MACROS[name]!r}, so that packages are the same on every machine"
                found.append(UnsupportedOption(("macros", f"%{name}"), why, False))
        return tuple(found)

    @classmethod
    def require_usable(cls) -> None:
        """Raise MissingToolError when a program or a privilege is missing on this machine."""
        for program in ("rpm", "unshare", "mount", "prlimit", "setpriv"):
            if commands.find_program(program) is None:
                raise commands.program_missing_error(program)
        require_root()
        require_sandbox()

    def version(self) -> str:
        """The format of builds and the version of the host's rpm, which installs the buildroots."""
        # Files of buildroots then have other owners than elsewhere.
        one_id = ", one id" if has_one_id() else ""
        return f"chroot {BUILD_FORMAT_VERSION}{one_id}, {host_rpm_version()}"

    @cached_property
    def overlay_kind(self) -> OverlayKind | None:
        """What mounts overlays in the scratch directory; probed once. None: buildroots are copied."""
        return find_overlay_kind(self.scratch)

    def prepare(self, base: Buildroot) -> None:
        """Install the base buildroot, so that builds that start together do not wait for one another."""
        self.roots.ensure_base(base, check=False)

    def build(self, request: BuildRequest, buildroot: Buildroot) -> BuildOutcome:
        """Rebuild the SRPM in a fresh buildroot. A failed build is an outcome; other errors raise InputError."""
        started = time.monotonic()
        log = request.result_dir / BUILD_LOG
        with scratch_directory(self.scratch, "build") as scratch, ExitStack() as stack:
            try:
                root, prefix = self._mount_root(buildroot, scratch, stack)
            except RpmInstallFailed as error:
                log = request.result_dir / "root.log"
                link_or_copy(error.log, log)
                kind = FailureKind.BUILDROOT if error.stopped else FailureKind.DEPENDENCIES
                return self._make_result(request, kind, log, started, buildroot, error.stopped)
            build_dir = make_directory(scratch / "builddir")
            self._prepare_build_dir(build_dir, request)
            view = BuildrootSandbox(
                root=root,
                build_dir=build_dir,
                environment=_environment(self.config, request),
                is_32_bit=self._is_32_bit,
            )
            argv = self._rpmbuild(request)
            done = run_with_log(
                [*self._setarch_prefix(), *prefix, *view.command(argv)],
                self.limits,
                log,
                [scratch, request.result_dir],
            )
            if done.returncode not in _SUCCESS[request.step]:
                # Why it was stopped: in the log later output of its children may follow that line.
                why = done.error_text if done.stderr else describe_signal("rpmbuild", done.returncode)
                return self._make_result(request, FailureKind.BUILD, log, started, buildroot, why)
            # The build could have replaced it by a link.
            if stat.S_ISDIR((build_dir / "build").lstat().st_mode):
                self._collect_results(build_dir / "build", request)
        return self._make_result(request, None, log, started, buildroot)

    def _collect_results(self, top: Path, request: BuildRequest) -> None:
        """Move the results out; the list of BuildRequires gets the file name of a source package."""
        if request.step is BuildStep.PACKAGES:
            move_out(top / "RPMS", request.result_dir, ".rpm")
            return
        if request.step is BuildStep.SPEC_REQUIRES:
            move_out(top / "SRPMS", request.result_dir, ".src.rpm")
            return
        for path in move_out(top / "SRPMS", request.result_dir, _BUILDREQS_SUFFIX):
            path.rename(path.with_name(f"{path.name.removesuffix(_BUILDREQS_SUFFIX)}.src.rpm"))

    def _mount_root(
        self, buildroot: Buildroot, scratch: Path, stack: ExitStack
    ) -> tuple[str, tuple[str, ...]]:
        """The path of the build's root, and the command prefix that mounts it."""
        if self.overlay_kind is None:
            place = scratch / "root"
            self.roots.copy_root(buildroot, place)
            return str(place), ()
        layer = self.roots.open_layer(buildroot, stack, self.overlay_kind)
        lowers = (
            [self.roots.ensure_base(buildroot)]
            if layer is None
            else [layer, self.roots.ensure_base(buildroot)]
        )
        overlay = Overlay.create(make_directory(scratch / "overlay"), lowers, self.overlay_kind)
        return str(overlay.merged), overlay.prefix

    def _prepare_build_dir(self, build_dir: Path, request: BuildRequest) -> None:
        """Fill the build user's home: the SRPM, rpm's directories, the macros."""
        macros = build_dir / ".rpmmacros"
        macros.write_text(self._write_macro_file(request), encoding="utf-8")
        folders = [make_directory(build_dir / "build" / name) for name in _RPM_DIRECTORIES]
        source = build_dir / "build" / "SRPMS" / request.srpm.name
        # A copy, not a link: the build user owns it, and the file in the workspace must keep its owner.
        shutil.copyfile(request.srpm, source)
        for path in (build_dir, build_dir / "build", *folders):
            # bubblewrap enters the first before it becomes that user.
            path.chmod(0o755)
        give_to_build_user(build_dir, build_dir / "build", *folders, macros, source)

    def _write_macro_file(self, request: BuildRequest) -> str:
        macros = {
            **dict(self.config.macros),
            **dict(self.macros),
            **dict(request.macros),
            **_FIXED_MACROS,
            "_smp_mflags": f"-j{request.jobs}",
            "_smp_build_ncpus": str(request.jobs),
        }
        return "".join(f"%{name} {_escape_line_breaks(value)}\n" for name, value in macros.items())

    def _rpmbuild(self, request: BuildRequest) -> list[str]:
        # --nodeps, because an older rpm in the buildroot cannot always read the database that the host's rpm wrote.
        package = f"{_RPM_TOPDIR}/SRPMS/{request.srpm.name}"
        options = [
            "--nodeps",
            "--target",
            self.config.rpmbuild_arch,
            *(() if self.config.run_check else ("--nocheck",)),
            *self.config.rpmbuild_opts,
        ]
        if request.step is BuildStep.SPEC_REQUIRES:
            # Older versions of rpmbuild know no -rs. Only the header of the package is read, so it is not compressed.
            made = [self.config.rpmbuild_command, "-bs", "--define=_source_payload w0.gzdio", *options]
            return ["/bin/sh", "-c", _MAKE_AGAIN, package, *made]
        verb = "-rr" if request.step is BuildStep.GENERATED_REQUIRES else "--rebuild"
        return [self.config.rpmbuild_command, verb, *options, package]

    def _setarch_prefix(self) -> list[str]:
        """A 32-bit target on a 64-bit kernel must see a 32-bit machine, or configure scripts are misled."""
        return ["setarch", "i686"] if self._is_32_bit else []

    @property
    def _is_32_bit(self) -> bool:
        return self.config.target_arch in ("i386", "i486", "i586", "i686", "athlon")

    def _make_result(
        self,
        request: BuildRequest,
        failure: FailureKind | None,
        log: Path,
        started: float,
        buildroot: Buildroot,
        why: str = "",
    ) -> BuildOutcome:
        rpms = tuple(sorted(request.result_dir.glob("*.rpm"))) if failure is None else ()
        causes: tuple[str, ...] = (why,) if why else ()
        if failure is not None and not why:
            causes = find_causes(log, failure, good_log=request.good_log)
        reason = "".join(causes[:1]) if failure is not None else ""
        if failure is None and not rpms:
            made = "package" if request.step is BuildStep.PACKAGES else "list of BuildRequires"
            failure, reason = FailureKind.BUILD, f"rpmbuild succeeded but made no {made}"
        is_conclusive = failure is FailureKind.BUILD and not why and not may_blame_machine(log)
        return BuildOutcome(
            failure=failure,
            rpms=rpms,
            log=log,
            reason=reason,
            seconds=time.monotonic() - started,
            buildroot=buildroot.lines,
            causes=causes,
            is_conclusive=is_conclusive,
        )


def _escape_line_breaks(value: str) -> str:
    """The body of a macro for a macro file: line breaks need a backslash."""
    return value.replace("\n", "\\\n")


def _environment(config: MockConfig, request: BuildRequest) -> Mapping[str, str]:
    """The variables of the configuration. For those of an interactive shell mock's defaults do not count."""
    usual = default_options()["environment"]
    interactive = ("TERM", "SHELL", "PROMPT_COMMAND", "HOSTNAME", "PATH", "HOME")
    chosen = {
        name: value
        for name, value in config.environment
        if name not in interactive or value != usual.get(name)
    }
    return {
        "SHELL": "/bin/bash",
        "TERM": "dumb",
        **chosen,
        "SOURCE_DATE_EPOCH": str(request.source_date_epoch),
    }
