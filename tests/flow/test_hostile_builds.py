"""Hostile builds: what they leave in place of their results reaches no file of the host and no other build."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.ledger import Ledger
from tests.kit.builds import Site, small_component
from tests.kit.superprojects import World, make_spec


@pytest.fixture(scope="module")
def folder(testbed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all sites of this file, so that they share a base buildroot, which no limit of a test ends."""
    folder = tmp_path_factory.mktemp("hostile")
    make_site(testbed, folder / "first", good="true").build()
    return folder


def make_site(testbed: Path, place: Path, more: str = "", **scripts: str) -> Site:
    """A superproject with components whose %clean (it runs when the packages are written) is the script."""
    site = Site(world=World(place), testbed=testbed, workspace=place / "ws", more=more, own_roots=True)
    for name, script in scripts.items():
        spec = make_spec(name).replace("%files\n", f"%clean\n{script}\n%files\n")
        site.world.component(f"repos/{name}", {f"{name}.spec": spec, "README": "x\n"})
    site.world.pin()
    return site


@pytest.mark.parametrize("link", ["/builddir/build/RPMS", "/builddir/build"])
def test_a_link_in_place_of_the_results_adds_no_files(
    testbed: Path, folder: Path, tmp_path: Path, link: str
) -> None:
    (tmp_path / "RPMS").mkdir()
    (tmp_path / "RPMS/treasure-1-1.noarch.rpm").write_text("of somebody else")
    target = tmp_path / "RPMS" if link.endswith("RPMS") else tmp_path
    script = f"mv {link} {link}.away; ln -s {target} {link}"
    site = make_site(testbed, folder / link.replace("/", "-"), evil=script)
    answer = site.call("build", "--json")
    assert (answer.code, answer.json[0]["status"], answer.json[0]["rpms"]) == (5, "failed", [])
    assert (tmp_path / "RPMS/treasure-1-1.noarch.rpm").read_text() == "of somebody else"


@pytest.mark.parametrize(
    ("script", "name"),
    [
        ("echo junk > /builddir/build/RPMS/junk-1-1.noarch.rpm", "junk-1-1.noarch.rpm"),
        ("cd /builddir/build/RPMS; mv *.rpm other-2-1.noarch.rpm", "other-2-1.noarch.rpm"),
        ("cd /builddir/build/RPMS; cp *.rpm 'a\tb-1-1.noarch.rpm'", "a\\tb-1-1.noarch.rpm"),
    ],
)
def test_a_result_with_a_wrong_name_fails_its_build_alone(
    testbed: Path, folder: Path, script: str, name: str
) -> None:
    site = make_site(testbed, folder / name.replace("\\", ""), evil=script, good="true")
    answer = site.call("build", "--json")
    rows = {row["component"]: row for row in answer.json}
    assert {component: row["status"] for component, row in rows.items()} == {
        "evil": "failed",
        "good": "built",
    }
    assert (answer.code, name in rows["evil"]["reason"]) == (5, True)


def test_rpmbuild_timeout_of_the_mock_configuration_stops_a_build(testbed: Path, folder: Path) -> None:
    site = make_site(testbed, folder / "endless", evil="sleep 86399", good="true")
    with open(site.definition.parent / "mock-configs/testbed-x86_64.cfg", "a", encoding="utf-8") as config:
        config.write("config_opts['rpmbuild_timeout'] = 5\n")
    rows = {row["component"]: row for row in site.call("build", "--json").json}
    assert {name: row["status"] for name, row in rows.items()} == {"evil": "failed", "good": "built"}
    assert rows["evil"]["reason"] == "stopped after 5 seconds"


@pytest.mark.parametrize(
    ("limit", "script", "reason"),
    [
        ("time: 0.05m", "sleep 86399", "stopped after 3 seconds"),
        ("log: 1M", "yes", "stopped: it printed more than build.limits.log allows (1.0 MB)"),
        ("file: 1M", "head -c 2000000 /dev/zero > big", "File size limit exceeded"),
        ("memory: 100M", "python3 -c 'bytearray(200 << 20)'", "MemoryError"),
        ("processes: 100", "for i in $(seq 200); do sleep 5 & done; wait", "fork: "),
    ],
)
def test_build_limits_of_repos_yaml_stop_a_build(
    testbed: Path, folder: Path, limit: str, script: str, reason: str
) -> None:
    place = folder / limit.partition(":")[0]
    site = make_site(testbed, place, f"build: {{limits: {{{limit}}}}}", evil=script, good="true")
    rows = {row["component"]: row for row in site.call("build", "--json").json}
    assert {name: row["status"] for name, row in rows.items()} == {"evil": "failed", "good": "built"}
    assert reason in rows["evil"]["reason"]
    # With another limit, or on another machine, it would not fail.
    assert Ledger(site.workspace / "ledger.jsonl").all("failure") == ()


