"""What `explain` knows: what a run would do, and which input is the reason."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.errors import InputError, MissingToolError
from altai_build.model.package_fingerprint import RebuildPolicy
from altai_build.pipeline.build.builders import find_builder
from altai_build.pipeline.build.explain import BuildExplanation, explain_component
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` needs `lib`."""
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/app", noarch_component("app", "lib"))
    site.world.pin()
    return site


def explain(site: HostSite, name: str) -> BuildExplanation:
    # As another process does it: the ledger is read again.
    return explain_component(replace(site.run), "HEAD", name)


def changed(explanation: BuildExplanation) -> dict[str, str]:
    return {change.name: change.status for change in explanation.inputs if change.status != "same"}


def test_a_component_that_was_never_built(site: HostSite) -> None:
    found = explain(site, "lib")
    assert (found.would, found.reason) == ("build", "never built in this workspace")
    assert found.last_run is None and found.last_build is None and found.key is None
    assert changed(found)["source package: commit"] == "added"
    assert not site.run.workspace.builds.exists() and not site.run.workspace.srpms.exists()


def test_nothing_is_made_and_the_builder_need_not_be_usable(
    site: HostSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.build()
    made = sorted(site.run.workspace.srpms.iterdir())

    def refuse() -> None:
        raise MissingToolError("it needs root")

    monkeypatch.setattr(find_builder(site.run.builder), "require_usable", refuse)
    assert explain(site, "app").would == "reuse"
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    assert (explain(site, "lib").would, explain(site, "app").would) == ("build", "unknown")
    assert sorted(site.run.workspace.srpms.iterdir()) == made


def test_a_removed_source_package_is_no_change(site: HostSite) -> None:
    site.build()
    shutil.rmtree(site.run.workspace.srpms)
    found = explain(site, "lib")
    assert (found.would, changed(found)) == ("unknown", {})
    assert (
        found.reason == "its source package in the workspace is missing or damaged, and is made again first"
    )


def test_a_component_whose_inputs_are_unchanged(site: HostSite) -> None:
    built = site.build()
    found = explain(site, "app")
    assert (found.would, found.reason) == ("reuse", "none of its inputs has changed since it was built")
    assert (found.key, changed(found)) == (built.results["app"].key, {})


def test_a_changed_source_is_told_with_what_it_was_made_from(site: HostSite) -> None:
    site.build()
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    found = explain(site, "lib")
    assert (found.would, found.reason) == ("build", "source package changed")
    assert changed(found) == {"source package": "changed", "source package: commit": "changed"}


def test_a_component_that_waits_for_another(site: HostSite) -> None:
    site.build()
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    found = explain(site, "app")
    assert (found.would, found.key) == ("unknown", None)
    assert found.reason == "lib would be built first; the effect on this component is not known yet"
    site.build("lib")
    found = explain(site, "app")
    assert (found.would, found.reason) == ("build", "packages in its buildroot changed: lib.noarch")
    assert changed(found) == {"buildroot lib.noarch": "changed"}


def test_the_last_run_is_told_with_its_reason(site: HostSite) -> None:
    site.build()
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    site.build("lib")
    found = explain(site, "lib")
    assert found.last_run is not None and found.last_run.reason.endswith("source package changed")
    assert {change.name for change in found.last_changes} == {"source package", "source package: commit"}


@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        (
            RebuildPolicy.REBUILD,
            "a rebuild of lib.noarch that changes its version, dependencies, scripts or files",
        ),
        (RebuildPolicy.HEADERS, "a rebuild of lib.noarch that changes what it provides or requires"),
        (RebuildPolicy.NEVER, None),
    ],
)
def test_the_policy_says_which_rebuilds_count(
    site: HostSite, policy: RebuildPolicy, cause: str | None
) -> None:
    site.build()
    site.run = replace(site.run, dependants=policy)
    found = explain(site, "app")
    assert found.dependants == policy.value
    assert [line for line in found.rebuilt_by if "lib.noarch" in line] == ([cause] if cause else [])


def test_a_rebuild_that_the_policy_ignores(site: HostSite) -> None:
    site.build()
    site.world.component("repos/lib", {"README": "changed\n"})
    site.world.pin()
    site.build("lib")
    site.run = replace(site.run, dependants=RebuildPolicy.HEADERS)
    found = explain(site, "app")
    assert (found.would, changed(found)) == ("reuse", {"buildroot lib.noarch": "ignored"})


def test_unmet_requirements_are_the_reason(site: HostSite) -> None:
    site.build()
    site.world.component("repos/app", noarch_component("app", "lib", "not-there"))
    site.world.pin()
    found = explain(site, "app")
    assert (found.would, found.reason) == ("unknown", "nothing provides not-there")


def test_what_cannot_be_explained_is_an_error(site: HostSite) -> None:
    site.world.component("repos/a", noarch_component("a", "b"))
    site.world.component("repos/b", noarch_component("b", "a"))
    site.world.component("repos/none", {"README": "no spec"})
    site.world.component("repos/lost", noarch_component("lost", tags=["Source1: nowhere.tar.gz"]))
    site.world.pin()
    with pytest.raises(InputError, match="a is blocked by a build dependency cycle") as caught:
        explain(site, "a")
    assert caught.value.why == "a → b → a"
    with pytest.raises(InputError, match="none has no packages to explain") as caught:
        explain(site, "none")
    assert caught.value.why.startswith("  none: no spec file in ")
    with pytest.raises(InputError, match="lost has no source package"):
        explain(site, "lost")
