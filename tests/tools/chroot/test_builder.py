"""What the chroot builder runs, with which environment, and which options it does not carry out."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from altai_build.model.build import BuildRequest, BuildStep
from altai_build.model.limits import Limits
from altai_build.tools.chroot import builder as module
from altai_build.tools.chroot.builder import ChrootBuilder
from altai_build.tools.chroot.roots import RootCache
from altai_build.tools.mock.config import MockConfig, read_config

CONFIG = """\
config_opts['root'] = 'm'
config_opts['target_arch'] = 'x86_64'
config_opts['chroot_setup_cmd'] = 'install bash'
config_opts['dnf.conf'] = '[main]'
"""


def read(folder: Path, options: str = "") -> MockConfig:
    (folder / "m.cfg").write_text(CONFIG + options)
    return read_config("m", search=[folder])


def command(config: MockConfig, step: BuildStep = BuildStep.PACKAGES) -> list[str]:
    """The command that runs in the sandbox."""
    nowhere = Path("/nonexistent")
    builder = ChrootBuilder(config, RootCache(nowhere, nowhere), nowhere, macros=(), limits=Limits())
    return builder._rpmbuild(request(step))


def request(step: BuildStep = BuildStep.PACKAGES) -> BuildRequest:
    return BuildRequest(
        component="c",
        srpm=Path("/srpms/c-1-1.src.rpm"),
        local_rpms=(),
        result_dir=Path("/nonexistent"),
        source_date_epoch=7,
        step=step,
    )


def test_rpmbuild_gets_the_options_of_the_configuration(tmp_path: Path) -> None:
    source = "/builddir/build/SRPMS/c-1-1.src.rpm"
    plain = ["--nodeps", "--target", "x86_64", source]
    assert command(read(tmp_path)) == ["/usr/bin/rpmbuild", "--rebuild", *plain]
    assert command(read(tmp_path), BuildStep.GENERATED_REQUIRES) == ["/usr/bin/rpmbuild", "-rr", *plain]
    again = [*command(read(tmp_path), BuildStep.SPEC_REQUIRES)]
    assert again[:2] == ["/bin/sh", "-c"] and again[3] == source
    assert [*again[4:6], *again[7:]] == ["/usr/bin/rpmbuild", "-bs", *plain[:-1]]
    options = """
config_opts['rpmbuild_command'] = '/opt/rpmbuild'
config_opts['rpmbuild_arch'] = 'i686'
config_opts['rpmbuild_opts'] = '--with "a b"'
config_opts['check'] = False
"""
    words = [
        "/opt/rpmbuild",
        "--rebuild",
        "--nodeps",
        "--target",
        "i686",
        "--nocheck",
        "--with",
        "a b",
        source,
    ]
    assert command(read(tmp_path, options)) == words


def test_of_the_environment_only_the_defaults_of_an_interactive_shell_are_left_out(tmp_path: Path) -> None:
    usual = module._environment(read(tmp_path), request())
    assert usual == {
        "SHELL": "/bin/bash",
        "TERM": "dumb",
        "PS1": r"<mock-chroot> \s-\v\$ ",
        "LANG": "C.UTF-8",
        "SOURCE_DATE_EPOCH": "7",
    }
    options = "config_opts['environment'].update(PATH='/opt/bin', TERM='xterm', SOURCE_DATE_EPOCH='1', A='b')"
    changed = module._environment(read(tmp_path, options), request())
    assert changed == {**usual, "PATH": "/opt/bin", "TERM": "xterm", "A": "b"}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", {}),
        ("config_opts['legal_host_arches'] = ('riscv64', platform.machine())", {}),
        ("config_opts['legal_host_arches'] = ('riscv64',)", {"config_opts['legal_host_arches']": True}),
        ("config_opts['environment']['HOME'] = '/root'", {"config_opts['environment']['HOME']": True}),
        ("config_opts['macros']['_topdir'] = '/tmp'", {"config_opts['macros']['%_topdir']": False}),
        ("config_opts['macros']['clamp_mtime_to_source_date_epoch'] = '1'", {}),
        ("config_opts['dnf.conf'] = '[main]\\nobsoletes=0\\nbest=1'", {"dnf.conf: [main] obsoletes": True}),
        ("config_opts['forcearch'] = 'aarch64'", {"config_opts['forcearch']": True}),
    ],
)
def test_options_and_values_that_it_does_not_carry_out(
    tmp_path: Path, options: str, found: dict[str, bool]
) -> None:
    config = read(tmp_path, options.replace("platform.machine()", repr(platform.machine())))
    assert {option.name: option.is_error for option in ChrootBuilder.find_unsupported(config)} == found
