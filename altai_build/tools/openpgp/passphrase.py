"""Get the passphrase of a signing key: from a file, or from the user."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from altai_build.errors import SigningError, describe_cause, quote_path
from altai_build.model.openpgp import PublicKey
from altai_build.regular_files import open_regular_file

PASSPHRASE_FILE_VARIABLE = "ALTAI_BUILD_PASSPHRASE_FILE"  # noqa: S105 (a variable's name)

# Returns the passphrase of a key; called only for a key that is locked.
Passphrase = Callable[[PublicKey], str]


def choose_passphrase_source(prompt: Passphrase | None) -> Passphrase:
    """A function that reads the file named by ALTAI_BUILD_PASSPHRASE_FILE, or else calls `prompt`.

    Without both it raises SigningError.
    """

    def ask(key: PublicKey) -> str:
        given = read_passphrase_file()
        if given is not None:
            return given
        if prompt is None:
            raise SigningError(
                f"the signing key {key.key_id} ({key.uid}) is locked",
                why="it has a passphrase, and there is no terminal to ask for it",
                todo=f"put the passphrase into a file that only you can read; name it in {PASSPHRASE_FILE_VARIABLE}",
            )
        return prompt(key)

    return ask


def read_passphrase_file() -> str | None:
    """The passphrase in the file named by ALTAI_BUILD_PASSPHRASE_FILE; None where that is not set.

    Raises SigningError when other users can read the file, or this one cannot.
    """
    file = os.environ.get(PASSPHRASE_FILE_VARIABLE)
    return _read_passphrase(Path(file)) if file else None


_MAX_PASSPHRASE_FILE = 1 << 16  # bytes


def _read_passphrase(file: Path) -> str:
    """The first line of a file that only its owner can read."""
    try:
        with open_regular_file(file) as stream:
            mode = os.fstat(stream.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SigningError(
                    f"other users can read the passphrase file {file}",
                    why=f"its permissions are {stat.filemode(mode)}",
                    todo=f"run `chmod 600 {quote_path(file)}`, and change the passphrase if others may have read it",
                )
            lines = stream.read(_MAX_PASSPHRASE_FILE).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningError(
            f"cannot read the passphrase file {file}",
            why=describe_cause(error),
            todo=f"set {PASSPHRASE_FILE_VARIABLE} to a readable file",
        ) from error
    return lines[0] if lines else ""
