"""The order of builds: every component is built with the packages of its own superproject, never with older ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.pipeline.build.run import BuildRun
from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Entry
from tests.kit.repositories import Package

BASE = (
    Package("python3-six", files={"/usr/share/six/README": "old"}),
    Package("dateutil", requires=["python3-six"]),
    Package("tool-old", files={"/usr/bin/tool": "old"}),
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    return HostSite.create(tmp_path, monkeypatch, base=BASE)


def six(version: str = "2.0", *needs: str) -> dict[str, Entry]:
    """A component whose package is named by a macro of its spec; slow, so that it is never ready by chance."""
    files = noarch_component("six", *needs, build="sleep 0.3")
    spec = files["six.spec"]
    assert isinstance(spec, str)
    spec = f"%global srcname six\n{spec}".replace("Version: 1.0", f"Version: {version}")
    named = "%package -n python3-%{srcname}\nSummary: x\n%description -n python3-%{srcname}\nx\n"
    spec = spec.replace("%prep", f"{named}%prep").replace("%files", "%files -n python3-%{srcname}")
    return {**files, "six.spec": spec}


def buildroot(results: BuildRun, name: str) -> set[str]:
    """The NEVRAs in a component's buildroot, without those of the base."""
    return {line.partition(" ")[0] for line in results.results[name].buildroot} - {"bash-1.0-1.noarch"}


def own(result: BuildResult) -> set[str]:
    return {str(rpm.header.nevra) for rpm in result.rpms}


def test_a_package_that_a_macro_names_is_built_first(site: HostSite) -> None:
    site.world.component("repos/app", noarch_component("app", "python3-six"))
    site.world.component("repos/six", six())
    site.world.pin()
    plan = site.call("plan", "--json").json
    assert [[one["component"] for one in wave] for wave in plan["waves"]] == [["six"], ["app"]]
    built = site.build()
    assert buildroot(built, "app") == own(built.results["six"])


def test_a_requirement_for_an_architecture_is_met_by_the_component(site: HostSite) -> None:
    site.world.component("repos/app", noarch_component("app", "lib%{?_isa}"))
    lib = noarch_component("lib")
    spec = lib["lib.spec"]
    assert isinstance(spec, str)
    site.world.component("repos/lib", {**lib, "lib.spec": spec.replace("BuildArch: noarch\n", "")})
    site.world.pin()
    assert site.plan().order.waves == (("lib",), ("app",))
    site.world.component("repos/lib", {"README": "changed"})
    site.world.pin()
    assert set(site.plan(changed_since="HEAD^").reasons) == {"lib", "app"}


def test_a_rich_requirement_orders_builds(site: HostSite) -> None:
    site.world.component("repos/app", noarch_component("app", "(python3-six or none)"))
    site.world.component("repos/six", six())
    site.world.pin()
    built = site.build()
    assert buildroot(built, "app") == own(built.results["six"])


def test_what_a_package_is_found_to_provide_is_used(site: HostSite) -> None:
    """The base has the file as well, and the spec of `tool` does not say that its package has it."""
    site.world.component("repos/app", noarch_component("app", "/usr/bin/tool"))
    site.world.component("repos/later", noarch_component("later", "app"))
    tool = noarch_component("tool", build="sleep 0.3")
    spec = tool["tool.spec"]
    assert isinstance(spec, str)
    spec = spec.replace("%{buildroot}/usr/share/tool/README", "%{buildroot}/usr/bin/tool")
    site.world.component(
        "repos/tool", {**tool, "tool.spec": spec.replace("/usr/share/tool", "/usr/bin/tool")}
    )
    site.world.pin()
    first = site.build()
    assert {row.status for row in first.rows} == {ComponentStatus.BUILT}
    assert buildroot(first, "app") == own(first.results["tool"])
    assert buildroot(first, "later") == own(first.results["app"])
    second = site.build()
    assert {row.status for row in second.rows} == {ComponentStatus.REUSED}
    assert buildroot(second, "app") == own(first.results["tool"])
    assert site.plan().order.needs["app"] == ("tool",)
    explained = site.call("explain", "app", "--json").json
    assert explained["would"] == "reuse"


def test_a_package_that_the_base_would_bring_along_is_replaced(site: HostSite) -> None:
    site.world.component("repos/app", noarch_component("app", "dateutil"))
    site.world.component("repos/six", six())
    site.world.pin()
    built = site.build()
    assert buildroot(built, "app") == {"dateutil-1.0-1.noarch", *own(built.results["six"])}
    site.world.component("repos/six", six("3.0"))
    site.world.pin()
    assert set(site.plan(changed_since="HEAD^").reasons) == {"six", "app"}


def test_what_needs_the_component_itself_keeps_the_packages_of_the_base(
    site: HostSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.world.component("repos/app", noarch_component("app", "dateutil"))
    site.world.component("repos/six", six("2.0", "app"))
    site.world.pin()
    built = site.build()
    assert {row.status for row in built.rows} == {ComponentStatus.BUILT}
    assert buildroot(built, "app") == {"dateutil-1.0-1.noarch", "python3-six-1.0-1.noarch"}
    assert "app is built without python3-six of six, which needs app to be built" in capsys.readouterr().err
