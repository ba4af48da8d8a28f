"""`status`: where things stand, in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from altai_build.cli.app import App
from altai_build.cli.options import json_option
from altai_build.cli.output import print_json, print_text
from altai_build.errors import AltaiError
from altai_build.model.quantity import format_count
from altai_build.model.status import ChannelStatus, ReleaseChanges, Status, suggest_next_version
from altai_build.model.task_view import name_some
from altai_build.model.trust import TrustLevel

# Of each kind so many names are printed.
_MOST = 8
_NOT_READ = "specs (`plan`), packages (`verify`), work trees, mirrors and programs (`doctor`)"
# What the signature of a release says.
_TRUST = {
    TrustLevel.PINNED: "made with a key of repos.yaml",
    TrustLevel.OWN_KEYS: "only of a key that came with it",
    TrustLevel.UNVERIFIED: "none that is good",
}


@click.command()
@json_option
@click.pass_obj
def status(app: App, as_json: bool) -> int:
    """Show what is released, changed since, and wrong.

    What is wrong is listed with what to do: also a latest release or a channel without a good signature, and a key that
    expires soon. Only files and git are read, which takes a moment: specs and packages are not, and nothing is
    downloaded. Exit code 3 when repos.yaml cannot be read.

    \b
    Example:
      altai-build status
    """
    from altai_build.config import default_config
    from altai_build.pipeline.status import read_status

    error = None
    try:
        config = app.load_config(needed=False)
    except AltaiError as fault:
        error, config = fault, default_config(Path(app.directory))
    found = read_status(config, app.get_workspace(), error)
    if as_json:
        print_json(found)
    else:
        for label, text in list_lines(found):
            print_text(f"{label:<11} {text}".rstrip())
    return error.exit_code if error is not None else 0


def list_lines(found: Status) -> Iterator[tuple[str, str]]:
    """The lines of a status, each with its label."""
    if found.project is not None:
        yield "project", f"{found.project} ({found.config})"
        yield "target", f"{found.target or 'none'}, mock configuration {found.mock_config or 'none'}"
        yield (
            "signing",
            f"with {name_some(found.signing_keys, most=_MOST)}" if found.signing_keys else "no key",
        )
    if found.components is not None:
        specs = f", {format_count(found.specs, 'folder')} of specs" if found.specs else ""
        yield "components", f"{format_count(found.components, 'submodule')}{specs}"
    if found.head is not None:
        yield "HEAD", found.head[:12]
    yield from _list_release_lines(found)
    if found.last_run:
        counts = ", ".join(f"{len(names)} {status}" for status, names in found.last_run.items())
        yield "last run", f"by component: {counts}"
    else:
        yield "last run", "none in this workspace"
    if found.running is not None:
        yield "running", f"a run builds in this workspace: {found.running}"
    if found.problems:
        for number, problem in enumerate(found.problems):
            yield "wrong" if number == 0 else "", problem.what
            if problem.todo:
                yield "", f"  → {problem.todo}"
    else:
        yield "wrong", "nothing that was looked at"
    yield "not read", _NOT_READ


def _list_release_lines(found: Status) -> Iterator[tuple[str, str]]:
    latest = found.latest
    if found.published is not None:
        if latest is None:
            yield "released", "nothing yet"
        else:
            yield (
                "released",
                f"{latest.version} of {latest.created[:10]}, {format_count(latest.packages, 'package')}, commit "
                f"{latest.commit[:12]}; {format_count(len(found.published), 'release')} in all",
            )
            if latest.trust is not None:
                yield "signature", f"of {latest.version}: {_TRUST[latest.trust]}"
    if latest is not None:
        yield from _list_channels(found.channels, latest)
        yield from _list_changes(latest)
    if found.head is not None and found.published is not None:
        version = suggest_next_version(latest.version if latest is not None else None)
        yield "next", f"{_describe_next(latest)}: `altai-build release {version} --dry-run`"


def _list_channels(
    channels: Sequence[ChannelStatus] | None, latest: ReleaseChanges
) -> Iterator[tuple[str, str]]:
    if channels is None:
        yield "channels", "unknown"
    elif not channels:
        yield "channels", f"none: `altai-build promote {latest.version} --to stable` makes one"
    for number, channel in enumerate((channels or ())[:_MOST]):
        yield "channels" if number == 0 else "", f"{channel.name} {_describe_channel(channel)}"
    if channels is not None and len(channels) > _MOST:
        yield "", f"and {len(channels) - _MOST} more: `altai-build channels`"


def _describe_channel(channel: ChannelStatus) -> str:
    if channel.release is None:
        return "shows nothing that can be relied on"
    if channel.behind is None:
        place = "which is not published here"
    else:
        place = f"{format_count(channel.behind, 'release')} behind" if channel.behind else "the latest"
    return f"shows {channel.release} since {(channel.since or '')[:10]}, {place}"


def _list_changes(latest: ReleaseChanges) -> Iterator[tuple[str, str]]:
    if latest.components is None or latest.files is None or latest.commits is None:
        yield "changed", f"unknown: HEAD cannot be compared with {latest.version}"
        return
    if not latest.components and not latest.files:
        yield "changed", f"nothing since {latest.version}"
        return
    yield (
        "changed",
        f"since {latest.version}: {format_count(latest.commits, 'commit')}, "
        f"{format_count(len(latest.components), 'submodule')}, {format_count(len(latest.files), 'file')}",
    )
    for change in latest.components[:_MOST]:
        yield (
            "",
            f"  {change.status.value:<8} {change.path}  {(change.old or '-')[:12]} → {(change.new or '-')[:12]}",
        )
    if len(latest.components) > _MOST:
        yield (
            "",
            f"  and {len(latest.components) - _MOST} more: `altai-build changed {latest.commit[:12]} HEAD`",
        )
    if latest.files:
        yield "", f"  {name_some(latest.files, most=_MOST)}"


def _describe_next(latest: ReleaseChanges | None) -> str:
    if latest is None:
        return "a release would build every component"
    if latest.components is None:
        return "what a release would build is unknown"
    if not latest.components and not latest.files:
        return "a release would have the same packages"
    others = ""
    if latest.dependents:
        number = format_count(len(latest.dependents), "component")
        others = (
            f" and {number} built with it in {latest.version} ({name_some(latest.dependents, most=_MOST)})"
        )
    return f"a release would build what changed{others}, and reuse the rest"
