"""Release notes in words: the headings, and what happened to each component."""

from __future__ import annotations

from collections.abc import Iterator

from altai_build.model.release_changes import ComponentChange, ComponentNotes, ReleaseNotes

_TITLES = {
    "Added components": (ComponentChange.ADDED,),
    "Changed components": (
        ComponentChange.UPDATED,
        ComponentChange.RELOCATED,
        ComponentChange.REPLACED,
        ComponentChange.UNKNOWN,
    ),
    "Rewound and diverged components": (ComponentChange.REWOUND, ComponentChange.DIVERGED),
    "Rebuilt from the same commit": (ComponentChange.SAME,),
    "Removed components": (ComponentChange.REMOVED,),
}


def group_components(release_notes: ReleaseNotes) -> Iterator[tuple[str, list[ComponentNotes]]]:
    """The headings under which there are components, and these."""
    for title, changes in _TITLES.items():
        group = [component for component in release_notes.components if component.component_change in changes]
        if group:
            yield title, group


def describe_pin_change(component: ComponentNotes) -> str:
    """What happened to the pin of a component."""
    old, new = (component.old or "")[:7], (component.new or "")[:7]
    words = {
        ComponentChange.ADDED: f"added at {new}",
        ComponentChange.REMOVED: f"removed; its last commit was {old}",
        ComponentChange.UPDATED: f"{old} → {new}",
        ComponentChange.REWOUND: f"rewound from {old} to the earlier commit {new}",
        ComponentChange.DIVERGED: f"diverged from {old} to {new}: neither commit contains the other",
        ComponentChange.REPLACED: f"{old} → {new} of another repository",
        ComponentChange.RELOCATED: f"the same commit {new}",
        ComponentChange.SAME: f"the same commit {new}",
        ComponentChange.UNKNOWN: f"{old} → {new}; its commits are not available",
    }
    before = f", previously at {component.old_path}" if component.old_path else ""
    return words[component.component_change] + before


def name_component(component: ComponentNotes) -> str:
    """The path of a component, or what its root is."""
    return "superproject" if component.path == "." else component.path
