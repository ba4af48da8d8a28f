"""deps.lock.yaml: read with all its faults at once, written so that equal locks are equal and changes merge."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from altai_build.config.reader import InputErrors, YamlNode, load_yaml
from altai_build.errors import InputError
from altai_build.model.checksum import Sha256, is_sha256
from altai_build.model.lock import (
    FORMAT,
    Choice,
    ChoiceRule,
    Lock,
    LockedPackage,
    LockedRepository,
    Requirement,
)
from altai_build.model.nevra import Nevra, is_safe_name, parse_nevra
from altai_build.model.release import Signer

_FILE_HEADER = """\
# The exact third-party packages of a release, where each comes from and why it is there.
# Written by `altai-build deps lock`; commit it. Change repos.yaml (packages, prefer, exclude) rather than this.
"""
_MAX_SIZE = 64 << 20  # bytes; some hundred packages are a few hundred kilobytes
# Text that YAML reads as text without quotes; what only looks like it (yes, null, 1e3) begins otherwise or is listed.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+()~^-]*")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
_TOP_KEYS = ("format", "target", "repositories", "from_base", "packages")
_REPOSITORY = (
    "name",
    "url",
    "key",
    "packages",
    "prefer",
    "exclude",
    "weak",
    "revision",
    "metadata",
    "signed",
)
_PACKAGE = (
    "nevra",
    "repository",
    "location",
    "sha256",
    "size",
    "license",
    "signer",
    "needed_by",
    "choice",
)


def dump_lock(lock: Lock) -> str:
    """The file's text: one block a package, everything sorted."""
    lines = [
        _FILE_HEADER.rstrip(),
        f"format: {FORMAT}",
        f"target: {_format_scalar(lock.target)}",
        "repositories:",
    ]
    for repository in lock.repositories:
        lines += _format_block(_repository_lines(repository))
    lines.append("from_base:" if lock.from_base else "from_base: []")
    lines += [f"  - {_format_scalar(one)}" for one in sorted(lock.from_base)]
    lines.append("packages:" if lock.packages else "packages: []")
    for package in sorted(lock.packages, key=package_order):
        lines += _format_block(_package_lines(package))
    return "\n".join(lines) + "\n"


def package_order(package: LockedPackage) -> tuple[str, str, str]:
    """By repository, then name, then architecture: the order of the file."""
    return (package.repository, package.nevra.name, str(package.nevra))


def _format_block(lines: Iterator[str]) -> list[str]:
    first, *rest = lines
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _repository_lines(one: LockedRepository) -> Iterator[str]:
    yield f"name: {_format_scalar(one.name)}"
    yield f"url: {_format_scalar(one.url)}"
    yield f"key: {_format_scalar(one.key)}"
    if not one.name.startswith("base/"):
        yield f"packages: {'needed' if one.packages is None else _format_list(one.packages)}"
    for key, values in (("prefer", one.prefer), ("exclude", one.exclude)):
        if values:
            yield f"{key}: {_format_list(values)}"
    if one.weak:
        yield "weak: true"
    yield f"revision: {json.dumps(one.revision)}"
    yield f"metadata: {json.dumps(one.metadata)}"
    yield f"signed: {'true' if one.signed else 'false'}"


def _package_lines(one: LockedPackage) -> Iterator[str]:
    yield f"nevra: {_format_scalar(str(one.nevra))}"
    yield f"repository: {_format_scalar(one.repository)}"
    yield f"location: {_format_scalar(one.location)}"
    yield f"sha256: {json.dumps(one.sha256)}"
    yield f"size: {one.size}"
    yield f"license: {_format_scalar(one.license)}"
    yield (
        f"signer: {{key_id: {json.dumps(one.signer.key_id)}, "
        f"fingerprint: {json.dumps(one.signer.fingerprint)}}}"
    )
    yield "needed_by:" if one.needed_by else "needed_by: []"
    for need in sorted(one.needed_by):
        weak = ", weak: true" if need.weak else ""
        yield f"  - {{package: {_format_scalar(need.package)}, requires: {json.dumps(need.requires)}{weak}}}"
    alternatives = f", over: {_format_list(one.choice.over)}" if one.choice.over else ""
    yield f"choice: {{rule: {one.choice.rule.value}{alternatives}}}"


def _format_list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(json.dumps(one) for one in values) + "]"


def _format_scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS
    return text if plain else json.dumps(text)


