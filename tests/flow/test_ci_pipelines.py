"""The bash of the three pipelines, run as the services run it, on a superproject with a new pin.

Not run here: the step that installs git, actions of GitHub, and scripts/setup, which $ALTAI_BUILD replaces; the tool is
fetched from a repository with the scripts of this checkout.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from altai_build.stages.ci_pipeline import PipelineService
from tests.kit.builders import _MAIN, HostSite, noarch_component
from tests.kit.ci_pipelines import describe_push, make_tool, run_build_step
from tests.kit.git import Repo
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
    return Repo(clone)


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    return make_tool(tmp_path_factory.mktemp("tool") / "tool")


@pytest.mark.parametrize("service", PipelineService)
def test_a_new_pin_is_built_and_a_second_job_has_nothing_to_do(
    service: PipelineService, clone: Repo, tool: Repo, tmp_path: Path
) -> None:
    old, new = clone.git("rev-list", "--reverse", "HEAD").split()
    program = make_python_program(tmp_path / "altai-build", _HOST_MAIN)
    variables = describe_push(service, old, tmp_path / "event.json")
    done = run_build_step(service, clone.path, tool, program, tmp_path, variables)
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
    cases = ElementTree.parse(results / "junit.xml").findall(".//testcase[@classname='altai-build.build']")
    assert {case.get("name") for case in cases} == {"app", "lib"}
    variables = describe_push(service, new, tmp_path / "event.json")
    done = run_build_step(service, clone.path, tool, program, tmp_path, variables)
    assert (done.returncode, done.stderr.endswith(": nothing has changed\n")) == (0, True), done.stderr


def test_the_jobs_of_a_matrix_build_for_the_job_that_has_the_result(
    clone: Repo, tool: Repo, tmp_path: Path
) -> None:
    old = clone.git("rev-parse", "HEAD^")
    program = make_python_program(tmp_path / "altai-build", _HOST_MAIN)
    variables = describe_push(GITLAB, old, tmp_path / "event.json")
    groups = (("app",), ("far",))
    places = []
    for number, group in enumerate((*groups, ()), start=1):
        place = clone.path.parent / f"job{number}"
        clone.git("clone", "--quiet", str(clone.path), str(place))
        places.append(place)
        if group:
            extra = {"COMPONENTS": " ".join(group), "CI_NODE_INDEX": str(number)}
            part = run_build_step(
                GITLAB, place, tool, program, tmp_path, {**variables, **extra}, groups=groups, is_part=True
            )
            assert part.returncode == 0, part.stderr
    # GitLab unpacks the artifacts of all jobs into the next one's checkout.
    last = places.pop()
    for place in places:
        shutil.copytree(place / "ci-caches", last / "ci-caches", dirs_exist_ok=True)
    done = run_build_step(GITLAB, last, tool, program, tmp_path, variables, groups=groups)
    assert done.returncode == 0, done.stderr
    result = json.loads((last / "ci-results/result.json").read_text())
    assert {row["component"]: row["status"] for row in result["components"]} == {
        "app": "reused",
        "lib": "reused",
    }
    assert (last / "ci-cache/cache.json").is_file()
