"""The chain of releases: each names, by digest, those that it follows, so that no past release can be exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from altai_build.model.release import FollowedRelease

HISTORY_RULE = "history"  # the rule of findings about the chain


@dataclass(frozen=True)
class PastRelease:
    """What the chain knows of a published release.

    `sha256` is that of its SHA256SUMS; "" where it has none. `follows` is None for a release that was made before
    releases named those that they follow, and for one that is not readable.
    """

    version: str
    sha256: str
    follows: tuple[FollowedRelease, ...] | None
    is_readable: bool = True


@dataclass(frozen=True)
class ChainBreak:
    """A release that is not as the others say, and why."""

    version: str
    message: str


def list_unfollowed(releases: Sequence[PastRelease]) -> tuple[FollowedRelease, ...]:
    """The releases that no other one names, in their order: the next release has to name them.

    In an unbroken history it is one, the last that was published; before the first release that names others, all.
    """
    named = {followed.version for release in releases for followed in release.follows or ()}
    return tuple(
        FollowedRelease(version=release.version, sha256=release.sha256)
        for release in releases
        if release.version not in named
    )


def list_unchained(releases: Sequence[PastRelease]) -> tuple[str, ...]:
    """The versions of the readable releases that neither name another release nor are named by one."""
    unfollowed = {followed.version for followed in list_unfollowed(releases)}
    return tuple(
        release.version
        for release in releases
        if release.follows is None and release.is_readable and release.version in unfollowed
    )


def find_chain_breaks(releases: Sequence[PastRelease]) -> tuple[ChainBreak, ...]:
    """Every release that was changed, removed, exchanged or added beside the others.

    Releases are published one after the other, and each names those that no other one named before: so of two releases
    one always follows the other, directly or through others. Only a change of the last one is not seen here.
    """
    known = {release.version: release for release in releases}
    chained = [release for release in releases if release.follows is not None]
    breaks = [
        ChainBreak(followed.version, message)
        for release in chained
        for followed in release.follows or ()
        if (message := _describe_difference(release.version, followed, known.get(followed.version)))
    ]
    if chained:
        breaks += [
            ChainBreak(
                version,
                "it does not say which release it follows, and no release follows it, although "
                f"{chained[-1].version} has both: it was not published here, or by an older altai-build",
            )
            for version in list_unchained(releases)
        ]
    breaks += _find_forks(chained, known)
    return tuple(dict.fromkeys(breaks))


def _describe_difference(follower: str, followed: FollowedRelease, found: PastRelease | None) -> str:
    if found is None:
        return f"the release is missing: {follower} follows it"
    if found.sha256 != followed.sha256:
        return (
            f"the release is not the one that {follower} follows: the SHA-256 of its SHA256SUMS is "
            f"{found.sha256 or 'unknown'}, and {follower} names {followed.sha256}"
        )
    return ""


def _find_forks(chained: Sequence[PastRelease], known: Mapping[str, PastRelease]) -> Iterator[ChainBreak]:
    """Releases of which neither follows the other. Below one that is missing nothing is known, and nothing found."""
    followed = _FollowedReleases(known)
    for release in chained:
        if release.version in followed.of(release.version):
            yield ChainBreak(release.version, "the release claims to follow itself")
    complete = [release.version for release in chained if followed.is_complete(release.version)]
    ordered = sorted(complete, key=lambda version: len(followed.of(version)))
    for earlier, later in zip(ordered, ordered[1:]):
        if earlier not in followed.of(later):
            yield ChainBreak(later, f"the history forks: neither {later} nor {earlier} follows the other")


class _FollowedReleases:
    """All releases that a release follows, directly or through others."""

    def __init__(self, known: Mapping[str, PastRelease]) -> None:
        self._known = known
        self._found: dict[str, frozenset[str]] = {}

    def is_complete(self, version: str) -> bool:
        """True when none of the releases that it follows is missing."""
        return all(name in self._known for name in self.of(version))

    def of(self, version: str) -> frozenset[str]:
        """Their versions; a release that claims to follow itself is among them."""
        if version not in self._found:
            found: set[str] = set()
            waiting = [version]
            while waiting:
                release = self._known.get(waiting.pop())
                for followed in (release.follows or ()) if release is not None else ():
                    if followed.version in self._found:
                        found |= {followed.version} | self._found[followed.version]
                    elif followed.version not in found:
                        found.add(followed.version)
                        waiting.append(followed.version)
            self._found[version] = frozenset(found)
        return self._found[version]
