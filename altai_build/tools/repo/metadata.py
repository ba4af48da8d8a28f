"""The metadata of package repositories: fetched, verified and cached for the solver."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from altai_build.errors import DistrustedError, InputError, UnreachableError
from altai_build.model.checksum import Checksum
from altai_build.model.connection import USUAL_CONNECTION, ConnectionSettings
from altai_build.model.nevra import MAX_NAME_LENGTH
from altai_build.model.quantity import parse_whole_number
from altai_build.model.signature import SignatureStatus
from altai_build.regular_files import read_regular_file, resolve_links
from altai_build.tools.checksums import has_checksum
from altai_build.tools.files import make_directory, scratch_directory, write_atomically
from altai_build.tools.http import download
from altai_build.tools.http.attempts import MAX_ATTEMPTS, NoServerWorked, Servers
from altai_build.tools.http.transfer import FailingServerError, FileNotOnServer, RefusedError, is_html
from altai_build.tools.openpgp.keyfile import read_public_keys
from altai_build.tools.openpgp.verify import verify_detached
from altai_build.tools.repo.repomd import MAX_REPOMD_SIZE, REPOMD, MetadataFile, Repomd, read_repomd
from altai_build.tools.repo.stored_files import StoredFile
from altai_build.tools.url import apply_base, join_url, without_password

T = TypeVar("T")

# Bytes.
_MAX_SIGNATURE_SIZE = 1 << 20
# Of one compressed file, where repomd.xml does not give its size.
_MAX_METADATA_SIZE = 1 << 30
# The endings of names that say how a file is compressed.
# What to do about a signature from the future.
_CHECK_CLOCK = (
    "set the clock of this machine right; if it is, do not use the repository until its owner signs it again"
)
_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){0,2}")


@dataclass(frozen=True)
class RepositorySource:
    """A package repository as dnf.conf or repos.yaml defines it."""

    name: str
    urls: tuple[str, ...]
    # gpgcheck
    check_packages: bool
    # repo_gpgcheck
    check_metadata: bool
    keys: tuple[Path, ...]
    # As in dnf: the lower number wins.
    priority: int = 99
    # As in dnf: of equal packages in repositories of one priority, that of the lowest cost is taken.
    cost: int = 1000
    exclude: tuple[str, ...] = ()
    # includepkgs; empty: all packages.
    include: tuple[str, ...] = ()
    # The checksums that a metalink allows repomd.xml to have; empty: any.
    repomd_checksums: tuple[Checksum, ...] = ()
    # The URL in the configuration: its own, or that of a list of mirrors. Lists change with each download.
    origin: str = ""
    # A signature of the metadata must be right, but need not exist.
    check_if_signed: bool = False
    # The streams of its modules that are used, in place of the default ones: module, stream.
    modules: tuple[tuple[str, str], ...] = ()
    # As in dnf: modules do not filter its packages.
    module_hotfixes: bool = False
    connection: ConnectionSettings = USUAL_CONNECTION


@dataclass(frozen=True)
class RepositoryMetadata:
    """One state of a repository's metadata on this machine."""

    source: RepositorySource
    # The URL that answered. Package locations are below it.
    url: str
    revision: str
    primary: StoredFile
    # None: the repository has none.
    filelists: StoredFile | None
    groups: StoredFile | None
    # repomd.xml had a valid signature.
    signed: bool = False
    modules: StoredFile | None = None

    @property
    def digest(self) -> str:
        """What distinguishes two states: the checksum of the primary metadata; "" where repomd.xml gives none."""
        checksum = self.primary.entry.checksum
        return checksum.value if checksum is not None else ""


def fetch_metadata(source: RepositorySource, cache: Path, *, not_before: str = "") -> RepositoryMetadata:
    """The current metadata of a repository; only files that changed since the last time are downloaded.

    With `check_metadata` repomd.xml must be signed by one of the repository's keys. Metadata older than the revision
    `not_before` is refused: the mirror is out of date, or somebody replays old metadata. Raises InputError naming each
    URL that was tried: DistrustedError where one of them answered with a signature that is wrong or missing, and
    where a key file is unusable; UnreachableError where none answered.
    """
    directory = make_directory(_cache_directory(source, cache))
    return _try_urls(source, lambda url: _fetch_from_url(source, url, directory, not_before))


def probe_metadata(source: RepositorySource, cache: Path) -> tuple[str, bool]:
    """(URL that answered, True when its repomd.xml is signed): verified like `fetch_metadata` does, and nothing kept.

    Each URL is tried once. Raises InputError like `fetch_metadata`.
    """

    def probe(url: str) -> tuple[str, bool]:
        with scratch_directory(cache, ".probe") as scratch:
            _, signed = _fetch_repomd(source, url, scratch, attempts=1)
        return url, signed

    return _try_urls(source, probe, attempts=1)


