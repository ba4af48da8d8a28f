"""What a CI job plans for a change, and that it plans nothing where nothing has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from altai_build.model.gitlink import CommitId
from altai_build.pipeline.build.selection import Dependents
from altai_build.pipeline.ci import Change
from altai_build.pipeline.ci_job import build_change, plan_change
from altai_build.tools.git.merge_base import ComparedCommit
from tests.kit.builders import HostSite, noarch_component


def test_what_changed_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = HostSite.create(tmp_path / "site", monkeypatch)
    site.world.component("repos/lib", noarch_component("lib"))
    site.world.component("repos/other", noarch_component("other"))
    before = CommitId(site.world.pin())
    site.world.component("repos/lib", {"README": "changed\n"})
    after = CommitId(site.world.pin())
    change = Change(after, after, {}, ComparedCommit(before, "named by --since"))
    plan = plan_change(site.run, change, Dependents.ALL, with_tests=True)
    assert plan is not None and plan.tests is not None
    assert [source.component.name for source in plan.build.discovery.sourced] == ["lib"]
    plan = plan_change(site.run, change, Dependents.ALL, with_tests=False)
    assert plan is not None and plan.tests is None
    built = build_change(site.run, plan, None)
    assert ([row.status.value for row in built.build_run.rows], built.tests) == (["built"], ())
    same = Change(after, after, {}, ComparedCommit(after, "named by --since"))
    assert plan_change(site.run, same, Dependents.ALL, with_tests=True) is None


def test_dependents_are_planned_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`app` needs `lib`, `far` needs `app`; `other` neither."""
    site = HostSite.create(tmp_path / "site", monkeypatch)
    for name, needs in (("lib", ()), ("app", ("lib",)), ("far", ("app",)), ("other", ())):
        site.world.component(f"repos/{name}", noarch_component(name, *needs))
    before = CommitId(site.world.pin())
    site.world.component("repos/lib", {"README": "changed\n"})
    after = CommitId(site.world.pin())
    change = Change(after, after, {}, ComparedCommit(before, "named by --since"))
    for dependents, names in {
        Dependents.NONE: {"lib"},
        Dependents.DIRECT: {"lib", "app"},
        Dependents.ALL: {"lib", "app", "far"},
    }.items():
        plan = plan_change(site.run, change, dependents, with_tests=False)
        assert plan is not None and set(plan.build.commits) == names
