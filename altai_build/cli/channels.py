"""`channels`: what machines that follow a channel get."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from altai_build.cli.app import App
from altai_build.cli.options import format_option, json_option, key_option
from altai_build.cli.output import print_json, print_table
from altai_build.cli.reading import find_releases_here
from altai_build.errors import InputError, UsageError
from altai_build.model.channel import is_channel_name, promotion_to_json
from altai_build.model.suggestion import suggest
from altai_build.model.trust import TrustLevel

if TYPE_CHECKING:
    from altai_build.pipeline.published.channels import Channel


@click.command()
@click.argument("name", required=False, metavar="[CHANNEL]")
@click.option(
    "--releases",
    "where",
    metavar="DIR|URL",
    help="Read the channels of the releases in this folder or at this URL; no repos.yaml is needed then.",
)
@key_option
@format_option
@json_option
@click.pass_obj
def channels(app: App, name: str | None, where: str | None, keys: tuple[str, ...], as_json: bool) -> None:
    """List the channels and the releases that they show.

    With CHANNEL the history of one: who let it show which release, when, and why. The signature of each history is
    checked, and the files of the channel against it: a channel that somebody else changed is an error.

    \b
    Examples:
      altai-build channels
      altai-build channels stable --releases https://repo.example.org/altai --key RPM-GPG-KEY-altai
    """
    from altai_build.pipeline.published.channels import list_channel_keys, open_channels, read_channels

    if name is not None and not is_channel_name(name):
        raise UsageError(f"{name!r} is not a name for a channel")
    run = app.create_reading_run(app.load_config(needed=False))
    config = run.config
    # Of releases that are named here nobody said which project they are of.
    project = config.project if where is None and config.file is not None else None
    if where is None:
        where = (
            str(config.get_release_settings().directory)
            if config.file is not None
            else find_releases_here(app)
        )
    key_files = [Path(key) for key in keys] or list_channel_keys(config)
    with open_channels(run, where, name) as opened:
        found = read_channels(opened, key_files, project)
    if name is not None:
        found = _select(found, name, where)
    for channel in found:
        if channel.trust is TrustLevel.OWN_KEYS:
            app.warn(
                f"channel {channel.name}: it agrees only with the keys it brought; name a key with --key FILE"
            )
    if not found:
        app.info(
            f"there are no channels in {where}: make one with `altai-build promote VERSION --to CHANNEL`"
        )
    if as_json:
        print_json([_to_json(channel, whole=name is not None) for channel in found])
    elif name is not None:
        _print_history(found[0])
    else:
        _print_channels(found)
    errors = [channel.error for channel in found if channel.error is not None]
    if errors:
        raise type(errors[0])(
            "\n".join(error.what for error in errors),
            why="\n".join(error.why for error in errors),
            todo=errors[0].todo,
        )


def _select(found: Sequence[Channel], name: str, where: str) -> tuple[Channel, ...]:
    selected = tuple(channel for channel in found if channel.name == name)
    if not selected:
        names = [channel.name for channel in found]
        raise InputError(
            f"there is no channel {name} in {where}",
            why=suggest(name, names),
            todo=f"channels: {', '.join(names) or 'none'}",
        )
    return selected


def _to_json(channel: Channel, *, whole: bool) -> dict[str, object]:
    history = channel.history
    document: dict[str, object] = {
        "channel": channel.name,
        "release": history.last.version if history is not None else None,
        "trust": channel.trust,
        "error": channel.error.why if channel.error is not None else None,
        "last": promotion_to_json(history.last) if history is not None else None,
    }
    if whole and history is not None:
        document["promotions"] = [promotion_to_json(promotion) for promotion in history.promotions]
    return document


def _print_channels(found: Sequence[Channel]) -> None:
    print_table(
        ("channel", "release", "since", "before", "who", "why"),
        [
            (
                channel.name,
                channel.history.last.version,
                channel.history.last.when,
                channel.history.last.previous or "-",
                channel.history.last.who,
                channel.history.last.why or "-",
            )
            if channel.history is not None
            else (channel.name, "unknown", "-", "-", "-", "-")
            for channel in found
        ],
    )


def _print_history(channel: Channel) -> None:
    promotions = channel.history.promotions if channel.history is not None else ()
    print_table(
        ("when", "from", "to", "who", "why"),
        [
            (
                promotion.when,
                promotion.previous or "-",
                f"{promotion.version} (back)" if promotion.is_back else promotion.version,
                promotion.who,
                promotion.why or "-",
            )
            for promotion in promotions
        ],
    )
