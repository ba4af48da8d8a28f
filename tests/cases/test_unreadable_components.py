"""A component that cannot be read: never taken for unchanged, for skipped, or for one that provides nothing."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from tests.kit.builders import HostSite, noarch_component
from tests.kit.cli import altai_build
from tests.kit.git import Entry, Symlink
from tests.kit.superprojects import DEFINITION, World

_SPECS = "deps: {source: specs, path: specs, target: t, key: k, source_rpms: srpms}"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `base-tool`, which specs/tool makes and the base repository has as well; `other` needs nothing."""
    site = HostSite.create(tmp_path, monkeypatch)
    definition = site.world.super.path / "repos.yaml"
    definition.write_text(definition.read_text().replace("repositories: {", f"repositories: {{{_SPECS}, "))
    site.run = replace(site.run, config=load_config(definition))
    site.world.component("repos/app", noarch_component("app", "base-tool"))
    site.world.component("repos/other", noarch_component("other"))
    site.world.pin(tool("1"))
    site.world.pin(tool("2"))
    return site


def tool(readme: str) -> dict[str, Entry]:
    spec = noarch_component("tool", tags=["%global made base-tool"])["tool.spec"]
    assert isinstance(spec, str)
    spec = spec.replace(
        "%description", "%package -n %{made}\nSummary: x\n%description -n %{made}\nx\n%description"
    )
    spec = spec.replace("Source0: %{name}-%{version}.tar.gz", "Source0: README").replace("%setup -q", "")
    return {"specs/tool/tool.spec": spec + "%files -n %{made}\n", "specs/tool/README": readme}


def clone(site: HostSite, *options: str) -> HostSite:
    """The site with a clone of its superproject, made with these options."""
    folder = site.world.folder / "clones" / "super"
    remote = site.world.super.path.as_uri()
    subprocess.run(["git", "clone", "-q", "--no-checkout", *options, remote, str(folder)], check=True)
    for path in ("repos.yaml", "mock-configs"):
        subprocess.run(["cp", "-r", site.world.super.path / path, folder], check=True)
    for name, repo in site.world.components.items():
        subprocess.run(["git", "clone", "-q", repo.path, folder / name], check=True)
    world = World(site.world.folder)
    world.super.path = folder
    return HostSite(world=world, run=replace(site.run, config=load_config(folder / "repos.yaml")))


def test_a_change_in_a_clone_without_history_is_never_no_change(site: HostSite) -> None:
    shallow = clone(site, "--depth=2")
    answer = shallow.call("build", "--changed-since", "HEAD^", "--json")
    assert answer.code == 3
    rows = {row["component"]: row["status"] for row in answer.json}
    assert rows == {"tool": "failed", "app": "blocked"}
    assert "fetch --unshallow" in answer.err
    whole = site.plan(changed_since="HEAD^")
    assert "tool" in whole.reasons
    assert whole.blocked == {}


def test_a_component_that_cannot_be_read_is_not_replaced_by_a_package_of_the_base(site: HostSite) -> None:
    shallow = clone(site, "--depth=1")
    answer = shallow.call("build", "app", "--json")
    assert answer.code == 3
    rows = {row["component"]: (row["status"], row["reason"].split("\n")[0]) for row in answer.json}
    assert rows["app"] == ("blocked", "needs tool, which has no source package")
    assert rows["tool"][0] == "failed"
    explained = shallow.call("explain", "app", "--json").json
    assert (explained["would"], explained["reason"]) == ("blocked", "needs tool, which cannot be read")
    refused = shallow.call("explain", "specs/tool")
    assert refused.code == 3 and "fetch --unshallow" in refused.err
    other = shallow.call("build", "other", "--json")
    assert (other.code, [row["status"] for row in other.json]) == (0, ["built"])


def test_a_plan_shows_what_cannot_be_read_and_what_that_blocks(site: HostSite) -> None:
    answer = clone(site, "--depth=1").call("plan", "--json")
    assert answer.code == 3
    plan = answer.json
    assert [[row["component"] for row in wave] for wave in plan["waves"]] == [["other"]]
    assert [(row["component"], row["reason"]) for row in plan["blocked"]] == [
        ("app", "needs tool, which cannot be read")
    ]
    assert [row["component"] for row in plan["failed"]] == ["tool"]
    assert plan["skipped"] == []
    # Nobody waits for what is not built.
    assert (plan["critical_path"], plan["expected_seconds"]) == (["other"], 30.0)


def test_a_missing_pin_blocks_what_its_project_may_provide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/app", noarch_component("app", "base-tool"))
    site.world.component("repos/python-base_tool", noarch_component("x"))
    site.world.pin(python_base_tool="1" * 40)
    plan = site.plan("app")
    assert plan.blocked == {"app": "needs python-base_tool, which cannot be read"}
    assert [out.name for out in plan.discovery.without_srpm] == ["python-base_tool"]


def test_the_program_says_that_a_plan_is_not_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.component("repos/broken", {"x.spec": Symlink("/etc/passwd")})
    world.pin()
    (world.super.path / "repos.yaml").write_text(DEFINITION)
    answer = altai_build("plan", cwd=world.super.path)
    assert answer.code == 3
    assert "failed: x.spec is a symbolic link that leads to no file" in answer.out
