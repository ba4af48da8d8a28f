"""Where a signing key's passphrase comes from."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from altai_build.errors import SigningError
from altai_build.model.openpgp import PublicKey

PASSPHRASE_FILE_VARIABLE = "ALTAI_BUILD_PASSPHRASE_FILE"  # noqa: S105 (a variable's name)


# Asked for the passphrase of a key, and only when that key is locked.
Passphrase = Callable[[PublicKey], str]


def choose_passphrase_source(prompt: Passphrase | None) -> Passphrase:
    """Where passphrases come from: the file that ALTAI_BUILD_PASSPHRASE_FILE names, else `prompt` (a person)."""

    def ask(key: PublicKey) -> str:
        given = read_passphrase_file()
        if given is not None:
            return given
        if prompt is None:
            raise SigningError(
                f"the signing key {key.key_id} ({key.uid}) is locked",
                why="it has a passphrase, and there is no terminal to ask for it",
                todo=f"put the passphrase into a file only you can read and name it in {PASSPHRASE_FILE_VARIABLE}",
            )
        return prompt(key)

    return ask


def read_passphrase_file() -> str | None:
    """The passphrase in the file that ALTAI_BUILD_PASSPHRASE_FILE names; None when it names none."""
    file = os.environ.get(PASSPHRASE_FILE_VARIABLE)
    return _read_passphrase(Path(file)) if file else None


def _read_passphrase(file: Path) -> str:
    """The first line of a file that nobody else may read."""
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SigningError(
                f"the passphrase file {file} can be read by others",
                why=f"its permissions are {stat.filemode(file.stat().st_mode)}",
                todo=f"chmod 600 {file}, and change the passphrase if others could have seen it",
            )
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SigningError(
            f"the passphrase file {file} cannot be read",
            why=str(error),
            todo=f"correct {PASSPHRASE_FILE_VARIABLE}",
        ) from error
    return lines[0] if lines else ""
