"""How a package was built, as in-toto and SLSA write it: a Statement v1 that holds a Provenance v1 predicate.

Field names and rules: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance (read in 2026). Neither publishes a JSON Schema. The rules are checked in plain
Python, because `verify` checks a statement for each package: with 250 dependencies that takes 0.3 ms, where jsonschema
takes 8 ms, and 50 ms more to load.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from altai_build.model.indented_json import WrittenJson, format_json
from altai_build.model.srpm_making import SrpmMaking

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
# URIs that only identify; there is nothing to fetch.
BUILD_TYPE = "urn:altai-build:rpm:v2"
# Earlier versions of altai-build wrote this type; its statements also name the superproject's commit.
RELEASE_BUILD_TYPE = "urn:altai-build:rpm:v1"
BUILDER_ID = "urn:altai-build:builder"

# Hexadecimal digits of a digest; git repositories use SHA-1 or SHA-256.
_DIGEST_LENGTHS = {"sha256": (64,), "gitCommit": (40, 64)}
_HEX = re.compile(r"[0-9a-f]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
# What stands before each material of a statement.
_MATERIALS_INDENT = 8 * " "
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True)
class ResourceDescriptor:
    """An artifact by name, URI and digest (`sha256` or `gitCommit`, hexadecimal); what is unknown is empty."""

    name: str = ""
    uri: str = ""
    digest: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON object, without what is unknown."""
        fields = {"name": self.name, "uri": self.uri, "digest": dict(self.digest)}
        return {field: value for field, value in fields.items() if value}


@dataclass(frozen=True)
class Provenance:
    """How one package was built: from what, with which parameters, by which version of the tool."""

    package: ResourceDescriptor
    parameters: tuple[tuple[str, str], ...]  # what the build was asked for: component, target
    key: str  # the build key, a hash of every input
    materials: tuple[ResourceDescriptor, ...]  # component, sources, source package, packages of the buildroot
    tool_version: str
    byproducts: tuple[ResourceDescriptor, ...]
    made_with: SrpmMaking | None = None  # of a source package: besides the commit

    def to_json(self) -> str:
        """The statement's text; equal provenance is equal text."""
        made_with = {"sourcePackage": dict(self.made_with)} if self.made_with is not None else {}
        predicate: dict[str, Any] = {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(self.parameters),
                "internalParameters": {"buildKey": self.key, **made_with},
                "resolvedDependencies": [_format_material(material) for material in self.materials],
            },
            "runDetails": {
                "builder": {"id": BUILDER_ID, "version": {"altai-build": self.tool_version}},
                "metadata": {"invocationId": self.key},
                "byproducts": [byproduct.to_json() for byproduct in self.byproducts],
            },
        }
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [self.package.to_json()],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
        return format_json(document) + "\n"


@lru_cache(maxsize=1 << 16)
def _format_material(material: ResourceDescriptor) -> WrittenJson:
    """A material as it stands in a statement. Most statements of a release have the same packages of buildroots."""
    return WrittenJson(format_json(material.to_json(), margin=_MATERIALS_INDENT))


def find_statement_errors(document: object) -> list[str]:
    """Every rule of the two specifications that a parsed document breaks, each with its place in the document."""
    root = _Node(document, "", [])
    if root.check_object():
        for field, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
            node = root.get_field(field)
            if node.value != expected:
                node.add_error(f"is not {expected}")
        subject = root.get_field("subject")
        if subject.check_list() and not subject.value:
            subject.add_error("is empty")
        for item in subject.iterate_items():
            _check_resource(item, must_have_digest=True)
        predicate = root.get_field("predicate")
        if predicate.check_object():
            _check_build_definition(predicate.get_field("buildDefinition"))
            _check_run_details(predicate.get_field("runDetails"))
    return root.errors


class _Node:
    """A value of the document with its place there; `errors` collects those of the whole document.

    The value of a field that is missing is None, as is that of a null.
    """

    __slots__ = ("errors", "place", "value")

    def __init__(self, value: Any, place: str, errors: list[str]) -> None:
        self.value, self.place, self.errors = value, place, errors

    def add_error(self, text: str) -> None:
        self.errors.append(f"{self.place or 'the statement'} {text}")

    def get_field(self, name: str) -> _Node:
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return _Node(value, f"{self.place}.{name}" if self.place else name, self.errors)

    def iterate_items(self) -> Iterator[_Node]:
        if isinstance(self.value, list):
            for number, value in enumerate(self.value):
                yield _Node(value, f"{self.place}[{number}]", self.errors)

    def check_object(self) -> bool:
        return self._check(isinstance(self.value, dict), "is not an object")

    def check_list(self) -> bool:
        return self._check(isinstance(self.value, list), "is not a list")

    def check_uri(self) -> bool:
        is_uri = isinstance(self.value, str) and bool(_URI.fullmatch(self.value))
        return self._check(is_uri, "is not a URI")

    def _check(self, is_right: bool, text: str) -> bool:
        if not is_right:
            self.add_error(text)
        return is_right


def _check_build_definition(definition: _Node) -> None:
    if not definition.check_object():
        return
    definition.get_field("buildType").check_uri()
    external = definition.get_field("externalParameters")
    if external.check_object() and not external.value:
        external.add_error("is empty")
    internal = definition.get_field("internalParameters")
    if internal.value is not None:
        internal.check_object()
    _check_resources(definition.get_field("resolvedDependencies"))


def _check_run_details(details: _Node) -> None:
    if not details.check_object():
        return
    builder = details.get_field("builder")
    if builder.check_object():
        builder.get_field("id").check_uri()
    metadata = details.get_field("metadata")
    if metadata.value is not None and metadata.check_object():
        for name in ("startedOn", "finishedOn"):
            time = metadata.get_field(name)
            if time.value is not None and not _TIME.fullmatch(str(time.value)):
                time.add_error("is not a time in UTC")
    _check_resources(details.get_field("byproducts"))


def _check_resources(resources: _Node) -> None:
    """An optional list of resource descriptors."""
    if resources.value is not None and resources.check_list():
        for item in resources.iterate_items():
            _check_resource(item)


def _check_resource(resource: _Node, *, must_have_digest: bool = False) -> None:
    """A ResourceDescriptor has at least one of uri, digest and content; a subject has a digest."""
    if not resource.check_object():
        return
    uri, digest, name = (resource.get_field(field) for field in ("uri", "digest", "name"))
    if name.value is not None and not isinstance(name.value, str):
        name.add_error("is not a string")
    if must_have_digest and not digest.value:
        resource.add_error("has no digest")
    if not (uri.value or digest.value or resource.get_field("content").value):
        resource.add_error("has neither uri nor digest nor content")
    if uri.value is not None:
        uri.check_uri()
    if digest.value is not None and digest.check_object():
        for algorithm, value in digest.value.items():
            lengths = _DIGEST_LENGTHS.get(algorithm)
            is_hex = isinstance(value, str) and bool(_HEX.fullmatch(value))
            if not is_hex or (lengths and len(value) not in lengths):
                digest.add_error(f"has a wrong value for {algorithm}: {value!r}")
