"""Pipelines of CI services as those services read them: the bash of their steps, and errors in their syntax."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tree_sitter
import tree_sitter_groovy
import yaml


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
