"""Keys that replace others (`replaces`): each key has one successor, and no key replaces itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from altai_build.config.schema import Key
from altai_build.config.yaml_reader import YamlNode

_CheckReference = Callable[[YamlNode, str, Iterable[str], str], None]


def check_replaced_keys(node: YamlNode, keys: Mapping[str, Key], check_reference: _CheckReference) -> None:
    """Report a `replaces` that names no key, makes a cycle, or is claimed by two keys; `node` is the `keys` section."""
    successors: dict[str, str] = {}
    for name, key in keys.items():
        if key.replaces is None:
            continue
        entry = node.get_child(name).get_child("replaces")
        check_reference(entry, key.replaces, keys, "keys")
        if key.replaces in successors:
            entry.add_error(
                f"{key.replaces!r} is replaced by {successors[key.replaces]!r} already; a key has one successor"
            )
        successors[key.replaces] = name
        if _is_in_cycle(name, keys):
            entry.add_error(f"{name!r} would replace itself; name the older key")
        older = keys.get(key.replaces)
        if older is not None and older.is_signing_key != key.is_signing_key:
            entry.add_error("either both keys are our own (signs: true), or neither is")


def _is_in_cycle(name: str, keys: Mapping[str, Key]) -> bool:
    seen = {name}
    current = keys[name].replaces
    while current is not None and current in keys:
        if current in seen:
            return True
        seen.add(current)
        current = keys[current].replaces
    return False
