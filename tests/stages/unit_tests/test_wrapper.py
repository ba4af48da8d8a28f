"""The source package of a test run: the same inputs give the same bytes, and foreign text stays text."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import coverage
import pytest

from altai_build.config.unit_tests import TestSettings
from altai_build.errors import InputError
from altai_build.model.affected_tests import AffectedTests
from altai_build.model.limits import Limits
from altai_build.model.test_record import ContextRecord
from altai_build.model.unit_tests import Suite, SuiteKind
from altai_build.stages.unit_tests.wrapper import (
    LockedFile,
    Recording,
    SuiteRequest,
    list_suite_settings,
    make_wrapper,
)
from altai_build.tools.rpm.header import read_header
from tests.kit.rpms import build_rpm
from tests.kit.superprojects import unpack


@pytest.fixture
def request_(tmp_path: Path) -> SuiteRequest:
    wheel = tmp_path / "mock-1-py3-none-any.whl"
    wheel.write_bytes(b"zip")
    return SuiteRequest(
        component="repos/a'b",
        srpm=build_rpm(tmp_path / "component").source,
        version="1.0",
        epoch=1_500_000_000,
        suite=Suite(SuiteKind.COMMAND, "echo '%{name}' $HOME", "repos.yaml", python="python3"),
        settings=TestSettings(rerun=2, parallel=3),
        requires=("gcc >= 3", "perl(A::B)", "!clang", "odd-%{name}"),
        locked=(LockedFile("mock", wheel),),
    )


def make(request: SuiteRequest, folder: Path) -> Path:
    folder.mkdir()
    return make_wrapper(request, folder, {"dist": ".x"}, "x86_64", Limits())


def test_the_same_inputs_give_the_same_bytes(request_: SuiteRequest, tmp_path: Path) -> None:
    first, second = make(request_, tmp_path / "1"), make(request_, tmp_path / "2")
    assert first.read_bytes() == second.read_bytes()
    other = make(replace(request_, suite=replace(request_.suite, command="true")), tmp_path / "3")
    assert other.read_bytes() != first.read_bytes()


def test_what_a_recorded_run_is_made_from(request_: SuiteRequest, tmp_path: Path) -> None:
    selection = AffectedTests(
        "1" * 40, ContextRecord(), (0, 2), (), {"a.py": "2" * 40}, {"a.py": ((1, 1, 3),)}
    )
    whole = replace(request_, recording=Recording("sha1"))
    part = replace(request_, recording=Recording("sha1", selection, {"version": 1}))
    # Which tests are left out is no setting: the next commit leaves out others.
    assert list_suite_settings(whole) == list_suite_settings(part) != list_suite_settings(request_)
    found = {}
    for name, request in (("whole", whole), ("part", part)):
        found[name] = unpack(make(request, tmp_path / name))
    assert {"altai_test_contexts.py", "altai_test_record.py"} <= set(found["whole"])
    assert json.loads(found["whole"]["selection.json"]) == {"hash": "sha1"}
    assert "base.json" not in found["whole"]
    assert json.loads(found["part"]["base.json"]) == {"version": 1}
    assert json.loads(found["part"]["selection.json"]) == {
        "hash": "sha1",
        "base": "1" * 40,
        "carried": [0, 2],
        "changed": {"a.py": "2" * 40},
        "moved": {"a.py": [[1, 1, 3]]},
    }


@pytest.mark.parametrize("settings", ["[run]\nbranch = perhaps\n", "[run]\nomit = setup.py\n"])
def test_settings_that_coverage_refuses_do_not_stop_the_tests(
    settings: str, request_: SuiteRequest, tmp_path: Path
) -> None:
    suite = replace(request_.suite, command="$PYTHON a.py", python=sys.executable)
    package = make(replace(request_, suite=suite, coverage="coverage.py", locked=()), tmp_path / "1")
    sources, source = tmp_path / "sources", tmp_path / "t/BUILD/x"
    sources.mkdir()
    source.mkdir(parents=True)
    for name, content in unpack(package).items():
        (sources / name).write_bytes(content)
    (source / "a.py").write_text("print('tested')\n", encoding="utf-8")
    (source / ".coveragerc").write_text(settings, encoding="utf-8")
    subprocess.run(
        ["sh", sources / "run-suite.sh", "test"], cwd=tmp_path, stdin=subprocess.DEVNULL, check=True
    )
    results = tmp_path / "results"
    assert (results / "1/log").read_text(encoding="utf-8") == "tested\n"
    assert (results / "passed").exists() and (results / "coverage.xml").exists()
    assert ("perhaps" in (results / "coverage.log").read_text(encoding="utf-8")) == ("perhaps" in settings)


def test_the_setup_of_a_source_archive_finds_locked_wheels(request_: SuiteRequest, tmp_path: Path) -> None:
    wheel, sdist, setup = (
        tmp_path / "w-1-py3-none-any.whl",
        tmp_path / "s-1.tar.gz",
        tmp_path / "s-1/setup.py",
    )
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("w.py", "TEXT = 'PASSED = 1'")
    setup.parent.mkdir()
    setup.write_text("import sys, w\nopen(sys.argv[-1] + '/s.py', 'w').write(w.TEXT)\n", encoding="utf-8")
    with tarfile.open(sdist, "w:gz") as files:
        files.add(setup.parent, "s-1")
    suite = replace(request_.suite, command="$PYTHON -c 'import s; print(s.PASSED)'", python=sys.executable)
    locked = (LockedFile("w", wheel), LockedFile("s", sdist))
    package = make(replace(request_, suite=suite, locked=locked), tmp_path / "1")
    sources = tmp_path / "sources"
    sources.mkdir()
    (tmp_path / "t/BUILD/x").mkdir(parents=True)
    for name, content in unpack(package).items():
        (sources / name).write_bytes(content)
    subprocess.run(
        ["sh", sources / "run-suite.sh", "test"], cwd=tmp_path, stdin=subprocess.DEVNULL, check=True
    )
    assert (tmp_path / "results/1/log").read_text(encoding="utf-8") == "1\n"


def test_coverage_that_is_locked_has_the_settings_of_the_project(
    request_: SuiteRequest, tmp_path: Path
) -> None:
    wheel = tmp_path / "coverage-1-py3-none-any.whl"
    top = Path(coverage.__file__).parent
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in top.rglob("*.py"):
            archive.write(path, f"coverage/{path.relative_to(top)}")
    # Without the site's own packages.
    suite = replace(request_.suite, command="$PYTHON a.py", python=f"{sys.executable} -S")
    request = replace(request_, suite=suite, coverage="coverage.py", locked=(LockedFile("coverage", wheel),))
    sources, source = tmp_path / "sources", tmp_path / "t/BUILD/x"
    sources.mkdir()
    source.mkdir(parents=True)
    for name, content in unpack(make(request, tmp_path / "1")).items():
        (sources / name).write_bytes(content)
    for name in ("a.py", "b.py"):
        (source / name).write_text("", encoding="utf-8")
    (source / ".coveragerc").write_text("[run]\nsource = .\n", encoding="utf-8")
    subprocess.run(
        ["sh", sources / "run-suite.sh", "test"], cwd=tmp_path, stdin=subprocess.DEVNULL, check=True
    )
    text = (tmp_path / "results/coverage.xml").read_text(encoding="utf-8")
    assert 'filename="a.py"' in text and 'filename="b.py"' in text


def test_what_is_in_it(request_: SuiteRequest, tmp_path: Path) -> None:
    package = make(request_, tmp_path / "1")
    header = read_header(package)
    assert str(header.nevra) == "repos-a-b-unit-tests-1-1.src"
    names = [str(one) for one in header.requires if not one.name.startswith("rpmlib(")]
    assert sorted(names) == ["gcc >= 3", "odd-%{name}", "perl(A::B)"]
    assert [str(one) for one in header.conflicts] == ["clang"]
    files = unpack(package)
    assert files["command"] == files["rerun"] == b"echo '%{name}' $HOME\n"
    settings = files["suite.conf"].decode().splitlines()
    assert settings[0] == "COMPONENT='repos/a'\"'\"'b'" and settings[-1] == "JOBS=3"
    assert "RERUNS=2" in settings and "SDISTS=''" in settings
    assert files["mock-1-py3-none-any.whl"] == b"zip"


def test_a_requirement_that_is_no_line_is_refused(request_: SuiteRequest, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written into a spec"):
        make(replace(request_, requires=("a\n%install\nrm",)), tmp_path / "1")
