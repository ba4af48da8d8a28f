"""Which components a build selects, and the reason for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.errors import InputError
from altai_build.ledger import Artefact, Record
from altai_build.pipeline.build.ordering import static_order
from altai_build.pipeline.build.selection import ALL_COMPONENTS_REASON, select_components
from altai_build.pipeline.run import Run
from altai_build.stages.discover.components import discover
from altai_build.tools import process
from altai_build.tools.progress import ProgressReporter
from altai_build.workspace import Workspace
from tests.kit.superprojects import DEFINITION, World, make_files

DEFINITION_WITH_SPECS = "superproject: {components: [repos], root: true}\n" + DEFINITION.replace(
    "repositories: {",
    "repositories: {misc: {source: specs, path: specs, target: t, key: k, source_rpms: misc-srpms}, ",
)


def make_component(world: World, name: str, *needs: str, readme: str = "") -> None:
    tags = "\n".join(["BuildArch: noarch", *(f"BuildRequires: {need}" for need in needs)])
    world.component(f"repos/{name}", {**make_files(name, tags=tags), "README": readme})


@pytest.fixture
def world(tmp_path: Path) -> World:
    """app needs lib, lib needs base; alone needs nothing."""
    world = World(tmp_path)
    make_component(world, "base")
    make_component(world, "lib", "base")
    make_component(world, "app", "lib")
    make_component(world, "alone")
    world.pin(make_spec_folder("1"))
    (world.super.path / "repos.yaml").write_text(DEFINITION_WITH_SPECS)
    return world


def make_spec_folder(readme: str) -> dict[str, str | bytes]:
    files = make_files("third", source="README")
    return {
        **{f"specs/third/{name}": str(text) for name, text in files.items()},
        "specs/third/README": readme,
    }


def make_run(world: World) -> Run:
    return Run(
        config=load_config(world.super.path / "repos.yaml"),
        workspace=Workspace(world.folder / "workspace"),
        jobs=2,
        builder="auto",
        reporter=ProgressReporter(quiet=True),
    )


def select(run: Run, *names: str, since: str | None = None) -> dict[str, str]:
    whole = discover(run.superproject, run.config, run.workspace, "HEAD", jobs=2)
    return select_components(run, whole, static_order(run, whole.sourced), "HEAD", names, since)


def test_all_without_names(world: World) -> None:
    names = ("alone", "app", "base", "lib", "third")
    assert select(make_run(world)) == dict.fromkeys(names, ALL_COMPONENTS_REASON)


def test_what_is_named_and_everything_that_it_needs(world: World) -> None:
    assert select(make_run(world), "app", "repos/alone") == {
        "app": "named in the command",
        "alone": "named in the command",
        "lib": "needed to build app",
        "base": "needed to build app",
    }
    with pytest.raises(InputError, match="no such component: ap, other") as caught:
        select(make_run(world), "ap", "other")
    assert caught.value.why == "ap: did you mean app?\nother: did you mean third?"


def test_a_component_may_be_named_by_a_package_that_it_makes(world: World) -> None:
    spec = str(make_files("alone")["alone.spec"])
    spec += (
        "%package -n python3-alone\nSummary: x\n%description -n python3-alone\nx\n%files -n python3-alone\n"
    )
    world.component("repos/alone", {"alone.spec": spec})
    world.pin()
    assert select(make_run(world), "python3-alone") == {"alone": "named in the command"}


def test_what_changed_what_depends_on_it_and_what_that_needs(world: World) -> None:
    old = world.components["repos/lib"].git("rev-parse", "HEAD")[:7]
    make_component(world, "lib", "base", readme="changed")
    new = world.components["repos/lib"].git("rev-parse", "HEAD")[:7]
    make_component(world, "new")
    world.pin(make_spec_folder("2"))
    assert select(make_run(world), since="HEAD^") == {
        "lib": f"its pin moved from {old} to {new} since HEAD^",
        "new": "its pin was added since HEAD^",
        "third": "its files in the superproject changed since HEAD^",
        "app": "built with lib, which changed",
        "base": "needed to build lib",
    }
    assert select(make_run(world), since="HEAD") == {}


def test_the_earlier_commit_is_listed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its settings, pins and files, and for what its components needed."""
    make_component(world, "lib", "base", readme="changed")
    world.pin()
    earlier = world.super.git("rev-parse", "HEAD^")
    commands: list[str] = []
    monkeypatch.setattr(process, "_listeners", [commands.append])
    assert "app" in select(make_run(world), since="HEAD^")
    assert len([command for command in commands if "ls-tree -r" in command and earlier in command]) == 1


def test_what_needed_a_removed_component(world: World) -> None:
    del world.components["repos/base"], world.urls["repos/base"]
    world.super.commit({"repos/base": None})
    assert select(make_run(world), since="HEAD^") == {
        "lib": "was built with base, which was removed",
        "app": "was built with base, which was removed",
    }


def test_the_last_buildroot_counts_as_a_need(world: World) -> None:
    """Specs do not name every need: a file, or a generated requirement."""
    run = make_run(world)
    run.workspace.prepare()
    artefact = Artefact(file="alone-1-1.noarch.rpm", sha256="a" * 64, size=1)
    run.ledger.append(
        Record(
            kind="build",
            key="1",
            component="alone",
            commit="c",
            inputs=(),
            artefacts=(artefact,),
            seconds=1,
            nevra="",
        ),
        Record(
            kind="build",
            key="2",
            component="app",
            commit="c",
            inputs=(("buildroot alone", f"alone-1-1.noarch sha256:{'a' * 64} headers:1 whole:2"),),
            artefacts=(),
            seconds=1,
            nevra="",
        ),
    )
    assert "alone" in select(run, "app")
