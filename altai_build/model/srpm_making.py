"""What made a source package besides its commit: only where that is the same must its bytes be the same too."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Names and values in the order of names, a part of the inputs of a source package. None where it is not known.
SrpmMaking = tuple[tuple[str, str], ...]

# The input name → how a difference is told.
_DESCRIPTIONS = {
    "recipe": "recipe {then} for source packages made it, and this altai-build has recipe {now}",
    "rpm": "{then} made it, and here is {now}",
    "archiver": "{then} made its archive, and here is {now}",
    "stamp": "it was made with another release.stamp in repos.yaml: {then}",
    "macros": "it was made with other macros in repos.yaml: {then}",
    "macro files": "it was made with other macro files of the target ({then}), and here are {now}",
    "arch": "it was made for {then}, and the target in repos.yaml is {now} now",
}
# Only for people: which version had the recipe.
_TOOL = "tool"
_GENERATED = "generated "
# Of a rebuild or a bootstrap build: it is in the name of the package.
_STAMP_MARKS = re.compile(r"^0\.bootstrap\.|\.\d+$")
UNKNOWN_MAKING = "release.json does not record what made it"


def select_making(inputs: Sequence[tuple[str, str]]) -> SrpmMaking:
    """Those of the inputs of a source package that its commit does not decide."""
    kept = [
        (name, value)
        for name, value in inputs
        if name in _DESCRIPTIONS or name == _TOOL or value.startswith(_GENERATED)
    ]
    return tuple(sorted(kept))


def describe_other_making(then: SrpmMaking | None, now: SrpmMaking) -> tuple[str, ...]:
    """How what made a source package then differs from what makes it now; nothing where it is known to be the same."""
    if then is None:
        return (UNKNOWN_MAKING,)
    old, new = dict(then), dict(now)
    return tuple(
        _DESCRIPTIONS.get(name, "repos.yaml generated another content of its {name}").format(
            name=name, then=old.get(name, "nothing"), now=new.get(name, "nothing")
        )
        for name in dict.fromkeys((*old, *new))
        if name != _TOOL and _normalize(name, old.get(name)) != _normalize(name, new.get(name))
    )


def _normalize(name: str, value: str | None) -> str | None:
    return _STAMP_MARKS.sub("", value) if name == "stamp" and value is not None else value
