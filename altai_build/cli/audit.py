"""`audit` and `which`: what is in a release, and which releases have a thing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.errors import InputError, UsageError
from altai_build.model.inventory import (
    InventoryEntry,
    InventoryTotal,
    PackageFilter,
    compute_totals,
    describe_signer,
)
from altai_build.model.quantity import format_size
from altai_build.model.release import ORIGIN_KINDS, MirrorOrigin, Origin

_HEADERS = ("package", "repository", "size", "signer", "source package", "origin", "needed by")


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
@click.option("--csv", "as_csv", is_flag=True, help="Print the result as CSV.")
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
    as_json: bool,
) -> None:
    """List every package of release VERSION and its origin.

    The columns are: package, repository, size, signer, source package, origin, and the packages that need it.

    \b
    Examples:
      altai-build audit 1.0.2
      altai-build audit 1.0.2 --origin mirror --csv > third-party.csv
    """
    from altai_build.pipeline.published.inventory import list_packages
    from altai_build.pipeline.published.releases import find_release, releases_directory

    if as_csv and (as_json or only_totals):
        raise UsageError("--csv goes with neither --json nor --totals", todo="choose one")
    run = app.create_run(app.load_config())
    everything = list_packages(run, find_release(releases_directory(run.config), version))
    _refuse_unknown(everything, repository, origin)
    wanted = PackageFilter(repository=repository, origin=origin, name=name)
    entries = [one for one in everything if wanted.is_match(one)]
    by_repository, by_signer = compute_totals(entries)
    if only_totals:
        _print_totals(by_repository, by_signer, as_json)
    elif as_json:
        print_json([_record(one) for one in entries])
    elif as_csv:
        _print_csv(entries)
    else:
        print_table(_HEADERS, [_cells(one) for one in entries])
    if not only_totals:
        for total in (*by_repository, *by_signer):
            run.story.info(f"{total.what}: {total.packages} packages, {format_size(total.size)}")


def _refuse_unknown(entries: Sequence[InventoryEntry], repository: str | None, origin: str | None) -> None:
    """A filter on a word that the release does not know would give an empty list, which looks like an answer."""
    repositories = {one.package.repository for one in entries}
    if repository is not None and repository not in repositories:
        raise InputError(
            f"the release has no packages in a repository {repository!r}",
            todo=f"choose one of {', '.join(sorted(repositories))}",
        )
    kinds = set(ORIGIN_KINDS)
    paths = {str(getattr(one.package.origin, "path", "")) for one in entries}
    if origin is not None and origin not in kinds | paths:
        raise InputError(
            f"the release has no packages from {origin!r}",
            todo=f"choose one of {', '.join(sorted(kinds))}, or the path of a component",
        )


def _record(entry: InventoryEntry) -> dict[str, object]:
    package = entry.package
    return {
        "nevra": str(package.nevra),
        **asdict(package),
        "signer": {**asdict(package.signer), "name": entry.signer_name},
        "origin": origin_record(package.origin),
        "needed_by": entry.needed_by,
    }


def origin_record(origin: Origin) -> dict[str, object]:
    """An origin as `--json` shows it."""
    return {"kind": origin.kind, **asdict(origin)}


def _cells(entry: InventoryEntry) -> tuple[str, ...]:
    package = entry.package
    return (
        str(package.nevra),
        package.repository,
        format_size(package.size),
        describe_signer(entry),
        package.sourcerpm or "-",
        origin_line(package.origin),
        ", ".join(entry.needed_by) or "-",
    )


def origin_line(origin: Origin) -> str:
    """An origin in one line of a table."""
    return origin.url if isinstance(origin, MirrorOrigin) else f"{origin.path} at {origin.commit[:12]}"


def _print_totals(
    by_repository: Sequence[InventoryTotal], by_signer: Sequence[InventoryTotal], as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "repositories": by_repository,
                "signers": by_signer,
                "packages": sum(one.packages for one in by_repository),
                "size": sum(one.size for one in by_repository),
            }
        )
        return
    rows = [("repository", one) for one in by_repository] + [("signer", one) for one in by_signer]
    print_table(
        ("by", "", "packages", "size"),
        [(by, one.what, str(one.packages), format_size(one.size)) for by, one in rows],
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
)


def _print_csv(entries: Sequence[InventoryEntry]) -> None:
    """RFC 4180 with a header line; a cell that a spreadsheet would take for a formula is quoted with an apostrophe."""
    out = csv.writer(sys.stdout, lineterminator="\r\n")
    out.writerow(_COLUMNS)
    for entry in entries:
        one, origin = entry.package, entry.package.origin
        row = [
            str(one.nevra),
            one.name,
            one.epoch,
            one.version,
            one.release,
            one.arch,
            one.repository,
            one.file,
        ]
        row += [one.size, one.sha256, one.signer.key_id, one.signer.fingerprint, entry.signer_name]
        row += [one.sourcerpm, origin.kind]
        row += [getattr(origin, "path", ""), getattr(origin, "commit", ""), getattr(origin, "url", "")]
        row.append(" ".join(entry.needed_by))
        out.writerow([f"'{cell}" if str(cell)[:1] in "=+-@\t\r" and cell != "" else cell for cell in row])


# ---- which -----------------------------------------------------------------------------------------------------
