"""The log of a CI job: whether packages can be installed, and where an error is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from altai_build.cli.ci_report import CiReport, report_ci_result
from altai_build.model.build import BuildResult
from altai_build.model.ci_result import CiResult, Installable, InstallCheck, TopicRepository
from altai_build.model.component_status import ComponentStatus
from altai_build.tools.ci_service import CiJob, Service
from altai_build.tools.progress import ProgressReporter
from tests.kit.cli import make_app


class FakeRun:
    """What a report needs of a run."""

    reporter = ProgressReporter()


def report(
    capsys: pytest.CaptureFixture[str],
    check: InstallCheck,
    *rows: BuildResult,
    build_run: Any = None,
    service: Service | None = Service.GITHUB,
    code: int = 0,
) -> str:
    topic = TopicRepository(section="p-ci", url="file:///r/repo/", files=("x.rpm",), check=check)
    result = CiResult("1" * 40, "2" * 40, "", rows, code, topic=topic)
    run: Any = FakeRun()
    job_report = CiReport(result, build_run, Path("out"), CiJob(service), 75.0)
    report_ci_result(make_app(Path("/"), config_file="r.yaml"), run, job_report, as_json=False)
    return capsys.readouterr().err


def test_only_packages_that_can_be_installed_are_in_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    refused = {"app-ldap": "nothing provides python-ldap"}
    text = report(capsys, InstallCheck(Installable.NO, ("app",), refused))
    assert (
        "warning: installable: no: 1 package cannot be installed\n  app-ldap: nothing provides python-"
        in text
    )
    assert text.rstrip().endswith("install app") and "install the others: dnf" in text
    text = report(capsys, InstallCheck(Installable.NO, (), refused))
    assert "dnf" not in text
    text = report(capsys, InstallCheck(Installable.UNKNOWN, ("app",), reason="no base"))
    assert "warning: installable: unknown, no base\n" in text and "install the packages: dnf" in text
    assert "\ninstallable: yes\n" in report(capsys, InstallCheck(Installable.YES, ("app",)))


def test_an_error_is_at_its_line_if_the_commit_has_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    source = SimpleNamespace(
        component=SimpleNamespace(name="app", path="repos/app"),
        tree=(SimpleNamespace(path="src/main.c", is_file=True),),
    )
    build_run = SimpleNamespace(build_plan=SimpleNamespace(discovery=SimpleNamespace(sourced=(source,))))
    check = InstallCheck(Installable.YES, ())
    for reason, place in {
        "./src/main.c:12:3: error: x": "::error file=repos/app/src/main.c,line=12,title=app::",
        "../etc/passwd:1: x": "::error title=app::",
        "src/other.c:1: x": "::error title=app::",
    }.items():
        row = BuildResult(component="app", commit="3" * 40, status=ComponentStatus.FAILED, reason=reason)
        assert place in report(capsys, check, row, build_run=build_run)


def test_the_end_says_what_failed_where_its_log_is_and_what_to_type_next(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PWD", "/")
    (tmp_path / "build.log").write_text("the end of the log\n")
    rows = (
        BuildResult(
            component="app",
            commit="3" * 40,
            status=ComponentStatus.FAILED,
            reason="x.c:1: no y",
            log=tmp_path / "build.log",
            causes=("x.c:1: no y", "make: *** [all] Error 1"),
        ),
        BuildResult("lib", "4" * 40, ComponentStatus.BLOCKED, "needs app, which failed"),
    )
    check = InstallCheck(Installable.YES, ())
    end = """\
warning: app: x.c:1: no y
  make: *** [all] Error 1
  log: out/logs/app.log
blocked: lib: needs app, which failed
failure: 2 components: 1 blocked, 1 failed in 1:15; see out/summary.md
installable: yes
"""
    fix = "next: fix it, commit, and rerun the command; finished builds are reused\n"
    assert report(capsys, check, *rows, service=None, code=5) == (
        f"log of app\nthe end of the log\n{end}next: `altai-build --config r.yaml log app` shows the log\n{fix}"
    )
    text = report(capsys, check, *rows, code=5)
    command = "next: `altai-build build app --rev 111111111111` does the same in a clone on your machine\n"
    assert text.endswith(f"{end}{command}{fix}")


def test_a_summary_that_cannot_be_written_is_not_the_result(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run: Any = FakeRun()
    job = CiJob(Service.GITHUB, summary=tmp_path / "none" / "summary")
    job_report = CiReport(CiResult("1" * 40, "2" * 40, "", (), 0), None, tmp_path, job, 0.0)
    report_ci_result(make_app(tmp_path), run, job_report, as_json=False)
    said = capsys.readouterr().err
    assert f"warning: the summary of the step is not written: {job.summary}: No such file" in said
    assert "success: " in said or "unchanged: " in said
