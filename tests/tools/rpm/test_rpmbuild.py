"""The key of rpm covers its macros; sources are compressed once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from altai_build.model.limits import Limits
from altai_build.tools import process
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.spec import macrofiles
from tests.conftest import Require
from tests.kit.sourced import make_component_spec
from tests.kit.superprojects import unpack


def test_other_macros_change_the_key_of_rpm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert macrofiles.RPM_CONFIG_DIR.is_dir()
    monkeypatch.setattr(rpmbuild, "RPM_CONFIG_DIR", tmp_path)
    (tmp_path / "macros.d").mkdir()
    keys = [rpmbuild.rpm_version_key()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python3")
    keys += [rpmbuild.rpm_version_key(), rpmbuild.rpm_version_key()]
    (tmp_path / "macros.d/macros.python").write_text("%python3 python4")
    keys.append(rpmbuild.rpm_version_key())
    assert (keys[1] == keys[2], len(set(keys))) == (True, 3)
    assert all(key.startswith("RPM version ") for key in keys)


@pytest.mark.parametrize(
    ("source", "flags"),
    [("small-1.tar", "0"), ("large-1.tar", "1"), ("large-1.tar.gz", "0"), ("large-1.zip", "0")],
)
def test_compressed_sources_are_not_compressed_again(tmp_path: Path, source: str, flags: str) -> None:
    (tmp_path / "SOURCES").mkdir()
    (tmp_path / "SPECS").mkdir()
    size = 1_000_000 if source.startswith("large") else 1000
    (tmp_path / "SOURCES" / source).write_bytes(bytes(size))
    (tmp_path / "SPECS/a.spec").write_text(
        f"Name: a\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nSource0: {source}\n%description\n"
        "%(date +%s) %{lua: print(os.time())}\n"
    )
    made = rpmbuild.build_srpm(tmp_path, "a.spec", {}, "x86_64", Limits(), epoch=1_300_000_000)
    assert made.returncode == 0, made.error_text
    (srpm,) = (tmp_path / "SRPMS").iterdir()
    form = "%{PAYLOADCOMPRESSOR} %{PAYLOADFLAGS} %{DESCRIPTION}"
    asked = ["rpm", "-qp", "--nosignature", "--qf", form, str(srpm)]
    assert process.run(asked).text == f"gzip {flags} 1300000000 1300000000"
    assert unpack(srpm)[source] == bytes(size)


def make_source(folder: Path, version: str) -> Path:
    """A folder with a spec whose version is computed."""
    for name in ("SOURCES", "SPECS"):
        (folder / name).mkdir(parents=True)
    text = "Name: a\nVersion: %s\nRelease: 1\nSummary: x\nLicense: x\n%%description\nx\n"
    (folder / "SPECS/a.spec").write_text(text % version)
    return folder


def run_both(folder: Path, version: str, limits: Limits) -> list[process.ProcessResult]:
    """An expansion and a source package of one spec; both run what it contains."""
    top = make_source(folder, version)
    files = {"SPECS/a.spec": (top / "SPECS/a.spec").read_bytes()}
    expanded = rpmbuild.expand_spec(
        "SPECS/a.spec", files, {}, "x86_64", limits, epoch=1_300_000_000, scratch=folder / "scratch"
    )
    return [expanded, rpmbuild.build_srpm(top, "a.spec", {}, "x86_64", limits, epoch=1_300_000_000)]


def test_specs_and_source_packages_have_the_limits_of_builds(tmp_path: Path) -> None:
    limits = Limits(processes=500, memory=100 << 20, file=1 << 20)
    shown = "_".join(f"$(ulimit -{letter})" for letter in "udfc")
    version = f"%(bash -c 'echo {shown}_$(cat /proc/self/oom_score_adj)')"
    expanded, packed = run_both(tmp_path, version, limits)
    wanted = f"500_{100 << 10}_{1 << 10}_0_1000"
    assert f"Version: {wanted}\n" in expanded.text
    assert packed.returncode == 0, packed.error_text
    assert [path.name for path in (tmp_path / "SRPMS").iterdir()] == [f"a-{wanted}-1.src.rpm"]


def test_a_source_package_does_not_depend_on_processors_and_make_of_this_machine(tmp_path: Path) -> None:
    top = make_source(tmp_path, "1")
    with open(top / "SPECS/a.spec", "a") as spec:
        spec.write("%build\nbuild %{?_smp_mflags} %{_make_output_sync} %{_smp_build_ncpus}\n")
    packed = rpmbuild.build_srpm(top, "a.spec", {}, "x86_64", Limits(), epoch=1_300_000_000)
    assert packed.returncode == 0, packed.error_text
    (package,) = (top / "SRPMS").iterdir()
    # Newer versions of rpm keep the expanded spec in the package.
    shown = process.run(["rpm", "-qp", "--nosignature", "--queryformat", "%{SPEC}", str(package)]).text
    assert shown == "(none)" or "\nbuild -j1 -O 1\n" in shown


def test_a_spec_that_takes_too_long_prints_too_much_or_needs_too_much_memory_is_stopped(
    tmp_path: Path,
) -> None:
    slow = run_both(tmp_path / "slow", "%(sleep 60; echo 1)", Limits(seconds=0.5))
    assert [result.error_text for result in slow] == ["stopped after 0.5 seconds"] * 2
    loud = run_both(tmp_path / "loud", "%(yes >&2)", Limits(log=1 << 20))
    assert all(result.error_text.endswith("stopped: it printed more than 1048576 bytes") for result in loud)
    endless = run_both(tmp_path / "endless", "%(tr '\\\\0' x </dev/zero)", Limits(memory=100 << 20))
    assert all(result.returncode != 0 for result in endless)


def test_a_spec_that_fills_the_disk_is_stopped(tmp_path: Path, require: Require) -> None:
    require(os.geteuid() == 0, "mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place], check=True)
    try:
        version = "%(mkdir -p a/b; head -c 20000000 /dev/zero >a/b/c; sleep 60; echo 1)"
        for result in run_both(place / "top", version, Limits(free=14 << 20)):
            assert "stopped: it fills the disk: it uses 20." in result.error_text
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_sandbox_that_does_not_start_is_no_failed_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_component_spec(tmp_path, {"a.spec": "Name: a\n"}, "a.spec")
    refused = process.ProcessResult(("bwrap",), 1, b"", b"bwrap: No permissions to create new namespace")
    monkeypatch.setattr("altai_build.tools.sandbox.trial.try_sandbox", lambda: "")
    assert rpmbuild.spec_error(source, refused, source.text).exit_code == 5
    monkeypatch.setattr("altai_build.tools.sandbox.trial.try_sandbox", lambda: "No permissions")
    error = rpmbuild.spec_error(source, refused, source.text)
    assert (error.exit_code, error.why) == (4, "No permissions")
