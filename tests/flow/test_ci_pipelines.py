"""The bash of the three pipelines, run as the services run it, on a superproject with a new pin.

Not run here: the step that installs git, actions of GitHub, and scripts/setup, which $ALTAI_BUILD replaces; the tool is
fetched from a repository with the scripts of this checkout.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from altai_build.stages.ci_pipeline import PipelineService, PipelineSettings, format_pipeline
from tests.conftest import ROOT
from tests.kit.builders import _MAIN, HostSite, noarch_component
from tests.kit.ci_pipelines import list_github_scripts, list_gitlab_scripts, list_jenkins_scripts
from tests.kit.git import Executable, Repo
from tests.kit.scripts import make_python_program

GITHUB, GITLAB, JENKINS = PipelineService
# What a host build needs said besides what the pipelines say.
_HOST_MAIN = "sys.argv[1:1] = ['--builder', 'host']\n" + _MAIN


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A checkout of a superproject whose last commit changes the pin of `lib`, which `app` needs; `far` stays."""
    folder = tmp_path_factory.mktemp("ci")
    with pytest.MonkeyPatch.context() as patch:
        world = HostSite.create(folder / "site", patch).world
    for name, needs in (("lib", ()), ("app", ("lib",)), ("far", ())):
        world.component(f"repos/{name}", noarch_component(name, *needs))
    files = {name: (world.super.path / name).read_text() for name in ("repos.yaml", "mock-configs/m.cfg")}
    world.pin(files)
    world.component("repos/lib", {"README": "newer\n"})
    world.pin()
    clone = folder / "site/clone"
    world.super.git("clone", "--quiet", str(world.super.path), str(clone))
    make_python_program(folder / "altai-build", _HOST_MAIN)
    tool = Repo(folder / "tool")
    scripts = [*(ROOT / "scripts").glob("c*"), ROOT / "scripts/lib.sh"]
    tool.commit({f"scripts/{path.name}": Executable(path.read_text()) for path in scripts})
    return Repo(clone)


def get_script(service: PipelineService, folder: Path) -> tuple[str, dict[str, str]]:
    """The bash that builds, and the variables that the pipeline sets for it."""
    settings = PipelineSettings(tool_url=str(folder / "tool"), tool_rev="main")
    text = format_pipeline(service, settings)
    if service is GITHUB:
        script = list_github_scripts(text)["build: Build what has changed"]
    elif service is GITLAB:
        script = list_gitlab_scripts(text)["build: script"]
    else:
        (script,) = list_jenkins_scripts(text)
    return script, {"ALTAI_BUILD_URL": settings.tool_url, "ALTAI_BUILD_REV": settings.tool_rev}


def run(
    service: PipelineService, clone: Repo, home: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the step that builds in the clone."""
    folder = clone.path.parent.parent
    script, environment = get_script(service, folder)
    environment |= {"HOME": str(home), "PATH": os.environ["PATH"], "CI": "true", "LC_ALL": "C.UTF-8"}
    environment |= {"ALTAI_BUILD": str(folder / "altai-build"), **variables}
    return subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=clone.path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("service", PipelineService)
def test_a_new_pin_is_built_and_a_second_job_has_nothing_to_do(
    service: PipelineService, clone: Repo, tmp_path: Path
) -> None:
    old, new = clone.git("rev-list", "--reverse", "HEAD").split()
    variables = {
        GITHUB: {"GITHUB_ACTIONS": "true", "BEFORE": old, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")},
        GITLAB: {"GITLAB_CI": "true", "CI_COMMIT_BEFORE_SHA": old, "CI_JOB_URL": "https://g.example/j/7"},
        JENKINS: {
            "JENKINS_URL": "https://j.example/",
            "GIT_PREVIOUS_SUCCESSFUL_COMMIT": old,
            "BUILD_URL": "https://j.example/job/7/",
        },
    }[service]
    (tmp_path / "event.json").write_text(json.dumps({"before": old}))
    done = run(service, clone, tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    results = clone.path / "ci-results"
    result = json.loads((results / "result.json").read_text())
    assert (result["commit"], result["since"], result["outcome"]) == (new, old, "success")
    url = {
        GITHUB: results.as_uri(),
        GITLAB: "https://g.example/j/7/artifacts/raw/ci-results",
        JENKINS: "https://j.example/job/7/artifact/ci-results",
    }[service]
    assert result["topic"]["url"] == f"{url}/repo/"
    cases = ElementTree.parse(results / "junit.xml").findall(".//testcase")
    assert {case.get("name") for case in cases} == {"app", "lib"}
    again = {name: new if value == old else value for name, value in variables.items()}
    (tmp_path / "event.json").write_text(json.dumps({"before": new}))
    done = run(service, clone, tmp_path, **again)
    assert (done.returncode, done.stderr.endswith(": nothing has changed\n")) == (0, True), done.stderr
