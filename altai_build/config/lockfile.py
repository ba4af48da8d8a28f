"""deps.lock.yaml: read with all its errors at once, written so that equal locks are equal and changes merge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from altai_build.config.yaml_reader import InputErrors, YamlNode, parse_yaml, read_limited
from altai_build.config.yaml_writer import format_list, format_scalar, quote_text
from altai_build.errors import InputError
from altai_build.model.checksum import Sha256, is_sha256
from altai_build.model.lock import (
    FORMAT,
    LOCK_FILE_NAME,
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
# Bytes. A lock of some hundred packages has a few hundred kilobytes.
_MAX_SIZE = 64 << 20
_TOP_KEYS = ("format", "target", "repositories", "from_base", "packages")
_REPOSITORY = (
    "name",
    "url",
    "key",
    "packages",
    "prefer",
    "exclude",
    "modules",
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


def encode_lock(lock: Lock) -> bytes:
    """The bytes of the file, which were read again. Raises InputError when they do not say the same as the lock.

    What other repositories wrote may be more than a lock, or a release, can hold.
    """
    data = dump_lock(lock).encode("utf-8", "surrogateescape")
    try:
        if parse_lock(data, LOCK_FILE_NAME) != lock:
            raise InputError("it would not be the same lock when it is read again")
    except InputError as error:
        raise InputError(
            "some of the packages cannot be locked",
            why=error.why or error.what,
            todo="`exclude` them in repos.yaml, and report them to the owner of their repository",
        ) from error
    return data


def dump_lock(lock: Lock) -> str:
    """The text of the file: one block for each package, everything sorted."""
    lines = [
        _FILE_HEADER.rstrip(),
        f"format: {FORMAT}",
        f"target: {format_scalar(lock.target)}",
        "repositories:",
    ]
    for repository in lock.repositories:
        lines += _format_block(_format_repository(repository))
    lines.append("from_base:" if lock.from_base else "from_base: []")
    lines += [f"  - {format_scalar(requirement)}" for requirement in sorted(lock.from_base)]
    lines.append("packages:" if lock.packages else "packages: []")
    for package in sorted(lock.packages, key=lambda package: package.sort_key):
        lines += _format_block(_format_package(package))
    return "\n".join(lines) + "\n"


def _format_block(lines: Iterator[str]) -> list[str]:
    first, *rest = lines
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _format_repository(repository: LockedRepository) -> Iterator[str]:
    yield f"name: {format_scalar(repository.name)}"
    yield f"url: {format_scalar(repository.url)}"
    yield f"key: {format_scalar(repository.key)}"
    if not repository.is_base:
        yield f"packages: {'needed' if repository.packages is None else format_list(repository.packages)}"
    for key, values in (("prefer", repository.prefer), ("exclude", repository.exclude)):
        if values:
            yield f"{key}: {format_list(values)}"
    if repository.modules:
        chosen = ", ".join(f"{quote_text(name)}: {quote_text(stream)}" for name, stream in repository.modules)
        yield f"modules: {{{chosen}}}"
    if repository.weak:
        yield "weak: true"
    yield f"revision: {quote_text(repository.revision)}"
    yield f"metadata: {quote_text(repository.metadata)}"
    yield f"signed: {'true' if repository.signed else 'false'}"


def _format_package(package: LockedPackage) -> Iterator[str]:
    yield f"nevra: {format_scalar(str(package.nevra))}"
    yield f"repository: {format_scalar(package.repository)}"
    yield f"location: {format_scalar(package.location)}"
    yield f"sha256: {quote_text(package.sha256)}"
    yield f"size: {package.size}"
    yield f"license: {format_scalar(package.license)}"
    yield (
        f"signer: {{key_id: {quote_text(package.signer.key_id)}, "
        f"fingerprint: {quote_text(package.signer.fingerprint)}}}"
    )
    yield "needed_by:" if package.needed_by else "needed_by: []"
    for need in sorted(package.needed_by):
        weak = ", weak: true" if need.weak else ""
        yield f"  - {{package: {format_scalar(need.package)}, requires: {quote_text(need.requires)}{weak}}}"
    alternatives = f", over: {format_list(package.choice.over)}" if package.choice.over else ""
    yield f"choice: {{rule: {package.choice.rule.value}{alternatives}}}"


def load_lock(path: Path) -> Lock:
    """Read and check a lock. Raises InputError naming all of its errors, each with its place."""
    if not path.exists():
        raise InputError(
            f"there is no {path.name} in {path.parent}",
            why="a release takes third-party packages only from the lock",
            todo="run `altai-build deps lock`, review the file and commit it",
        )
    return parse_lock(read_limited(path, limit=_MAX_SIZE), str(path))


def parse_lock(data: bytes, file: str) -> Lock:
    """The content of a lock whose name is `file`. Raises InputError naming all of its errors, each with its place."""
    errors = InputErrors()
    top = YamlNode(parse_yaml(data, file), "", errors).check_keys(_TOP_KEYS, needed=_TOP_KEYS)
    if top.get_child("format").value != FORMAT:
        top.get_child("format").add_error(
            f"got {top.get_child('format').describe_value()}; this program reads format {FORMAT}"
        )
    repositories = tuple(_read_repository(node) for node in top.get_child("repositories").read_list())
    lock = Lock(
        target=top.get_child("target").read_text(),
        repositories=repositories,
        from_base=tuple(sorted(top.get_child("from_base").read_texts())),
        packages=tuple(
            sorted(
                (_read_package(node, repositories) for node in top.get_child("packages").read_list()),
                key=lambda package: package.sort_key,
            )
        ),
    )
    _check_duplicates(lock, errors)
    errors.raise_if_any(
        file, todo="run `altai-build deps lock` again (a merge may have left both sides in the file)"
    )
    return lock


def _read_repository(node: YamlNode) -> LockedRepository:
    node = node.check_keys(_REPOSITORY, needed=("name", "url", "key", "revision", "metadata", "signed"))
    packages = node.get_child("packages")
    return LockedRepository(
        name=node.get_child("name").read_text(),
        url=node.get_child("url").read_text(),
        key=node.get_child("key").read_text(),
        revision=_read_optional_text(node.get_child("revision")),
        metadata=node.get_child("metadata").read_text(),
        signed=node.get_child("signed").read_flag(False),
        packages=None if isinstance(packages.value, str) or packages.value is None else packages.read_texts(),
        prefer=node.get_child("prefer").read_texts(),
        exclude=node.get_child("exclude").read_texts(),
        modules=tuple(
            (name, stream.read_text()) for name, stream in node.get_child("modules").read_mapping("module")
        ),
        weak=node.get_child("weak").read_flag(False),
    )


def _read_package(node: YamlNode, repositories: tuple[LockedRepository, ...]) -> LockedPackage:
    node = node.check_keys(_PACKAGE, needed=_PACKAGE)
    nevra = parse_nevra(node.get_child("nevra").read_text(check=_check_nevra))
    repository = node.get_child("repository").read_text()
    known = [other.name for other in repositories if not other.is_base]
    if repository and repository not in known:
        node.get_child("repository").add_error(
            f"got {repository!r}, which is not among the repositories above"
        )
    signer = node.get_child("signer")
    if signer.value is not None:
        signer = signer.check_keys(("key_id", "fingerprint"), needed=("key_id", "fingerprint"))
    choice = node.get_child("choice")
    if choice.value is not None:
        choice = choice.check_keys(("rule", "over"), needed=("rule",))
    rule = choice.get_child("rule").read_choice([rule.value for rule in ChoiceRule], ChoiceRule.ONLY.value)
    return LockedPackage(
        nevra=nevra or Nevra(name="", epoch=0, version="", release="", arch=""),
        repository=repository,
        location=node.get_child("location").read_text(check=_check_location),
        sha256=Sha256(node.get_child("sha256").read_text(check=_check_sha256)),
        size=node.get_child("size").read_integer(None, minimum=1, hint="a size is a number of bytes") or 0,
        license=_read_optional_text(node.get_child("license")),
        signer=Signer(
            key_id=signer.get_child("key_id").read_text(),
            fingerprint=signer.get_child("fingerprint").read_text(),
        ),
        needed_by=tuple(sorted(_read_requirement(need) for need in node.get_child("needed_by").read_list())),
        choice=Choice(rule=ChoiceRule(rule), over=choice.get_child("over").read_texts()),
    )


def _read_requirement(node: YamlNode) -> Requirement:
    node = node.check_keys(("package", "requires", "weak"), needed=("package", "requires"))
    return Requirement(
        package=node.get_child("package").read_text(),
        requires=node.get_child("requires").read_text(),
        weak=node.get_child("weak").read_flag(False),
    )


def _read_optional_text(node: YamlNode) -> str:
    return "" if node.value == "" else node.read_text()


def _check_nevra(value: str) -> str | None:
    nevra = parse_nevra(value)
    if nevra is None or not is_safe_name(nevra.filename):
        return "write name-[epoch:]version-release.arch"
    return None


def _check_location(value: str) -> str | None:
    """A path as metadata may have it; the file gets another name here."""
    if value.startswith(("http://", "https://")):
        return None
    if any(part in ("", ".", "..") for part in value.split("/")) or "://" in value:
        return "a location is a path below the repository's URL, or a URL with http or https"
    return None


def _check_sha256(value: str) -> str | None:
    return None if is_sha256(value) else "a SHA-256 has 64 hexadecimal digits"


def _check_duplicates(lock: Lock, errors: InputErrors) -> None:
    """A file of a repository, and a repository, may be listed only once."""
    files: set[tuple[str, str]] = set()
    for index, package in enumerate(lock.packages):
        if (package.repository, package.file) in files:
            errors.add(f"packages[{index}]", f"{package.path} is listed twice")
        files.add((package.repository, package.file))
    names: set[str] = set()
    for repository in lock.repositories:
        if repository.name in names:
            errors.add("repositories", f"{repository.name} is listed twice")
        names.add(repository.name)
