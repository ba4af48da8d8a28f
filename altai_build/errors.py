"""One error class per exit code; each error says what happened, why, and what to do next."""

from __future__ import annotations


def escape_control_characters(text: str) -> str:
    """Escape control characters other than line breaks and tabs, so that text from specs, file names and other programs
    cannot control the terminal.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


class AltaiError(Exception):
    """An error that is reported as text instead of a traceback.

    `what` happened (one sentence), `why` (the evidence, one or more lines), `todo` (what to do next).
    """

    exit_code = 70

    def __init__(self, what: str, *, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(self.why.rstrip())
        if self.todo:
            lines.append(f"What to do: {self.todo}")
        return "\n".join(lines)


class UsageError(AltaiError):
    """The command line itself is wrong."""

    exit_code = 2


class InputError(AltaiError):
    """The configuration or an input (a spec, a commit, a repository, a file) is unusable."""

    exit_code = 3


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
