"""The results of a CI job for programs: checked by the schema, whatever came of the job."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema  # type: ignore[import-untyped]

import altai_build
from altai_build.cli.ci_results import make_ci_result, read_log_end, write_ci_results
from altai_build.model.build import BuildResult
from altai_build.model.ci_result import Installable, InstallCheck, TopicRepository
from altai_build.model.component_status import ComponentStatus
from altai_build.model.gitlink import CommitId
from altai_build.pipeline.ci import Change
from altai_build.pipeline.ci_job import BuiltChange
from altai_build.tools.git.merge_base import ComparedCommit

SCHEMA = json.loads((Path(altai_build.__file__).parent / "schemas" / "ci-result.json").read_text())
COMMIT = CommitId("1" * 40)
CHANGE = Change(COMMIT, COMMIT, {}, ComparedCommit(CommitId("2" * 40), "named by --since"))


def read_result(folder: Path) -> Any:
    result = json.loads((folder / "result.json").read_text())
    jsonschema.validate(result, SCHEMA)
    return result


def test_what_cannot_be_installed_is_named_with_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("first\n\x1b[31mlast\n")
    row = BuildResult(component="app", commit=COMMIT, status=ComponentStatus.FAILED, reason="x", log=log)
    build_run: Any = SimpleNamespace(rows=(row,), exit_code=5)
    released: Any = SimpleNamespace(version="1.0.0")
    refused = {"app-ldap": "nothing provides python-ldap"}
    topic = TopicRepository(
        "p-ci", "file:///r/repo/", ("app.rpm",), InstallCheck(Installable.NO, (), refused)
    )
    result = make_ci_result(CHANGE, BuiltChange(build_run), released, topic, has_tested=False)
    write_ci_results(result, tmp_path)
    found = read_result(tmp_path)
    assert (found["outcome"], found["exit_code"], found["against"]) == ("failure", 5, "1.0.0")
    assert found["topic"]["installable"] == {"answer": "no", "reason": None, "refused": refused}
    assert found["topic"]["install"] is None
    assert (tmp_path / found["components"][0]["log"]).read_text().startswith("first\n")
    assert read_log_end(row) == "first\n\\x1b[31mlast"


def test_nothing_changed_is_no_build(tmp_path: Path) -> None:
    write_ci_results(make_ci_result(CHANGE, None, None, None, has_tested=True), tmp_path)
    found = read_result(tmp_path)
    assert (found["outcome"], found["components"], found["topic"], found["tests"]) == (
        "unchanged",
        [],
        None,
        [],
    )
