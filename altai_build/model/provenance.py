"""How a package was built, as in-toto and SLSA write it: a Statement v1 that holds a Provenance v1 predicate.

Field names and rules: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md and
https://slsa.dev/spec/v1.0/provenance (read in 2026).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
# URIs that name what made it: they identify, and lead nowhere.
BUILD_TYPE = "urn:altai-build:rpm:v2"
# Statements of this kind named the release they came with and its commit, and were other ones in each release.
RELEASE_BUILD_TYPE = "urn:altai-build:rpm:v1"
BUILDER_ID = "urn:altai-build:builder"

_LENGTHS = {"sha256": (64,), "gitCommit": (40, 64)}  # hexadecimal digits; SHA-1 and SHA-256 repositories
_HEX = re.compile(r"[0-9a-f]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


@dataclass(frozen=True)
class ResourceDescriptor:
    """One thing by its name, place and digest (`sha256` or `gitCommit`, hexadecimal); what is unknown is empty."""

    name: str = ""
    uri: str = ""
    digest: tuple[tuple[str, str], ...] = ()

    def plain(self) -> dict[str, Any]:
        """A ResourceDescriptor, without what is unknown."""
        told = {"name": self.name, "uri": self.uri, "digest": dict(self.digest)}
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True)
class Provenance:
    """What one package was built from, on whose demand and by what."""

    package: ResourceDescriptor
    parameters: tuple[tuple[str, str], ...]  # what was asked for: the component, the target
    key: str  # the build key: every input hashed
    materials: tuple[ResourceDescriptor, ...]  # component, sources, source package, buildroot
    tool_version: str
    byproducts: tuple[ResourceDescriptor, ...]

    def to_json(self) -> str:
        """The statement's text; equal provenance is equal text."""
        predicate = {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": dict(self.parameters),
                "internalParameters": {"buildKey": self.key},
                "resolvedDependencies": [one.plain() for one in self.materials],
            },
            "runDetails": {
                "builder": {"id": BUILDER_ID, "version": {"altai-build": self.tool_version}},
                "metadata": {"invocationId": self.key},
                "byproducts": [one.plain() for one in self.byproducts],
            },
        }
        document = {
            "_type": STATEMENT_TYPE,
            "subject": [self.package.plain()],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def validate_statement(document: object) -> list[str]:
    """Where a parsed document breaks the rules of the two specifications, each with its place."""
    faults: list[str] = []
    if not isinstance(document, Mapping):
        return ["the statement is no object"]
    for field, wanted in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if document.get(field) != wanted:
            faults.append(f"{field} is not {wanted}")
    subjects = document.get("subject")
    if not isinstance(subjects, Sequence) or isinstance(subjects, str) or not subjects:
        faults.append("subject is not a list of at least one thing")
    else:
        for number, one in enumerate(subjects):
            faults += _validate_resource(one, f"subject[{number}]", must_have_digest=True)
    predicate = document.get("predicate")
    if not isinstance(predicate, Mapping):
        return [*faults, "predicate is no object"]
    return faults + _validate_build_definition(predicate) + _validate_run_details(predicate)


def _validate_build_definition(predicate: Mapping[str, Any]) -> list[str]:
    place = "predicate.buildDefinition"
    definition = predicate.get("buildDefinition")
    if not isinstance(definition, Mapping):
        return [f"{place} is no object"]
    faults = []
    if not _is_uri(definition.get("buildType")):
        faults.append(f"{place}.buildType is no URI")
    external = definition.get("externalParameters")
    if not isinstance(external, Mapping) or not external:
        faults.append(f"{place}.externalParameters is no object with something in it")
    if not isinstance(definition.get("internalParameters", {}), Mapping):
        faults.append(f"{place}.internalParameters is no object")
    dependencies = definition.get("resolvedDependencies", [])
    if not isinstance(dependencies, list):
        return [*faults, f"{place}.resolvedDependencies is no list"]
    for number, one in enumerate(dependencies):
        faults += _validate_resource(one, f"{place}.resolvedDependencies[{number}]")
    return faults


def _validate_run_details(predicate: Mapping[str, Any]) -> list[str]:
    place = "predicate.runDetails"
    run = predicate.get("runDetails")
    if not isinstance(run, Mapping):
        return [f"{place} is no object"]
    faults = []
    builder = run.get("builder")
    if not isinstance(builder, Mapping) or not _is_uri(builder.get("id")):
        faults.append(f"{place}.builder.id is no URI")
    metadata = run.get("metadata", {})
    for field in ("startedOn", "finishedOn"):
        if field in metadata and not _TIME.fullmatch(str(metadata[field])):
            faults.append(f"{place}.metadata.{field} is no time in UTC")
    for number, one in enumerate(run.get("byproducts", [])):
        faults += _validate_resource(one, f"{place}.byproducts[{number}]")
    return faults


def _validate_resource(one: object, place: str, *, must_have_digest: bool = False) -> list[str]:
    """A ResourceDescriptor has one of uri, digest and content at least; a subject has a digest."""
    if not isinstance(one, Mapping):
        return [f"{place} is no object"]
    faults = []
    digest = one.get("digest", {})
    if must_have_digest and not digest:
        faults.append(f"{place} has no digest")
    if not (one.get("uri") or digest or one.get("content")):
        faults.append(f"{place} has neither uri nor digest nor content")
    if "uri" in one and not _is_uri(one["uri"]):
        faults.append(f"{place}.uri is no URI")
    if not isinstance(digest, Mapping):
        return [*faults, f"{place}.digest is no object"]
    for algorithm, value in digest.items():
        lengths = _LENGTHS.get(algorithm)
        if not isinstance(value, str) or not _HEX.fullmatch(value) or (lengths and len(value) not in lengths):
            faults.append(f"{place}.digest.{algorithm} is {value!r}")
    return faults


def _is_uri(value: object) -> bool:
    return isinstance(value, str) and bool(_URI.fullmatch(value))
