"""Components whose settings differ from those at an earlier commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from altai_build.config import load_config
from altai_build.pipeline.build import changed_settings
from altai_build.tools.rpm.macro_files import read_macro_files
from tests.kit.builders import HostSite, noarch_component


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostSite:
    """`app` and `other`; repos.yaml and the mock configuration are committed."""
    site = HostSite.create(tmp_path, monkeypatch)
    site.world.component("repos/app", noarch_component("app"))
    site.world.component("repos/other", noarch_component("other"))
    commit(site)
    return site


def commit(site: HostSite) -> None:
    folder = site.world.super.path
    names = ["repos.yaml", *(f"mock-configs/{path.name}" for path in (folder / "mock-configs").iterdir())]
    site.world.pin({name: (folder / name).read_text() for name in names})


def change(site: HostSite, name: str, old: str, new: str) -> None:
    file = site.world.super.path / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    commit(site)
    site.run = replace(site.run, config=load_config(site.world.super.path / "repos.yaml"))


def changed(site: HostSite) -> dict[str, str]:
    return site.plan(changed_since="HEAD^").reasons


def test_nothing_has_changed_when_settings_are_the_same(site: HostSite) -> None:
    commit(site)
    assert changed(site) == {}
    change(site, "repos.yaml", "project: p\n", "# a comment\nproject: p\n")
    assert changed(site) == {}


def test_a_macro_of_the_target_changes_its_components(site: HostSite) -> None:
    change(site, "repos.yaml", "macros: {dist: .x}", "macros: {dist: .y}")
    reason = "targets.t.macros in repos.yaml changed since HEAD^"
    assert changed(site) == {"app": reason, "other": reason}


def test_a_component_that_cannot_be_read_is_not_left_out(site: HostSite) -> None:
    files = {
        name: (site.world.super.path / name).read_text() for name in ("repos.yaml", "mock-configs/m.cfg")
    }
    site.world.pin(files, other="f" * 40)
    (site.world.super.path / "mock-configs/m.cfg").write_text(f"{files['mock-configs/m.cfg']}# changed\n")
    plan = site.plan(changed_since="HEAD")
    reason = "mock-configs/m.cfg changed since HEAD"
    assert plan.reasons == {"app": reason, "other": reason}
    assert [component.name for component in plan.discovery.unreadable] == ["other"]


def test_a_mock_configuration_changes_the_components_of_its_target(site: HostSite) -> None:
    change(site, "mock-configs/m.cfg", "install bash", "install bash base-tool")
    reason = "mock-configs/m.cfg changed since HEAD^"
    assert changed(site) == {"app": reason, "other": reason}


def test_a_macro_file_counts_when_it_is_added_changed_and_removed(
    site: HostSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changed_settings, "read_macro_files", read_macro_files.__wrapped__)
    folder = site.world.super.path / "rpm/macros.d"
    folder.mkdir(parents=True)

    def commit_files(**texts: str) -> set[str]:
        for name, text in texts.items():
            (folder / f"macros.{name}").write_text(text)
        site.world.pin(
            {"repos.yaml": (site.world.super.path / "repos.yaml").read_text()}
            | {
                f"mock-configs/{path.name}": path.read_text()
                for path in (folder.parents[1] / "mock-configs").iterdir()
            }
            | {f"rpm/macros.d/{path.name}": path.read_text() for path in folder.iterdir()}
        )
        return set(changed(site).values())

    commit_files(a="%a 1\n")
    definition = site.world.super.path / "repos.yaml"
    definition.write_text(definition.read_text().replace("{dist: .x}", "{dist: .x}, macro_files: rpm"))
    site.run = replace(site.run, config=load_config(definition))
    assert commit_files() == {"targets.t.macro_files in repos.yaml changed since HEAD^"}
    assert commit_files() == set()
    assert commit_files(a="%a 2\n") == {"rpm/macros.d/macros.a changed since HEAD^"}
    assert commit_files(b="%b 1\n") == {"rpm/macros.d/macros.b was added since HEAD^"}
    (folder / "macros.a").unlink()
    assert commit_files() == {"rpm/macros.d/macros.a was removed since HEAD^"}


def test_an_included_file_counts_when_it_is_added_changed_and_removed(site: HostSite) -> None:
    folder = site.world.super.path / "mock-configs"
    (folder / "more.tpl").write_text("config_opts['macros']['%one'] = '1'\n")
    commit(site)
    assert changed(site) == {}
    change(
        site,
        "mock-configs/m.cfg",
        "config_opts['root'] = 'm'",
        "include('more.tpl')\nconfig_opts['root'] = 'm'",
    )
    assert set(changed(site)) == {"app", "other"}
    change(site, "mock-configs/more.tpl", "'1'", "'2'")
    assert set(changed(site).values()) == {"mock-configs/more.tpl changed since HEAD^"}


def test_the_settings_of_one_component_change_it_alone(site: HostSite) -> None:
    change(
        site, "repos.yaml", "project: p\n", "project: p\ncomponents: {app: {bootstrap: {with: [first]}}}\n"
    )
    assert changed(site) == {"app": "components.app in repos.yaml changed since HEAD^"}


def test_a_definition_that_cannot_be_compared_changes_everything(site: HostSite) -> None:
    good = (site.world.super.path / "repos.yaml").read_text()
    site.world.pin({"repos.yaml": "a: b: c"})
    site.world.pin({"repos.yaml": good})
    assert {reason.partition(":")[0] for reason in changed(site).values()} == {
        "repos.yaml at HEAD^ cannot be read"
    }
    site.world.pin({"repos.yaml": None})
    site.world.pin({"repos.yaml": good})
    assert set(changed(site).values()) == {"repos.yaml was added since HEAD^"}


def test_a_component_that_was_skipped_or_left_out_before_is_new(site: HostSite) -> None:
    change(site, "repos.yaml", "project: p\n", "project: p\ncomponents: {app: {skip: broken}}\n")
    change(site, "repos.yaml", "components: {app: {skip: broken}}\n", "")
    assert changed(site) == {"app": "components.app in repos.yaml changed since HEAD^"}
    change(site, "repos.yaml", "project: p\n", "project: p\nsuperproject: {components: [repos/other]}\n")
    change(site, "repos.yaml", "superproject: {components: [repos/other]}\n", "")
    assert changed(site) == {"app": "superproject.components in repos.yaml changed since HEAD^"}


def test_what_was_built_with_a_component_that_is_skipped_now_is_built_again(site: HostSite) -> None:
    site.world.component("repos/user", noarch_component("user", "app"))
    commit(site)
    change(site, "repos.yaml", "project: p\n", "project: p\ncomponents: {app: {skip: broken}}\n")
    assert changed(site) == {"user": "was built with app, which was removed"}


def test_all_that_generated_sources_are_made_from_counts(site: HostSite) -> None:
    change(
        site,
        "repos.yaml",
        "project: p\n",
        "project: p\ncomponents: {app: {sources: {x: '{project} {gpgkeys}'}}}\n",
    )
    change(site, "repos.yaml", "project: p\n", "project: q\n")
    assert changed(site) == {"app": "project in repos.yaml changed since HEAD^"}
    change(site, "repos.yaml", "keys: {", "keys: {newer: {file: keys/newer, signs: true, replaces: k}, ")
    assert changed(site) == {"app": "repositories.r.key in repos.yaml changed since HEAD^"}