def load_lock(path: Path) -> Lock:
    """Read and check a lock. Raises InputError naming all faults of it, each with its place."""
    if not path.exists():
        raise InputError(
            f"there is no {path.name} in {path.parent}",
            why="a release takes third-party packages only from the lock",
            todo="make it with `altai-build deps lock`, look at it and commit it",
        )
    faults = InputErrors()
    top = YamlNode(load_yaml(path, limit=_MAX_SIZE), "", faults).known(_TOP_KEYS, needed=_TOP_KEYS)
    if top.child("format").value != FORMAT:
        top.child("format").fault(f"got {top.child('format').got()}; this program reads format {FORMAT}")
    repositories = tuple(_repository(node) for node in top.child("repositories").elements())
    lock = Lock(
        target=top.child("target").text(),
        repositories=repositories,
        from_base=tuple(sorted(top.child("from_base").texts())),
        packages=tuple(
            sorted(
                (_package(node, repositories) for node in top.child("packages").elements()),
                key=package_order,
            )
        ),
    )
    _check_duplicates(lock, faults)
    if faults.lines:
        count = len(faults.lines)
        raise InputError(
            f"{path} has {count} fault{'s' if count > 1 else ''}",
            why="\n".join(faults.lines),
            todo="make it anew with `altai-build deps lock` (a merge may have left both sides in it)",
        )
    return lock


def _repository(node: YamlNode) -> LockedRepository:
    node = node.known(_REPOSITORY, needed=("name", "url", "key", "revision", "metadata", "signed"))
    packages = node.child("packages")
    return LockedRepository(
        name=node.child("name").text(),
        url=node.child("url").text(),
        key=node.child("key").text(),
        revision=_read_optional_text(node.child("revision")),
        metadata=node.child("metadata").text(),
        signed=node.child("signed").flag(False),
        packages=None if isinstance(packages.value, str) or packages.value is None else packages.texts(),
        prefer=node.child("prefer").texts(),
        exclude=node.child("exclude").texts(),
        weak=node.child("weak").flag(False),
    )


def _package(node: YamlNode, repositories: tuple[LockedRepository, ...]) -> LockedPackage:
    node = node.known(_PACKAGE, needed=_PACKAGE)
    nevra = parse_nevra(node.child("nevra").text(check=_nevra))
    repository = node.child("repository").text()
    known = [one.name for one in repositories if not one.name.startswith("base/")]
    if repository and repository not in known:
        node.child("repository").fault(f"got {repository!r}, which is not among the repositories above")
    signer = node.child("signer")
    if signer.value is not None:
        signer = signer.known(("key_id", "fingerprint"), needed=("key_id", "fingerprint"))
    choice = node.child("choice")
    if choice.value is not None:
        choice = choice.known(("rule", "over"), needed=("rule",))
    rule = choice.child("rule").choice([one.value for one in ChoiceRule], ChoiceRule.ONLY.value)
    return LockedPackage(
        nevra=nevra or Nevra(name="", epoch=0, version="", release="", arch=""),
        repository=repository,
        location=node.child("location").text(check=_location),
        sha256=Sha256(node.child("sha256").text(check=_sha256)),
        size=_size(node.child("size")),
        license=_read_optional_text(node.child("license")),
        signer=Signer(key_id=signer.child("key_id").text(), fingerprint=signer.child("fingerprint").text()),
        needed_by=tuple(sorted(_read_requirement(one) for one in node.child("needed_by").elements())),
        choice=Choice(rule=ChoiceRule(rule), over=choice.child("over").texts()),
    )


def _read_requirement(node: YamlNode) -> Requirement:
    node = node.known(("package", "requires", "weak"), needed=("package", "requires"))
    return Requirement(
        package=node.child("package").text(),
        requires=node.child("requires").text(),
        weak=node.child("weak").flag(False),
    )


def _read_optional_text(node: YamlNode) -> str:
    return "" if node.value == "" else node.text()


def _size(node: YamlNode) -> int:
    if not isinstance(node.value, int) or isinstance(node.value, bool) or node.value < 1:
        node.fault(f"got {node.got()}; a size is a number of bytes")
        return 0
    return node.value


def _nevra(value: str) -> str | None:
    nevra = parse_nevra(value)
    if nevra is None or not is_safe_name(nevra.filename):
        return "write name-[epoch:]version-release.arch"
    return None


def _location(value: str) -> str | None:
    parts = value.split("/")
    if value.startswith("-") or any(part in ("", ".", "..") for part in parts) or "://" in value:
        return "a location is a path below the repository's URL"
    if not is_safe_name(parts[-1]) or not parts[-1].endswith(".rpm"):
        return "a package's file name ends in .rpm"
    return None


def _sha256(value: str) -> str | None:
    return None if is_sha256(value) else "a SHA-256 has 64 hexadecimal digits"


def _check_duplicates(lock: Lock, faults: InputErrors) -> None:
    """A file in a release's folder, and a repository, can be there only once."""
    files: set[tuple[str, str]] = set()
    for index, package in enumerate(lock.packages):
        if (package.repository, package.file) in files:
            faults.add(f"packages[{index}]", f"{package.repository}/{package.file} is there twice")
        files.add((package.repository, package.file))
    names: set[str] = set()
    for one in lock.repositories:
        if one.name in names:
            faults.add("repositories", f"{one.name} is there twice")
        names.add(one.name)
