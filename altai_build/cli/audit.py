"""`audit` and `which`: what is in a release, and which releases have a thing."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click

from altai_build.cli.app import App, json_option, print_json, print_table
from altai_build.errors import InputError, UsageError
from altai_build.model.inventory import ORIGIN_KINDS, Entry, Filter, Match, Total, signer_of, totals
from altai_build.model.release import MirrorOrigin, Origin, ReleasedPackage

_HEADERS = ("package", "repository", "size", "signer", "source package", "origin", "needed by")


@click.command()
@click.argument("version")
@click.option("--repository", metavar="NAME", help="Only packages of this repository.")
@click.option(
    "--origin", metavar="KIND", help="Only packages from a component, a spec or a mirror, or from this PATH."
)
@click.option("--name", metavar="GLOB", help="Only packages whose name matches, such as 'python-*'.")
@click.option("--totals", "only_totals", is_flag=True, help="Print the totals by repository and signer only.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the answer as CSV.")
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
    """List every package of release VERSION: identity, repository, size, signer, source, origin, who needs it.

    \b
    Example:
      altai-build audit 1.0.2 --origin mirror --csv > third-party.csv
    """
    from altai_build.pipeline.earlier import find_release, releases_of
    from altai_build.pipeline.inventory import inventory

    if as_csv and (as_json or only_totals):
        raise UsageError("--csv goes with neither --json nor --totals", todo="choose one")
    run = app.run(app.config())
    everything = inventory(run, find_release(releases_of(run.config), version))
    _refuse_unknown(everything, repository, origin)
    wanted = Filter(repository=repository, origin=origin, name=name)
    entries = [one for one in everything if wanted.takes(one)]
    by_repository, by_signer = totals(entries)
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
            run.story.tell(f"{total.what}: {total.packages} packages, {total.size / 1e6:.1f} MB")


def _refuse_unknown(entries: Sequence[Entry], repository: str | None, origin: str | None) -> None:
    """A filter on a word that the release does not know would give an empty list, which looks like an answer."""
    repositories = {one.package.repository for one in entries}
    if repository is not None and repository not in repositories:
        raise InputError(
            f"the release has no packages in a repository {repository!r}",
            todo=f"choose one of {', '.join(sorted(repositories))}",
        )
    kinds = set(ORIGIN_KINDS.values())
    paths = {str(getattr(one.package.origin, "path", "")) for one in entries}
    if origin is not None and origin not in kinds | paths:
        raise InputError(
            f"the release has no packages from {origin!r}",
            todo=f"choose one of {', '.join(sorted(kinds))}, or the path of a component",
        )


def _record(entry: Entry) -> dict[str, object]:
    package = entry.package
    return {
        "nevra": str(package.nevra),
        **asdict(package),
        "signer": {**asdict(package.signer), "name": entry.signer_name},
        "origin": _origin(package.origin),
        "needed_by": entry.needed_by,
    }


def _origin(origin: Origin) -> dict[str, object]:
    return {"kind": ORIGIN_KINDS[type(origin)], **asdict(origin)}


def _cells(entry: Entry) -> tuple[str, ...]:
    package = entry.package
    return (
        str(package.nevra),
        package.repository,
        f"{package.size / 1e3:.0f} kB",
        signer_of(entry),
        package.sourcerpm or "-",
        _origin_line(package.origin),
        ", ".join(entry.needed_by) or "-",
    )


def _origin_line(origin: Origin) -> str:
    return origin.url if isinstance(origin, MirrorOrigin) else f"{origin.path} at {origin.commit[:12]}"


def _print_totals(by_repository: Sequence[Total], by_signer: Sequence[Total], as_json: bool) -> None:
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
        [(by, one.what, str(one.packages), f"{one.size / 1e6:.1f} MB") for by, one in rows],
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


def _print_csv(entries: Sequence[Entry]) -> None:
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
        row += [one.sourcerpm, entry.origin_kind]
        row += [getattr(origin, "path", ""), getattr(origin, "commit", ""), getattr(origin, "url", "")]
        row.append(" ".join(entry.needed_by))
        out.writerow([f"'{cell}" if str(cell)[:1] in "=+-@\t\r" and cell != "" else cell for cell in row])


# ---- which -----------------------------------------------------------------------------------------------------


@click.command()
@click.argument("thing", metavar="NAME|NEVRA|FILE|SHA256|COMMIT")
@json_option
@click.pass_obj
def which(app: App, thing: str, as_json: bool) -> None:
    """Tell which releases have a package, by its name (or a pattern), NEVRA, file, SHA-256, or a commit.

    FILE is an RPM's file name, the path of an RPM on this machine (its bytes are compared), or the absolute path of a
    file that packages install. A COMMIT may be a component's or the superproject's, shortened to seven digits or
    more; releases that only contain it in a component's history are told too.

    \b
    Examples:
      altai-build which 'python-*client'
      altai-build which /usr/bin/nova
      altai-build which 6f2c1e0
    """
    from altai_build.pipeline.earlier import releases_of
    from altai_build.pipeline.inventory import near_names
    from altai_build.pipeline.inventory import which as find

    run = app.run(app.config())
    releases = releases_of(run.config)
    matches = find(run, releases, thing)
    if as_json:
        print_json([_match_record(one) for one in matches])
    else:
        print_table(
            ("release", "found by", "package", "repository", "SHA-256", "origin", ""),
            [_match_cells(one) for one in matches],
        )
    if not matches:
        near = near_names(releases, thing)
        raise InputError(
            f"no release has {thing}",
            why=f"near names: {', '.join(near)}" if near else "",
            todo="`altai-build releases` lists the releases, `altai-build audit VERSION` what is in one",
        )


def _match_record(match: Match) -> dict[str, object]:
    package = match.package
    told: dict[str, object] = {"release": match.release, "matched": match.how, "note": match.note or None}
    if package is None:
        return {**told, "nevra": None}
    known = asdict(package)
    kept = ("name", "arch", "repository", "file", "sha256", "size", "signer", "sourcerpm")
    return {
        **told,
        "nevra": str(package.nevra),
        **{key: known[key] for key in kept},
        "origin": _origin(package.origin),
    }


def _match_cells(match: Match) -> tuple[str, ...]:
    package: ReleasedPackage | None = match.package
    if package is None:
        return (match.release, match.how.value, "-", "-", "-", "-", match.note)
    return (
        match.release,
        match.how.value,
        str(package.nevra),
        package.repository,
        package.sha256[:12],
        _origin_line(package.origin),
        match.note,
    )
