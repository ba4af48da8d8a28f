"""A component is built once; with the same inputs its packages are reused, and a failure keeps its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.build import BuildResult
from altai_build.model.component_status import ComponentStatus
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
