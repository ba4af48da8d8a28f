"""The pipelines of CI services: valid by their published schemas, in docs/ci.md word for word, without injections."""

from __future__ import annotations

import re
import subprocess
from importlib import resources
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from check_jsonschema.transforms import TRANSFORM_LIBRARY
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from altai_build.stages.ci_pipeline import (
    PipelineService,
    PipelineSettings,
    check_setting,
    format_pipeline,
    get_pipeline_path,
    group_components,
)
from tests.conftest import ROOT
from tests.kit.ci_pipelines import (
    list_github_scripts,
    list_gitlab_scripts,
    list_jenkins_scripts,
    parse_groovy,
)

GITHUB, GITLAB, JENKINS = PipelineService
MATRIX = PipelineSettings(groups=(("a", "b"), ("c",)))
OTHER = PipelineSettings(branch="rel/1.x", tool_url="ssh://git@h:2/x", tool_rev="a" * 40, label="rpm")


def load_yaml(text: str) -> Any:
    """As the services read it: `on` is no truth value there."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))
    # It is the safe loader with one more rule.
    return yaml.load(text, Loader)


def find_schema_errors(service: PipelineService, text: str) -> list[str]:
    """What the published schema of the service says, which check-jsonschema carries."""
    name = {GITHUB: "github-workflows", GITLAB: "gitlab-ci"}[service]
    schema = get_builtin_schema(f"vendor.{name}")
    document = load_yaml(text)
    if service is GITLAB:
        document = TRANSFORM_LIBRARY["gitlab-ci"](document)
    return [error.message for error in Draft7Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("service", [GITHUB, GITLAB])
@pytest.mark.parametrize("settings", [PipelineSettings(), OTHER, MATRIX])
def test_it_is_valid_by_the_published_schema(service: PipelineService, settings: PipelineSettings) -> None:
    text = format_pipeline(service, settings)
    assert find_schema_errors(service, text) == []
    broken = {GITHUB: ("runs-on:", "runs_on:"), GITLAB: ("  image: ", "  imgae: ")}[service]
    assert find_schema_errors(service, text.replace(*broken)) != []


def test_the_jenkinsfile_parses_as_groovy_and_a_damaged_one_does_not() -> None:
    text = format_pipeline(JENKINS, OTHER)
    assert not parse_groovy(text).has_error
    for damaged in (text.replace("post {", "post "), text.replace("'''\n", "''\n"), text[: text.rindex("}")]):
        assert parse_groovy(damaged).has_error
    assert "agent { label 'rpm' }" in text


@pytest.mark.parametrize("service", PipelineService)
def test_every_setting_is_in_it_and_no_marker_is_left(service: PipelineService) -> None:
    text = format_pipeline(service, OTHER)
    assert re.findall(r"@[A-Z_]+@", text) == []
    assert OTHER.tool_url in text and OTHER.tool_rev in text
    if service is GITHUB:
        assert load_yaml(text)["on"]["push"] == {"branches": ["rel/1.x"]}


def test_github_runs_with_the_least_rights_on_pinned_actions() -> None:
    text = format_pipeline(GITHUB, PipelineSettings())
    workflow = load_yaml(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in workflow["jobs"].items()} == {
        "build": None,
        "comment": {"pull-requests": "write"},
    }
    uses = re.findall(r"uses: (\S+)", text)
    assert len(uses) == 5
    assert format_pipeline(GITHUB, MATRIX).count("uses: ") == 9
    assert all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", name) for name in uses)
    (checkout,) = (step for step in workflow["jobs"]["build"]["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}
    # A name of a branch or the title of a pull request would be program text there.
    assert not [script for script in list_github_scripts(text).values() if "${{" in script]


def test_a_matrix_shares_what_no_other_component_needs() -> None:
    needs = {"lib": set(), "app": {"lib"}, "far": {"app", "lib"}, "x": set(), "y": {"lib"}, "self": {"self"}}
    assert group_components(needs, 8) == (("far",), ("self",), ("x",), ("y",))
    assert group_components(needs, 3) == (("far", "y"), ("self",), ("x",))
    many = {f"c{number:03}": set[str]() for number in range(300)}
    groups = group_components(many, 256)
    assert len(groups) == 256 and sorted(name for group in groups for name in group) == sorted(many)
    for service, place in ((GITHUB, ("jobs", "prebuild", "strategy")), (GITLAB, ("prebuild", "parallel"))):
        part = load_yaml(format_pipeline(service, MATRIX))
        for name in place:
            part = part[name]
        matrix = part["matrix"]["components"] if service is GITHUB else part["matrix"][0]["COMPONENTS"]
        assert matrix == ["a b", "c"]
        assert "prebuild" not in load_yaml(format_pipeline(service, PipelineSettings())).get("jobs", {})


def test_gitlab_gets_the_whole_history_and_reports_junit() -> None:
    pipeline = load_yaml(format_pipeline(GITLAB, PipelineSettings()))
    assert pipeline["variables"]["GIT_DEPTH"] == "0"
    assert pipeline["build"]["artifacts"]["reports"] == {"junit": "ci-results/junit.xml"}


def list_scripts(service: PipelineService) -> list[str]:
    """The bash in a pipeline, with a matrix where there can be one."""
    text = format_pipeline(service, PipelineSettings() if service is JENKINS else MATRIX)
    if service is GITHUB:
        return list(list_github_scripts(text).values())
    if service is GITLAB:
        return list(list_gitlab_scripts(text).values())
    return list_jenkins_scripts(text)


@pytest.mark.parametrize("service", PipelineService)
def test_its_bash_passes_shellcheck(service: PipelineService) -> None:
    scripts = list_scripts(service)
    assert len(scripts) == {GITHUB: 5, GITLAB: 5, JENKINS: 1}[service]
    for script in scripts:
        checked = subprocess.run(
            ["shellcheck", "--shell=bash", "-"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout) == (0, ""), script


def test_docs_have_the_very_text() -> None:
    page = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    # What `ci init` pins depends on the altai-build that runs.
    settings = PipelineSettings(tool_rev="COMMIT")
    for service in PipelineService:
        language = "groovy" if service is JENKINS else "yaml"
        block = f"```{language}\n{format_pipeline(service, settings)}```\n"
        hint = f"put the output of `altai-build ci init {service.value} --tool-rev COMMIT -o FILE` into docs/ci.md"
        assert block in page, hint
        assert get_pipeline_path(service) in page


def test_settings_cannot_end_the_text_that_they_stand_in() -> None:
    for good in ("main", "v1.0.0", "https://h.example:8/a/b.git", "git@h:a/b", "feature/a_b-c+d", "~x"[1:]):
        assert check_setting(good) is None, good
    for bad in ("", "-x", "a b", "a'b", 'a"b', "a\nb", "a$b", "${{x}}", "a`b", "/x", "a\\b", "@x"):
        assert check_setting(bad) is not None, bad


def test_the_templates_are_part_of_the_package() -> None:
    names = {path.name for path in (resources.files("altai_build") / "templates/ci").iterdir()}
    assert names == {"github.yml", "gitlab.yml", "Jenkinsfile", "get-tool.sh"}
