"""CI services: what their variables say, and what they read in logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from altai_build.errors import InputError
from altai_build.tools.ci_service import (
    CiJob,
    Service,
    annotate_error,
    fold_lines,
    recognise_job,
    resume_commands,
    stop_commands,
)
from tests.kit.github import list_github_commands

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40
NEW_BRANCH = "0" * 40


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, CiJob()),
        ({"CI": "true", "CI_COMMIT_BEFORE_SHA": COMMIT}, CiJob()),
        (
            {"GITLAB_CI": "true", "CI_MERGE_REQUEST_DIFF_BASE_SHA": COMMIT, "CI_COMMIT_BEFORE_SHA": OTHER},
            CiJob(Service.GITLAB, COMMIT, "CI_MERGE_REQUEST_DIFF_BASE_SHA"),
        ),
        (
            {"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": OTHER},
            CiJob(Service.GITLAB, OTHER, "CI_COMMIT_BEFORE_SHA"),
        ),
        (
            {"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": NEW_BRANCH},
            CiJob(Service.GITLAB, is_new_branch=True),
        ),
        (
            {"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": "--output=x\n"},
            CiJob(
                Service.GITLAB,
                ignored=("CI_COMMIT_BEFORE_SHA is ignored: '--output=x\\n' is no full commit id",),
            ),
        ),
        (
            {
                "GITLAB_CI": "true",
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": "c" * 100,
                "CI_COMMIT_BEFORE_SHA": COMMIT,
            },
            CiJob(
                Service.GITLAB,
                COMMIT,
                "CI_COMMIT_BEFORE_SHA",
                ignored=(f"CI_MERGE_REQUEST_DIFF_BASE_SHA is ignored: '{'c' * 80}…' is no full commit id",),
            ),
        ),
        (
            {"GITLAB_CI": "true", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "dev"},
            CiJob(Service.GITLAB, target="dev"),
        ),
        (
            {"JENKINS_URL": "https://ci/", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": COMMIT},
            CiJob(Service.JENKINS, COMMIT, "GIT_PREVIOUS_SUCCESSFUL_COMMIT"),
        ),
        (
            {"JENKINS_URL": "https://ci/", "GIT_PREVIOUS_SUCCESSFUL_COMMIT": COMMIT, "CHANGE_TARGET": "main"},
            CiJob(Service.JENKINS, target="main"),
        ),
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": "main", "GITHUB_STEP_SUMMARY": "/s"},
            CiJob(Service.GITHUB, target="main", summary=Path("/s")),
        ),
        ({"GITHUB_ACTIONS": "true", "GITHUB_BASE_REF": ""}, CiJob(Service.GITHUB)),
    ],
)
def test_a_job_is_recognised(environment: dict[str, str], expected: CiJob) -> None:
    assert recognise_job(environment) == expected


@pytest.mark.parametrize(
    ("payload", "since"),
    [
        ({"before": COMMIT}, COMMIT),
        ({"before": NEW_BRANCH}, None),
        ({"before": 5}, None),
        ({}, None),
        ([], None),
    ],
)
def test_a_push_on_github_is_compared_with_what_was_there(
    tmp_path: Path, payload: object, since: str | None
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(payload))
    job = recognise_job({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event)})
    assert (job.service, job.since) == (Service.GITHUB, since)
    is_new = payload == {"before": NEW_BRANCH}
    assert job.is_new_branch == is_new
    assert job.ignored == (
        ("`before` of the event is ignored: '5' is no full commit id",) if payload == {"before": 5} else ()
    )


@pytest.mark.parametrize("text", [b"{", b"\xff", b"[" * 100_000, None])
def test_a_damaged_event_is_no_event_without_a_commit(tmp_path: Path, text: bytes | None) -> None:
    event = tmp_path / "event.json"
    if text is not None:
        event.write_bytes(text)
    with pytest.raises(InputError, match="the description of the event cannot be read") as caught:
        recognise_job({"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": str(event)})
    assert "--since" in caught.value.todo


def test_nothing_in_a_folded_log_is_a_command_to_github() -> None:
    forged = ["::error::forged", " ::set-output name=a::b", "x ##[set-output name=a;]b", "::guess::"]
    text = stop_commands() + fold_lines(Service.GITHUB, "log of a\nb%", forged)
    assert list_github_commands(text) == ["::group::log of a%0Ab%25", "::endgroup::"]
    assert [line for line in text.splitlines() if line in forged] == forged
    assert list_github_commands("\n".join(forged)) == forged[:3]
    assert list_github_commands(stop_commands() + "\n".join(forged) + f"\n{resume_commands()}::error::x") == [
        "::error::x"
    ]


def test_a_log_is_folded_as_gitlab_shows_it_and_plain_elsewhere() -> None:
    text = fold_lines(Service.GITLAB, "log of a", ["line"])
    begin, line, end = text.splitlines(keepends=False)[0], "line", text.split("line\n")[1]
    name = re.search(r"section_start:(\d+):(log_[0-9a-f]{8})\[collapsed=true\]", begin)
    assert name and line in text
    assert end == f"\x1b[0Ksection_end:{name[1]}:{name[2]}\r\x1b[0K\n"
    for service in (Service.JENKINS, None):
        assert fold_lines(service, "log of a", ["line"]) == "log of a\nline\n"


def test_an_annotation_stands_at_its_line() -> None:
    text = annotate_error(Service.GITHUB, "a:b", "50%\nnext", file="repos/a,b/x.c", line=3)
    assert list_github_commands(stop_commands() + text) == [
        "::error file=repos/a%2Cb/x.c,line=3,title=a%3Ab::50%25%0Anext"
    ]
    text = annotate_error(Service.GITHUB, "a", "b")
    assert list_github_commands(stop_commands() + text + "::error::c") == ["::error title=a::b"]
    assert annotate_error(Service.GITLAB, "a", "b", file="c", line=1) == ""
