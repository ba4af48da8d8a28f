"""`keys`: the signing keys of the workspace."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option
from altai_build.cli.output import print_json, print_table
from altai_build.cli.suggestions import SuggestingGroup
from altai_build.config import Config, Key
from altai_build.errors import InputError, SigningError
from altai_build.model.openpgp import PublicKey
from altai_build.model.quantity import format_count
from altai_build.model.suggestion import suggest

if TYPE_CHECKING:
    from pathlib import Path

    from altai_build.pipeline.published.keys import KeyUse, ListedKey


@click.group(cls=SuggestingGroup)
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
@format_option
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
    from altai_build.pipeline.published.keys import ListedKey
    from altai_build.tools.openpgp.creation import create_key, finish_creation, lock_creation
    from altai_build.tools.openpgp.key_request import KeyRequest

    config = app.load_config()
    key = _find_signing_key(config, name)
    run = app.create_run(config, builds=False)
    run.workspace.prepare()
    home = run.workspace.gnupg
    with lock_creation(home, run.reporter):
        public = finish_creation(home)
        if public is not None:
            run.reporter.warn(
                f"an interrupted `keys init` had made the key {public.key_id}: it is complete now, with the passphrase "
                "that was given then, if any"
            )
        if public is None or public.fingerprint not in _read_fingerprints(key.file):
            _refuse_existing(key)
            request = KeyRequest(
                name=f"{config.project} {_describe_purpose(config, key)} key",
                email=email or f"release@{config.project}.localdomain",
                algorithm=algorithm,
                passphrase=None if no_passphrase else _get_new_passphrase(),
                expires=expires,
            )
            public = create_key(home, key.file, request)
            if request.passphrase is None:
                run.reporter.warn(
                    "the secret key has no passphrase: anyone who can read the workspace can sign"
                )
    run.reporter.info(f"The secret key is in {home}: back it up, it cannot be recreated.")
    made = ListedKey(name=key.name, key=key, public=public, secret=True, uses=())
    if as_json:
        print_json(_key_to_json(made))
    else:
        _print_keys([made])


@keys.command(name="list")
@format_option
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
    from altai_build.pipeline.published.manifest_trust import open_reader

    run = app.create_run(app.load_config(), builds=False)
    reader = open_reader(run.config, (), run.reporter.warn)
    listed = list_key_usage(run, reader)
    if as_json:
        print_json([_key_to_json(key) for key in listed])
    else:
        _print_keys(listed)
    reader.refuse_unreadable("uses of keys in releases that cannot be read are not listed")


def _describe_purpose(config: Config, key: Key) -> str:
    """What a key is for, as its user id says to those who import it."""
    if not key.is_signing_key:
        return "release approval"
    signed = {repository.key for repository in config.repositories.values()}
    return "CI signing" if key.name == config.ci.key and key.name not in signed else "release signing"


def _read_fingerprints(file: Path) -> set[str]:
    from altai_build.tools.openpgp.keyfile import read_public_keys

    return {public.fingerprint for public in read_public_keys(file)} if file.exists() else set()


def _refuse_existing(key: Key) -> None:
    """Raise SigningError when the key has a public key file."""
    if key.file.exists():
        raise SigningError(
            f"the key {key.name} exists",
            why=f"{key.file} holds {', '.join(_read_fingerprints(key.file))}; keys are never overwritten",
            todo="list it with `altai-build keys list`; for another key add another name to repos.yaml",
        )


def _find_signing_key(config: Config, name: str | None) -> Key:
    """The signing key of that name in repos.yaml, or the only one. Raises InputError when there is no such key."""
    signing = [key for key in config.keys.values() if key.is_signing_key]
    if name is None and len(signing) == 1:
        return signing[0]
    key = config.keys.get(name or "")
    approvals = config.release.approvals if config.release else None
    if key is not None and (key.is_signing_key or (approvals is not None and key.name in approvals.keys)):
        return key
    hint = ""
    if name:
        what = f"repos.yaml has no signing key {name!r}"
        hint = suggest(name, [one.name for one in signing])
    else:
        what = f"repos.yaml has {format_count(len(signing), 'signing key')}, and no NAME was given"
    raise InputError(
        what,
        why=f"keys with `signs: true`: {', '.join(key.name for key in signing) or 'none'}"
        + (f"; {hint}" if hint else ""),
        todo="name one of them, or add the key to repos.yaml with `signs: true`",
    )


def _get_new_passphrase() -> str:
    """The passphrase for a new key, from the file or the terminal."""
    from altai_build.tools.openpgp.passphrase import PASSPHRASE_FILE_VARIABLE, read_passphrase_file

    passphrase = read_passphrase_file()
    if passphrase is not None:
        return passphrase
    if not sys.stdin.isatty():
        raise SigningError(
            "there is no passphrase for the new key",
            why=f"there is no terminal to ask for it, and {PASSPHRASE_FILE_VARIABLE} is not set",
            todo=f"set {PASSPHRASE_FILE_VARIABLE} to a file that holds the passphrase, or use --no-passphrase",
        )
    return str(
        click.prompt("Passphrase for the new key", hide_input=True, confirmation_prompt=True, err=True)
    )


def _key_to_json(listed: ListedKey) -> dict[str, object]:
    public = listed.public
    return {
        "name": listed.name,
        "file": str(listed.key.file) if listed.key else None,
        "signs": listed.key.is_signing_key if listed.key else False,
        "replaces": listed.key.replaces if listed.key else None,
        "fingerprint": public.fingerprint if public else None,
        "key_id": public.key_id if public else None,
        "uid": public.uid if public else None,
        "algorithm": _format_algorithm(public) if public else None,
        "created": _format_day(public.created) if public else None,
        "expires": _format_day(public.signing_ends) if public else None,
        "expired": public is not None and _is_expired(public),
        "revoked": public is not None and public.revoked,
        "secret": listed.secret,
        "releases": [
            {"release": use.release, "packages": use.packages, "metadata": use.metadata}
            for use in listed.uses
        ],
    }


def _print_keys(listed: Sequence[ListedKey]) -> None:
    print_table(
        ("name", "fingerprint", "algorithm", "expires", "can sign", "owner", "file", "releases"),
        [
            (
                key.name,
                key.public.fingerprint if key.public else "missing",
                _format_algorithm(key.public) if key.public else "-",
                _format_expiry(key.public) if key.public else "-",
                _describe_signing(key),
                (key.public.uid if key.public else "") or "-",
                key.key.file.name if key.key else "not in repos.yaml",
                ", ".join(map(_format_use, key.uses)) or "-",
            )
            for key in listed
        ],
    )


def _format_algorithm(public: PublicKey) -> str:
    return f"{public.algorithm}-{public.bits}"


def _format_day(moment: datetime.datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


def _format_expiry(public: PublicKey) -> str:
    day = _format_day(public.signing_ends) or "never"
    return f"{day} (expired)" if _is_expired(public) else day


def _is_expired(public: PublicKey) -> bool:
    """True when nothing of the key can sign any more: neither the key nor a subkey."""
    end = public.signing_ends
    return end is not None and end <= datetime.datetime.now(datetime.timezone.utc)


def _describe_signing(listed: ListedKey) -> str:
    """Whether this machine can sign with the key, or why not although it has the secret key."""
    if listed.secret is None:
        return "unknown"
    if not listed.secret or listed.public is None:
        return "no"
    if listed.public.revoked:
        return "no, revoked"
    return "no, expired" if _is_expired(listed.public) else "yes"


def _format_use(use: KeyUse) -> str:
    """`1.0.2: 14 packages and the metadata`."""
    signed = [format_count(use.packages, "package")] if use.packages else []
    signed += ["the metadata"] if use.metadata else []
    return f"{use.release}: {' and '.join(signed) or 'announced'}"
