"""BuildRequires are those that the spec has in the buildroot, with the macros and options that its build has."""

from __future__ import annotations

from pathlib import Path

from tests.kit.builds import Site
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_spec

# What packages of macros install.
MACROS = "%small_python python3-six\n"
WITH_EXTRA = "config_opts['rpmbuild_opts'] = '--with extra'\n"


def component(name: str, tags: str, **settings: str) -> dict[str, Entry]:
    spec = make_spec(name, tags=f"BuildArch: noarch\n{tags}", **settings)
    return {f"{name}.spec": spec, "README": f"{MACROS}"}


def test_macros_and_options_of_the_buildroot_decide_what_is_installed(testbed: Path, tmp_path: Path) -> None:
    site = Site(world=World(tmp_path / "site"), testbed=testbed, workspace=tmp_path / "site" / "ws")
    (config,) = (site.definition.parent / "mock-configs").glob("testbed-x86_64.cfg")
    config.write_text(config.read_text() + WITH_EXTRA)
    folder = "/usr/lib/rpm/macros.d"
    install = f"install -D -m 644 README %{{buildroot}}{folder}/macros.small"
    site.world.component("repos/small-macros", component("small-macros", "", install=install, files=folder))
    needs = "BuildRequires: small-macros\n%if 0%{?small_python:1}\nBuildRequires: %{small_python}\n%endif"
    uses = "python3 -c 'import six'"
    site.world.component("repos/conditional", component("conditional", needs, build=uses))
    needs = "%bcond_with extra\n%if %{with extra}\nBuildRequires: python3-six\n%endif"
    site.world.component("repos/optional", component("optional", needs, build=uses))
    site.world.component(
        "repos/plain", component("plain", "BuildRequires: %{?small_python}%{!?small_python:bash}")
    )
    site.world.pin()
    rows = site.build()
    assert {row["status"] for row in rows.values()} == {"built"}, rows
    assert {row["status"] for row in site.build().values()} == {"reused"}
    explained = site.call("explain", "conditional", "--json").json
    roots = {row["name"].split()[1].rpartition(".")[0] for row in explained["inputs"] if " " in row["name"]}
    assert "small-macros" in roots and any(root.startswith("python3-six-") for root in roots)
    assert explained["would"] == "reuse"
