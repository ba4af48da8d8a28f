"""Pipelines of CI services as those services read them: the bash of their steps, and errors in their syntax."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tree_sitter
import tree_sitter_groovy
import yaml

from altai_build.stages.ci_pipeline import PipelineService, PipelineSettings, format_pipeline
from tests.conftest import ROOT
from tests.kit.git import Executable, Repo


def list_github_scripts(text: str) -> dict[str, str]:
    """Step → its bash, for each job and step that has any."""
    workflow: dict[str, Any] = yaml.safe_load(text)
    return {
        f"{job}: {step['name']}": step["run"]
        for job, content in workflow["jobs"].items()
        for step in content["steps"]
        if "run" in step
    }


def list_gitlab_scripts(text: str) -> dict[str, str]:
    """Job and keyword → its bash."""
    pipeline: dict[str, Any] = yaml.safe_load(text)
    return {
        f"{job}: {key}": "\n".join(content[key])
        for job, content in pipeline.items()
        for key in ("before_script", "script")
        if isinstance(content, dict) and key in content
    }


def parse_groovy(text: str) -> tree_sitter.Node:
    """The syntax tree of a Jenkinsfile; declarative pipelines are part of the grammar."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_groovy.language()))
    return parser.parse(text.encode()).root_node


def list_jenkins_scripts(text: str) -> list[str]:
    """The bash of the `sh` steps, in their order."""
    data = text.encode()
    scripts = []
    for node in _visit(parse_groovy(text)):
        if node.type != "juxt_function_call" or node.children[0].text != b"sh":
            continue
        literal = data[node.children[1].start_byte : node.children[1].end_byte].decode().strip()
        quote = "'''" if literal.startswith("'''") else literal[0]
        assert quote in ("'''", "'"), f"Groovy puts values into {literal}"
        scripts.append(literal[len(quote) : -len(quote)].replace("\\\\", "\\"))
    return scripts


def _visit(node: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    yield node
    for child in node.children:
        yield from _visit(child)


def make_tool(folder: Path) -> Repo:
    """A repository with the scripts of this checkout, from which jobs get altai-build."""
    tool = Repo(folder)
    scripts = [*(ROOT / "scripts").glob("c*"), ROOT / "scripts/lib.sh"]
    tool.commit({f"scripts/{path.name}": Executable(path.read_text()) for path in scripts})
    return tool


def run_build_step(
    service: PipelineService,
    superproject: Path,
    tool: Repo,
    program: Path,
    home: Path,
    variables: Mapping[str, str],
    *,
    groups: tuple[tuple[str, ...], ...] = (),
    is_part: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run the bash of the step that builds in a checkout, as the service does; `program` stands for scripts/setup.

    With `groups` the pipeline has a matrix; `is_part`: the step is that of a job of the matrix.
    """
    settings = PipelineSettings(tool_url=str(tool.path), tool_rev="main", groups=groups)
    text = format_pipeline(service, settings)
    if service is PipelineService.GITHUB:
        name = "prebuild: Build some of the components" if is_part else "build: Build what has changed"
        script = list_github_scripts(text)[name]
    elif service is PipelineService.GITLAB:
        script = list_gitlab_scripts(text)["prebuild: script" if is_part else "build: script"]
    else:
        (script,) = list_jenkins_scripts(text)
    environment = {
        "ALTAI_BUILD": str(program),
        "ALTAI_BUILD_REV": settings.tool_rev,
        "ALTAI_BUILD_URL": settings.tool_url,
        "CI": "true",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PATH": os.environ["PATH"],
    }
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=superproject,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def describe_push(service: PipelineService, before: str, event: Path) -> dict[str, str]:
    """The variables of a service for a push to the main branch; `event` is a file that GitHub's job gets."""
    event.write_text(json.dumps({"before": before}))
    return {
        PipelineService.GITHUB: {
            "GITHUB_ACTIONS": "true",
            "BEFORE": before,
            "GITHUB_EVENT_PATH": str(event),
        },
        PipelineService.GITLAB: {
            "GITLAB_CI": "true",
            "CI_COMMIT_BEFORE_SHA": before,
            "CI_JOB_URL": "https://g.example/j/7",
        },
        PipelineService.JENKINS: {
            "JENKINS_URL": "https://j.example/",
            "GIT_PREVIOUS_SUCCESSFUL_COMMIT": before,
            "BUILD_URL": "https://j.example/job/7/",
        },
    }[service]
