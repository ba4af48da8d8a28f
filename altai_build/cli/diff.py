"""`diff`: the packages that differ between two releases."""

from __future__ import annotations

from collections.abc import Iterator

import click

from altai_build.cli.app import App
from altai_build.cli.markdown import code, document, escape, section, table
from altai_build.cli.options import format_option, json_option, key_option, markdown_option, releases_option
from altai_build.cli.output import Cell, print_json, print_table
from altai_build.cli.packages import package_label, repository_label, trust_of_pair, version_label
from altai_build.cli.reading import open_reading
from altai_build.model.quantity import format_size_change
from altai_build.model.release_changes import ChangeKind, PackageChange, ReleaseDiff


@click.command()
@click.argument("old")
@click.argument("new")
@releases_option
@key_option
@markdown_option
@format_option
@json_option
@click.pass_obj
def diff(
    app: App, old: str, new: str, where: str | None, keys: tuple[str, ...], markdown: bool, as_json: bool
) -> None:
    """List the packages that differ between OLD and NEW.

    OLD and NEW are releases: versions, `latest`, paths of folders, or URLs. Each package is added, removed, upgraded,
    downgraded, rebuilt (same version and sources, different bytes) or moved to another repository.

    \b
    Example:
      altai-build diff 1.0.1 1.0.2 --markdown
    """
    reading = open_reading(app, where, [old, new], keys)
    compared = reading.releases.compare(old, new)
    comparison, pair = compared.diff, (compared.old, compared.new)
    if as_json:
        print_json({**_diff_document(comparison), "trust": trust_of_pair(*pair)})
    elif markdown:
        print(document(_diff_markdown(comparison)))
    else:
        print_table(_HEADERS, [_cells(change) for change in comparison.changes])
        if not comparison.changes:
            app.info(f"{comparison.old} and {comparison.new} have the same packages")


_HEADERS = ("change", "package", "old", "new", "repository", "size")


def _cells(change: PackageChange) -> tuple[str, ...]:
    return (
        change.kind.value,
        package_label(change.package),
        version_label(change.old, change.new),
        version_label(change.new, change.old),
        repository_label(change),
        Cell(format_size_change(change.size_change), str(change.size_change)),
    )


def _diff_document(comparison: ReleaseDiff) -> dict[str, object]:
    changes = comparison.changes
    kinds = [kind for kind in ChangeKind if kind is not ChangeKind.MOVED]
    return {
        "old": comparison.old,
        "new": comparison.new,
        **{kind.value: [_record(change) for change in comparison.changes_of_kind(kind)] for kind in kinds},
        "moved": [_record(change) for change in changes if change.is_moved],
        "resized": [_record(change) for change in changes if change.is_resized],
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


def _diff_markdown(comparison: ReleaseDiff) -> Iterator[str]:
    yield f"# Packages from {escape(comparison.old)} to {escape(comparison.new)}"
    if not comparison.changes:
        yield from ("", "The packages are the same.")
    for kind in ChangeKind:
        changes = comparison.changes_of_kind(kind)
        if changes:
            yield from section(f"{kind.value.capitalize()} ({len(changes)})")
            yield from table(
                _HEADERS[1:], [[code(cell) for cell in _cells(change)[1:]] for change in changes]
            )
