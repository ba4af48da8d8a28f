"""`ci` at the command line: what changed is built, and written down for people and programs."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import pytest

import altai_build
from altai_build.tools.repo.repodata import read_repodata
from tests.kit.builders import HostSite, noarch_component
from tests.kit.git import Repo
from tests.kit.github import list_github_commands
from tests.kit.junit import find_junit_errors
from tests.kit.unit_tests import BAD, GOOD, make_site, make_tested

SCHEMA = Path(altai_build.__file__).parent / "schemas" / "ci-result.json"
SERVICES = ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib`, `far` needs `app`; `other` neither."""
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)
    site = HostSite.create(tmp_path / "site", monkeypatch)
    for name, needs in (("lib", ()), ("app", ("lib",)), ("far", ("app",)), ("other", ())):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    site.world.pin()
    return site


def read_result(folder: Path) -> dict[str, object]:
    """The result, checked by its schema."""
    result = json.loads((folder / "result.json").read_text())
    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    assert isinstance(result, dict)
    return result


def test_everything_of_a_job_is_in_its_folder(
    site: HostSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = site.call("ci", "-o", str(out), "--json")
    assert first.code == 0, first.err
    result = read_result(out)
    assert first.json == result
    assert (result["since"], result["compared"]) == (None, "it is the first commit")
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.component("repos/broken", noarch_component("broken", build="echo '::error::x'; nonsense"))
    site.world.pin()
    (tmp_path / "summary").write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    answer = site.call("ci", "-o", str(out), "--dependents", "direct", "--url", "https://ci.example.org/7/")
    assert answer.code == 5
    rows = [line.split("\t")[:2] for line in answer.out.splitlines()]
    assert rows == [["built", "app"], ["failed", "broken"], ["built", "lib"]]
    result = read_result(out)
    assert (result["outcome"], result["exit_code"]) == ("failure", 5)
    topic = result["topic"]
    assert isinstance(topic, dict)
    assert topic["url"] == "https://ci.example.org/7/repo/"
    assert topic["install"].endswith("--setopt=p-ci.gpgcheck=0 install app lib")
    assert (topic["installable"]["answer"], topic["installable"]["refused"]) == ("unknown", {})
    assert "installable: unknown, no repositories of the operating system are configured" in answer.err
    # No release has what they need, so all of it is there.
    assert sorted(package.location for package in read_repodata(out / "repo").packages) == topic["files"]
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in topic["files"]} == {"app", "lib"}
    assert "baseurl=https://ci.example.org/7/repo/\n" in (out / "p-ci.repo").read_text()
    assert sorted(path.name for path in (out / "logs").iterdir()) == ["app.log", "broken.log", "lib.log"]
    assert find_junit_errors((out / "junit.xml").read_bytes()) == []
    case = ElementTree.parse(out / "junit.xml").find(".//testcase[@name='broken']/failure")
    assert case is not None and "nonsense" in (case.text or "")
    summary = (out / "summary.md").read_text()
    assert summary.endswith("\n") and not summary.endswith("\n\n")
    assert (tmp_path / "summary").read_text() == f"before\n{summary}"
    # What the build printed is no command to the service.
    commands = list_github_commands(answer.err)
    assert commands[:2] == ["::group::log of broken", "::endgroup::"]
    assert [command.partition("::")[2][:19] for command in commands[2:]] == ["error title=broken:"]
    assert "\n::error::x\n" in answer.err


def test_nothing_changed_is_a_success_that_replaces_the_results(site: HostSite, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "repo").mkdir(parents=True)
    (out / "result.json").write_text("{}")
    # Another run has the workspace.
    with site.run.lock():
        answer = site.call("ci", "-o", str(out), "--since", "HEAD")
    assert (answer.code, answer.out) == (0, "")
    assert "unchanged: nothing has changed since" in answer.err
    result = read_result(out)
    assert (result["outcome"], result["components"], result["topic"]) == ("unchanged", [], None)
    assert sorted(path.name for path in out.iterdir()) == ["junit.xml", "result.json", "summary.md"]


