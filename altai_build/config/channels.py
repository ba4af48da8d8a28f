"""The keys of `release` in repos.yaml for channels: `channel` and `rings`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altai_build.model.channel import is_channel_name

if TYPE_CHECKING:
    from altai_build.config.yaml_reader import YamlNode

_ALL = 100  # percent


def check_channel_name(value: str) -> str | None:
    """What is wrong with the name of a channel."""
    if is_channel_name(value):
        return None
    return "a channel has small letters, digits, - and _ in its name, at most 31, and begins with a letter"


def read_rings(node: YamlNode) -> tuple[tuple[str, int], ...]:
    """Channels, each with the percentage of machines that it or an earlier one is for; the last is for all."""
    rings: list[tuple[str, int]] = []
    for name, child in node.read_mapping("channel"):
        if error := check_channel_name(name):
            child.add_error(error)
        percent = child.read_integer(None, minimum=1, hint="write a percentage of machines, such as 10")
        if percent is None:
            if child.value is None:
                child.add_error("got nothing; write a percentage of machines, such as 10")
            continue
        if rings and percent <= rings[-1][1]:
            child.add_error(
                f"{percent} is not more than the {rings[-1][1]} of {rings[-1][0]}: each ring adds machines"
            )
        rings.append((name, percent))
    if rings and rings[-1][1] != _ALL:
        node.add_error(f"the last ring, {rings[-1][0]}, must be for 100 (percent): each machine is in a ring")
    return tuple(rings)
