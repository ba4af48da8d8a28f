"""%autorelease of rpmautospec, which counts the commits since the version changed, and %autochangelog."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from altai_build.model.component import ComponentKind
from altai_build.model.gitlink import CommitId
from altai_build.model.spec import SpecInfo
from altai_build.tools.git.component_source import ComponentSpec
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.spec.reader import SpecText, decode_spec, read_specs

_USE = re.compile(r"%\{?[?!]*auto(?:release|changelog)\b")
_NAME = "autorelease(e:s:pb:n)"
# Of rpmautospec's macros.rpmautospec, with the number of the release in front.
_BODY = (
    "%{{?-p:0.}}%[{number} + %{{!?-b:1}}%{{?-b*}}]%{{?-e:.%{{-e*}}}}%{{?-s:.%{{-s*}}}}%{{!?-n:%{{?dist}}}}"
)
_VERSION = re.compile(r"^[^\S\n]*(?:Version|Epoch)[^\S\n]*:.*", re.IGNORECASE | re.MULTILINE)


def find_autorelease_macros(source: ComponentSpec, macros: Mapping[str, str], arch: str) -> dict[str, str]:
    """The macros of rpmautospec for a spec that uses them, unless `macros` have them.

    Raises InputError where the commits cannot be counted.
    """
    known = {name.partition("(")[0] for name in macros}
    if not _USE.search(source.text) or "autorelease" in known:
        return {}
    number = _count_since_version_change(source, macros, arch)
    return {_NAME: _BODY.format(number=number - 1), "autochangelog": "%{nil}"}


def _count_since_version_change(source: ComponentSpec, macros: Mapping[str, str], arch: str) -> int:
    """How many commits have the version of the spec, that which brought it included."""
    component, store = source.component, source.store
    folder = component.path if component.kind is ComponentKind.SPEC else None
    # Raises for a history that is not complete.
    total = store.count_commits(component.commit, folder)
    changes = _list_changes(store, component.commit, component.spec)
    texts = [
        decode_spec(blob) for blob in store.read_blobs(f"{commit}:{component.spec}" for commit in changes)
    ]
    versions = _read_versions(texts, {**macros, _NAME: "1"}, arch)
    kept = next((at for at in range(1, len(versions)) if versions[at] != versions[at - 1]), len(versions))
    if kept == 0:
        return total
    return total - store.count_commits(changes[kept - 1], folder) + 1


def _list_changes(store: ObjectStore, commit: CommitId, spec: str) -> list[CommitId]:
    """The commits that changed a spec and left it there, newest first."""
    words = ["log", "--first-parent", "--diff-filter=AMT", "--no-renames", "--format=%H", commit]
    printed = store.run([*words, "--", f":(top,literal){spec}"]).text
    return [CommitId(line) for line in printed.split()]


def _read_versions(texts: Sequence[str], macros: Mapping[str, str], arch: str) -> list[object]:
    """What tells the version in each text: the version itself, else the lines that have it as they are written."""
    found = read_specs([SpecText(path="", text=text) for text in texts], macros, arch)
    if all(isinstance(info, SpecInfo) for info in found):
        return [(info.epoch, info.version) for info in found if isinstance(info, SpecInfo)]
    return [tuple(_VERSION.findall(text)) for text in texts]