def test_an_endless_scriptlet_fails_the_builds_that_install_its_package(testbed: Path, folder: Path) -> None:
    site = make_site(testbed, folder / "scriptlet", "build: {limits: {time: 0.05m}}", evil="true")
    spec = make_spec("evil").replace("%files\n", "%post\nsleep 86399\n%files\n")
    site.world.component("repos/evil", {"evil.spec": spec})
    site.world.component("repos/user", dict(small_component("user", tags="BuildRequires: evil")))
    site.world.pin()
    rows = {row["component"]: row for row in site.call("build", "--json").json}
    assert {name: row["status"] for name, row in rows.items()} == {"evil": "built", "user": "failed"}
    assert rows["user"]["reason"] == "stopped after 3 seconds"
    assert "stopped after 3 seconds" in Path(rows["user"]["log"]).read_text()


@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_the_reason_of_a_killed_rpmbuild_is_its_signal(testbed: Path, folder: Path, signal: str) -> None:
    """As when memory runs out; the last line of the log is not the cause."""
    site = make_site(
        testbed, folder / f"killed-{signal}", evil=f"echo the last line; kill -{signal} $PPID; sleep 9"
    )
    (row,) = site.call("build", "--json").json
    hint = "; the kernel does that when memory is short: see `dmesg`" if signal == "KILL" else ""
    assert (row["status"], row["reason"]) == ("failed", f"rpmbuild was killed by SIG{signal}{hint}")


def test_a_scriptlet_that_destroys_rpm_and_its_database_harms_no_build(testbed: Path, folder: Path) -> None:
    """What is in a buildroot is not read from its database; and rpm is the first process, which no signal ends."""
    site = make_site(testbed, folder / "destroyer", evil="true", good="true")
    spec = make_spec("evil").replace("%files\n", "%post\nrm -rf /var/lib/rpm\nkill -KILL $PPID\n%files\n")
    site.world.component("repos/evil", {"evil.spec": spec, "README": "x\n"})
    site.world.component("repos/user", dict(small_component("user", tags="BuildRequires: evil")))
    site.world.pin()
    rows = {row["component"]: row for row in site.call("build", "--json").json}
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(
        ("evil", "good", "user"), "built"
    )


# Of a project with a configure script, as autotools leave it.
CONFIGURE = "#!/bin/sh\ntouch config.status\ncp Makefile.in Makefile\n"
MAKEFILE = """\
t: t.c
\t$(CC) -o t t.c
check: t
\t./t && echo PASS: first
\t@test ! -e again || { echo PASS: second; exit 0; }; touch again; echo FAIL: second; exit 1
"""
EVIL_SUITE = """\
ln -s /etc/passwd "$ALTAI_TEST_RESULTS/link.xml"
mkfifo "$ALTAI_TEST_RESULTS/fifo.xml"
echo '<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>' >"$ALTAI_TEST_RESULTS/entity.xml"
printf '<testsuite><testcase name="\\\\033[31m../../x"/></testsuite>' >"$ALTAI_TEST_RESULTS/odd.xml"
head -c 20000000 /dev/zero
ln -s /etc/shadow ../../../results/folder-2
test -e /dev/tcp || ! (exec 3<>/dev/tcp/127.0.0.1/22)
"""


def test_suites_run_in_the_chroot_and_what_they_leave_is_read_with_limits(
    testbed: Path, folder: Path
) -> None:
    suite = "".join(f"        {line}\n" for line in EVIL_SUITE.splitlines())
    more = f"components:\n  evil:\n    test:\n      command: |\n{suite}"
    site = make_site(testbed, folder / "suites", more, evil="true")
    tags = "BuildRequires: gcc, make\n%global debug_package %{nil}"
    spec = make_spec("c", tags=tags, build="sh configure\nmake t")
    files = {"c.spec": spec, "README": "x", "configure": CONFIGURE, "Makefile.in": MAKEFILE}
    site.world.component("repos/c", {**files, "configure.ac": "", "t.c": "int main(void) { return 0; }\n"})
    site.world.pin()
    answer = site.call("test", "--json")
    rows = {row["component"]: row for row in answer.json["components"]}
    assert (rows["c"]["status"], rows["c"]["flaky"]) == ("flaky", ["second"]), answer.err
    assert rows["c"]["suite"]["why"] == "Makefile.in"
    evil = rows["evil"]
    # It ended with 0, but none of its JUnit files can be read.
    assert (evil["status"], evil["tests"]) == ("passed", None), answer.err
    assert any("declares a document type" in note for note in evil["notes"])
    assert not any(b"root:" in path.read_bytes() for path in site.workspace.rglob("suite.log"))
