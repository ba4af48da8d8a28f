"""The order of real builds where specs do not name all requirements, or components fail or have no source package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kit.builds import Site
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import World, make_spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file."""
    return tmp_path_factory.mktemp("waiting")


@pytest.fixture
def site(testbed: Path, folder: Path, request: pytest.FixtureRequest) -> Site:
    place = folder / request.node.name
    return Site(
        world=World(place), testbed=testbed, workspace=place / "ws", more=getattr(request, "param", "")
    )


def outcome(site: Site, *words: str) -> dict[str, tuple[str, str]]:
    """Component → status and reason of a build; any exit code."""
    return {row["component"]: (row["status"], row["reason"]) for row in site.call(*words, "--json").json}


def statuses(site: Site, *words: str) -> dict[str, str]:
    return {name: status for name, (status, _) in outcome(site, *words).items()}


def plain(name: str, *needs: str, **settings: Any) -> dict[str, Entry]:
    """A component that requires packages which it does not use."""
    tags = "\n".join(["BuildArch: noarch", *(f"BuildRequires: {needed}" for needed in needs)])
    return {f"{name}.spec": make_spec(name, tags=tags, **settings), "README": f"{name}\n"}


def tool(name: str, *needs: str) -> dict[str, Entry]:
    """A component with a program of its name, which its spec names in %files only."""
    install = f"install -D -m 755 README %{{buildroot}}/usr/bin/{name}-tool"
    return plain(name, *needs, install=install, files=f"/usr/bin/{name}-tool")


def test_a_failure_blocks_indirect_dependents_too(site: Site) -> None:
    site.world.component("repos/a", plain("a", build="exit 1"))
    for name, needed in (("b", "a"), ("c", "b"), ("d", "c")):
        site.world.component(f"repos/{name}", plain(name, needed))
    site.world.pin()
    assert statuses(site, "build") == {"a": "failed", "b": "blocked", "c": "blocked", "d": "blocked"}


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_providers_known_only_from_built_packages_are_found_step_by_step(site: Site, jobs: str) -> None:
    site.world.component("repos/a", plain("a", "/usr/bin/b-tool", "/usr/bin/c-tool"))
    site.world.component("repos/b", tool("b", "/usr/bin/c-tool"))
    site.world.component("repos/c", tool("c", "/usr/bin/d-tool"))
    site.world.component("repos/d", tool("d"))
    site.world.component("repos/behind", plain("behind", "a"))
    site.world.component("repos/never", plain("never", "/usr/bin/e-tool"))
    site.world.component("repos/behind-never", plain("behind-never", "never"))
    site.world.pin()
    found = outcome(site, "--jobs", jobs, "build")
    assert {name: status for name, (status, _) in found.items()} == {
        **dict.fromkeys(("a", "b", "c", "d", "behind"), "built"),
        "never": "failed",
        "behind-never": "blocked",
    }
    assert found["never"][1] == "nothing provides /usr/bin/e-tool"


def test_a_package_of_the_base_does_not_replace_a_component_without_source_package(site: Site) -> None:
    site.world.component("repos/make", plain("make", build="exit 1"))  # the base buildroot provides one too
    site.world.component("repos/user", plain("user", "make"))
    site.world.component("repos/alone", plain("alone"))
    site.world.pin()
    assert statuses(site, "build") == {"make": "failed", "user": "blocked", "alone": "built"}
    spec = make_spec("make", tags="BuildArch: noarch\nSource1: nowhere.tar.gz")
    site.world.component("repos/make", {"make.spec": spec})
    site.world.pin()
    found = outcome(site, "build")
    assert found["user"] == ("blocked", "needs make, which has no source package")
    assert (found["make"][0], found["alone"][0]) == ("failed", "reused")
    assert site.call("build").code == 3
    site.world.component("repos/make", {"make.spec": "Name: make\n"})
    site.world.pin()
    assert outcome(site, "build")["user"] == ("blocked", "needs make, which has no source package")


def test_an_unreadable_component_is_not_hidden_by_another_of_its_name(site: Site) -> None:
    site.world.component("repos/same", plain("same"))
    unreachable = Repo(site.world.folder / "elsewhere")
    unreachable.commit(dict(plain("other")))
    site.world.components["repos/deep/same"] = unreachable
    site.world.urls["repos/deep/same"] = "../nowhere"
    site.world.pin()
    answer = site.call("build", "--json")
    assert (answer.code, sorted(row["status"] for row in answer.json)) == (3, ["built", "failed"])


