"""`deps`: the third-party packages of a release: lock, fetch, list, explain, compare with upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, rev_option, wait_option
from altai_build.cli.output import print_json, print_table, print_text
from altai_build.cli.suggestions import SuggestingGroup
from altai_build.model.quantity import format_count, format_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altai_build.model.lock import LockChange, LockedPackage


@click.group(cls=SuggestingGroup)
def deps() -> None:
    """Lock, download and explain third-party packages.

    repos.yaml names the repositories to take packages from (source: mirror); deps.lock.yaml beside it lists the exact
    packages.

    \b
    Examples:
      altai-build deps lock
      altai-build deps why python3-urllib3
    """


@deps.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@rev_option
@click.option("--update", is_flag=True, help="Accept newer versions, of the packages NAME or of all.")
@click.option(
    "--accept-older",
    is_flag=True,
    help="Accept repodata that is older than the repodata of the current lock.",
)
@wait_option
@format_option
@json_option
@click.pass_obj
def lock(
    app: App,
    names: tuple[str, ...],
    rev: str,
    update: bool,
    accept_older: bool,
    wait: float,
    as_json: bool,
) -> None:
    """Resolve third-party packages and write deps.lock.yaml.

    The packages of the components are built or reused first, because their Requires decide what is needed. A package of
    the operating system is preferred to one of a mirror, and an earlier mirror in repos.yaml to a later one; among
    equals, the smallest set of packages is chosen. Each package is downloaded and verified before it is locked. A
    locked version stays until it no longer resolves or --update is given.

    \b
    Examples:
      altai-build deps lock
      altai-build deps lock --update python3-urllib3
    """
    from altai_build.pipeline.lock import make_lock

    if names and not update:
        raise click.UsageError("NAME is only for --update: add --update")
    run = app.create_run(app.load_config())
    with run.lock(wait=wait):
        made = make_lock(run, rev, update=update, names=names, older=accept_older)
    if as_json:
        print_json(
            {
                "file": str(made.path),
                "rewritten": made.rewritten,
                "packages": len(made.lock.packages),
                "size": made.lock.size,
                "changes": made.changes,
            }
        )
    else:
        _print_changes(made.changes)
    run.reporter.info(
        f"{made.path.name}: {format_count(len(made.lock.packages), 'package')}, {format_size(made.lock.size)}, "
        + ("written; review and commit it" if made.rewritten else "unchanged")
    )


@deps.command()
@wait_option
@format_option
@json_option
@click.pass_obj
def fetch(app: App, wait: float, as_json: bool) -> None:
    """Download the locked packages and verify each of them.

    Size, SHA-256 and the signature by the repository's own key are checked. A package that is in the workspace or in an
    earlier release is not downloaded again. All errors are reported together.

    \b
    Example:
      altai-build deps fetch
    """
    from altai_build.pipeline.deps import fetch_locked, read_required_lock

    run = app.create_run(app.load_config())
    with run.lock(wait=wait):
        run.workspace.remove_leftovers()
        lock = read_required_lock(run)
        files = fetch_locked(run, lock.packages if lock is not None else ())
    if as_json:
        print_json([{**_row(package), "path": str(file.path)} for package, file in files.items()])
    else:
        print_table(
            ("package", "repository", "bytes", "file"),
            [
                (str(package.nevra), package.repository, str(package.size), str(file.path))
                for package, file in files.items()
            ],
        )


@deps.command(name="list")
@format_option
@json_option
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """List the locked packages: size, license, needed by.

    \b
    Example:
      altai-build deps list
    """
    from altai_build.pipeline.deps import read_lock

    run = app.create_run(app.load_config())
    found = read_lock(run)
    revisions = {repository.name: repository.revision for repository in found.repositories}
    if as_json:
        print_json(
            [{**_row(package), "revision": revisions[package.repository]} for package in found.packages]
        )
        return
    print_table(
        ("package", "repository", "bytes", "license", "needed by"),
        [
            (
                str(package.nevra),
                package.repository,
                str(package.size),
                package.license,
                ", ".join(package.needed_by_names),
            )
            for package in found.packages
        ],
    )
    run.reporter.info(f"{format_count(len(found.packages), 'package')}, {format_size(found.size)}")


@deps.command()
@click.argument("name")
@json_option
@click.pass_obj
def why(app: App, name: str, as_json: bool) -> None:
    """Show why package NAME is locked.

    Prints the dependency chains from the components' packages to NAME, and the rule that chose it.

    \b
    Example:
      altai-build deps why python3-urllib3
    """
    from altai_build.pipeline.deps import read_lock
    from altai_build.stages.lock import explain_locked_package

    found = explain_locked_package(read_lock(app.create_run(app.load_config())), name)
    if as_json:
        print_json({**_row(found.package), "revision": found.revision, "chains": found.chains})
        return
    package = found.package
    for chain in found.chains:
        for depth, step in enumerate(chain):
            print_text(f"{'  ' * depth}{step.package} requires {step.requires}")
        print_text(f"{'  ' * len(chain)}{package.nevra} from {package.repository}")
    over = f", over {', '.join(package.choice.over)}" if package.choice.over else ""
    print_text(f"choice: {package.choice.rule.value}{over}")
    print_text(f"signed by {package.signer.fingerprint}; from repodata revision {found.revision}")


@deps.command()
@rev_option
@wait_option
@format_option
@json_option
@click.pass_obj
def outdated(app: App, rev: str, wait: float, as_json: bool) -> None:
    """List locked packages that have updates upstream.

    The list is the change that `deps lock --update` would make.

    \b
    Example:
      altai-build deps outdated
    """
    from altai_build.pipeline.lock import find_updates

    run = app.create_run(app.load_config())
    with run.lock(wait=wait):
        run.workspace.remove_leftovers()
        changes = find_updates(run, rev)
    if as_json:
        print_json(changes)
        return
    _print_changes(changes)
    run.reporter.info(
        "run `altai-build deps lock --update [NAME]...` to accept them"
        if changes
        else "the lock is up to date"
    )


def _row(package: LockedPackage) -> dict[str, object]:
    return {
        "name": package.nevra.name,
        "nevra": str(package.nevra),
        "repository": package.repository,
        "location": package.location,
        "sha256": package.sha256,
        "size": package.size,
        "license": package.license,
        "signer": package.signer,
        "needed_by": package.needed_by,
        "choice": package.choice,
    }


def _print_changes(changes: Sequence[LockChange]) -> None:
    print_table(
        ("change", "repository", "from", "to", "reason"),
        [
            (change.kind, change.repository, change.old or "-", change.new or "-", change.reason)
            for change in changes
        ],
    )
