"""The pipeline of a CI service, as a file in the superproject: how it gets altai-build, and what it keeps."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from altai_build import __version__
from altai_build.regular_files import read_regular_file

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "ci"
# Lines that only a pipeline with a matrix has begin with it.
_MATRIX_LINE = "@M "
_MARKER = re.compile(r"@([A-Z_]+)@")

TOOL_URL = "https://github.com/altai/altai-build"
TOOL_REV = f"v{__version__}"


# Jobs of a matrix: GitHub's "usage limits", GitLab's `parallel`. Jenkins has none: its agents keep what they built.
MOST_JOBS = {"github": 256, "gitlab": 200}


class PipelineService(str, Enum):
    """The CI services that a pipeline can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"


@dataclass(frozen=True)
class PipelineSettings:
    """What differs between superprojects: the main branch, where jobs get altai-build from, the label of agents.

    `groups` are the components that one job each builds before the job that has the result; none: only that job.
    """

    branch: str = "main"
    tool_url: str = TOOL_URL
    tool_rev: str = TOOL_REV
    label: str = "linux"
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class _Form:
    """The template of a service, where it looks for the pipeline, and how far scripts and groups are indented."""

    template: str
    path: str
    script: int
    groups: int = 0


_FORMS = {
    PipelineService.GITHUB: _Form("github.yml", ".github/workflows/altai-build.yml", 10, 10),
    PipelineService.GITLAB: _Form("gitlab.yml", ".gitlab-ci.yml", 6, 10),
    PipelineService.JENKINS: _Form("Jenkinsfile", "Jenkinsfile", 20),
}


def get_pipeline_path(service: PipelineService) -> str:
    """Where the service looks for the pipeline, in the superproject."""
    return _FORMS[service].path


def format_pipeline(service: PipelineService, settings: PipelineSettings) -> str:
    """The pipeline of a service. The settings have only characters that `check_setting` allows."""
    form = _FORMS[service]
    # Its first line says for which shell it is.
    script = _read("get-tool.sh").partition("\n")[2].rstrip("\n")
    if service is PipelineService.JENKINS:
        # It stands between ''', where a backslash escapes.
        script = script.replace("\\", "\\\\")
    values = {
        "BRANCH": settings.branch,
        "TOOL_URL": settings.tool_url,
        "TOOL_REV": settings.tool_rev,
        "LABEL": settings.label,
        "SCRIPT": textwrap.indent(script, " " * form.script),
        "MATRIX": "\n".join(f'{" " * form.groups}- "{" ".join(group)}"' for group in settings.groups),
        "CACHES": '"${caches[@]}" ' if settings.groups else "",
    }
    lines = []
    for line in _read(form.template).splitlines(keepends=True):
        if not line.startswith(_MATRIX_LINE):
            lines.append(line)
        elif settings.groups:
            lines.append(line[len(_MATRIX_LINE) :])
    return _MARKER.sub(lambda match: values[match[1]], "".join(lines))


def group_components(needs: Mapping[str, Collection[str]], most: int) -> tuple[tuple[str, ...], ...]:
    """The components that no other one needs, in at most that many groups of about the same size.

    `needs` is component → those that it needs. Whoever builds all groups with what they need builds everything.
    """
    needed = {other for name, others in needs.items() for other in others if other != name}
    last = sorted(needs.keys() - needed)
    count = min(most, len(last))
    return tuple(tuple(last[number::count]) for number in range(count))


def check_setting(value: str) -> str | None:
    """What is wrong with a text that stands quoted in a pipeline; None when it can stand there."""
    if re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_./:@+~-]*", value):
        return None
    return "write letters, digits and the characters . _ / : @ + ~ -, none of / : @ + ~ - first"


def _read(name: str) -> str:
    return read_regular_file(_TEMPLATES / name).decode()
