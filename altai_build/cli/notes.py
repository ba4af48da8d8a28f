"""`notes`: the commits of each component from one release to another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from altai_build.cli.app import App
from altai_build.cli.markdown import code, document, escape, section
from altai_build.cli.options import json_option, markdown_option
from altai_build.cli.output import print_json
from altai_build.cli.packages import package_label, repository_label, version_label
from altai_build.model.history import (
    Commit,
    ComponentChange,
    ComponentNotes,
    PackageChange,
    ReleaseNotes,
)


@click.command()
@click.argument("old")
@click.argument("new")
@markdown_option
@json_option
@click.pass_obj
def notes(app: App, old: str, new: str, markdown: bool, as_json: bool) -> None:
    """Write release notes: the commits from OLD to NEW.

    OLD and NEW are releases. For each component the notes list its commits and changed packages, and whether it was
    added, removed, rewound to an earlier commit, or moved to a commit that does not contain the earlier one.

    \b
    Example:
      altai-build notes 1.0.1 1.0.2 --markdown > ChangeLog-1.0.2.md
    """
    from altai_build.pipeline.published.changes import make_notes
    from altai_build.pipeline.published.releases import releases_directory

    config = app.load_config()
    run = app.create_run(config)
    told = make_notes(run, releases_directory(config), old, new)
    for one in told.components:
        if one.problem:
            run.story.warn(f"{one.path}: its commits are not told: {one.problem}")
    if as_json:
        print_json(_notes_document(told))
    else:
        print(document(_notes_markdown(told) if markdown else _notes_text(told)))


def _notes_document(told: ReleaseNotes) -> dict[str, object]:
    return {
        "old": told.old,
        "new": told.new,
        "components": [
            {
                "path": one.path,
                "old_path": one.old_path,
                "status": one.component_change,
                "old": one.old,
                "new": one.new,
                "commits": [_commit_record(commit) for commit in one.commits],
                "undone": [_commit_record(commit) for commit in one.dropped_commits],
                "packages": [_package_record(change) for change in one.packages],
                "problem": one.problem or None,
            }
            for one in told.components
        ],
        "third_party": [_package_record(change) for change in told.third_party],
    }


def _commit_record(commit: Commit) -> dict[str, object]:
    return {
        "commit": commit.id,
        "date": _date(commit.time),
        "author": commit.author,
        "subject": commit.subject,
        "merge": commit.merge,
    }


def _package_record(change: PackageChange) -> dict[str, object]:
    return {
        "change": change.kind,
        "name": change.package.name,
        "old": str(change.old.nevra) if change.old else None,
        "new": str(change.new.nevra) if change.new else None,
        "repository": change.package.repository,
    }


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


_TITLES = (
    ("Added components", (ComponentChange.ADDED,)),
    (
        "Changed components",
        (
            ComponentChange.UPDATED,
            ComponentChange.RELOCATED,
            ComponentChange.REPLACED,
            ComponentChange.UNKNOWN,
        ),
    ),
    (
        "Components taken back to an earlier or another commit",
        (ComponentChange.REWOUND, ComponentChange.DIVERGED),
    ),
    ("Built again from the same commit", (ComponentChange.SAME,)),
    ("Removed components", (ComponentChange.REMOVED,)),
)


def _groups(told: ReleaseNotes) -> Iterator[tuple[str, list[ComponentNotes]]]:
    for title, moves in _TITLES:
        group = [one for one in told.components if one.component_change in moves]
        if group:
            yield title, group


def _headline(one: ComponentNotes) -> str:
    """What happened to the pin, in words."""
    old, new = (one.old or "")[:7], (one.new or "")[:7]
    words = {
        ComponentChange.ADDED: f"added at {new}",
        ComponentChange.REMOVED: f"removed, was at {old}",
        ComponentChange.UPDATED: f"{old} → {new}",
        ComponentChange.REWOUND: f"rewound from {old} to the earlier {new}",
        ComponentChange.DIVERGED: f"moved aside from {old} to {new}, which does not contain it",
        ComponentChange.REPLACED: f"{old} → {new} of another repository",
        ComponentChange.RELOCATED: f"moved, still at {new}",
        ComponentChange.SAME: f"still at {new}",
        ComponentChange.UNKNOWN: f"{old} → {new}; its commits are not to be had here",
    }
    place = f", before at {one.old_path}" if one.old_path else ""
    return words[one.component_change] + place


def _name_of(one: ComponentNotes) -> str:
    return "superproject" if one.path == "." else one.path


def _without_merges(commits: tuple[Commit, ...]) -> list[Commit]:
    """Merges say nothing of their own, unless there is nothing else."""
    plain = [commit for commit in commits if not commit.merge]
    return plain or list(commits)


def _package_line(change: PackageChange) -> str:
    old, new = version_label(change.old, change.new), version_label(change.new, change.old)
    if change.old is None or change.new is None:
        return f"{package_label(change.package)} {change.package.nevra.evr} {change.kind.value}"
    place = f", {repository_label(change)}" if change.is_moved else ""
    span = f"{old} → {new}" if old != new else new
    return f"{package_label(change.package)} {span} ({change.kind.value}{place})"


def _notes_text(told: ReleaseNotes) -> Iterator[str]:
    yield f"Changes from {told.old} to {told.new}"
    if not told.components and not told.third_party:
        yield from ("", "Nothing changed.")
    for title, group in _groups(told):
        yield from ("", title, "-" * len(title))
        for one in group:
            yield f"{_escape_control_characters(_name_of(one))}: {_headline(one)}"
            yield from (f"    {_package_line(change)}" for change in one.packages)
            yield from (
                f"  * {_escape_control_characters(commit.subject)} ({commit.id[:7]})"
                for commit in _without_merges(one.commits)
            )
            yield from (
                f"  * taken back: {_escape_control_characters(commit.subject)} ({commit.id[:7]})"
                for commit in _without_merges(one.dropped_commits)
            )
    if told.third_party:
        yield from ("", "Third-party packages", "--------------------")
        yield from (f"  * {_package_line(change)}" for change in told.third_party)


def _notes_markdown(told: ReleaseNotes) -> Iterator[str]:
    yield f"# Changes from {escape(told.old)} to {escape(told.new)}"
    if not told.components and not told.third_party:
        yield from ("", "Nothing changed.")
    for title, group in _groups(told):
        yield from section(title)
        for one in group:
            yield from section(escape(_name_of(one)), level=3)
            yield escape(_headline(one))
            changes = [f"- {code(_package_line(change))}" for change in one.packages]
            commits = [
                f"- {escape(commit.subject)} ({commit.id[:7]}, {escape(commit.author)})"
                for commit in _without_merges(one.commits)
            ]
            dropped_commits = [
                f"- taken back: {escape(commit.subject)} ({commit.id[:7]})"
                for commit in _without_merges(one.dropped_commits)
            ]
            for lines in (changes, [*commits, *dropped_commits]):
                yield from ("", *lines) if lines else ()
    if told.third_party:
        yield from section("Third-party packages")
        yield from (f"- {code(_package_line(change))}" for change in told.third_party)


def _escape_control_characters(text: str) -> str:
    """Text of others that cannot steer the terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
