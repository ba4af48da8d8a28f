"""Release notes in words: the heading of each component, and what happened to its pin."""

from __future__ import annotations

from altai_build.model.notes_text import describe_pin_change, group_components, name_component
from altai_build.model.release_changes import ComponentChange, ComponentNotes, ReleaseNotes

OLD, NEW = "1234567890", "abcdef0123"


def component(change: ComponentChange, path: str = "repos/nova") -> ComponentNotes:
    old_path = "repos/old" if change is ComponentChange.RELOCATED else None
    return ComponentNotes(path, old_path, change, OLD, NEW, (), (), ())


def test_every_change_has_a_heading_and_words() -> None:
    components = tuple(component(change) for change in ComponentChange)
    groups = dict(group_components(ReleaseNotes("1", "2", components, ())))
    assert sum(map(len, groups.values())) == len(ComponentChange)
    assert [one.component_change for one in groups["Added components"]] == [ComponentChange.ADDED]
    assert describe_pin_change(component(ComponentChange.UPDATED)) == "1234567 → abcdef0"
    words = describe_pin_change(component(ComponentChange.RELOCATED))
    assert words == "the same commit abcdef0, previously at repos/old"
    assert all(describe_pin_change(one) for one in components)


def test_the_root_is_called_by_what_it_is() -> None:
    assert name_component(component(ComponentChange.SAME, ".")) == "superproject"
    assert name_component(component(ComponentChange.SAME)) == "repos/nova"
