"""One error class per exit code; each text says what happened, why, and what to do next."""

from __future__ import annotations


def escape_control_characters(text: str) -> str:
    """Text that cannot steer a terminal: line breaks and tabs stay, other control characters are shown escaped.

    What is told comes from specs, file names and other programs.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


class AltaiError(Exception):
    """What the tool reports to a person instead of a traceback.

    `what` happened (one sentence), `why` (the evidence, may be several lines), `todo` (the next step).
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
    """Configuration or input (a spec, a commit, a repository, a file) is unusable."""

    exit_code = 3


class MissingToolError(AltaiError):
    """A program, library or privilege that the work needs is not there."""

    exit_code = 4


class BuildError(AltaiError):
    """At least one component did not build."""

    exit_code = 5


class SigningError(AltaiError):
    """A key is missing, locked, expired or unfit, or a signature could not be made."""

    exit_code = 6


class VerificationError(AltaiError):
    """A check found something wrong in what it read."""

    exit_code = 7


class PublishError(AltaiError):
    """Publishing was refused or failed; what was published before is untouched."""

    exit_code = 8


class WorkspaceLockedError(AltaiError):
    """Another run holds the workspace."""

    exit_code = 9