def test_unit_tests_of_what_changed_are_in_all_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)
    site = make_site(tmp_path / "site", monkeypatch)
    site.world.component("repos/good", make_tested("good", GOOD))
    site.world.component("repos/plain", noarch_component("plain"))
    site.world.pin()
    site.world.component("repos/bad", make_tested("bad", GOOD, BAD))
    site.world.component("repos/plain", {"README": "changed\n"})
    site.world.pin()
    out = tmp_path / "out"
    answer = site.call("ci", "-o", str(out))
    assert answer.code == 5
    result = read_result(out)
    tests = {row["component"]: row for row in result["tests"]}  # type: ignore[attr-defined]
    assert {name: row["status"] for name, row in tests.items()} == {"bad": "failed", "plain": "none"}
    assert (result["outcome"], result["exit_code"]) == ("failure", 5)
    assert tests["bad"]["log"] == tests["bad"]["files"]["suite.log"] == "tests/bad/suite.log"
    assert "AssertionError: 1 != 2" in (out / "tests/bad/suite.log").read_text()
    cases = ElementTree.parse(out / "junit.xml").iterfind(".//testcase[@classname='bad.test_it.Case']")
    assert [(case.get("name"), [child.tag for child in case]) for case in cases] == [
        ("test_bad", ["failure"]),
        ("test_good", []),
    ]
    assert "unit tests of bad: 1 test failed\n  test_it.Case: test_bad: AssertionError: 1 != 2" in answer.err
    assert "- `bad`: `test_it.Case: test_bad`: AssertionError: 1 \\!= 2" in (out / "summary.md").read_text()
    again = site.call("ci", "-o", str(out), "--no-tests", "--json")
    assert (again.code, again.json["tests"]) == (0, None)
    assert not (out / "tests").exists()


def test_a_wrong_job_builds_nothing(site: HostSite) -> None:
    gone = "f" * 40
    wrong: dict[tuple[str, ...], tuple[int, str]] = {
        ("--since", "nowhere"): (3, "has no commit 'nowhere'"),
        ("--url", "ftp ://x"): (2, "write a URL"),
        ("--url", "https://x/\n[main]"): (2, "--url"),
        ("-o", "."): (3, "has files that are no results of `altai-build ci`"),
        ("--against", "9.9"): (3, "there is no release 9.9"),
        ("--component", "lib"): (2, "write NAME=COMMIT or NAME=CLONE"),
        ("--component", "lib="): (2, "write NAME=COMMIT or NAME=CLONE"),
        ("--component", f"lip={gone}"): (3, "no component lip is pinned in the superproject"),
        ("--component", "lib=main"): (3, "main is not a git repository"),
    }
    for words, (code, error) in wrong.items():
        answer = site.call("ci", *words)
        assert (answer.code, error in answer.err + answer.out) == (code, True), answer.err
        assert not site.run.workspace.builds.exists()
    assert not (site.world.super.path / "ci-results" / "result.json").exists()
    # What a job names is in its results, like everything else that fails.
    answer = site.call("ci", "--component", f"lib={gone}", "--dependents", "none")
    assert answer.code == 3 and f"commit {gone} of repos/lib is not available" in answer.err
    assert read_result(site.world.super.path / "ci-results")["outcome"] == "failure"


def test_a_component_is_built_before_the_superproject_pins_it(site: HostSite, tmp_path: Path) -> None:
    lib, out = site.world.components["repos/lib"], tmp_path / "out"
    base = site.world.super.git("rev-parse", "HEAD")
    lib.git("branch", "fix", "main")
    fixed = lib.commit({"README": "fixed\n"}, branch="fix")
    answer = site.call("ci", "-o", str(out), "--component", f"lib={fixed}", "--json")
    assert answer.code == 0, answer.err
    result = read_result(out)
    assert (result["commit"], result["since"], result["pins"]) == (base, base, {"repos/lib": fixed})
    assert {row["component"] for row in answer.json["components"]} == {"lib", "app", "far"}
    assert [row["commit"] for row in answer.json["components"] if row["component"] == "lib"] == [fixed]
    assert f"with `repos/lib` at `{fixed[:12]}`" in (out / "summary.md").read_text()
    assert site.world.super.git("rev-parse", "HEAD") == base
    # Nobody has pushed what is in a clone of one's own.
    clone = Repo(tmp_path / "clone")
    clone.git("fetch", "-q", str(lib.path), "main:mine")
    newer = clone.commit({"README": "newer\n"}, branch="mine")
    clone.git("update-ref", "--no-deref", "HEAD", newer)
    answer = site.call("ci", "-o", str(out), "--component", f"repos/lib={clone.path}", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["pins"] == {"repos/lib": newer}
