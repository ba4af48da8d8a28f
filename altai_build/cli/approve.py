"""`approve`: a person's signature over the digest of a release."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import choose_passphrase, format_option, json_option, releases_option
from altai_build.cli.output import print_json, print_path, print_table
from altai_build.errors import UsageError

if TYPE_CHECKING:
    from altai_build.pipeline.published.approvals import ReleaseApprovals


@click.command()
@click.argument("version")
@click.option("--key", metavar="NAME", help="The name of your key in release.approvals of repos.yaml.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where to write the approval; default: approvals/VERSION/NAME.asc beside the release.",
)
@click.option("--statement", is_flag=True, help="Print the text that an approval signs, for gpg elsewhere.")
@releases_option
@format_option
@json_option
@click.pass_obj
def approve(
    app: App,
    version: str,
    key: str | None,
    output: Path | None,
    statement: bool,
    where: str | None,
    as_json: bool,
) -> int:
    """Approve release VERSION with a key, or list approvals.

    Where repos.yaml has release.approvals, `promote` and `verify` want the approvals of so many different keys. An
    approval is a detached signature over a text with the digest of the release: the release does not change. The
    release is verified first. Without --key its approvals are listed.

    A key that is elsewhere (a smart card, another keyring) signs the text that --statement prints: gpg --armor
    --detach-sign makes the file of the approval from it.

    \b
    Examples:
      altai-build approve 1.0.2 --key alice
      altai-build approve 1.0.2 --statement | gpg --armor --detach-sign > releases/approvals/1.0.2/alice.asc
    """
    from altai_build.pipeline.published.approvals import make_release_statement, read_approvals
    from altai_build.pipeline.published.catalog import locate_releases
    from altai_build.pipeline.published.verify import open_release
    from altai_build.pipeline.release.approve import approve_release
    from altai_build.tools.url import is_web_url

    if statement and (key is not None or as_json):
        raise UsageError("--statement prints a text and signs nothing", todo="leave out --key and --json")
    if output is not None and key is None:
        raise UsageError("without --key nothing is written", todo="name your key with --key NAME")
    run = app.create_run(app.load_config(), builds=False)
    with open_release(run, version, where) as directory:
        if statement:
            sys.stdout.write(make_release_statement(run, directory).decode())
            return 0
        location = locate_releases(directory, version, where)
        if key is not None and output is None and is_web_url(location):
            raise UsageError(
                "an approval cannot be written to a server",
                todo="write it to a file with -o FILE, and upload that",
            )
        file = None
        if key is not None:
            file = approve_release(run, directory, key, choose_passphrase(), output)
        found = read_approvals(run, directory, location)
    if as_json:
        print_json(_document(found, file))
        return 0
    if file is not None:
        print_path(file)
    else:
        print_table(
            ("key", "approval", "fingerprint"),
            [
                (
                    approval.key,
                    "approved" if approval.fingerprint else approval.detail or "missing",
                    approval.fingerprint or "-",
                )
                for approval in found.approvals
            ],
        )
    run.reporter.info(f"release {found.release}: {found.description}")
    return 0


def _document(found: ReleaseApprovals, file: Path | None) -> dict[str, object]:
    return {
        "release": found.release,
        "sha256": found.sha256,
        "needed": found.needed,
        "given": found.given,
        "enough": found.is_enough,
        "approvals": [
            {
                "key": approval.key,
                "approved": approval.fingerprint is not None,
                "fingerprint": approval.fingerprint,
                "detail": approval.detail,
            }
            for approval in found.approvals
        ],
        "written": str(file) if file is not None else None,
    }
