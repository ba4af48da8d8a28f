"""`diff` and `notes`: what changed from one release to another."""

from __future__ import annotations

from collections.abc import Iterator

import click

from altai_build.cli.app import App
from altai_build.cli.markdown import code, document, escape, section, table
from altai_build.cli.options import json_option, markdown_option
from altai_build.cli.output import print_json, print_table
from altai_build.model.history import (
    ChangeKind,
    PackageChange,
    ReleaseDiff,
)
from altai_build.model.release import ReleasedPackage


@click.command()
@click.argument("old")
@click.argument("new")
@markdown_option
@json_option
@click.pass_obj
def diff(app: App, old: str, new: str, markdown: bool, as_json: bool) -> None:
    """List the packages that differ between OLD and NEW.

    OLD and NEW are releases. Each package is added, removed, upgraded, downgraded, rebuilt (same version and sources,
    different bytes) or moved to another repository.

    \b
    Example:
      altai-build diff 1.0.1 1.0.2 --markdown
    """
    from altai_build.pipeline.published.changes import compare_published
    from altai_build.pipeline.published.releases import releases_directory

    comparison = compare_published(releases_directory(app.load_config()), old, new)
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
        package_name(change.package),
        version_label(change.old, change.new),
        version_label(change.new, change.old),
        repository_label(change),
        _size(change),
    )


def package_name(package: ReleasedPackage) -> str:
    """The name of a package, marked where it is a source package."""
    return f"{package.name} (source)" if package.is_source else package.name


def version_label(package: ReleasedPackage | None, other: ReleasedPackage | None) -> str:
    """`[epoch:]version-release`, with the architecture where that is what changed."""
    if package is None:
        return "-"
    changed = other is not None and other.arch != package.arch
    return f"{package.nevra.evr}.{package.arch}" if changed else package.nevra.evr


def repository_label(change: PackageChange) -> str:
    """The repository of a changed package, or both where it moved."""
    if change.is_moved and change.old and change.new:
        return f"{change.old.repository} → {change.new.repository}"
    return change.package.repository


def _size(change: PackageChange) -> str:
    return f"{change.size_change / 1e3:+.1f} kB"


def _diff_document(comparison: ReleaseDiff) -> dict[str, object]:
    changes = comparison.changes
    kinds = [kind for kind in ChangeKind if kind is not ChangeKind.MOVED]
    return {
        "old": comparison.old,
        "new": comparison.new,
        **{kind.value: [_record(one) for one in comparison.changes_of_kind(kind)] for kind in kinds},
        "moved": [_record(one) for one in changes if one.is_moved],
        "resized": [_record(one) for one in changes if one.is_resized],
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
            yield from table(_HEADERS[1:], [[code(cell) for cell in _cells(one)[1:]] for one in changes])


# ---- notes -----------------------------------------------------------------------------------------------------
