"""Typed access to a loaded YAML tree that collects every fault with its place and its cure."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from altai_build.errors import InputError

_MERGED_LIMIT = 10_000
_SIZE_LIMIT = 1 << 20  # bytes; a release definition is a few kilobytes


@dataclass
class InputErrors:
    """The faults of one file, in the order they were met."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, problem: str) -> None:
        """Record that `place` (a dotted key path) is wrong."""
        self.lines.append(f"  {place or '(top level)'}: {problem}")


class _Loader(yaml.SafeLoader):
    """safe_load that refuses a key given twice (the first value would vanish silently) and merges that explode."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put the entries of `<<` in place; a few lines of them, each naming the last ten times, would fill memory."""
        super().flatten_mapping(node)
        if len(node.value) > _MERGED_LIMIT:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: the merge keys (<<) give more than {_MERGED_LIMIT} entries")


def _unique_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[str] = set()
    for key_node, _ in node.value:
        if key_node.tag != "tag:yaml.org,2002:merge":
            key = str(key_node.value)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key {key!r} is given twice")
            seen.add(key)
    loader.flatten_mapping(node)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _unique_mapping)


class _QuickLoader(_Loader):
    """The same with libyaml to split the text, which takes a tenth of the time.

    No more than that: yaml.CSafeLoader, all of libyaml, lets a text that nests deep enough end the process.
    """

    def __init__(self, data: bytes) -> None:
        from yaml._yaml import CParser

        super().__init__(data)
        events = CParser(data)
        for name in ("check_event", "peek_event", "get_event"):
            setattr(self, name, getattr(events, name))


def load_yaml(path: Path, *, limit: int = _SIZE_LIMIT) -> Any:
    """The plain tree of a YAML file of up to `limit` bytes, no objects, no duplicate keys; raises InputError."""
    return parse_yaml(read_limited(path, limit=limit), str(path))


def read_limited(path: str | Path, *, limit: int = _SIZE_LIMIT) -> bytes:
    """The bytes of a file; raises InputError when it cannot be read or has more than `limit`."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", why=error.strerror or str(error), todo="name the file with --config FILE"
        ) from error
    if len(data) > limit:
        raise InputError(
            f"{path} is larger than {limit >> 20} MiB",
            todo="a release definition is a few kilobytes: check it",
        )
    return data


def parse_yaml(data: bytes, where: str) -> Any:
    """The plain tree of YAML that is known as `where`: no objects, no duplicate keys; raises InputError."""
    try:
        return _build_tree(data)
    # PyYAML lets the errors of the types it makes pass: an impossible date, a number of too many digits.
    except (yaml.YAMLError, ValueError, AttributeError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{where} is not valid YAML", why=str(error), todo="mend the place it names"
        ) from error


def _build_tree(data: bytes) -> Any:
    if yaml.__with_libyaml__:
        try:
            return _QuickLoader(data).get_single_data()
        except yaml.YAMLError:
            pass  # told by PyYAML's own reader, whose words show the place
    return _Loader(data).get_single_data()


@dataclass(frozen=True)
class YamlNode:
    """One value of the tree, its key path, and where its faults go."""

    value: Any
    place: str
    faults: InputErrors

    def fault(self, problem: str) -> None:
        """Record a fault at this place."""
        self.faults.add(self.place, problem)

    def got(self) -> str:
        """The value, shortened, for a message."""
        return reprlib.repr(self.value)

    def child(self, key: str) -> YamlNode:
        """The value below `key` (None when absent)."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return YamlNode(value, f"{self.place}.{key}" if self.place else key, self.faults)

    def has(self, key: str) -> bool:
        """True when `key` is given here."""
        return isinstance(self.value, dict) and key in self.value

    def known(self, keys: Sequence[str], *, needed: Sequence[str] = ()) -> YamlNode:
        """Report keys that are not in `keys` and `needed` ones that are missing; returns itself."""
        if not isinstance(self.value, dict):
            self.fault(f"got {self.got()}; write a mapping with the keys {', '.join(keys)}")
            return YamlNode({}, self.place, InputErrors())
        for key in self.value:
            if key not in keys:
                near = difflib.get_close_matches(str(key), keys, n=1)
                hint = f"perhaps you meant {near[0]!r}" if near else f"known here: {', '.join(keys)}"
                self.fault(f"unknown key {key!r}; {hint}")
        for key in needed:
            if key not in self.value:
                self.fault(f"the key {key!r} is missing")
        return self

    def items(self, what: str) -> Iterator[tuple[str, YamlNode]]:
        """The entries of a mapping from names to records."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            self.fault(f"got {self.got()}; write a mapping from {what} names to their settings")
            return
        for key in self.value:
            if isinstance(key, str):
                yield key, self.child(key)
            else:
                self.fault(f"got the key {reprlib.repr(key)}; a {what} name is text: quote it")

    def elements(self) -> Iterator[YamlNode]:
        """The entries of a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self.fault(f"got {self.got()}; write a list")
            return
        for index, value in enumerate(self.value):
            yield YamlNode(value, f"{self.place}[{index}]", self.faults)

    def text(self, default: str = "", *, check: Callable[[str], str | None] | None = None) -> str:
        """A non-empty single-line string; `check` may return what is wrong with it."""
        if self.value is None:
            return default
        if not isinstance(self.value, str) or not self.value.strip():
            self.fault(f"got {self.got()}; write text, in quotes if it looks like a number")
            return default
        if any(ord(char) < 32 or ord(char) == 127 for char in self.value):
            self.fault(f"got {self.got()}; no line breaks or control characters")
            return default
        problem = check(self.value) if check else None
        if problem:
            self.fault(f"got {self.got()}; {problem}")
            return default
        return self.value

    def flag(self, default: bool) -> bool:
        """true or false."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self.fault(f"got {self.got()}; write true or false")
            return default
        return self.value

    def texts(self, *, check: Callable[[str], str | None] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(text for text in (node.text(check=check) for node in self.elements()) if text)

    def choice(self, choices: Sequence[str], default: str) -> str:
        """One of a few words."""

        def check(value: str) -> str | None:
            if value in choices:
                return None
            near = difflib.get_close_matches(value, choices, n=1)
            return f"perhaps you meant {near[0]!r}" if near else f"write one of {', '.join(choices)}"

        return self.text(default, check=check)
