"""Typed access to a loaded YAML tree that collects every error with its key path and what to write instead."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from altai_build.config.plain_yaml import NotPlainError, read_plain_yaml
from altai_build.errors import InputError
from altai_build.model.suggestion import suggest
from altai_build.regular_files import open_regular_file

if TYPE_CHECKING:
    from altai_build.config.key_description import Section

_MERGED_LIMIT = 10_000
# characters
_LONGEST_INTEGER = 100
# bytes; a release definition is a few kilobytes
_SIZE_LIMIT = 1 << 20


@dataclass
class InputErrors:
    """The errors of one file, in the order they were found."""

    lines: list[str] = field(default_factory=list)

    def add(self, key_path: str, message: str) -> None:
        """Record what is wrong at `key_path` (keys joined by dots)."""
        self.lines.append(f"  {key_path or '(top level)'}: {message}")

    def raise_if_any(self, file: str, *, todo: str) -> None:
        """Raise InputError with all errors of `file`, if there are any."""
        if self.lines:
            count = len(self.lines)
            raise InputError(
                f"{file} has {count} error{'s' if count > 1 else ''}", why="\n".join(self.lines), todo=todo
            )


class _Loader(yaml.SafeLoader):
    """safe_load that refuses duplicate keys (the first value would vanish silently) and merge keys that explode."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Expand `<<`; a few lines that each merge the previous one ten times would otherwise fill the memory."""
        super().flatten_mapping(node)
        if len(node.value) > _MERGED_LIMIT:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: the merge keys (<<) give more than {_MERGED_LIMIT} entries")


def _construct_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """An integer of few digits: Python prints none with thousands, and to the base of 60 they take quadratic time."""
    if len(node.value) > _LONGEST_INTEGER:
        raise yaml.YAMLError(f"line {node.start_mark.line + 1}: the number has too many digits")
    return int(loader.construct_yaml_int(node))


def _construct_unique_mapping(
    loader: yaml.SafeLoader, node: yaml.MappingNode, deep: bool = False
) -> dict[Any, Any]:
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


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_integer)
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_unique_mapping)


class _QuickLoader(_Loader):
    """The same loader on libyaml's parser, which takes a tenth of the time.

    Only the parser: with yaml.CSafeLoader, which composes in C too, a deeply nested text crashes the process.
    """

    def __init__(self, data: bytes) -> None:
        from yaml._yaml import CParser

        super().__init__(data)
        events = CParser(data)
        for name in ("check_event", "peek_event", "get_event"):
            setattr(self, name, getattr(events, name))

    def get_plain_data(self) -> Any:
        """`get_single_data` for plain YAML, in a fifth of the time. Raises NotPlainError, or what that raises."""
        return read_plain_yaml(self.get_event, self)


_TABS = "indent the line that the message names with spaces: YAML does not allow tabs there"


def load_yaml(path: Path, *, limit: int = _SIZE_LIMIT) -> Any:
    """Load a YAML file of at most `limit` bytes: plain values, no duplicate keys. Raises InputError."""
    return parse_yaml(read_limited(path, limit=limit), str(path))


def read_limited(path: str | Path, *, limit: int = _SIZE_LIMIT) -> bytes:
    """The bytes of a file. Raises InputError when it cannot be read or is larger than `limit` bytes."""
    try:
        with open_regular_file(path) as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", why=error.strerror or str(error), todo="name the file with --config FILE"
        ) from error
    if len(data) > limit:
        raise InputError(
            f"{path} is larger than {limit >> 20} MiB",
            todo="a release definition is a few kilobytes: check that this is the right file",
        )
    return data


# PyYAML does not catch the errors of the types it makes: an impossible date, a number with too many digits.
_ERRORS = (yaml.YAMLError, ValueError, AttributeError, TypeError, OverflowError, RecursionError)


def parse_yaml(data: bytes, file: str) -> Any:
    """Parse the YAML text of `file`: plain values, no duplicate keys. Raises InputError."""
    try:
        return _build_tree(data)
    except _ERRORS as error:
        raise InputError(
            f"{file} is not valid YAML",
            # PyYAML does not know the file's name.
            why=str(error).replace('"<byte string>"', f'"{file}"'),
            todo=_TABS if "'\\t'" in str(error) else "correct the line that the message names",
        ) from error


def _build_tree(data: bytes) -> Any:
    if yaml.__with_libyaml__:
        try:
            return _QuickLoader(data).get_plain_data()
        except (NotPlainError, *_ERRORS):
            # the loader reads what is not plain, and reports what is wrong
            pass
        try:
            return _QuickLoader(data).get_single_data()
        except yaml.YAMLError:
            # PyYAML's own parser reports the error again, with an excerpt of the line
            pass
    return _Loader(data).get_single_data()


