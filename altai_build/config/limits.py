"""The key build.limits of repos.yaml."""

from __future__ import annotations

from collections.abc import Callable

from altai_build.config.release_keys import LIMITS
from altai_build.config.yaml_reader import YamlNode
from altai_build.model.limits import Limits
from altai_build.model.quantity import parse_duration, parse_size

NONE = "none"


def read_limits(node: YamlNode) -> Limits:
    """The limits that are given, and the defaults of the rest."""
    default = Limits()
    if node.value is None:
        return default
    node = node.check_section(LIMITS)
    return Limits(
        seconds=_quantity(node.get_child("time"), default.seconds, parse_duration, "12h"),
        processes=_count(node.get_child("processes"), default.processes),
        memory=_bytes(node.get_child("memory"), default.memory),
        file=_bytes(node.get_child("file"), default.file),
        log=_bytes(node.get_child("log"), default.log),
        free=_bytes(node.get_child("free"), default.free),
    )


def _bytes(node: YamlNode, default: int | None) -> int | None:
    found = _quantity(node, default, parse_size, "20G")
    return None if found is None else int(found)


def _quantity(
    node: YamlNode, default: float | None, read: Callable[[str], float], example: str
) -> float | None:
    def check(text: str) -> str | None:
        try:
            return None if text == NONE or read(text) > 0 else f"write a value above 0, or {NONE}"
        except ValueError:
            return f"write a value such as {example}, or {NONE}"

    text = node.read_text(check=check)
    return default if not text else None if text == NONE else read(text)


def _count(node: YamlNode, default: int | None) -> int | None:
    if node.value == NONE:
        return None
    return node.read_integer(default, minimum=1, hint=f"write a number of at least 1, or {NONE}")
