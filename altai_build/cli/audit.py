"""`audit`: every package of a release with its signer and origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, key_option, releases_option
from altai_build.cli.output import is_csv, print_csv, print_json, print_table, size_cell
from altai_build.cli.packages import origin_label, origin_record
from altai_build.cli.reading import open_reading
from altai_build.errors import InputError, UsageError
from altai_build.model.inventory import (
    InventoryEntry,
    InventoryTotal,
    PackageFilter,
    compute_totals,
    describe_signer,
)
from altai_build.model.quantity import format_count, format_size
from altai_build.model.release import ORIGIN_KINDS
from altai_build.model.suggestion import suggest
from altai_build.model.trust import ManifestTrust

_HEADERS = ("package", "repository", "size", "signer", "license", "source package", "origin", "needed by")


@click.command()
@click.argument("version")
@click.option("--repository", metavar="NAME", help="Only packages of this repository.")
@click.option(
    "--origin",
    metavar="KIND",
    help="Only packages of this origin: component, spec, mirror, or a component's path.",
)
@click.option("--name", metavar="GLOB", help="Only packages whose name matches, such as 'python-*'.")
@click.option(
    "--totals", "only_totals", is_flag=True, help="Print only the totals by repository and by signer."
)
@click.option("--csv", "as_csv", is_flag=True, help="The same as --format csv.")
@releases_option
@key_option
@format_option
@json_option
@click.pass_obj
def audit(
    app: App,
    version: str,
    repository: str | None,
    origin: str | None,
    name: str | None,
    only_totals: bool,
    as_csv: bool,
    where: str | None,
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """List every package of release VERSION and its origin.

    VERSION may also be `latest`, the path of a release's folder (with a slash in it), or its URL.

    The columns are: package, repository, size, signer, license, source package, origin, and the packages that need it.

    \b
    Examples:
      altai-build audit 1.0.2
      altai-build audit https://repo.example.org/altai/1.0.2 --key RPM-GPG-KEY-altai
      altai-build audit 1.0.2 --origin mirror --csv > third-party.csv
    """
    if as_csv and (as_json or only_totals):
        raise UsageError("--csv cannot be combined with --json or --totals", todo="give one of them")
    reading = open_reading(app, where, [version], keys)
    run = reading.run
    inventory = reading.releases.list_packages(version)
    release, listed = inventory.release, inventory.packages
    _refuse_unknown(listed, repository, origin)
    package_filter = PackageFilter(repository=repository, origin=origin, name=name)
    entries = [entry for entry in listed if package_filter.is_match(entry)]
    if listed and not entries:
        run.reporter.warn(f"no package of release {release.manifest.version} is what these options select")
    by_repository, by_signer = compute_totals(entries)
    if only_totals:
        _print_totals(by_repository, by_signer, as_json)
    elif as_json:
        print_json([_record(entry, release.trust) for entry in entries])
    elif as_csv or is_csv():
        print_csv(_COLUMNS, map(_csv_row, entries))
    else:
        print_table(_HEADERS, [_cells(entry) for entry in entries])
    if not only_totals:
        for total in (*by_repository, *by_signer):
            run.reporter.info(
                f"{total.what}: {format_count(total.packages, 'package')}, {format_size(total.size)}"
            )


def _refuse_unknown(entries: Sequence[InventoryEntry], repository: str | None, origin: str | None) -> None:
    """Raise InputError for a repository or origin that the release does not have: an empty list would hide a typo."""
    repositories = {entry.package.repository for entry in entries}
    if repository is not None and repository not in repositories:
        raise InputError(
            f"the release has no repository {repository!r}",
            why=suggest(repository, repositories),
            todo=f"use one of {', '.join(sorted(repositories))}",
        )
    kinds = set(ORIGIN_KINDS)
    paths = {str(getattr(entry.package.origin, "path", "")) for entry in entries}
    if origin is not None and origin not in kinds | paths:
        raise InputError(
            f"the release has no packages of origin {origin!r}",
            why=suggest(origin, kinds | paths),
            todo=f"use one of {', '.join(sorted(kinds))}, or the path of a component",
        )


def _record(entry: InventoryEntry, trust: ManifestTrust) -> dict[str, object]:
    package = entry.package
    return {
        "nevra": str(package.nevra),
        **asdict(package),
        "signer": {**asdict(package.signer), "name": entry.signer_name},
        "license": entry.license or None,
        "origin": origin_record(package.origin),
        "needed_by": entry.needed_by,
        "trust": trust.level,
    }


def _cells(entry: InventoryEntry) -> tuple[str, ...]:
    package = entry.package
    return (
        str(package.nevra),
        package.repository,
        size_cell(package.size),
        describe_signer(entry),
        entry.license or "unknown",
        package.sourcerpm or "-",
        origin_label(package.origin),
        ", ".join(entry.needed_by) or "-",
    )


def _print_totals(
    by_repository: Sequence[InventoryTotal], by_signer: Sequence[InventoryTotal], as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "repositories": by_repository,
                "signers": by_signer,
                "packages": sum(total.packages for total in by_repository),
                "size": sum(total.size for total in by_repository),
            }
        )
        return
    rows = [("repository", total) for total in by_repository] + [("signer", total) for total in by_signer]
    print_table(
        ("by", "name", "packages", "size"),
        [(by, total.what, str(total.packages), size_cell(total.size)) for by, total in rows],
    )


_COLUMNS = (
    "nevra",
    "name",
    "epoch",
    "version",
    "release",
    "arch",
    "repository",
    "file",
    "size",
    "sha256",
    "signer_key_id",
    "signer_fingerprint",
    "signer_name",
    "source_package",
    "origin",
    "origin_path",
    "origin_commit",
    "origin_url",
    "needed_by",
    "license",
)


def _csv_row(entry: InventoryEntry) -> tuple[object, ...]:
    package, origin = entry.package, entry.package.origin
    return (
        str(package.nevra),
        package.name,
        package.epoch,
        package.version,
        package.release,
        package.arch,
        package.repository,
        package.file,
        package.size,
        package.sha256,
        package.signer.key_id,
        package.signer.fingerprint,
        entry.signer_name,
        package.sourcerpm,
        origin.kind,
        getattr(origin, "path", ""),
        getattr(origin, "commit", ""),
        getattr(origin, "url", ""),
        " ".join(entry.needed_by),
        entry.license,
    )
