"""The messages between a run and its workers: JSON of plain values, with a limit for each, checked on both sides.

Without postponed annotations: msgspec evaluates them, and Python 3.9 cannot evaluate `int | None`.
"""

from typing import Annotated, Literal, Optional, TypeVar

import msgspec
from msgspec import Meta, Struct

from altai_build.errors import InputError

# Bytes.
LONGEST_TASK = 4096
LONGEST_DESCRIPTION = 32 << 20
LONGEST_OUTCOME = 32 << 20

_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# As rpm's names: neither a path, nor hidden, nor an option.
_FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_+~^][A-Za-z0-9_+~^.-]*\Z", max_length=255)]
_Word = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]*\Z")]
_Line = Annotated[str, Meta(max_length=16384)]
_Text = Annotated[str, Meta(max_length=4 << 20)]
_Size = Annotated[int, Meta(ge=0, le=1 << 44)]
_Limit = Annotated[int, Meta(ge=1, le=1 << 50)]
_Pairs = Annotated[tuple[tuple[_Text, _Text], ...], Meta(max_length=4096)]
_Lines = Annotated[tuple[_Line, ...], Meta(max_length=4096)]
_ManyLines = Annotated[tuple[_Line, ...], Meta(max_length=100_000)]
# `NEVRA KIND:VALUE`, as builders list the packages of a buildroot.
_PackageLine = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x20\x7f]+ [0-9a-z]+:[0-9a-f]+\Z")]
_PackageLines = Annotated[tuple[_PackageLine, ...], Meta(max_length=100_000)]


class _Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown fields are refused, values of another type too."""


class FileReference(_Message, frozen=True):
    """A file by its content; the name is only what it is called."""

    name: _FileName
    sha256: _Digest
    size: _Size


class Task(_Message, frozen=True):
    """What the scheduler hands to a worker: where the description of a job is. Nothing else crosses the scheduler."""

    # Another number when a message gets another form: a worker refuses all others.
    format: Literal[1]
    url: Annotated[
        str, Meta(pattern=r"^https?://[A-Za-z0-9._\[\]:-]+\Z", max_length=300)
    ]  # of the run's files
    job: Annotated[str, Meta(pattern=r"^[a-z0-9-]+\Z", max_length=80)]
    token: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_-]+\Z", max_length=80)
    ]  # for the files of this job alone
    description: FileReference


class Answer(_Message, frozen=True):
    """What a worker returns through the scheduler."""

    attempt: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]*\Z", max_length=80)] = ""
    outcome: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")] = (
        ""  # the digest of the Outcome that it has sent
    )
    # Why there is none.
    error: Annotated[str, Meta(max_length=1000)] = ""


class BuilderConfig(_Message, frozen=True):
    """What builders read of a mock configuration. Repositories and their passwords are not among it."""

    name: _Word
    root: _Word
    basedir: _Line
    target_arch: _Word
    legal_host_arches: _Lines
    macros: _Pairs
    environment: _Pairs
    use_bootstrap: bool
    rpmbuild_timeout: Annotated[int, Meta(ge=0)]
    rpmbuild_arch: _Word
    rpmbuild_command: _Line
    rpmbuild_opts: _Lines
    run_check: bool
    flat: _Text  # "" for builders that install exactly what they are told
    digest: _Digest


class BuildLimits(_Message, frozen=True):
    """What one build may use of the machine; the names are those of `Limits`."""

    seconds: Optional[Annotated[float, Meta(gt=0)]]
    processes: Optional[_Limit]
    memory: Optional[_Limit]
    file: Optional[_Limit]
    log: Optional[_Limit]
    free: Optional[_Limit]


class Package(_Message, frozen=True):
    """One package of a buildroot; `checksum` is `ALGORITHM:DIGEST`, as its repository has it."""

    name: _Word
    epoch: Annotated[int, Meta(ge=0)]
    version: _Word
    release: _Word
    arch: _Word
    checksum: Annotated[str, Meta(pattern=r"^[a-z0-9]+:[0-9a-f]+\Z", max_length=200)]
    file: FileReference


class Description(_Message, frozen=True):
    """A job: one call of a builder, with everything that it takes."""

    program: _Line  # the version of altai-build
    builder: _Word
    builder_version: _Line
    config: BuilderConfig
    macros: _Pairs  # of the target
    limits: BuildLimits
    component: _Line
    step: Literal["build", "spec-requires", "requires"]
    srpm: FileReference
    local: Annotated[tuple[FileReference, ...], Meta(max_length=20_000)]
    good_log: Optional[FileReference]
    source_date_epoch: Annotated[int, Meta(ge=0, le=1 << 40)]
    request_macros: _Pairs
    base: Annotated[tuple[Package, ...], Meta(max_length=20_000)]
    extra: Annotated[tuple[Package, ...], Meta(max_length=20_000)]
    nodocs: bool
    directories: _Lines
    files: _Pairs


class Outcome(_Message, frozen=True):
    """What became of a job; the files were sent before."""

    failure: Optional[Literal["build", "buildroot", "dependencies", "srpm", "busy"]]
    reason: _Line
    seconds: Annotated[float, Meta(ge=0, le=1e9)]
    buildroot: _PackageLines
    causes: _Lines
    is_conclusive: bool
    log: Optional[_FileName]
    rpms: Annotated[tuple[_FileName, ...], Meta(max_length=5000)]
    requires: _ManyLines
    files: Annotated[tuple[FileReference, ...], Meta(max_length=10_000)]


M = TypeVar("M", bound=_Message)


def encode(message: _Message) -> bytes:
    """A message as JSON."""
    return msgspec.json.encode(message)


def decode(data: bytes, kind: type[M], *, limit: int, sender: str) -> M:
    """A message of this kind. Raises InputError, naming the sender, for all else."""
    try:
        if len(data) > limit:
            raise ValueError(f"it has {len(data)} bytes, and at most {limit} are read")
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(
            f"{sender} sent a message that is refused",
            why=f"{kind.__name__}: {error}"[:500],
            todo="check what runs there: it is another version of altai-build, or no altai-build at all",
        ) from error
