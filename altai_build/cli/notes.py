"""`notes`: the commits of each component from one release to another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from altai_build.cli.app import App
from altai_build.cli.markdown import code, document, escape, section
from altai_build.cli.options import json_option, key_option, markdown_option, releases_option
from altai_build.cli.output import print_json
from altai_build.cli.packages import package_label, repository_label, trust_of_pair, version_label
from altai_build.cli.reading import open_reading
from altai_build.errors import escape_control_characters
from altai_build.model.commit import Commit, without_merges
from altai_build.model.findings import join_subjects
from altai_build.model.notes_text import describe_pin_change, group_components, name_component
from altai_build.model.release_changes import ComponentNotes, PackageChange, ReleaseNotes


@click.command()
@click.argument("old")
@click.argument("new")
@releases_option
@key_option
@markdown_option
@json_option
@click.pass_obj
def notes(
    app: App, old: str, new: str, where: str | None, keys: tuple[str, ...], markdown: bool, as_json: bool
) -> None:
    """Write release notes: the commits from OLD to NEW.

    OLD and NEW are releases: versions, `latest`, paths of folders, or URLs. For each component the notes list its
    commits and changed packages, and whether it was added, removed, rewound to an earlier commit, or moved to a commit
    that does not contain the earlier one. Without the superproject's clone they list what the manifests say: the old
    and new commit of each component.

    \b
    Example:
      altai-build notes 1.0.1 1.0.2 --markdown > ChangeLog-1.0.2.md
    """
    from altai_build.pipeline.published.changes import make_notes

    reading = open_reading(app, where, [old, new], keys)
    run = reading.run
    pair = reading.reader.read_all(map(reading.catalog.find, (old, new)))
    release_notes = make_notes(run, *(release.manifest for release in pair))
    paths: dict[str, list[str]] = {}
    for component in release_notes.components:
        paths.setdefault(component.problem, []).append(component.path)
    for problem, named in paths.items():
        if problem:
            whose = "its" if len(named) == 1 else "their"
            run.reporter.warn(f"{join_subjects(named)}: cannot list {whose} commits: {problem}")
    if as_json:
        print_json({**_notes_document(release_notes), "trust": trust_of_pair(*pair)})
    else:
        print(document(_notes_markdown(release_notes) if markdown else _notes_text(release_notes)))


def _notes_document(release_notes: ReleaseNotes) -> dict[str, object]:
    return {
        "old": release_notes.old,
        "new": release_notes.new,
        "components": [_component_record(component) for component in release_notes.components],
        "third_party": [_package_record(change) for change in release_notes.third_party],
    }


def _component_record(component: ComponentNotes) -> dict[str, object]:
    return {
        "path": component.path,
        "old_path": component.old_path,
        "status": component.component_change,
        "old": component.old,
        "new": component.new,
        "commits": [_commit_record(commit) for commit in component.commits],
        "undone": [_commit_record(commit) for commit in component.dropped_commits],
        "packages": [_package_record(change) for change in component.packages],
        "problem": component.problem or None,
    }


def _commit_record(commit: Commit) -> dict[str, object]:
    return {
        "commit": commit.id,
        "date": _format_date(commit.time),
        "author": commit.author,
        "subject": commit.subject,
        "merge": commit.is_merge,
    }


def _package_record(change: PackageChange) -> dict[str, object]:
    return {
        "change": change.kind,
        "name": change.package.name,
        "old": str(change.old.nevra) if change.old else None,
        "new": str(change.new.nevra) if change.new else None,
        "repository": change.package.repository,
    }


def _format_date(seconds: int | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _package_line(change: PackageChange) -> str:
    old, new = version_label(change.old, change.new), version_label(change.new, change.old)
    if change.old is None or change.new is None:
        return f"{package_label(change.package)} {change.package.nevra.evr} {change.kind.value}"
    moved = f", {repository_label(change)}" if change.is_moved else ""
    span = f"{old} → {new}" if old != new else new
    return f"{package_label(change.package)} {span} ({change.kind.value}{moved})"


def _notes_text(release_notes: ReleaseNotes) -> Iterator[str]:
    yield f"Changes from {release_notes.old} to {release_notes.new}"
    if not release_notes.components and not release_notes.third_party:
        yield from ("", "Nothing changed.")
    for title, group in group_components(release_notes):
        yield from ("", title, "-" * len(title))
        for component in group:
            yield f"{_one_line(name_component(component))}: {_one_line(describe_pin_change(component))}"
            yield from (f"    {_package_line(change)}" for change in component.packages)
            for marker, commits in (("", component.commits), ("dropped: ", component.dropped_commits)):
                for commit in without_merges(commits):
                    yield f"  * {marker}{_one_line(commit.subject)} ({commit.id[:7]})"
    if release_notes.third_party:
        yield from ("", "Third-party packages", "--------------------")
        yield from (f"  * {_package_line(change)}" for change in release_notes.third_party)


def _one_line(text: str) -> str:
    return escape_control_characters(text, keep="")


def _notes_markdown(release_notes: ReleaseNotes) -> Iterator[str]:
    yield f"# Changes from {escape(release_notes.old)} to {escape(release_notes.new)}"
    if not release_notes.components and not release_notes.third_party:
        yield from ("", "Nothing changed.")
    for title, group in group_components(release_notes):
        yield from section(title)
        for component in group:
            yield from section(escape(name_component(component)), level=3)
            yield escape(describe_pin_change(component))
            changes = [f"- {code(_package_line(change))}" for change in component.packages]
            commits = [
                f"- {escape(commit.subject)} ({commit.id[:7]}, {escape(commit.author)})"
                for commit in without_merges(component.commits)
            ]
            dropped_commits = [
                f"- dropped: {escape(commit.subject)} ({commit.id[:7]})"
                for commit in without_merges(component.dropped_commits)
            ]
            for lines in (changes, [*commits, *dropped_commits]):
                yield from ("", *lines) if lines else ()
    if release_notes.third_party:
        yield from section("Third-party packages")
        yield from (f"- {code(_package_line(change))}" for change in release_notes.third_party)
