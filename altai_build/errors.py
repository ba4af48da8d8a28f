"""One error class per exit code; each error says what happened, why, and what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


def escape_control_characters(text: str, *, keep: str = "\n\t") -> str:
    """Escape control characters other than those to `keep`, and bytes that are not UTF-8 (`surrogateescape`).

    Text from specs, file names, commits and other programs then cannot control the terminal.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape_character(c) for c in text)


def _escape_character(c: str) -> str:
    return f"\\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else repr(c)[1:-1]


# Characters of an error: a name or a line of foreign text may be megabytes long.
_LONGEST_SENTENCE, _LONGEST_EVIDENCE = 2_000, 16_000


def _shorten(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} […{len(text) - 2 * half} characters are left out…] {text[-half:]}"


class AltaiError(Exception):
    """An error that is reported as text instead of a traceback.

    `what` happened (one sentence), `why` (the evidence, one or more lines), `todo` (what to do next).
    """

    exit_code = 70

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        what = _shorten(what, _LONGEST_SENTENCE)
        super().__init__(what)
        self.what = what
        self.why = _shorten(why, _LONGEST_EVIDENCE)
        self.todo = todo

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(self.why.rstrip())
        if self.todo:
            lines.append(f"What to do: {self.todo}")
        return "\n".join(lines)


def describe_cause(error: BaseException) -> str:
    """What went wrong, without the number that Python gives an error of the kernel, and the path: callers name it."""
    return getattr(error, "strerror", None) or str(error)


def advise_on_place(error: OSError) -> str:
    """What to do about a place that cannot be written or read, by the reason that the kernel gives."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "free disk space there"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "correct the permissions there"
    if error.errno == errno.EROFS:
        return "make the file system writable"
    return "correct what is wrong there"


def quote_path(path: object) -> str:
    """A path in a command of a `todo`, so that it can be pasted into a shell."""
    import shlex  # slow to load, and only errors need it

    return shlex.quote(str(path))


class UsageError(AltaiError):
    """The command line itself is wrong."""

    exit_code = 2


class InputError(AltaiError):
    """The configuration or an input (a spec, a commit, a repository, a file) is unusable."""

    exit_code = 3


# What a name, a number or a structure that nobody foresaw makes Python raise.
_CAUSED_BY_CONTENT = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
)
# Of the kernel, for names.
_CAUSED_BY_NAMES = {
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EINVAL,
    errno.EILSEQ,
    errno.E2BIG,
}


@contextmanager
def faults_of(subject: str) -> Iterator[None]:
    """Whatever reading foreign content raises is an error about that content, so that all else is still answered.

    What the machine refuses stays what it is.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CAUSED_BY_NAMES:
            raise
        raise InputError(f"{subject} cannot be read", why=str(error)[:1000]) from error
    except _CAUSED_BY_CONTENT as error:
        import traceback  # seldom needed

        lines = traceback.format_exception(type(error), error, error.__traceback__)
        raise InputError(
            f"{subject} cannot be read",
            why="".join(lines[-3:])[-2000:],
            todo="it has something that altai-build did not foresee: please send this to its developers",
        ) from error


class UnreachableError(InputError):
    """No server answered; another attempt may succeed. What a server did answer, even an error, is something else."""


class DistrustedError(InputError):
    """A signature is wrong, missing where one is needed, or its key is missing or unusable.

    What it should vouch for is there and must not be used: that is never the same as out of reach.
    """


class MissingToolError(AltaiError):
    """A needed program, library or privilege is missing."""

    exit_code = 4


class BuildError(AltaiError):
    """A component failed to build."""

    exit_code = 5


class SigningError(AltaiError):
    """A key is missing, locked, expired or unsuitable, or signing failed."""

    exit_code = 6


class VerificationError(AltaiError):
    """A check has findings."""

    exit_code = 7


class PublishError(AltaiError):
    """Publishing was refused or failed; published releases are unchanged."""

    exit_code = 8


class WorkspaceLockedError(AltaiError):
    """Another run has locked the workspace."""

    exit_code = 9
