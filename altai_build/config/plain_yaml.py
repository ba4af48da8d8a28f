"""Plain YAML without the steps between its events and its values, which take most of the time for a long file.

What is not plain (anchors, tags, merged keys, keys that are given twice or are no scalars, several documents, deep
nesting) is left to the loader, so that values and errors are always its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

_MAX_DEPTH = 50  # of lists and mappings in one another


class NotPlainError(Exception):
    """The text has something that only the loader reads."""


def read_plain_yaml(get_event: Callable[[], Any], loader: yaml.SafeLoader) -> Any:
    """The value of a text with one document. Raises NotPlainError, and whatever a parser and types of values raise.

    `get_event` returns the parser's next event. `loader` says which texts without quotes are numbers, dates and so on,
    and makes these values.
    """
    return _PlainReader(get_event, loader).read_document()


@dataclass(frozen=True)
class _PlainReader:
    get_event: Callable[[], Any]
    loader: yaml.SafeLoader

    def read_document(self) -> Any:
        self._expect(yaml.StreamStartEvent)
        self._expect(yaml.DocumentStartEvent)
        value = self._read_value(self.get_event(), 0)
        self._expect(yaml.DocumentEndEvent)
        self._expect(yaml.StreamEndEvent)
        return value

    def _expect(self, kind: type[yaml.Event]) -> None:
        if type(self.get_event()) is not kind:
            raise NotPlainError

    def _read_value(self, event: Any, depth: int) -> Any:
        kind = type(event)
        # An alias has an anchor too.
        if event.anchor is not None or event.tag is not None or depth > _MAX_DEPTH:
            raise NotPlainError
        if kind is yaml.ScalarEvent:
            return self._read_scalar(event)
        return (
            self._read_mapping(depth + 1)
            if kind is yaml.MappingStartEvent
            else self._read_sequence(depth + 1)
        )

    def _read_scalar(self, event: Any) -> Any:
        text = event.value
        # Text without quotes is a number, a date and so on by its form; which forms there are depends on how it begins.
        if event.implicit[0]:
            for tag, form in self.loader.yaml_implicit_resolvers.get(text[:1], ()):
                if form.match(text):
                    return self.loader.construct_object(yaml.ScalarNode(tag, text))
        return text

    def _read_mapping(self, depth: int) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        seen: set[str] = set()
        while type(event := self.get_event()) is not yaml.MappingEndEvent:
            if type(event) is not yaml.ScalarEvent or event.value in seen:
                raise NotPlainError
            seen.add(event.value)
            key = self._read_value(event, depth)
            values[key] = self._read_value(self.get_event(), depth)
        return values

    def _read_sequence(self, depth: int) -> list[Any]:
        values = []
        while type(event := self.get_event()) is not yaml.SequenceEndEvent:
            values.append(self._read_value(event, depth))
        return values