def _try_urls(source: RepositorySource, fetch: Callable[[str], T], *, attempts: int = MAX_ATTEMPTS) -> T:
    """What the first URL that works gives. Raises one error about all URLs: distrust counts more than the rest."""
    check_key_files(source)
    try:
        return Servers(source.urls).try_each(fetch, attempts=attempts)
    except NoServerWorked as failure:
        raise _make_unusable_error(source, list(failure.errors.values())) from failure


def _make_unusable_error(source: RepositorySource, errors: Sequence[InputError]) -> InputError:
    why = "\n".join(f"{error.what}: {error.why}" if error.why else error.what for error in errors)
    distrusted = [error for error in errors if isinstance(error, DistrustedError)]
    if distrusted:
        return _make_distrusted_error(source, why, distrusted[0].todo)
    unreachable = bool(errors) and all(isinstance(error, UnreachableError) for error in errors)
    return (UnreachableError if unreachable else InputError)(
        f"the repository {source.name} cannot be used",
        why=why or "it has no URL",
        todo="check its URL in repos.yaml, or in the target's mock configuration",
    )


def check_key_files(source: RepositorySource) -> None:
    """Raise DistrustedError for a key file that cannot be used, whatever the repository's servers answer."""
    if not (source.check_metadata or source.check_if_signed):
        return
    for file in source.keys:
        try:
            read_public_keys(file)
        except InputError as error:
            raise DistrustedError(
                f"the repository {source.name} is not trusted",
                why=f"{error.what}: {error.why}",
                todo=f"restore the key file {file} from a source that you trust, or correct its path",
            ) from error


def _make_distrusted_error(source: RepositorySource, why: str, todo: str) -> DistrustedError:
    keys = ", ".join(str(file) for file in source.keys) or "none"
    return DistrustedError(
        f"the repository {source.name} is not trusted",
        why=why,
        todo=todo
        or f"compare its key file ({keys}) with the key that its owner publishes; "
        "do not use it until its owner has explained the difference",
    )


def read_cached_metadata(source: RepositorySource, cache: Path) -> RepositoryMetadata | None:
    """The metadata that `fetch_metadata` cached last, without a download; None when there is none."""
    directory = _cache_directory(source, cache)
    if not (directory / "repomd.xml").is_file():
        return None
    with scratch_directory(directory, ".look") as scratch:
        make_directory(scratch / "repodata")
        shutil.copyfile(directory / "repomd.xml", scratch / REPOMD)
        repomd = read_repomd(scratch)
    url = source.urls[0] if source.urls else ""
    found = {
        file.kind: StoredFile(
            path,
            file,
            join_url(url, apply_base(file.base, file.location)) if url else "",
            source.connection,
        )
        for file in repomd.files
        if file.checksum is not None and (path := _cached_path(file, file.checksum, directory)).is_file()
    }
    if "primary" not in found:
        return None
    return RepositoryMetadata(
        source=source,
        url=url,
        revision=repomd.revision,
        primary=found["primary"],
        filelists=found.get("filelists"),
        groups=None,
        modules=found.get("modules"),
    )


def read_local_metadata(name: str, directory: Path) -> RepositoryMetadata:
    """The metadata of a repository in a directory, not verified yet. Raises InputError when there is none."""
    repomd = read_repomd(directory)
    found = {file.kind: StoredFile(directory / file.location, file) for file in reversed(repomd.files)}
    if "primary" not in found:
        raise InputError(
            f"the repository in {directory} lists no packages", why=repomd.describe_missing_primary()
        )
    url = resolve_links(directory).as_uri()
    return RepositoryMetadata(
        source=RepositorySource(name=name, urls=(url,), check_packages=False, check_metadata=False, keys=()),
        url=url,
        revision=repomd.revision,
        primary=found["primary"],
        filelists=found.get("filelists"),
        groups=None,
        modules=found.get("modules"),
    )


