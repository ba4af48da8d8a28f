"""modules.yaml: which packages of a repository belong to streams of modules, and which streams are the default.

Source of the formats: libmodulemd, yaml_specs/modulemd_stream_v2.yaml and modulemd_defaults_v1.yaml.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from altai_build.model.nevra import Nevra, parse_nevra
from altai_build.regular_files import read_regular_file
from altai_build.tools.repo.stored_files import StoredFile

# Bytes. The file of RHEL 8 has some ten megabytes.
_MAX_SIZE = 256 << 20
# Levels of lists and mappings; the formats have six.
_MAX_DEPTH = 32
# Documents that do not change which packages can be installed.
_IGNORED_DOCUMENTS = ("modulemd-translations", "modulemd-packager", "modulemd-obsoletes")


@dataclass(frozen=True)
class ModuleStream:
    """One build of a stream of a module, with the packages that it consists of."""

    name: str
    stream: str
    # For each block of dependencies: the modules, each with its streams; without streams any of them will do, and a
    # stream after a `-` will not.
    requires: tuple[tuple[tuple[str, tuple[str, ...]], ...], ...]
    artifacts: tuple[Nevra, ...]

    @property
    def label(self) -> str:
        """`name:stream`, as dnf names it."""
        return f"{self.name}:{self.stream}"


@dataclass(frozen=True)
class ModuleDefault:
    """The default stream of a module; "" for none."""

    name: str
    stream: str
    # Of two defaults, the one that was modified later counts.
    modified: int


@dataclass(frozen=True)
class Modules:
    """The content of modules.yaml, in its order."""

    streams: tuple[ModuleStream, ...]
    defaults: tuple[ModuleDefault, ...]


@lru_cache(maxsize=8)
def read_modules(file: StoredFile) -> Modules:
    """The modules of a repository; each file is parsed once. Raises InputError for a file that dnf would refuse."""
    streams, defaults = [], []
    with file.open_plain() as plain:
        try:
            for document in _parse_documents(read_regular_file(plain, limit=_MAX_SIZE)):
                kind, data = _get_text(document, "document"), _get_mapping(document, "data")
                if kind == "modulemd":
                    streams.append(_read_stream(data))
                elif kind == "modulemd-defaults":
                    defaults.append(_read_default(data))
                elif kind not in _IGNORED_DOCUMENTS:
                    raise ValueError(f"it has a document of the unknown kind {kind!r}")
        except (OSError, ValueError) as error:
            raise file.parse_error(str(error)) from error
    return Modules(streams=tuple(streams), defaults=tuple(defaults))


def get_default_streams(modules: Iterable[Modules]) -> dict[str, str]:
    """Module → default stream, over several repositories; where they disagree, there is none."""
    found: dict[str, ModuleDefault] = {}
    for default in (default for content in modules for default in content.defaults):
        known = found.get(default.name)
        if known is None or known.modified < default.modified:
            found[default.name] = default
        elif known.modified == default.modified and known.stream != default.stream:
            found[default.name] = ModuleDefault(default.name, "", default.modified)
    return {name: default.stream for name, default in found.items() if default.stream}


def _read_stream(data: Mapping[str, Any]) -> ModuleStream:
    return ModuleStream(
        name=_get_text(data, "name"),
        stream=_get_text(data, "stream"),
        requires=tuple(_read_requires(data.get("dependencies"))),
        artifacts=tuple(_read_artifacts(data)),
    )


def _read_artifacts(data: Mapping[str, Any]) -> Iterator[Nevra]:
    """The binary packages of a stream."""
    for text in _get_list(_get_mapping(data, "artifacts"), "rpms"):
        nevra = parse_nevra(text) if isinstance(text, str) else None
        # As dnf, which warns of the others.
        if nevra is not None and not nevra.is_source:
            yield nevra


def _read_requires(dependencies: Any) -> Iterator[tuple[tuple[str, tuple[str, ...]], ...]]:
    """The `requires` of each block; version 1 of the format has one block, and one stream for each module."""
    blocks = dependencies if isinstance(dependencies, list) else [dependencies] if dependencies else []
    for block in blocks:
        requires = _get_mapping(block if isinstance(block, dict) else {}, "requires")
        yield tuple(
            (name, tuple(map(str, streams)) if isinstance(streams, list) else (str(streams),))
            for name, streams in requires.items()
        )


def _read_default(data: Mapping[str, Any]) -> ModuleDefault:
    stream, modified = data.get("stream", ""), data.get("modified", "0")
    if not isinstance(stream, str) or not isinstance(modified, str) or not modified.isdecimal():
        raise ValueError("a default stream is not text, or the time of its modification not a number")
    return ModuleDefault(name=_get_text(data, "module"), stream=stream, modified=int(modified[:20]))


def _get_text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"the key {key!r} of a document is missing, or not text")
    return value


def _get_mapping(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"the key {key!r} of a document is not a mapping")
    return value


def _get_list(data: Mapping[str, Any], key: str) -> list[Any]:
    value = data.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"the key {key!r} of a document is not a list")
    return value


def _parse_documents(data: bytes) -> Iterator[dict[str, Any]]:
    """The documents of a YAML text as mappings, lists and text: a stream 1.10 is no number.

    Built from events: PyYAML's loader in C crashes on deeply nested text, and the one in Python takes five times as
    long. Raises ValueError.
    """
    # Imported here: few repositories have modules.
    import yaml

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    builder = _TreeBuilder()
    try:
        for event in yaml.parse(data, Loader=loader):
            if isinstance(event, yaml.ScalarEvent):
                builder.add(event.value)
            elif isinstance(event, yaml.MappingStartEvent):
                builder.open({})
            elif isinstance(event, yaml.SequenceStartEvent):
                builder.open([])
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                builder.close()
            elif isinstance(event, yaml.AliasEvent):
                raise ValueError("it has an alias, which modules.yaml does not use")
            elif isinstance(event, yaml.DocumentEndEvent):
                document = builder.take_document()
                if not isinstance(document, dict):
                    raise ValueError("it has a document that is not a mapping")
                yield document
    except yaml.YAMLError as error:
        raise ValueError(f"it is not YAML: {error}") from error


class _TreeBuilder:
    """Builds one document from the beginnings and ends of its parts."""

    def __init__(self) -> None:
        self._open: list[Any] = []
        # For each open mapping the key that waits for its value; for each open list nothing.
        self._keys: list[Any] = []
        self._document: Any = None

    def open(self, container: Any) -> None:
        """Begin a list or a mapping. Raises ValueError."""
        if len(self._open) >= _MAX_DEPTH:
            raise ValueError(f"it has more than {_MAX_DEPTH} levels")
        self._open.append(container)
        self._keys.append(None)

    def close(self) -> None:
        """End the list or mapping that was begun last. Raises ValueError."""
        container = self._open.pop()
        self._keys.pop()
        self.add(container)

    def add(self, value: Any) -> None:
        """Add text, or what was closed, to where it belongs. Raises ValueError."""
        if not self._open:
            self._document = value
            return
        container = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        elif self._keys[-1] is not None:
            container[self._keys[-1]] = value
            self._keys[-1] = None
        elif isinstance(value, str):
            self._keys[-1] = value
        else:
            raise ValueError("it has a key that is not text")

    def take_document(self) -> Any:
        """The document; the builder is empty again."""
        document, self._document = self._document, None
        return document