def test_fail_fast_starts_nothing_after_a_dependency_cycle(site: Site) -> None:
    site.world.component("repos/a", plain("a", "b"))
    site.world.component("repos/b", plain("b", "a"))
    site.world.component("repos/free", plain("free"))
    site.world.pin()
    assert statuses(site, "build", "--fail-fast") == {"a": "failed", "b": "failed", "free": "blocked"}
    assert statuses(site, "build", "--keep-going") == {"a": "failed", "b": "failed", "free": "built"}


def changed_since(site: Site, revision: str) -> dict[str, str]:
    """Component → why it is in the plan of what changed."""
    waves = site.call("plan", "--changed-since", revision, "--json").json["waves"]
    return {row["component"]: row["reason"] for wave in waves for row in wave}


def test_components_that_needed_a_removed_one_are_rebuilt(site: Site) -> None:
    site.world.component("repos/floor", plain("floor"))
    site.world.component("repos/roof", plain("roof", "floor"))
    site.world.component("repos/vane", plain("vane", "roof"))
    site.world.component("repos/alone", plain("alone"))
    with_all = site.world.pin()
    del site.world.components["repos/floor"], site.world.urls["repos/floor"]
    without = site.world.super.commit({"repos/floor": None})
    site.world.pin()
    reason = "was built with floor, which was removed"
    assert changed_since(site, with_all) == {"roof": reason, "vane": reason}
    assert changed_since(site, without) == {}
    answer = site.call("build", "--changed-since", without)
    assert (answer.code, answer.out) == (0, "")
    assert f"no component has changed since {without}" in answer.err
    assert site.call("build", "--changed-since", with_all).code == 5


def test_components_that_need_a_dropped_capability_are_rebuilt(site: Site) -> None:
    site.world.component("repos/floor", plain("floor"))
    site.world.component("repos/roof", plain("roof", "floor"))
    before = site.world.pin()
    site.world.component("repos/floor", {"floor.spec": None, **plain("ground")})
    site.world.pin()
    found = changed_since(site, before)
    assert found["roof"] == "was built with floor, which changed" and set(found) == {"floor", "roof"}


def test_needs_found_by_the_last_build_are_part_of_a_plan(site: Site) -> None:
    site.world.component("repos/a", plain("a", "/usr/bin/b-tool"))
    site.world.component("repos/b", tool("b", "/usr/bin/c-tool"))
    site.world.component("repos/c", tool("c"))
    before = site.world.pin()
    reason = "nothing provides /usr/bin/b-tool; components outside this plan were not considered"
    assert outcome(site, "build", "a") == {"a": ("failed", reason)}
    site.build()
    assert statuses(site, "build", "a") == dict.fromkeys("abc", "reused")
    site.world.component("repos/c", {"README": "another\n"})
    site.world.pin()
    assert set(changed_since(site, before)) == {"a", "b", "c"}


@pytest.mark.parametrize("site", ["components: {hen: {bootstrap: {with: [first]}}}"], indirect=True)
def test_a_named_component_brings_the_bootstrap_build_that_it_needs(site: Site) -> None:
    tags = "%bcond_with first\n%if %{without first}\nBuildRequires: egg\n%endif\nBuildArch: noarch"
    site.world.component("repos/hen", {"hen.spec": make_spec("hen", tags=tags), "README": "hen\n"})
    site.world.component("repos/egg", plain("egg", "hen"))
    site.world.pin()
    assert statuses(site, "build", "egg") == {"hen": "built", "egg": "built"}
    assert site.call("explain", "egg", "--json").json["would"] == "reuse"


def test_build_conflicts_are_not_in_the_buildroot(site: Site) -> None:
    for name, refused in (("fine", "wget"), ("never", "testbed-base")):
        spec = plain(name)[f"{name}.spec"]
        assert isinstance(spec, str)
        spec = spec.replace("%description", f"BuildConflicts: {refused}\n%description")
        site.world.component(f"repos/{name}", {**plain(name), f"{name}.spec": spec})
    site.world.pin()
    found = outcome(site, "build")
    assert found["fine"][0] == "built" and found["never"][0] == "failed"
    assert "BuildConflicts: testbed-base" in found["never"][1]
