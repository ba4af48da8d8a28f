"""A source package is remembered by all that decides on it; what other commits or downloads decide on is not."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest

from altai_build.model.component import Component, ComponentKind
from altai_build.model.gitlink import CommitId
from altai_build.model.sources import SourceChoice
from altai_build.model.spec import SpecInfo
from altai_build.tools.git.component_source import ComponentSource, SpecContent
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.trees import TreeEntry
from altai_build.tools.remembered import Remembered
from altai_build.tools.rpm import known_srpms
from altai_build.tools.rpm.known_srpms import KnownSrpms, SrpmSettings
from altai_build.tools.rpm.macro_files import MacroFiles
from tests.kit.spec_infos import make_info

KEY = "a" * 64
COMPONENT = Component(
    name="focus",
    kind=ComponentKind.SUBMODULE,
    path="repos/focus",
    commit=CommitId("c" * 40),
    url=None,
    spec="focus.spec",
    repository="r",
)
SETTINGS = SrpmSettings(
    macros={"dist": ".el6"},
    arch="x86_64",
    release_template="{release}",
    rpm_version="4",
    macro_files=None,
    generated={"a": b"1"},
    choice=None,
)


def make_source(
    component: Component = COMPONENT, info: SpecInfo | None = None, mode: str = ""
) -> ComponentSource:
    tree = (TreeEntry(mode=mode or "100644", oid="d" * 40, path="x"),)
    content = SpecContent.of("Name: focus", cast(ObjectStore, None), tree)
    return ComponentSource(component=component, content=content, info=info or make_info())


def test_it_is_found_by_the_next_run(tmp_path: Path) -> None:
    known = KnownSrpms(tmp_path / "x" / "srpms.json")
    assert known.find(make_source(), SETTINGS) is None
    known.add(make_source(), SETTINGS, KEY)
    known.save()
    assert KnownSrpms(tmp_path / "x" / "srpms.json").find(make_source(), SETTINGS) == KEY


OTHER_SETTINGS: dict[str, Any] = {
    "macros": {"dist": ".el7"},
    "arch": "aarch64",
    "release_template": "{release}.1",
    "rpm_version": "5",
    "macro_files": MacroFiles((), "f"),
    "generated": {"a": b"2"},
    "choice": SourceChoice.ARCHIVE,
}
OTHER_COMPONENTS: dict[str, Any] = {
    "name": "other",
    "path": "repos/other",
    "commit": CommitId("e" * 40),
    "spec": "other.spec",
}


def test_another_setting_is_another_package(tmp_path: Path) -> None:
    known = KnownSrpms(tmp_path / "srpms.json")
    known.add(make_source(), SETTINGS, KEY)
    assert OTHER_SETTINGS.keys() == {field.name for field in fields(SrpmSettings)}
    for name, value in OTHER_SETTINGS.items():
        assert known.find(make_source(), replace(SETTINGS, **{name: value})) is None, name
    for name, value in OTHER_COMPONENTS.items():
        assert known.find(make_source(replace(COMPONENT, **{name: value})), SETTINGS) is None, name
    assert known.find(make_source(info=make_info(prefix="other")), SETTINGS) is None
    assert known.find(make_source(), SETTINGS) == KEY


def test_other_code_is_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownSrpms(tmp_path / "srpms.json")
    known.add(make_source(), SETTINGS, KEY)
    monkeypatch.setattr(known_srpms, "digest_code", lambda *_: "another")
    assert known.find(make_source(), SETTINGS) is None


@pytest.mark.parametrize("kind", [ComponentKind.ROOT, ComponentKind.SPEC])
def test_what_the_superproject_holds_is_not_remembered(tmp_path: Path, kind: ComponentKind) -> None:
    known = KnownSrpms(tmp_path / "srpms.json")
    source = make_source(replace(COMPONENT, kind=kind))
    known.add(source, SETTINGS, KEY)
    assert known.find(source, SETTINGS) is None


def test_a_component_with_submodules_of_its_own_is_not_remembered(tmp_path: Path) -> None:
    known = KnownSrpms(tmp_path / "srpms.json")
    known.add(make_source(mode="160000"), SETTINGS, KEY)
    assert known.find(make_source(), SETTINGS) is None


@pytest.mark.parametrize("row", [7, "short", [KEY], {"key": KEY}])
def test_a_row_of_another_form_is_as_none(tmp_path: Path, row: object) -> None:
    path = tmp_path / "srpms.json"
    rows = Remembered(path)
    rows.add(known_srpms._digest(COMPONENT, make_info(), SETTINGS), row)
    rows.save()
    assert KnownSrpms(path).find(make_source(), SETTINGS) is None
