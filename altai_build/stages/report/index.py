"""The page of all releases: what is latest, sizes over time, what each release changed, the keys in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from altai_build.errors import PublishError
from altai_build.model.findings import join_subjects
from altai_build.model.release import Manifest
from altai_build.model.release_changes import ChangeKind, PackageChange, ReleaseDiff
from altai_build.model.trust import ManifestTrust, TrustLevel
from altai_build.model.unknown import Unknown
from altai_build.regular_files import open_regular_file
from altai_build.stages.report.inputs import ReleaseKey
from altai_build.tools.files import write_atomically
from altai_build.tools.html_page import GENERATOR, render_page

MOST_CHANGES = 300  # that are named for one release; the release's own page has all
_HEAD_SIZE = 4096  # bytes at the start of a page that say who wrote it


@dataclass(frozen=True)
class KeyUse:
    """A public key that came with a release, and what it signs there."""

    name: str
    fingerprint: str
    user_id: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseSummary:
    """What the page shows of a release; sizes are in bytes. Plain values, so that it can be remembered.

    `new_size` is of the packages that its predecessor lacks; None for one that follows no other, or for which
    `not_compared` says why that is unknown. `counts` has the kinds of change that occur, `changes` the first of them:
    the kind, and the package with its versions. `unknown_keys` says why the keys are unknown.
    """

    version: str
    created: str
    commit: str
    target: str
    previous: str | None
    expected_by: str | None
    packages: int
    size: int
    new_size: int | None
    counts: tuple[tuple[str, int], ...]
    changes: tuple[tuple[str, str], ...]
    more_changes: int
    not_compared: str
    keys: tuple[KeyUse, ...]
    unknown_keys: str


@dataclass(frozen=True)
class IndexedRelease:
    """A release whose manifest can be read; `name` is that of its folder."""

    name: str
    summary: ReleaseSummary
    trust: ManifestTrust
    has_page: bool


@dataclass(frozen=True)
class DamagedRelease:
    """A release that cannot be read, and why."""

    name: str
    reason: str


AnyRelease = Union[IndexedRelease, DamagedRelease]


@dataclass(frozen=True)
class IndexInputs:
    """What the page is made from: the releases, lowest version first, and the one that `latest` is."""

    project: str
    latest: str | None
    releases: tuple[AnyRelease, ...]


@dataclass(frozen=True)
class KeyRow:
    """A key and the releases that it serves."""

    fingerprint: str
    names: tuple[str, ...]
    owners: tuple[str, ...]
    uses: tuple[str, ...]
    releases: tuple[str, ...]
    is_current: bool  # the latest release has it


@dataclass(frozen=True)
class IndexView:
    """Everything that the page shows; rows are newest first, the chart is oldest first."""

    inputs: IndexInputs
    rows: tuple[IndexedRelease, ...]
    damaged: tuple[DamagedRelease, ...]
    keys: tuple[KeyRow, ...]
    unknown_keys: tuple[DamagedRelease, ...]
    untrusted: tuple[tuple[str, str], ...]  # the releases that no pinned key signed, by the reason

    @property
    def latest(self) -> IndexedRelease | None:
        """The release that `latest` is, if it can be read."""
        return next((row for row in self.rows if row.name == self.inputs.latest), None)

    @property
    def largest(self) -> int:
        """The size of the largest release; at least 1."""
        return max((row.summary.size for row in self.rows), default=0) or 1


def write_releases_page(path: Path, page: bytes) -> None:
    """Write the page whole or not at all.

    Raises PublishError for a page that another program or a person wrote, and InputError when it cannot be written.
    """
    if _is_foreign(path):
        raise PublishError(
            f"{path} was not written: what is there is not a page of altai-build",
            todo="move it away, or write the page elsewhere with `altai-build report --index -o FILE`",
        )
    write_atomically(path, page)


def _is_foreign(path: Path) -> bool:
    """True for a file that altai-build did not write, or anything else in its place."""
    try:
        with open_regular_file(path) as stream:
            start = stream.read(_HEAD_SIZE)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return GENERATOR.encode() not in start


def format_index(inputs: IndexInputs, root: str = "") -> bytes:
    """The page; the same inputs give the same bytes.

    `root` is the URL of the folder of all releases seen from the page, with a slash; "" where the page is in it.
    """
    return render_page("releases", view=make_index_view(inputs), root=root)


def make_index_view(inputs: IndexInputs) -> IndexView:
    """Decide what the page shows."""
    readable = [release for release in inputs.releases if isinstance(release, IndexedRelease)]
    return IndexView(
        inputs=inputs,
        rows=tuple(reversed(readable)),
        damaged=tuple(release for release in inputs.releases if isinstance(release, DamagedRelease)),
        keys=tuple(_make_key_rows(readable, inputs.latest)),
        unknown_keys=tuple(
            DamagedRelease(release.name, release.summary.unknown_keys)
            for release in readable
            if release.summary.unknown_keys
        ),
        untrusted=tuple(_group_untrusted(readable)),
    )


def _group_untrusted(releases: Sequence[IndexedRelease]) -> Iterator[tuple[str, str]]:
    groups: dict[str, list[str]] = {}
    for release in releases:
        if release.trust.level is not TrustLevel.PINNED:
            groups.setdefault(release.trust.detail, []).append(release.name)
    for detail, names in groups.items():
        yield join_subjects(names), detail


def summarize_release(
    manifest: Manifest, diff: ReleaseDiff | Unknown | None, keys: Sequence[ReleaseKey] | Unknown
) -> ReleaseSummary:
    """What the page shows of a release; `diff` is None for one that follows no other."""
    changes = diff.changes if isinstance(diff, ReleaseDiff) else ()
    new = [change.new.size for change in changes if change.new and change.kind is not ChangeKind.MOVED]
    kinds = [change.kind for change in changes]
    return ReleaseSummary(
        version=manifest.version,
        created=manifest.created,
        commit=manifest.superproject.commit,
        target=manifest.target,
        previous=manifest.previous,
        expected_by=manifest.expected_by,
        packages=len(manifest.packages),
        size=sum(package.size for package in manifest.packages),
        new_size=sum(new) if isinstance(diff, ReleaseDiff) else None,
        counts=tuple((kind.value, kinds.count(kind)) for kind in ChangeKind if kind in kinds),
        changes=tuple((change.kind.value, _describe_change(change)) for change in changes[:MOST_CHANGES]),
        more_changes=max(0, len(changes) - MOST_CHANGES),
        not_compared=diff.reason if isinstance(diff, Unknown) else "",
        keys=()
        if isinstance(keys, Unknown)
        else tuple(
            KeyUse(key.name, key.fingerprint, key.user_id, tuple(_list_uses(manifest, key.name)))
            for key in keys
        ),
        unknown_keys=keys.reason if isinstance(keys, Unknown) else "",
    )


def _describe_change(change: PackageChange) -> str:
    package, old, new = change.package, change.old, change.new
    name = f"{package.name} (source)" if package.is_source else package.name
    if old is None or new is None or old.nevra.evr == new.nevra.evr:
        return f"{name} {package.nevra.evr}"
    return f"{name} {old.nevra.evr} → {new.nevra.evr}"


def _make_key_rows(releases: Sequence[IndexedRelease], latest: str | None) -> Iterator[KeyRow]:
    """The keys, those of the newest releases first."""
    found: dict[str, list[tuple[IndexedRelease, KeyUse]]] = {}
    for release in reversed(releases):
        for key in release.summary.keys:
            found.setdefault(key.fingerprint, []).append((release, key))
    for fingerprint, uses in found.items():
        yield KeyRow(
            fingerprint=fingerprint,
            names=_list_once(key.name for _, key in uses),
            owners=_list_once(key.user_id for _, key in uses),
            uses=_list_once(use for _, key in uses for use in key.uses),
            releases=_list_once(release.name for release, _ in uses),
            is_current=any(release.name == latest for release, _ in uses),
        )


def _list_uses(manifest: Manifest, name: str) -> Iterator[str]:
    """What a key of a release is for."""
    if name == manifest.signed_by:
        yield "manifest, checksums, metadata"
    for repository in manifest.repositories:
        if name in repository.keys:
            yield f"packages of {repository.name}"


def _list_once(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
