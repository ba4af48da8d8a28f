"""The pipeline of a CI service, as a file in the superproject: how it gets altai-build, and what it keeps."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from altai_build import __version__
from altai_build.regular_files import read_regular_file

_TEMPLATES = Path(__file__).resolve().parents[1] / "templates" / "ci"
# What makes the next job fast: finished work with its records, downloads and mirrors. Not the keys.
_CACHED = ("ledger.jsonl", "outcomes.json", "needs.json", "srpms/", "builds/", "cache/", "git/")
_WORKSPACE = ".altai-build"
_MARKER = re.compile(r"^( *)@(\w+)@$|@(\w+)@", re.MULTILINE)

TOOL_URL = "https://github.com/altai/altai-build"
TOOL_REV = f"v{__version__}"


class PipelineService(str, Enum):
    """The CI services that a pipeline can be written for."""

    GITHUB = "github"
    GITLAB = "gitlab"
    JENKINS = "jenkins"


@dataclass(frozen=True)
class PipelineSettings:
    """What differs between superprojects: the main branch, where jobs get altai-build from, the label of agents."""

    branch: str = "main"
    tool_url: str = TOOL_URL
    tool_rev: str = TOOL_REV
    label: str = "linux"


@dataclass(frozen=True)
class _Form:
    """The template of a service, and where the service looks for the pipeline; how its lists of paths look."""

    template: str
    path: str
    item: str = "{}"


_FORMS = {
    PipelineService.GITHUB: _Form("github.yml", ".github/workflows/altai-build.yml"),
    PipelineService.GITLAB: _Form("gitlab.yml", ".gitlab-ci.yml", "- {}"),
    PipelineService.JENKINS: _Form("Jenkinsfile", "Jenkinsfile"),
}


def get_pipeline_path(service: PipelineService) -> str:
    """Where the service looks for the pipeline, in the superproject."""
    return _FORMS[service].path


def format_pipeline(service: PipelineService, settings: PipelineSettings) -> str:
    """The pipeline of a service. The settings have only characters that `check_setting` allows."""
    form = _FORMS[service]
    values = {
        "BRANCH": settings.branch,
        "TOOL_URL": settings.tool_url,
        "TOOL_REV": settings.tool_rev,
        "LABEL": settings.label,
        "SCRIPT": _read("get-tool.sh").rstrip("\n"),
        "CACHE": "\n".join(form.item.format(f"{_WORKSPACE}/{name}") for name in _CACHED),
    }
    # In Jenkins the script stands between ''', where a backslash escapes.
    if service is PipelineService.JENKINS:
        values["SCRIPT"] = values["SCRIPT"].replace("\\", "\\\\")
    indents = {
        PipelineService.GITHUB: {"SCRIPT": 10, "CACHE": 12},
        PipelineService.GITLAB: {"SCRIPT": 6, "CACHE": 6},
    }
    indent = indents.get(service, {"SCRIPT": 20})

    def fill(match: re.Match[str]) -> str:
        name = match[2] or match[3]
        return textwrap.indent(values[name], " " * indent.get(name, 0))

    return _MARKER.sub(fill, _read(form.template))


def check_setting(value: str) -> str | None:
    """What is wrong with a text that stands quoted in a pipeline; None when it can stand there."""
    if re.fullmatch(r"[A-Za-z0-9_.][A-Za-z0-9_./:@+~-]*", value):
        return None
    return "write letters, digits and the characters . _ / : @ + ~ -, none of / : @ + ~ - first"


def _read(name: str) -> str:
    return read_regular_file(_TEMPLATES / name).decode()
