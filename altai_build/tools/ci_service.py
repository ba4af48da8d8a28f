"""The CI service that runs the job: what it says of the change, and how its logs are folded and annotated.

Sources: GitHub's "workflow commands" and "variables", GitLab's "predefined CI/CD variables" and "custom collapsible
sections", Jenkins's "building a software project" with the variables of its branch and git plugins.
"""

from __future__ import annotations

import functools
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.gitlink import is_commit_id
from altai_build.regular_files import read_regular_file

_LONGEST_VALUE = 80  # characters of a wrong value that are shown


class Service(str, Enum):
    """The CI services that are recognised."""

    GITHUB = "GitHub Actions"
    GITLAB = "GitLab CI"
    JENKINS = "Jenkins"


@dataclass(frozen=True)
class CiJob:
    """What the environment of a job says.

    `since` is the commit that the service compares with, `variable` says which of its variables it is from. `target` is
    the branch that a merge request is for. `summary` is the file in which the service expects Markdown. `ignored` says
    which values name no commit, and why; `is_new_branch` is true where the service says that there is none.
    """

    service: Service | None = None
    since: str | None = None
    variable: str = ""
    target: str | None = None
    summary: Path | None = None
    ignored: tuple[str, ...] = ()
    is_new_branch: bool = False

    @property
    def since_reason(self) -> str:
        """Why `since` is the commit to compare with."""
        return f"{self.variable} of {self.service.value}" if self.service is not None else ""


def recognise_job(environment: Mapping[str, str]) -> CiJob:
    """The job that this process is part of; one of no service outside of CI. Raises InputError for a damaged event."""
    if environment.get("GITHUB_ACTIONS") == "true":
        return _read_github(environment)
    if environment.get("GITLAB_CI") == "true":
        target = environment.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME") or None
        known = ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "CI_COMMIT_BEFORE_SHA")
        return _choose_commit(CiJob(Service.GITLAB, target=target), _list_values(environment, known))
    if environment.get("JENKINS_URL"):
        target = environment.get("CHANGE_TARGET") or None
        # That of a merge request is the commit of its last job, which has built a part of it.
        names = () if target else ("GIT_PREVIOUS_SUCCESSFUL_COMMIT",)
        return _choose_commit(CiJob(Service.JENKINS, target=target), _list_values(environment, names))
    return CiJob()


def _read_github(environment: Mapping[str, str]) -> CiJob:
    target = environment.get("GITHUB_BASE_REF") or None
    values: list[tuple[str, str]] = []
    event = environment.get("GITHUB_EVENT_PATH", "")
    if target is None and event:
        try:
            payload = json.loads(read_regular_file(event))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(
                f"the description of the event cannot be read: {event}",
                why=str(error),
                todo="name the commit to compare with: --since REV",
            ) from error
        before = payload.get("before") if isinstance(payload, dict) else None
        values = [("`before` of the event", str(before))] if before is not None else []
    summary = environment.get("GITHUB_STEP_SUMMARY")
    job = CiJob(Service.GITHUB, target=target, summary=Path(summary) if summary else None)
    return _choose_commit(job, values)


def _list_values(environment: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, str]]:
    """The variables that are set, and their values."""
    return [(name, environment[name]) for name in names if environment.get(name)]


def _choose_commit(job: CiJob, values: Sequence[tuple[str, str]]) -> CiJob:
    """The job with the first value that names a commit; all zeros stand for a branch that is new."""
    ignored: list[str] = []
    is_new_branch = False
    for name, value in values:
        if not is_commit_id(value):
            shown = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"
            ignored.append(f"{name} is ignored: {shown!r} is no full commit id")
        elif value.strip("0"):
            return replace(job, since=value, variable=name, ignored=tuple(ignored))
        else:
            is_new_branch = True
    return replace(job, ignored=tuple(ignored), is_new_branch=is_new_branch)


def fold_lines(service: Service | None, title: str, lines: list[str]) -> str:
    """Lines of a log as a section that the service shows folded; outside of CI below their title.

    The lines are foreign: nothing in them is a command to the service. They have no control characters.
    """
    text = "".join(f"{line}\n" for line in lines)
    if service is Service.GITHUB:
        return f"{_format_command(f'::group::{_escape_data(title)}')}{text}{_format_command('::endgroup::')}"
    if service is Service.GITLAB:
        name, now = f"log_{secrets.token_hex(4)}", int(time.time())
        return (
            f"\x1b[0Ksection_start:{now}:{name}[collapsed=true]\r\x1b[0K{title}\n"
            f"{text}\x1b[0Ksection_end:{now}:{name}\r\x1b[0K\n"
        )
    return f"{title}\n{text}"


def annotate_error(service: Service | None, title: str, text: str, *, file: str = "", line: int = 0) -> str:
    """What makes the service show an error beside the change, at a line of a file if that is known; else ""."""
    if service is not Service.GITHUB:
        return ""
    place = [f"file={_escape_property(file)}", f"line={line}"] if file and line else []
    properties = ",".join([*place, f"title={_escape_property(title)}"])
    return _format_command(f"::error {properties}::{_escape_data(text)}")


def stop_commands() -> str:
    """What makes GitHub take nothing for a command but the lines that `fold_lines` and `annotate_error` make.

    It would find `::NAME::` at the start of a line, after blanks too, and `##[NAME]` anywhere in a line
    (ActionCommand.cs of its runner).
    """
    return f"::stop-commands::{_choose_stop_word()}\n"


def resume_commands() -> str:
    """What ends the effect of `stop_commands`."""
    return f"::{_choose_stop_word()}::\n"


@functools.cache
def _choose_stop_word() -> str:
    """What nobody else can say, because nothing that was built sees the log."""
    return secrets.token_hex(16)


def _format_command(line: str) -> str:
    return f"{resume_commands()}{line}\n{stop_commands()}"


def _escape_data(text: str) -> str:
    """As the toolkit of GitHub Actions escapes the text of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
