"""What is built after what, where specs do not tell all or something is missing: real builds of small components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kit.builds import Site
from tests.kit.git import Entry, Repo
from tests.kit.superprojects import World, make_spec


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file, so that they share the base root."""
    return tmp_path_factory.mktemp("waiting")


@pytest.fixture
def site(testbed: Path, folder: Path, request: pytest.FixtureRequest) -> Site:
    place = folder / request.node.name
    return Site(
        world=World(place), testbed=testbed, workspace=place / "ws", more=getattr(request, "param", "")
    )


def outcome(site: Site, *words: str) -> dict[str, tuple[str, str]]:
    """Component → status and reason of a build, whatever it exits with."""
    return {row["component"]: (row["status"], row["reason"]) for row in site.call(*words, "--json").json}


def statuses(site: Site, *words: str) -> dict[str, str]:
    return {name: status for name, (status, _) in outcome(site, *words).items()}


def plain(name: str, *needs: str, **settings: Any) -> dict[str, Entry]:
    """A component that needs more than it uses."""
    tags = "\n".join(["BuildArch: noarch", *(f"BuildRequires: {one}" for one in needs)])
    return {f"{name}.spec": make_spec(name, tags=tags, **settings), "README": f"{name}\n"}


def tool(name: str, *needs: str) -> dict[str, Entry]:
    """A component that has a program called after it, which its spec names in %files alone."""
    install = f"install -D -m 755 README %{{buildroot}}/usr/bin/{name}-tool"
    return plain(name, *needs, install=install, files=f"/usr/bin/{name}-tool")


def test_everybody_behind_a_failure_is_blocked_however_far(site: Site) -> None:
    site.world.component("repos/a", plain("a", build="exit 1"))
    for name, needed in (("b", "a"), ("c", "b"), ("d", "c")):
        site.world.component(f"repos/{name}", plain(name, needed))
    site.world.pin()
    assert statuses(site, "build") == {"a": "failed", "b": "blocked", "c": "blocked", "d": "blocked"}


@pytest.mark.parametrize("jobs", ["1", "4"])
def test_what_only_finished_packages_tell_is_found_link_by_link(site: Site, jobs: str) -> None:
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


def test_nothing_is_built_with_a_stand_in_for_what_has_no_source_package(site: Site) -> None:
    site.world.component("repos/make", plain("make", build="exit 1"))  # the base root provides one too
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


def test_a_component_that_cannot_be_read_is_not_hidden_by_one_of_its_name(site: Site) -> None:
    site.world.component("repos/same", plain("same"))
    lost = Repo(site.world.folder / "elsewhere")
    lost.commit(dict(plain("other")))
    site.world.components["repos/deep/same"] = lost
    site.world.urls["repos/deep/same"] = "../nowhere"
    site.world.pin()
    answer = site.call("build", "--json")
    assert (answer.code, sorted(row["status"] for row in answer.json)) == (3, ["built", "failed"])


def test_fail_fast_starts_nothing_when_something_has_failed_already(site: Site) -> None:
    site.world.component("repos/a", plain("a", "b"))
    site.world.component("repos/b", plain("b", "a"))
    site.world.component("repos/free", plain("free"))
    site.world.pin()
    assert statuses(site, "build", "--fail-fast") == {"a": "failed", "b": "failed", "free": "blocked"}
    assert statuses(site, "build", "--keep-going") == {"a": "failed", "b": "failed", "free": "built"}


def changed_since(site: Site, revision: str) -> dict[str, str]:
    """Component → why it is in the plan of what changed."""
    waves = site.call("plan", "--changed-since", revision, "--json").json["waves"]
    return {one["component"]: one["reason"] for wave in waves for one in wave}


def test_who_was_built_with_what_is_gone_has_changed(site: Site) -> None:
    site.world.component("repos/floor", plain("floor"))
    site.world.component("repos/roof", plain("roof", "floor"))
    site.world.component("repos/vane", plain("vane", "roof"))
    site.world.component("repos/alone", plain("alone"))
    with_all = site.world.pin()
    del site.world.components["repos/floor"], site.world.urls["repos/floor"]
    without = site.world.super.commit({"repos/floor": None})
    site.world.pin()
    told = "was built with floor, which was removed"
    assert changed_since(site, with_all) == {"roof": told, "vane": told}
    assert changed_since(site, without) == {}
    answer = site.call("build", "--changed-since", without)
    assert (answer.code, answer.out) == (0, "")
    assert f"no component has changed since {without}" in answer.err
    assert site.call("build", "--changed-since", with_all).code == 5


def test_who_needs_what_a_component_provides_no_more_has_changed(site: Site) -> None:
    site.world.component("repos/floor", plain("floor"))
    site.world.component("repos/roof", plain("roof", "floor"))
    before = site.world.pin()
    site.world.component("repos/floor", {"floor.spec": None, **plain("ground")})
    site.world.pin()
    found = changed_since(site, before)
    assert found["roof"] == "was built with floor, which changed" and set(found) == {"floor", "roof"}


def test_needs_that_the_last_build_found_are_part_of_a_plan(site: Site) -> None:
    site.world.component("repos/a", plain("a", "/usr/bin/b-tool"))
    site.world.component("repos/b", tool("b", "/usr/bin/c-tool"))
    site.world.component("repos/c", tool("c"))
    before = site.world.pin()
    told = "nothing provides /usr/bin/b-tool; components outside this plan were not considered"
    assert outcome(site, "build", "a") == {"a": ("failed", told)}
    site.build()
    assert statuses(site, "build", "a") == dict.fromkeys("abc", "reused")
    site.world.component("repos/c", {"README": "another\n"})
    site.world.pin()
    assert set(changed_since(site, before)) == {"a", "b", "c"}


@pytest.mark.parametrize("site", ["components: {hen: {bootstrap: {with: [first]}}}"], indirect=True)
def test_a_named_component_comes_with_the_first_pass_that_it_needs(site: Site) -> None:
    tags = "%bcond_with first\n%if %{without first}\nBuildRequires: egg\n%endif\nBuildArch: noarch"
    site.world.component("repos/hen", {"hen.spec": make_spec("hen", tags=tags), "README": "hen\n"})
    site.world.component("repos/egg", plain("egg", "hen"))
    site.world.pin()
    assert statuses(site, "build", "egg") == {"hen": "built", "egg": "built"}
    assert site.call("explain", "egg", "--json").json["would"] == "reuse"


def test_what_a_spec_refuses_is_not_in_its_root(site: Site) -> None:
    for name, refused in (("fine", "wget"), ("never", "testbed-base")):
        spec = plain(name)[f"{name}.spec"]
        assert isinstance(spec, str)
        spec = spec.replace("%description", f"BuildConflicts: {refused}\n%description")
        site.world.component(f"repos/{name}", {**plain(name), f"{name}.spec": spec})
    site.world.pin()
    found = outcome(site, "build")
    assert found["fine"][0] == "built" and found["never"][0] == "failed"
    assert "BuildConflicts: testbed-base" in found["never"][1]
