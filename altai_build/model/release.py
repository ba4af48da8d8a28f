"""The manifest of a release, `release.json`: what is in it, who signed it, and where it came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from enum import Enum
from typing import Any, TypeVar, Union

from altai_build.errors import InputError
from altai_build.model.findings import Waiver
from altai_build.model.nevra import Nevra

T = TypeVar("T")

MANIFEST_NAME = "release.json"
CHECKSUMS_NAME = "SHA256SUMS"
LATEST_LINK = "latest"
KEY_FILE_PREFIX = "RPM-GPG-KEY-"
PROVENANCE = "provenance"  # what others can read: bills of materials, and how each package was built
SPDX_PATH = f"{PROVENANCE}/release.spdx.json"
CYCLONEDX_PATH = f"{PROVENANCE}/release.cdx.json"
STATEMENTS_FOLDER = f"{PROVENANCE}/slsa"
BUILDROOTS_FOLDER = f"{PROVENANCE}/buildroots"


class Compat(str, Enum):
    """What the clients of a target can read: rpm 4.8 knows no ed25519 and no zstd, yum on el6 reads gz metadata."""

    EL6 = "el6"
    MODERN = "modern"


def get_default_compat(rhel: str | None) -> Compat:
    """What a target can read where repos.yaml does not say: its `rhel` macro up to 6 means EL6."""
    return Compat.EL6 if rhel is not None and rhel.isdigit() and int(rhel) <= 6 else Compat.MODERN


@dataclass(frozen=True)
class Signer:
    """Who signed a package: the key id in the signature and the primary key's fingerprint."""

    key_id: str
    fingerprint: str


@dataclass(frozen=True)
class SourceFile:
    """One source of a third-party package."""

    file: str
    sha256: str


@dataclass(frozen=True)
class ComponentOrigin:
    """Built from a pinned commit."""

    path: str
    commit: str
    url: str
    build_key: str


@dataclass(frozen=True)
class SpecOrigin:
    """Built from a folder of specs/ and checksummed sources."""

    path: str
    commit: str
    sources: tuple[SourceFile, ...]
    build_key: str


@dataclass(frozen=True)
class MirrorOrigin:
    """Taken as it is from somebody else's repository."""

    url: str
    sha256: str
    needed_by: tuple[str, ...]


Origin = Union[ComponentOrigin, SpecOrigin, MirrorOrigin]
_ORIGINS: dict[str, type[ComponentOrigin | SpecOrigin | MirrorOrigin]] = {
    "component": ComponentOrigin,
    "spec": SpecOrigin,
    "mirror": MirrorOrigin,
}


@dataclass(frozen=True)
class ReleasedPackage:
    """One RPM of a release; `file` is its name within the repository's folder."""

    name: str
    epoch: int
    version: str
    release: str
    arch: str
    file: str
    repository: str
    sha256: str
    size: int
    signer: Signer
    sourcerpm: str
    origin: Origin

    @property
    def nevra(self) -> Nevra:
        """The identity as one value."""
        return Nevra(
            name=self.name, epoch=self.epoch, version=self.version, release=self.release, arch=self.arch
        )


@dataclass(frozen=True)
class SuperprojectPin:
    """The commit that the release is a function of."""

    url: str
    commit: str
    tag: str | None


@dataclass(frozen=True)
class BuildRecord:
    """What happened to one component.

    `buildroot` is the digest of the chroot's package list, `source` the source package's file name, `source_sha256`
    its digest as it was built from (unsigned), `needs` are the components whose packages had to be there, `key` is
    what the origins of its packages name.
    """

    component: str
    status: str
    reason: str
    seconds: float
    buildroot: str
    log: str
    source: str = ""
    needs: tuple[str, ...] = ()
    source_sha256: str = ""
    key: str = ""


@dataclass(frozen=True)
class SkippedComponent:
    """A component that was not built, and why."""

    component: str
    reason: str


