"""A component is built once; with the same inputs its packages are reused, and a failure keeps its log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
from altai_build.stages.build import lookup, run
from altai_build.stages.build.environment import ComponentBuild
from altai_build.stages.build.jobs import Steps
from altai_build.stages.build.lookup import BuildLookup
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    return HostSite.create(tmp_path, monkeypatch)


def build(site: HostSite, name: str) -> BuildResult:
    return site.build().results[name]


def test_packages_of_the_same_inputs_are_reused(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a", "base-tool"))
    site.world.pin()
    first = build(site, "a")
    assert (first.status, first.reason) == (ComponentStatus.BUILT, "never built in this workspace")
    assert first.log is not None and first.log.parent == first.rpms[0].path.parent
    again = build(site, "a")
    assert again.status is ComponentStatus.REUSED and again.seconds == 0.0
    assert (again.key, again.rpms, again.buildroot, again.log) == (
        first.key,
        first.rpms,
        first.buildroot,
        first.log,
    )
    site.world.component("repos/a", {"README": "changed\n"})
    site.world.pin()
    changed = build(site, "a")
    assert (changed.status, changed.reason) == (ComponentStatus.BUILT, "source package changed")
    assert changed.key != first.key


def test_a_failure_keeps_its_log_and_no_packages(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a", build="echo it breaks; exit 1"))
    site.world.pin()
    failed = build(site, "a")
    assert (failed.status, failed.reason, failed.rpms) == (ComponentStatus.FAILED, "rpmbuild failed", ())
    workspace = site.run.workspace
    assert failed.log == workspace.failed_build_logs("a") / "build.log"
    assert "it breaks" in failed.log.read_text()
    kinds = ("spec-requires", "failure")
    kept = {record.key: record.kind for kind in kinds for record in site.run.ledger.all(kind)}
    assert {path.name for path in workspace.builds.iterdir()} == kept.keys()
    assert not list(workspace.builds.rglob("*.rpm"))


def test_a_failing_generator_of_requirements_is_a_failed_build(site: HostSite) -> None:
    files = noarch_component("a")
    spec = str(files["a.spec"]).replace("%build\n", "%generate_buildrequires\nexit 1\n%build\n")
    site.world.component("repos/a", {**files, "a.spec": spec})
    site.world.pin()
    failed = build(site, "a")
    assert (failed.status, failed.reason) == (ComponentStatus.FAILED, "rpmbuild failed")
    assert failed.log is not None


def test_unmet_requirements_are_the_reason(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a", "not-there", "nor-this"))
    site.world.pin()
    failed = build(site, "a")
    assert failed.reason == "nothing provides nor-this; nothing provides not-there" and failed.log is None


def test_what_is_remembered_finds_what_a_lookup_finds(
    site: HostSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a dependency was rebuilt without a visible change; and it is no proof that the packages are there."""
    site.world.component("repos/a", noarch_component("a", "b"))
    site.world.component("repos/b", noarch_component("b"))
    site.world.pin()
    site.build()
    site.world.component("repos/b", {"NOTES": "not installed\n"})
    site.world.pin()
    site.build()
    known = site.run.workspace.known_builds
    looked_up: list[str] = []
    original = lookup.look_up_or_generate

    def look_up(build: ComponentBuild, *rest: Any) -> Steps[BuildLookup]:
        looked_up.append(build.component)
        return original(build, *rest)

    monkeypatch.setattr(run, "look_up_or_generate", look_up)
    remembering = site.build().results
    assert looked_up == [] and "b.noarch was rebuilt with the same" in remembering["a"].reason
    known.unlink()
    assert site.build().results == remembering and sorted(looked_up) == ["a", "b"]
    (package,) = remembering["b"].rpms
    package.path.write_bytes(package.path.read_bytes()[:-1])
    again = site.build().results
    assert again["b"].status is ComponentStatus.BUILT and looked_up.count("b") == 2
    # A build with the same key, of another release of a package, is another reason to reuse it.
    record = site.run.ledger.latest("build", "b")
    assert record is not None
    site.run.ledger.append(replace(record, inputs=(*record.inputs, ("another", "input"))))
    assert site.build().results["b"].status is ComponentStatus.REUSED and looked_up.count("b") == 3
