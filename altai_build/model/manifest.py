"""Read and write release.json, the manifest of a release."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from altai_build.errors import InputError
from altai_build.model.nevra import MAX_NAME_LENGTH
from altai_build.model.release import (
    ORIGIN_KINDS,
    BuildRecord,
    ComponentOrigin,
    FollowedRelease,
    Manifest,
    MirrorOrigin,
    Origin,
    ReleasedPackage,
    ReleasedRepository,
    Signer,
    SkippedComponent,
    SourceFile,
    SpecOrigin,
    SuperprojectPin,
    parse_time,
)
from altai_build.model.release_files import MANIFEST_NAME
from altai_build.model.untrusted_json import parse_json

if TYPE_CHECKING:
    from altai_build.model.findings import Waiver

T = TypeVar("T")

MAX_MANIFEST_SIZE = 256 << 20  # bytes; that of a release with 10,000 packages has about 10 MiB
_MAX_FOLDERS = 10  # in one another
# Raised when a key is removed or gets another meaning; manifests of earlier versions do not have it.
_SCHEMA_VERSION = 1


def manifest_to_json(manifest: Manifest) -> str:
    """The file's text. Keys are sorted, packages by repository and file: equal releases have equal manifests."""
    packages = sorted(manifest.packages, key=lambda package: (package.repository, package.file))
    repositories = sorted(manifest.repositories, key=lambda repository: repository.name)
    document = {
        "schema_version": _SCHEMA_VERSION,
        "version": manifest.version,
        "created": manifest.created,
        "superproject": _plain(manifest.superproject),
        "previous": manifest.previous,
        "target": manifest.target,
        "tool_version": manifest.tool_version,
        "signed_by": manifest.signed_by,
        "repositories": [_plain(repository) for repository in repositories],
        "packages": [_package_to_json(package) for package in packages],
        "builds": [
            _build_to_json(build) for build in sorted(manifest.builds, key=lambda build: build.component)
        ],
        "skipped": [_plain(skip) for skip in sorted(manifest.skipped, key=lambda skip: skip.component)],
        "waivers": [waiver.to_json() for waiver in manifest.waivers],
        **_chain_to_json(manifest),
        **({} if manifest.expected_by is None else {"expected_by": manifest.expected_by}),
    }
    # Most commands only read manifests.
    from altai_build.model.indented_json import format_json

    return format_json(document) + "\n"


def _chain_to_json(manifest: Manifest) -> dict[str, Any]:
    """The digests of the releases that it follows; nothing for a release that does not say."""
    if manifest.follows is None:
        return {}
    digests = {followed.version: followed.sha256 for followed in manifest.follows}
    previous = manifest.previous or ""
    return {
        "previous_sha256": digests.get(previous),
        "also_follows": [_plain(followed) for followed in manifest.follows if followed.version != previous],
    }