@dataclass(frozen=True)
class ReleasedRepository:
    """One directory of the release: `key` names the public key file that its packages are signed by.

    `further_keys` are those it takes the place of, by which packages may still be signed, and its announced successor.
    """

    name: str
    source: bool  # holds source RPMs: no section in the .repo file
    key: str
    fingerprints: tuple[str, ...]
    further_keys: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of all keys that clients need for it."""
        return (self.key, *self.further_keys)


@dataclass(frozen=True)
class Manifest:
    """All of release.json; `signed_by` names the key of the metadata, the checksums and the manifest itself."""

    version: str
    created: str
    superproject: SuperprojectPin
    previous: str | None
    target: str
    tool_version: str
    signed_by: str
    repositories: tuple[ReleasedRepository, ...]
    packages: tuple[ReleasedPackage, ...]
    builds: tuple[BuildRecord, ...]
    skipped: tuple[SkippedComponent, ...]
    waivers: tuple[Waiver, ...] = ()  # findings that were accepted when it was made

    def to_json(self) -> str:
        """The file's text: keys sorted, packages sorted by repository and file, so that equal releases are equal."""
        packages = sorted(self.packages, key=lambda package: (package.repository, package.file))
        document = {
            "version": self.version,
            "created": self.created,
            "superproject": _plain(self.superproject),
            "previous": self.previous,
            "target": self.target,
            "tool_version": self.tool_version,
            "signed_by": self.signed_by,
            "repositories": [_plain(one) for one in sorted(self.repositories, key=lambda one: one.name)],
            "packages": [_package_to_json(package) for package in packages],
            "builds": [_plain(build) for build in sorted(self.builds, key=lambda build: build.component)],
            "skipped": [_plain(skip) for skip in sorted(self.skipped, key=lambda skip: skip.component)],
            "waivers": [{**_plain(one), "expires": one.expires.isoformat()} for one in self.waivers],
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def make_repo_section_name(project: str, repository: str) -> str:
    """How a repository is called in the .repo file: `altai-deps-epel` for `deps/epel`."""
    return f"{project}-{repository.replace('/', '-')}"


def format_created(epoch: int) -> str:
    """A commit's time as the manifest writes it: `2013-02-28T12:00:00Z`."""
    return datetime.fromtimestamp(epoch, tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(record: Any) -> dict[str, Any]:
    """A flat record as JSON wants it; tuples of strings become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(record).items()}


def _package_to_json(package: ReleasedPackage) -> dict[str, Any]:
    kind = next(kind for kind, cls in _ORIGINS.items() if isinstance(package.origin, cls))
    origin = {"kind": kind, **_plain(package.origin)}
    if isinstance(package.origin, SpecOrigin):
        origin["sources"] = [_plain(source) for source in package.origin.sources]
    return {**_plain(package), "signer": _plain(package.signer), "origin": origin}


def manifest_from_json(text: str, *, where: str = MANIFEST_NAME) -> Manifest:
    """Read a manifest back; raises InputError that names the place (`where` and the key path) of the first fault."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _make_input_error(where, "", f"it is not JSON: {error}") from error
    root = _JsonReader(document, where, "")
    return Manifest(
        version=root.text("version"),
        created=root.text("created"),
        superproject=root.one("superproject", _superproject),
        previous=root.optional_text("previous"),
        target=root.text("target"),
        tool_version=root.text("tool_version"),
        signed_by=root.text("signed_by"),
        repositories=root.read_list("repositories", _repository),
        packages=root.read_list("packages", _package),
        builds=root.read_list("builds", _build),
        skipped=root.read_list("skipped", _skipped),
        waivers=root.read_list("waivers", _waiver) if root.has("waivers") else (),
    )


def _superproject(reader: _JsonReader) -> SuperprojectPin:
    return SuperprojectPin(
        url=reader.text("url"), commit=reader.text("commit"), tag=reader.optional_text("tag")
    )


def _repository(reader: _JsonReader) -> ReleasedRepository:
    return ReleasedRepository(
        name=reader.text("name"),
        source=reader.value("source", bool),
        key=reader.text("key"),
        fingerprints=reader.texts("fingerprints"),
        further_keys=reader.texts("further_keys", missing=()),
    )


def _package(reader: _JsonReader) -> ReleasedPackage:
    return ReleasedPackage(
        name=reader.text("name"),
        epoch=reader.value("epoch", int),
        version=reader.text("version"),
        release=reader.text("release"),
        arch=reader.text("arch"),
        file=reader.text("file"),
        repository=reader.text("repository"),
        sha256=reader.text("sha256"),
        size=reader.value("size", int),
        signer=reader.one("signer", _signer),
        sourcerpm=reader.text("sourcerpm"),
        origin=reader.one("origin", _origin),
    )


def _signer(reader: _JsonReader) -> Signer:
    return Signer(key_id=reader.text("key_id"), fingerprint=reader.text("fingerprint"))


def _origin(reader: _JsonReader) -> Origin:
    kind = reader.text("kind")
    if kind == "component":
        return ComponentOrigin(
            path=reader.text("path"),
            commit=reader.text("commit"),
            url=reader.text("url"),
            build_key=reader.text("build_key"),
        )
    if kind == "spec":
        return SpecOrigin(
            path=reader.text("path"),
            commit=reader.text("commit"),
            sources=reader.read_list("sources", _source_file),
            build_key=reader.text("build_key"),
        )
    if kind == "mirror":
        return MirrorOrigin(
            url=reader.text("url"), sha256=reader.text("sha256"), needed_by=reader.texts("needed_by")
        )
    raise reader.fault("kind", f"got {kind!r}, and the kinds are {', '.join(_ORIGINS)}")


def _source_file(reader: _JsonReader) -> SourceFile:
    return SourceFile(file=reader.text("file"), sha256=reader.text("sha256"))


def _build(reader: _JsonReader) -> BuildRecord:
    return BuildRecord(
        component=reader.text("component"),
        status=reader.text("status"),
        reason=reader.text("reason"),
        seconds=reader.number("seconds"),
        buildroot=reader.text("buildroot"),
        log=reader.text("log"),
        source=reader.optional_text("source") or "",
        needs=reader.texts("needs", missing=()),
        source_sha256=reader.optional_text("source_sha256") or "",
        key=reader.optional_text("key") or "",
    )


def _skipped(reader: _JsonReader) -> SkippedComponent:
    return SkippedComponent(component=reader.text("component"), reason=reader.text("reason"))


def _waiver(reader: _JsonReader) -> Waiver:
    try:
        expires = date.fromisoformat(reader.text("expires"))
    except ValueError as error:
        raise reader.fault("expires", str(error)) from error
    return Waiver(
        rule=reader.text("rule"),
        subject=reader.text("subject"),
        reason=reader.text("reason"),
        expires=expires,
    )


class _JsonReader:
    """Typed access to one JSON object that knows its place in the file; unknown keys of later versions are let be."""

    def __init__(self, document: object, where: str, path: str) -> None:
        self._where, self._path = where, path
        if not isinstance(document, Mapping):
            raise _make_input_error(where, path, f"an object is needed, got {type(document).__name__}")
        self._document: Mapping[str, object] = document

    def fault(self, key: str, message: str) -> InputError:
        return _make_input_error(self._where, f"{self._path}{key}", message)

    def value(self, key: str, kind: type[T]) -> T:
        value = self._document.get(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            got = type(value).__name__ if key in self._document else "nothing"
            raise self.fault(key, f"{kind.__name__} is needed, got {got}")
        return value

    def text(self, key: str) -> str:
        return self.value(key, str)

    def has(self, key: str) -> bool:
        return key in self._document

    def optional_text(self, key: str) -> str | None:
        return None if self._document.get(key) is None else self.text(key)

    def number(self, key: str) -> float:
        whole = self._document.get(key)
        return float(self.value(key, int) if isinstance(whole, int) else self.value(key, float))

    def texts(self, key: str, missing: tuple[str, ...] | None = None) -> tuple[str, ...]:
        if missing is not None and key not in self._document:  # manifests of earlier versions do not have it
            return missing
        values: list[str] = []
        for value in self.value(key, list):
            if not isinstance(value, str):
                raise self.fault(key, "a list of texts is needed")
            values.append(value)
        return tuple(values)

    def one(self, key: str, build: Callable[[_JsonReader], T]) -> T:
        return build(_JsonReader(self._document.get(key), self._where, f"{self._path}{key}."))

    def read_list(self, key: str, build: Callable[[_JsonReader], T]) -> tuple[T, ...]:
        items = self.value(key, list)
        place = f"{self._path}{key}"
        return tuple(
            build(_JsonReader(item, self._where, f"{place}[{number}].")) for number, item in enumerate(items)
        )


def _make_input_error(where: str, path: str, message: str) -> InputError:
    return InputError(
        f"{where} is not a release manifest",
        why=f"{path.rstrip('.')}: {message}" if path else message,
        todo="restore the file from another copy of the release; its signature tells which copy is right",
    )
