"""`diff` and `notes`: what changed from one release to another."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from altai_build.cli.app import App, json_option, print_json, print_table
from altai_build.cli.markdown import code, document, escape, section, table
from altai_build.model.history import (
    ChangeKind,
    Commit,
    Comparison,
    ComponentNotes,
    Move,
    PackageChange,
    ReleaseNotes,
)
from altai_build.model.release import ReleasedPackage

markdown_option = click.option("--markdown", is_flag=True, help="Print the answer as Markdown.")


@click.command()
@click.argument("old")
@click.argument("new")
@markdown_option
@json_option
@click.pass_obj
def diff(app: App, old: str, new: str, markdown: bool, as_json: bool) -> None:
    """Tell which packages differ between the releases OLD and NEW.

    Each is added, removed, upgraded, downgraded, rebuilt (the same version of the same sources, other bytes) or moved
    to another repository.

    \b
    Example:
      altai-build diff 1.0.1 1.0.2 --markdown
    """
    from altai_build.pipeline.earlier import releases_of
    from altai_build.pipeline.history import difference

    comparison = difference(releases_of(app.config()), old, new)
    if as_json:
        print_json(_diff_document(comparison))
    elif markdown:
        print(document(_diff_markdown(comparison)))
    else:
        print_table(_HEADERS, [_cells(change) for change in comparison.changes])


_HEADERS = ("change", "package", "old", "new", "repository", "size")


def _cells(change: PackageChange) -> tuple[str, ...]:
    return (
        change.kind.value,
        _name(change.package),
        _version(change.old, change.new),
        _version(change.new, change.old),
        _repository(change),
        _size(change),
    )


def _name(package: ReleasedPackage) -> str:
    return f"{package.name} (source)" if package.arch in ("src", "nosrc") else package.name


def _version(package: ReleasedPackage | None, other: ReleasedPackage | None) -> str:
    """`[epoch:]version-release`, with the architecture where that is what changed."""
    if package is None:
        return "-"
    changed = other is not None and other.arch != package.arch
    return f"{package.nevra.evr}.{package.arch}" if changed else package.nevra.evr


def _repository(change: PackageChange) -> str:
    if change.moved and change.old and change.new:
        return f"{change.old.repository} → {change.new.repository}"
    return change.package.repository


def _size(change: PackageChange) -> str:
    return f"{change.grown / 1e3:+.1f} kB"


def _diff_document(comparison: Comparison) -> dict[str, object]:
    changes = comparison.changes
    kinds = [kind for kind in ChangeKind if kind is not ChangeKind.MOVED]
    return {
        "old": comparison.old,
        "new": comparison.new,
        **{kind.value: [_record(one) for one in comparison.of(kind)] for kind in kinds},
        "moved": [_record(one) for one in changes if one.moved],
        "resized": [_record(one) for one in changes if one.resized],
    }


def _record(change: PackageChange) -> dict[str, object]:
    """One change; `nevra` is the package as it is now, or was before it was removed."""
    old, new = change.old, change.new
    return {
        "name": change.package.name,
        "arch": change.package.arch,
        "nevra": str(change.package.nevra),
        "old": str(old.nevra) if old else None,
        "new": str(new.nevra) if new else None,
        "repository": change.package.repository,
        "old_repository": old.repository if old else None,
        "new_repository": new.repository if new else None,
        "old_size": old.size if old else None,
        "new_size": new.size if new else None,
        "old_sha256": old.sha256 if old else None,
        "new_sha256": new.sha256 if new else None,
    }


def _diff_markdown(comparison: Comparison) -> Iterator[str]:
    yield f"# Packages from {escape(comparison.old)} to {escape(comparison.new)}"
    if not comparison.changes:
        yield from ("", "The packages are the same.")
    for kind in ChangeKind:
        changes = comparison.of(kind)
        if changes:
            yield from section(f"{kind.value.capitalize()} ({len(changes)})")
            yield from table(_HEADERS[1:], [[code(cell) for cell in _cells(one)[1:]] for one in changes])


# ---- notes -----------------------------------------------------------------------------------------------------


@click.command()
@click.argument("old")
@click.argument("new")
@markdown_option
@json_option
@click.pass_obj
def notes(app: App, old: str, new: str, markdown: bool, as_json: bool) -> None:
    """Tell the commits of every component between the releases OLD and NEW, with the packages they changed.

    Components are named that were added, removed, rewound to an earlier commit, or moved to a commit that does not
    contain the earlier one. Ready to be a change log.

    \b
    Example:
      altai-build notes 1.0.1 1.0.2 --markdown > ChangeLog-1.0.2.md
    """
    from altai_build.pipeline.earlier import releases_of
    from altai_build.pipeline.history import notes as tell

    config = app.config()
    run = app.run(config)
    told = tell(run, releases_of(config), old, new)
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
                "status": one.move,
                "old": one.old,
                "new": one.new,
                "commits": [_commit_record(commit) for commit in one.commits],
                "undone": [_commit_record(commit) for commit in one.undone],
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
    ("Added components", (Move.ADDED,)),
    ("Changed components", (Move.UPDATED, Move.RELOCATED, Move.REPLACED, Move.UNKNOWN)),
    ("Components taken back to an earlier or another commit", (Move.REWOUND, Move.DIVERGED)),
    ("Built again from the same commit", (Move.SAME,)),
    ("Removed components", (Move.REMOVED,)),
)


def _groups(told: ReleaseNotes) -> Iterator[tuple[str, list[ComponentNotes]]]:
    for title, moves in _TITLES:
        group = [one for one in told.components if one.move in moves]
        if group:
            yield title, group


def _headline(one: ComponentNotes) -> str:
    """What happened to the pin, in words."""
    old, new = (one.old or "")[:7], (one.new or "")[:7]
    words = {
        Move.ADDED: f"added at {new}",
        Move.REMOVED: f"removed, was at {old}",
        Move.UPDATED: f"{old} → {new}",
        Move.REWOUND: f"rewound from {old} to the earlier {new}",
        Move.DIVERGED: f"moved aside from {old} to {new}, which does not contain it",
        Move.REPLACED: f"{old} → {new} of another repository",
        Move.RELOCATED: f"moved, still at {new}",
        Move.SAME: f"still at {new}",
        Move.UNKNOWN: f"{old} → {new}; its commits are not to be had here",
    }
    place = f", before at {one.old_path}" if one.old_path else ""
    return words[one.move] + place


def _name_of(one: ComponentNotes) -> str:
    return "superproject" if one.path == "." else one.path


def _worth_telling(commits: tuple[Commit, ...]) -> list[Commit]:
    """Merges say nothing of their own, unless there is nothing else."""
    plain = [commit for commit in commits if not commit.merge]
    return plain or list(commits)


def _package_line(change: PackageChange) -> str:
    old, new = _version(change.old, change.new), _version(change.new, change.old)
    if change.old is None or change.new is None:
        return f"{_name(change.package)} {change.package.nevra.evr} {change.kind.value}"
    place = f", {_repository(change)}" if change.moved else ""
    span = f"{old} → {new}" if old != new else new
    return f"{_name(change.package)} {span} ({change.kind.value}{place})"


def _notes_text(told: ReleaseNotes) -> Iterator[str]:
    yield f"Changes from {told.old} to {told.new}"
    if not told.components and not told.third_party:
        yield from ("", "Nothing changed.")
    for title, group in _groups(told):
        yield from ("", title, "-" * len(title))
        for one in group:
            yield f"{_shown(_name_of(one))}: {_headline(one)}"
            yield from (f"    {_package_line(change)}" for change in one.packages)
            yield from (
                f"  * {_shown(commit.subject)} ({commit.id[:7]})" for commit in _worth_telling(one.commits)
            )
            yield from (
                f"  * taken back: {_shown(commit.subject)} ({commit.id[:7]})"
                for commit in _worth_telling(one.undone)
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
                for commit in _worth_telling(one.commits)
            ]
            undone = [
                f"- taken back: {escape(commit.subject)} ({commit.id[:7]})"
                for commit in _worth_telling(one.undone)
            ]
            for lines in (changes, [*commits, *undone]):
                yield from ("", *lines) if lines else ()
    if told.third_party:
        yield from section("Third-party packages")
        yield from (f"- {code(_package_line(change))}" for change in told.third_party)


def _shown(text: str) -> str:
    """Text of others that cannot steer the terminal."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text
    )
