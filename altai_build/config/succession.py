"""Keys that take the place of others (`replaces`): one line of succession, with no fork and no circle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from altai_build.config.reader import YamlNode
from altai_build.config.schema import Key

_CheckReference = Callable[[YamlNode, str, Iterable[str], str], None]


def check_succession(node: YamlNode, keys: Mapping[str, Key], refer: _CheckReference) -> None:
    """Report a `replaces` that names no key, goes round, or is claimed by two keys; `node` is the `keys` section."""
    heirs: dict[str, str] = {}
    for name, key in keys.items():
        if key.replaces is None:
            continue
        place = node.child(name).child("replaces")
        refer(place, key.replaces, keys, "keys")
        if key.replaces in heirs:
            place.fault(
                f"{key.replaces!r} is replaced by {heirs[key.replaces]!r} already; a key has one successor"
            )
        heirs[key.replaces] = name
        if _is_in_cycle(name, keys):
            place.fault(f"{name!r} would replace itself in the end; name the older key")
        older = keys.get(key.replaces)
        if older is not None and older.signs != key.signs:
            place.fault("both keys must be ours (signs: true), or both somebody else's")


def _is_in_cycle(name: str, keys: Mapping[str, Key]) -> bool:
    seen = {name}
    at = keys[name].replaces
    while at is not None and at in keys:
        if at in seen:
            return True
        seen.add(at)
        at = keys[at].replaces
    return False