@dataclass(frozen=True)
class YamlNode:
    """One value of the tree, its key path, and the list that its errors go to."""

    value: Any
    key_path: str
    errors: InputErrors

    def add_error(self, message: str) -> None:
        """Record an error at this key path."""
        self.errors.add(self.key_path, message)

    def describe_value(self) -> str:
        """The value, shortened, for a message."""
        return "nothing" if self.value is None else reprlib.repr(self.value)

    def get_child(self, key: str) -> YamlNode:
        """The value below `key`; its value is None when the key is absent."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return YamlNode(value, f"{self.key_path}.{key}" if self.key_path else key, self.errors)

    def has_key(self, key: str) -> bool:
        """True when `key` is given here."""
        return isinstance(self.value, dict) and key in self.value

    def check_keys(
        self, keys: Sequence[str], *, needed: Sequence[str] = (), hints: Mapping[str, str] | None = None
    ) -> YamlNode:
        """Report keys that are not in `keys`, and missing keys of `needed`; returns the node itself.

        `hints` say of some unknown keys what to do instead.
        """
        if not isinstance(self.value, dict):
            self.add_error(f"got {self.describe_value()}; write a mapping with the keys {', '.join(keys)}")
            return YamlNode({}, self.key_path, InputErrors())
        for key in self.value:
            if key not in keys:
                hint = suggest(str(key), keys) or f"known here: {', '.join(keys)}"
                self.add_error(f"unknown key {key!r}; {(hints or {}).get(str(key), hint)}")
        for key in needed:
            if self.value.get(key) is None:
                self.add_error(f"the key {key!r} is missing")
        return self

    def check_section(self, section: Section, *, hints: Mapping[str, str] | None = None) -> YamlNode:
        """`check_keys` with the keys of a section of repos.yaml."""
        return self.check_keys(section.names, needed=section.needed, hints=hints)

    def read_mapping(self, what: str) -> Iterator[tuple[str, YamlNode]]:
        """The entries of a mapping from `what` names to their settings."""
        if self.value is None:
            return
        if not isinstance(self.value, dict):
            self.add_error(
                f"got {self.describe_value()}; write a mapping from {what} names to their settings"
            )
            return
        for key in self.value:
            if isinstance(key, str):
                yield key, self.get_child(key)
            else:
                self.add_error(f"got the key {reprlib.repr(key)}; a {what} name is text: quote it")

    def read_list(self) -> Iterator[YamlNode]:
        """The entries of a list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self.add_error(f"got {self.describe_value()}; write a list")
            return
        for index, value in enumerate(self.value):
            yield YamlNode(value, f"{self.key_path}[{index}]", self.errors)

    def read_text(self, default: str = "", *, check: Callable[[str], str | None] | None = None) -> str:
        """A non-empty string of one line; `check` returns what is wrong with it, or None."""
        if self.value is None:
            return default
        if not isinstance(self.value, str) or not self.value.strip():
            self.add_error(f"got {self.describe_value()}; write text, in quotes if it looks like a number")
            return default
        is_usual = self.value.isascii() and self.value.isprintable()
        if not is_usual and any("\ud800" <= char <= "\udfff" for char in self.value):
            self.add_error(f"got {self.describe_value()}; bytes that are not UTF-8 are not allowed")
            return default
        if not is_usual and any(ord(char) < 32 or ord(char) == 127 for char in self.value):
            self.add_error(f"got {self.describe_value()}; line breaks and control characters are not allowed")
            return default
        error = check(self.value) if check else None
        if error:
            self.add_error(f"got {self.describe_value()}; {error}")
            return default
        return self.value

    def read_flag(self, default: bool) -> bool:
        """true or false."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self.add_error(f"got {self.describe_value()}; write true or false")
            return default
        return self.value

    def read_integer(self, default: int | None, *, minimum: int, hint: str) -> int | None:
        """An integer of at least `minimum`; `hint` says what to write. `default` where it is absent or wrong."""
        if self.value is None:
            return default
        if not isinstance(self.value, int) or isinstance(self.value, bool) or self.value < minimum:
            self.add_error(f"got {self.describe_value()}; {hint}")
            return default
        return self.value

    def read_texts(self, *, check: Callable[[str], str | None] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(text for text in (node.read_text(check=check) for node in self.read_list()) if text)

    def read_choice(self, choices: Sequence[str], default: str) -> str:
        """One of a few words."""

        def check(value: str) -> str | None:
            if value in choices:
                return None
            return suggest(value, choices) or f"write one of {', '.join(choices)}"

        return self.read_text(default, check=check)
