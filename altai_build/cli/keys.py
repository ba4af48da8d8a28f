"""`keys`: the signing keys of the workspace."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_table
from altai_build.config import Config, Key
from altai_build.errors import InputError, SigningError
from altai_build.model.openpgp import PublicKey

if TYPE_CHECKING:
    from altai_build.pipeline.published.keys import ListedKey


@click.group()
def keys() -> None:
    """Create and list signing keys.

    \b
    Examples:
      altai-build keys init altai --email release@example.com --expires 5y
      altai-build keys list
    """


@keys.command()
@click.argument("name", required=False)
@click.option(
    "--email", metavar="ADDRESS", help="The address in the key; default: release@PROJECT.localdomain."
)
@click.option(
    "--algorithm",
    type=click.Choice(["rsa4096", "ed25519"]),
    default="rsa4096",
    help="rsa4096 works with every rpm; ed25519 needs rpm 4.15 or later.",
)
@click.option(
    "--expires",
    metavar="TIME",
    default="0",
    help="When the key expires: 0 (never, the default), 2y, 18m, 90d, or a date.",
)
@click.option(
    "--no-passphrase",
    is_flag=True,
    help="Store the secret key without a passphrase (for testbeds).",
)
@json_option
@click.pass_obj
def init(
    app: App,
    name: str | None,
    email: str | None,
    algorithm: str,
    expires: str,
    no_passphrase: bool,
    as_json: bool,
) -> None:
    """Create the signing key NAME of repos.yaml.

    The public key is written to the file that repos.yaml names. The secret key stays in the workspace's gnupg/
    directory: back it up. Existing keys are never overwritten. The passphrase is read from the file that
    ALTAI_BUILD_PASSPHRASE_FILE names, or from the terminal.

    \b
    Example:
      altai-build keys init altai --email release@example.com --expires 5y
    """
    from altai_build.tools.openpgp.keyfile import read_public_keys
    from altai_build.tools.openpgp.keyring import open_keyring

    config = app.load_config()
    key = _named(config, name)
    run = app.create_run(config)
    if key.file.exists():
        there = ", ".join(one.fingerprint for one in read_public_keys(key.file))
        raise SigningError(
            f"the key {key.name} exists",
            why=f"{key.file} holds {there}; a key is never overwritten",
            todo="`altai-build keys list` shows it; for another key add a name to repos.yaml",
        )
    passphrase = None if no_passphrase else _new_passphrase()
    run.workspace.prepare()
    with open_keyring(run.workspace.gnupg) as home:
        made = home.make_key(
            name=f"{config.project} release signing key",
            email=email or f"release@{config.project}.localdomain",
            algorithm=algorithm,
            passphrase=passphrase,
            expires=expires,
        )
        home.export_public_key(made, key.file)
    run.story.info(f"The secret half is in {run.workspace.gnupg}: back it up, it cannot be made again.")
    if passphrase is None:
        run.story.warn("the secret key has no passphrase: who can read the workspace can sign")
    if as_json:
        print_json(_row(key, made, here=True))
    else:
        _table([_row(key, made, here=True)])


@keys.command(name="list")
@json_option
@click.pass_obj
def list_(app: App, as_json: bool) -> None:
    """List the keys of repos.yaml and of all releases.

    Shows fingerprint, algorithm and expiry of each key, and what it signed in each release.

    To replace a key: add the new one with `replaces: OLD`, make a release (clients now get both keys), then name the
    new key under repositories. Remove OLD when no release in use has packages that it signed.

    \b
    Example:
      altai-build keys list --json
    """
    from altai_build.pipeline.published.keys import list_key_usage

    run = app.create_run(app.load_config())
    rows = list_key_usage(run)
    if as_json:
        print_json([_record(row) for row in rows])
    else:
        _table([_record(row) for row in rows])


def _named(config: Config, name: str | None) -> Key:
    ours = [key for key in config.keys.values() if key.is_signing_key]
    if name is None and len(ours) == 1:
        return ours[0]
    found = config.keys.get(name or "")
    if found is None or not found.is_signing_key:
        names = ", ".join(key.name for key in ours) or "none"
        what = f"repos.yaml has no signing key {name!r}" if name else "repos.yaml has several signing keys"
        raise InputError(
            what, why=f"keys with signs: true: {names}", todo="name one of them, or add it there"
        )
    return found


def _new_passphrase() -> str | None:
    from altai_build.tools.openpgp.passphrase import read_passphrase_file

    given = read_passphrase_file()
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise SigningError(
            "there is no passphrase for the new key",
            why="no terminal to ask on, and ALTAI_BUILD_PASSPHRASE_FILE is not set",
            todo="set it to a file that holds the passphrase, or say --no-passphrase",
        )
    return str(
        click.prompt("Passphrase for the new key", hide_input=True, confirmation_prompt=True, err=True)
    )


def _row(key: Key, public: PublicKey | None, *, here: bool) -> dict[str, object]:
    """One key of repos.yaml, before anything is released with it."""
    from altai_build.pipeline.published.keys import ListedKey

    return _record(ListedKey(name=key.name, key=key, public=public, secret=here, uses=()))


def _record(row: ListedKey) -> dict[str, object]:
    public = row.public
    expires = public.expires if public else None
    return {
        "name": row.name,
        "file": str(row.key.file) if row.key else None,
        "signs": row.key.is_signing_key if row.key else False,
        "replaces": row.key.replaces if row.key else None,
        "fingerprint": public.fingerprint if public else None,
        "key_id": public.key_id if public else None,
        "uid": public.uid if public else None,
        "algorithm": f"{public.algorithm}-{public.bits}" if public else None,
        "created": _date(public.created) if public else None,
        "expires": _date(expires),
        "expired": expires is not None and expires <= datetime.datetime.now(datetime.timezone.utc),
        "secret": row.secret,
        "releases": [
            {"release": one.release, "packages": one.packages, "metadata": one.metadata} for one in row.uses
        ],
    }


def _date(when: datetime.datetime | None) -> str | None:
    return when.date().isoformat() if when else None


def _table(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("name", "fingerprint", "algorithm", "expires", "can sign", "owner", "file", "releases"),
        [
            (
                str(row["name"]),
                str(row["fingerprint"] or "missing"),
                str(row["algorithm"] or "-"),
                _expiry(row),
                "yes" if row["secret"] else "no",
                str(row["uid"] or "-"),
                Path(str(row["file"])).name if row["file"] else "not in repos.yaml",
                ", ".join(_use(one) for one in row["releases"]) or "-",
            )
            for row in rows
        ],
    )


def _expiry(row: dict[str, Any]) -> str:
    day = row["expires"] or ("never" if row["fingerprint"] else "-")
    return f"{day} (expired)" if row["expired"] else str(day)


def _use(one: dict[str, Any]) -> str:
    """`1.0.2: 14 packages and the metadata`."""
    told = [f"{one['packages']} packages"] if one["packages"] else []
    told += ["the metadata"] if one["metadata"] else []
    return f"{one['release']}: {' and '.join(told) or 'announced'}"
