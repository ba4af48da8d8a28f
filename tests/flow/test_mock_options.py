"""Options of the mock configuration that change packages: the chroot builder carries them out, or refuses to build."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.builds import Site, small_component
from tests.kit.git import Entry
from tests.kit.superprojects import World, make_spec

# What a build sees, one line each.
_REPORT = """\
{
echo "extra %{with extra}"
echo "lock $(stat -c %F /run/lock/altai)"
cat /etc/altai-motd
echo "path $ALTAI_PATH"
echo "check $(cat checked)"
rpm -q python3-six
} > report"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file."""
    return tmp_path_factory.mktemp("options")


@pytest.fixture
def site(testbed: Path, folder: Path, request: pytest.FixtureRequest) -> Site:
    place = folder / request.node.name.partition("[")[0]
    return Site(world=World(place), testbed=testbed, workspace=place / "ws")


def add_options(site: Site, *statements: str) -> None:
    (config,) = (site.definition.parent / "mock-configs").glob("testbed-x86_64.cfg")
    config.write_text("\n".join([config.read_text(), *statements, ""]))


def reporting(name: str) -> dict[str, Entry]:
    """A component whose package holds what its build sees."""
    spec = make_spec(
        name,
        tags="BuildArch: noarch",
        build="echo no > checked",
        install=f"{_REPORT}\ninstall -D report %{{buildroot}}/usr/share/{name}/report",
        files=f"/usr/share/{name}",
    )
    spec = "%bcond_with extra\n" + spec.replace("%install", "%check\nexit 1\n%install")
    return {f"{name}.spec": spec, "README": "x\n"}


def test_options_that_change_packages_are_carried_out_and_part_of_the_key(site: Site) -> None:
    site.world.component("repos/reporting", reporting("reporting"))
    site.world.pin()
    failed = site.call("build", "--json").json[0]
    assert failed["status"] == "failed"
    add_options(
        site,
        "config_opts['rpmbuild_opts'] = '--with extra'",
        "config_opts['check'] = False",
        "config_opts['more_buildreqs']['reporting'] = ['python3-six']",
        "config_opts['extra_chroot_dirs'] = ['/run/lock/altai']",
        "config_opts['files']['etc/altai-motd'] = 'hello {{ root }}\\n'",
        "config_opts['environment']['ALTAI_PATH'] = '/opt'",
    )
    built = site.build()["reporting"]
    assert built["status"] == "built"
    lines = site.read(built["rpms"][0], "usr/share/reporting/report").splitlines()
    assert lines[:5] == ["extra 1", "lock directory", "hello testbed-x86_64", "path /opt", "check no"]
    assert lines[5].startswith("python3-six-")
    assert site.build()["reporting"]["status"] == "reused"
    add_options(site, "config_opts['rpmbuild_opts'] = ''")
    again = site.build()["reporting"]
    assert again["status"] == "built"
    assert site.read(again["rpms"][0], "usr/share/reporting/report").startswith("extra 0\n")


def test_options_that_only_mock_carries_out_stop_the_run_before_a_build(site: Site) -> None:
    site.world.component("repos/small", small_component("small"))
    site.world.pin()
    add_options(
        site,
        "config_opts['module_enable'] = ['nodejs:16']",
        "config_opts['plugin_conf']['bind_mount_opts']['dirs'].append(('/srv', '/srv'))",
        "config_opts['rpmbuild_networking'] = True",
    )
    answer = site.call("build")
    assert answer.code == 3
    assert answer.err.splitlines()[-4:] == [
        "altai-build: the builder chroot cannot build with the mock configuration testbed-x86_64",
        "  config_opts['module_enable']: the chroot builder knows no modules",
        "  config_opts['plugin_conf']['bind_mount_opts']: it shows directories of the host to builds",
        "What to do: remove these options, or build with --builder mock",
    ]


def test_options_that_builds_may_miss_are_warned_about(site: Site) -> None:
    site.world.component("repos/small", small_component("small"))
    site.world.pin()
    add_options(
        site, "config_opts['rpmbuild_networking'] = True", "config_opts['macros']['_buildhost'] = 'me'"
    )
    answer = site.call("build")
    assert answer.code == 0
    assert (
        "warning: mock configuration testbed-x86_64: config_opts['rpmbuild_networking']: "
        "builds of the chroot builder never reach the network\n"
    ) in answer.err
    assert "config_opts['macros']['%_buildhost']: builds have 'altai-build.localdomain'" in answer.err


def test_a_machine_of_another_architecture_is_refused(site: Site) -> None:
    site.world.component("repos/small", small_component("small"))
    site.world.pin()
    add_options(site, "config_opts['legal_host_arches'] = ('riscv64',)")
    answer = site.call("build")
    assert answer.code == 3
    assert "config_opts['legal_host_arches']: this machine is " in answer.err
