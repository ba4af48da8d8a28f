"""What a signing key is made from: its kind, its owner, its passphrase, its time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from altai_build.errors import InputError

KEY_TYPES: dict[str, dict[str, object]] = {
    "rsa4096": {"key_type": "RSA", "key_length": 4096},
    "ed25519": {"key_type": "EDDSA", "key_curve": "ed25519"},
}
_EXPIRY_PATTERN = re.compile(r"0|[1-9][0-9]*[dwmy]?|[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class KeyRequest:
    """The key to make; `expires` is gpg's: 0 for never, `2y`, or a date."""

    name: str
    email: str
    algorithm: str = "rsa4096"
    passphrase: str | None = None
    expires: str = "0"

    def check(self) -> None:
        """Raise InputError for what gpg would misread."""
        for what, text in (
            ("name", self.name),
            ("email", self.email),
            ("passphrase", self.passphrase or ""),
        ):
            # Each becomes one line of gpg's input: a line break would add a directive.
            if any(character < " " for character in text):
                raise InputError(f"the key's {what} must not contain control characters")
        if self.algorithm not in KEY_TYPES:
            raise InputError(
                f"unknown key algorithm {self.algorithm!r}", todo=f"use one of {', '.join(KEY_TYPES)}"
            )
        if not _EXPIRY_PATTERN.fullmatch(self.expires):
            raise InputError(
                f"{self.expires!r} is not an expiry time", todo="use 0, 2y, 18m, 90d or 2030-12-31"
            )
