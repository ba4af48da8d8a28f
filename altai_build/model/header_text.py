"""Text of RPM headers, which may be in any encoding, for libraries that take nothing but UTF-8."""

from __future__ import annotations


def to_valid_text(text: str) -> str:
    """A text of a header, in which other bytes than UTF-8 are surrogates, as createrepo_c writes it: as Latin-1."""
    if text.isascii():
        return text
    data = text.encode("utf-8", "surrogateescape")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