def _plain(record: Any) -> dict[str, Any]:
    """A flat record as a JSON object; tuples of strings become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(record).items()}


def _package_to_json(package: ReleasedPackage) -> dict[str, Any]:
    origin = {"kind": package.origin.kind, **_plain(package.origin)}
    if isinstance(package.origin, SpecOrigin):
        origin["sources"] = [_plain(source) for source in package.origin.sources]
    return {**_plain(package), "signer": _plain(package.signer), "origin": origin}


def _build_to_json(build: BuildRecord) -> dict[str, Any]:
    record = {**_plain(build), "made_with": None if build.made_with is None else dict(build.made_with)}
    if build.started is None:
        del record["started"]
    return record


def manifest_from_json(text: str, *, where: str = MANIFEST_NAME) -> Manifest:
    """Read a manifest. Raises InputError with the place (`where` and the path of keys) of the first error.

    A text that was read lately is not read again: making a release asks for that of the previous one ten times.
    """
    try:
        return _read_lately(text)
    except InputError:
        return _read_manifest(text, where)


@lru_cache(maxsize=4)
def _read_lately(text: str) -> Manifest:
    return _read_manifest(text, MANIFEST_NAME)


def _read_manifest(text: str, where: str) -> Manifest:
    try:
        document = parse_json(text)
    except ValueError as error:
        raise _make_input_error(where, "", f"not JSON: {error}") from error
    root = _JsonReader(document, where, "")
    if root.has_key("schema_version") and root.read_value("schema_version", int) != _SCHEMA_VERSION:
        raise root.make_error(
            "schema_version", f"is not {_SCHEMA_VERSION}: another version of altai-build reads it"
        )
    return Manifest(
        version=root.read_path("version"),
        created=root.read_text("created"),
        superproject=root.read_object("superproject", _read_superproject),
        previous=None if root.is_null("previous") else root.read_path("previous"),
        target=root.read_text("target"),
        tool_version=root.read_text("tool_version"),
        signed_by=root.read_path("signed_by"),
        repositories=root.read_list("repositories", _read_repository),
        packages=root.read_list("packages", _read_package),
        builds=root.read_list("builds", _read_build),
        skipped=root.read_list("skipped", _read_skipped),
        waivers=root.read_list("waivers", _read_waiver) if root.has_key("waivers") else (),
        follows=_read_chain(root),
        expected_by=_read_expected_by(root),
    )


def _read_expected_by(root: _JsonReader) -> str | None:
    text = root.read_optional_text("expected_by")
    if text is not None:
        try:
            parse_time(text)
        except ValueError as error:
            raise root.make_error(
                "expected_by", f"{text!r} is no time such as 2027-03-31T12:00:00Z"
            ) from error
    return text


def _read_chain(root: _JsonReader) -> tuple[FollowedRelease, ...] | None:
    """The releases that it follows; None where the manifest does not say, as those of earlier versions."""
    if not root.has_key("previous_sha256"):
        return None
    if root.is_null("previous") != root.is_null("previous_sha256"):
        raise root.make_error("previous_sha256", "is the digest of `previous`: both are null, or neither is")
    others = root.read_list("also_follows", _read_followed)
    named = [
        None if root.is_null("previous") else root.read_path("previous"),
        *(one.version for one in others),
    ]
    if len(set(named)) != len(named):
        raise root.make_error("also_follows", "names a release twice, or `previous`")
    if root.is_null("previous"):
        return others
    own = FollowedRelease(version=root.read_path("previous"), sha256=root.read_sha256("previous_sha256"))
    return (own, *others)


def _read_followed(reader: _JsonReader) -> FollowedRelease:
    return FollowedRelease(version=reader.read_path("version"), sha256=reader.read_sha256("sha256"))


def _read_superproject(reader: _JsonReader) -> SuperprojectPin:
    return SuperprojectPin(
        url=reader.read_text("url"), commit=reader.read_text("commit"), tag=reader.read_optional_text("tag")
    )


def _read_repository(reader: _JsonReader) -> ReleasedRepository:
    return ReleasedRepository(
        name=reader.read_path("name", folders=True),
        source=reader.read_value("source", bool),
        key=reader.read_path("key"),
        fingerprints=reader.read_texts("fingerprints"),
        further_keys=reader.read_texts("further_keys", missing=(), are_paths=True),
    )


def _read_package(reader: _JsonReader) -> ReleasedPackage:
    return ReleasedPackage(
        name=reader.read_text("name"),
        epoch=reader.read_value("epoch", int),
        version=reader.read_text("version"),
        release=reader.read_text("release"),
        arch=reader.read_text("arch"),
        file=reader.read_path("file"),
        repository=reader.read_path("repository", folders=True),
        sha256=reader.read_text("sha256"),
        size=reader.read_value("size", int),
        signer=reader.read_object("signer", _read_signer),
        sourcerpm=reader.read_text("sourcerpm"),
        origin=reader.read_object("origin", _read_origin),
    )


def _read_signer(reader: _JsonReader) -> Signer:
    return Signer(key_id=reader.read_text("key_id"), fingerprint=reader.read_text("fingerprint"))


def _read_origin(reader: _JsonReader) -> Origin:
    kind = reader.read_text("kind")
    if kind == ComponentOrigin.kind:
        return ComponentOrigin(
            path=reader.read_text("path"),
            commit=reader.read_text("commit"),
            url=reader.read_text("url"),
            build_key=reader.read_text("build_key"),
        )
    if kind == SpecOrigin.kind:
        return SpecOrigin(
            path=reader.read_text("path"),
            commit=reader.read_text("commit"),
            sources=reader.read_list("sources", _read_source_file),
            build_key=reader.read_text("build_key"),
        )
    if kind == MirrorOrigin.kind:
        return MirrorOrigin(
            url=reader.read_text("url"),
            sha256=reader.read_text("sha256"),
            needed_by=reader.read_texts("needed_by"),
        )
    raise reader.make_error("kind", f"{kind!r} is not one of {', '.join(ORIGIN_KINDS)}")


def _read_source_file(reader: _JsonReader) -> SourceFile:
    return SourceFile(file=reader.read_text("file"), sha256=reader.read_text("sha256"))


def _read_build(reader: _JsonReader) -> BuildRecord:
    return BuildRecord(
        component=reader.read_text("component"),
        status=reader.read_text("status"),
        reason=reader.read_text("reason"),
        seconds=reader.read_number("seconds"),
        buildroot=reader.read_text("buildroot"),
        log=reader.read_text("log"),
        source=reader.read_optional_text("source") or "",
        needs=reader.read_texts("needs", missing=()),
        source_sha256=reader.read_optional_text("source_sha256") or "",
        key=reader.read_optional_text("key") or "",
        made_with=None if reader.is_null("made_with") else reader.read_object("made_with", _read_all_texts),
        started=None if reader.is_null("started") else reader.read_number("started"),
    )


def _read_all_texts(reader: _JsonReader) -> tuple[tuple[str, str], ...]:
    return tuple((name, reader.read_text(name)) for name in reader.keys)


def _read_skipped(reader: _JsonReader) -> SkippedComponent:
    return SkippedComponent(component=reader.read_text("component"), reason=reader.read_text("reason"))


def _read_waiver(reader: _JsonReader) -> Waiver:
    # Few releases have waivers.
    from altai_build.model.findings import Waiver

    try:
        expires = date.fromisoformat(reader.read_text("expires"))
    except ValueError as error:
        raise reader.make_error("expires", str(error)) from error
    return Waiver(
        rule=reader.read_text("rule"),
        subject=reader.read_text("subject"),
        reason=reader.read_text("reason"),
        expires=expires,
    )


class _JsonReader:
    """Typed access to one JSON object that knows its place in the file. Keys of later versions are ignored."""

    def __init__(self, document: object, where: str, path: str) -> None:
        self._where, self._path = where, path
        if not isinstance(document, Mapping):
            raise _make_input_error(where, path, f"expected an object, found {_describe_type(document)}")
        self._document: Mapping[str, object] = document

    def make_error(self, key: str, message: str) -> InputError:
        return _make_input_error(self._where, f"{self._path}{key}", message)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._document)

    def has_key(self, key: str) -> bool:
        return key in self._document

    def read_value(self, key: str, kind: type[T]) -> T:
        if key not in self._document:
            raise self.make_error(key, "is missing")
        value = self._document[key]
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.make_error(key, f"expected {_TYPE_NAMES[kind]}, found {_describe_type(value)}")
        return value

    def read_text(self, key: str) -> str:
        return self.read_value(key, str)

    def read_path(self, key: str, *, folders: bool = False) -> str:
        """The name of a file in the release, or with `folders` its path there: no text that leads elsewhere."""
        text = self.read_text(key)
        self._check_path(key, text, folders=folders)
        return text

    def read_sha256(self, key: str) -> str:
        """A SHA-256 in lower-case hexadecimal digits."""
        # The first releases have none.
        from altai_build.model.checksum import is_sha256

        text = self.read_text(key)
        if not is_sha256(text):
            raise self.make_error(key, "is no SHA-256 of 64 hexadecimal digits")
        return text

    def _check_path(self, key: str, text: str, *, folders: bool = False) -> None:
        parts = text.split("/") if folders else [text]
        too_long = any(len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_LENGTH for part in parts)
        if too_long or len(parts) > _MAX_FOLDERS:
            raise self.make_error(key, f"a name of {len(text)} characters is too long for a file")
        if any(part in ("", ".", "..") or "/" in part or "\0" in part for part in parts):
            raise self.make_error(key, f"{text!r} is not the name of a file in the release")

    def is_null(self, key: str) -> bool:
        return self._document.get(key) is None

    def read_optional_text(self, key: str) -> str | None:
        return None if self.is_null(key) else self.read_text(key)

    def read_number(self, key: str) -> float:
        is_whole = isinstance(self._document.get(key), int)
        return float(self.read_value(key, int) if is_whole else self.read_value(key, float))

    def read_texts(
        self, key: str, missing: tuple[str, ...] | None = None, *, are_paths: bool = False
    ) -> tuple[str, ...]:
        """A list of strings; `missing` stands for a key that manifests of earlier versions do not have."""
        if missing is not None and key not in self._document:
            return missing
        values: list[str] = []
        for value in self.read_value(key, list):
            if not isinstance(value, str):
                raise self.make_error(key, f"expected a list of strings, found {_describe_type(value)} in it")
            if are_paths:
                self._check_path(key, value)
            values.append(value)
        return tuple(values)

    def read_object(self, key: str, read: Callable[[_JsonReader], T]) -> T:
        return read(_JsonReader(self._document.get(key), self._where, f"{self._path}{key}."))

    def read_list(self, key: str, read: Callable[[_JsonReader], T]) -> tuple[T, ...]:
        return tuple(
            read(_JsonReader(item, self._where, f"{self._path}{key}[{number}]."))
            for number, item in enumerate(self.read_value(key, list))
        )


_TYPE_NAMES: dict[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def _describe_type(value: object) -> str:
    return _TYPE_NAMES.get(type(value), type(value).__name__)


def _make_input_error(where: str, path: str, message: str) -> InputError:
    return InputError(
        f"{where} is not a release manifest",
        why=f"{path.rstrip('.')}: {message}" if path else message,
        todo="restore the file from another copy of the release; the signature shows which copy is right",
    )
