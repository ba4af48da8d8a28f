"""What a signing key is made from: its kind, its owner, its passphrase, its time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone

from altai_build.errors import InputError

KEY_TYPES: dict[str, dict[str, object]] = {
    "rsa4096": {"key_type": "RSA", "key_length": 4096},
    "ed25519": {"key_type": "EDDSA", "key_curve": "ed25519"},
}
_MAX_YEARS = 100
# A number alone counts days.
_DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}
_EXPIRY_PATTERN = re.compile(r"0|[1-9][0-9]{0,8}[dwmy]?|[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
        if self.email and not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", self.email):
            raise InputError(
                f"{self.email!r} is not an email address", todo="use one such as release@example.com"
            )
        if not _is_expiry(self.expires):
            raise InputError(
                f"{self.expires!r} is not an expiry time",
                why=f"a key expires never (0), or on a day to come within {_MAX_YEARS} years",
                todo="use 0, 2y, 18m, 90d or 2030-12-31",
            )


def _is_expiry(text: str) -> bool:
    """True for never, and for a time that a key can expire at: gpg counts seconds in 32 bits, and wraps around."""
    if not _EXPIRY_PATTERN.fullmatch(text):
        return False
    if "-" in text:
        try:
            days = (date.fromisoformat(text) - datetime.now(timezone.utc).date()).days
        except ValueError:
            return False
        return 0 < days <= _MAX_YEARS * 366
    number = int(text.rstrip("dwmy"))
    return number * _DAYS[text.lstrip("0123456789")] <= _MAX_YEARS * 366
