"""What a tiny spec says."""

from __future__ import annotations

from altai_build.model.spec import SourceTag, SpecInfo


def make_info(**changes: object) -> SpecInfo:
    """The content of a small spec, with these changes."""
    values: dict[str, object] = {
        "name": "focus",
        "epoch": None,
        "version": "1.0",
        "release": "3",
        "hidden_dist": None,
        "sources": (),
        "patches": (),
        "prefix": "focus-1.0",
        "packages": ("focus",),
        "provides": ("focus",),
        "build_requires": (),
        "requires": (),
    }
    return SpecInfo(**{**values, **changes})  # type: ignore[arg-type]


def make_source(number: int, value: str) -> SourceTag:
    """One SourceN: tag."""
    return SourceTag(number=number, value=value)