def fetch_package(servers: Servers, location: str, checksum: Checksum, size: int, cache: Path) -> Path:
    """One package of a repository (`size` in bytes), from the cache or the repository. Raises InputError.

    A package that was damaged in the cache is downloaded again: nobody may have signed it.
    """
    # A location may be longer than a file name can be. The name is for the messages of rpm alone.
    path = cache / checksum.value[:2] / checksum.value / Path(location).name[-MAX_NAME_LENGTH // 2 :]
    return download.fetch_from_servers(servers, location, path, size=size or None, checksum=checksum)


def _fetch_from_url(
    source: RepositorySource, url: str, directory: Path, not_before: str
) -> RepositoryMetadata:
    with scratch_directory(directory, ".new") as scratch:
        repomd, signed = _fetch_repomd(source, url, scratch)
        if _is_older(repomd.revision, not_before):
            raise InputError(
                f"the metadata at {without_password(url)} is older than what was used before for {source.name}",
                why=f"its revision is {repomd.revision}, and {not_before} was used before",
            )
        if repomd.find("primary") is None:
            raise InputError(
                f"the metadata at {without_password(url)} lists no packages",
                why=repomd.describe_missing_primary(),
            )
        # A file that this server lacks, or sends too slowly, may come from another one: its checksum is known.
        servers = Servers((url, *source.urls), source.connection)
        found = {
            file.kind: _fetch_metadata_file(servers, url, file, directory)
            for kind in ("primary", "filelists", "group", "modules")
            if (file := repomd.find(kind)) is not None
        }
        # The state that was cached last stays until all files of this one are here.
        write_atomically(directory / "repomd.xml", read_regular_file(scratch / REPOMD), durable=False)
    return RepositoryMetadata(
        source=source,
        url=url,
        revision=repomd.revision,
        primary=found["primary"],
        filelists=found.get("filelists"),
        groups=found.get("group"),
        signed=signed,
        modules=found.get("modules"),
    )


def _fetch_repomd(
    source: RepositorySource, url: str, scratch: Path, *, attempts: int = MAX_ATTEMPTS
) -> tuple[Repomd, bool]:
    """(repomd.xml, True when it is signed), fetched into `scratch` by one attempt and verified.

    `attempts` are made for the signature.
    """
    path = make_directory(scratch / "repodata") / "repomd.xml"
    download.fetch_file(
        join_url(url, REPOMD), path, limit=MAX_REPOMD_SIZE, attempts=1, connection=source.connection
    )
    if is_html(path):
        raise InputError(
            f"{without_password(url)} is not a repository",
            why=f"the server sent an HTML page in place of {REPOMD}; it may be the login page of a network or proxy",
        )
    _check_metalink(source, url, path)
    signed = _check_signature(source, url, path, attempts)
    try:
        return read_repomd(scratch), signed
    except InputError as error:
        raise InputError(f"{without_password(url)} is not a repository", why=error.why) from error


def _check_metalink(source: RepositorySource, url: str, repomd: Path) -> None:
    if source.repomd_checksums and not any(
        has_checksum(repomd, checksum) for checksum in source.repomd_checksums
    ):
        raise InputError(
            f"the metadata at {without_password(url)} does not match the metalink of {source.name}",
            why="the mirror or the metalink is out of date",
        )


def _check_signature(source: RepositorySource, url: str, repomd: Path, attempts: int) -> bool:
    """True when repomd.xml has a valid signature, False when it has none and needs none.

    Raises DistrustedError for a signature that is wrong or missing, InputError when the server fails.
    """
    if not (source.check_metadata or source.check_if_signed):
        return False
    signature = repomd.with_name("repomd.xml.asc")
    try:
        signature_url = join_url(url, f"{REPOMD}.asc")
        download.fetch_file(
            signature_url,
            signature,
            limit=_MAX_SIGNATURE_SIZE,
            attempts=attempts,
            connection=source.connection,
        )
    except (RefusedError, FailingServerError) as error:
        if not source.check_metadata:
            # Many servers have other answers than 404 for what they do not have.
            return False
        if isinstance(error, FileNotOnServer):
            raise DistrustedError(
                f"the metadata at {without_password(url)} is not signed",
                why=f"there is no {REPOMD}.asc, and a signature is required "
                "(by repo_gpgcheck, or because the metadata was signed when packages were locked)",
            ) from error
        raise
    if is_html(signature) and not source.check_metadata:
        return False
    check = verify_detached(repomd, signature, source.keys)
    if not check.is_good:
        raise DistrustedError(
            f"the metadata at {without_password(url)} is not signed by its key",
            why=check.description,
            todo=_CHECK_CLOCK if check.status is SignatureStatus.WRONG_TIME else "",
        )
    return True


def _is_older(revision: str, known: str) -> bool:
    """Compare two revisions: Unix times in nearly all repositories; others cannot be compared."""
    own, other = parse_whole_number(revision), parse_whole_number(known)
    return own is not None and other is not None and own < other


def _fetch_metadata_file(servers: Servers, url: str, file: MetadataFile, directory: Path) -> StoredFile:
    """One file of the metadata; what was cached is used, and compared with its checksum when it is read."""
    if file.checksum is None:
        raise InputError(
            f"the metadata at {without_password(url)} gives no checksum for its {file.kind} file"
        )
    path = _cached_path(file, file.checksum, directory)
    location = apply_base(file.base, file.location)
    if not (path.is_file() and path.stat().st_size == file.size):
        download.fetch_from_servers(
            servers, location, path, size=file.size, checksum=file.checksum, limit=_MAX_METADATA_SIZE
        )
    return StoredFile(path, file, join_url(url, location), servers.connection)


def _cache_directory(source: RepositorySource, cache: Path) -> Path:
    identity = source.origin or " ".join(source.urls)
    return cache / hashlib.sha256(identity.encode()).hexdigest()[:24]


def _cached_path(file: MetadataFile, checksum: Checksum, directory: Path) -> Path:
    """Where a metadata file is cached, by its content."""
    found = _SUFFIXES.fullmatch("".join(Path(file.location).suffixes[-2:]))
    suffixes = found[0] if found else ""
    return directory / f"{checksum.value}-{file.kind}{suffixes}"
