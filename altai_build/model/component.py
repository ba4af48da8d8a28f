"""Components: the units that have a spec."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from altai_build.errors import AltaiError
from altai_build.model.gitlink import CommitId


class ComponentKind(str, Enum):
    """Where a component's spec is."""

    SUBMODULE = "submodule"
    # The superproject's own spec.
    ROOT = "root"
    # A folder of specs/.
    SPEC = "spec"


@dataclass(frozen=True)
class Component:
    """One spec at one commit, and the release repository its packages belong to."""

    name: str
    kind: ComponentKind
    # In the superproject; "." for its root.
    path: str
    # The pin; for the root the superproject's commit, for a folder of specs/ the last commit that changed it.
    commit: CommitId
    url: str | None
    # The path of the spec file in the tree of `commit`.
    spec: str
    # None without a repos.yaml.
    repository: str | None

    @property
    def spec_path(self) -> str:
        """The path of the spec file from the superproject's root."""
        return get_spec_path(self.kind, self.path, self.spec)


@dataclass(frozen=True)
class ComponentWithoutSrpm:
    """A component that has no source package: because of an `error`, or for a `reason` that is none.

    After an error nobody knows what its packages provide; `provides` is what its spec tells nevertheless.
    """

    name: str
    path: str
    commit: CommitId
    reason: str
    error: AltaiError | None = None
    provides: frozenset[str] = frozenset()


def get_spec_path(kind: ComponentKind, path: str, spec: str) -> str:
    """The path of a spec file from the superproject's root; in a submodule, `spec` starts at the submodule."""
    return f"{path}/{spec}" if kind is ComponentKind.SUBMODULE else spec


def make_unique_names(paths: list[tuple[str, str]]) -> list[str]:
    """Names for (path, spec stem or ""): the last part of the path, or the whole path where names would be equal."""
    short = [_join(path.rpartition("/")[2], stem) for path, stem in paths]
    counts = Counter(short)
    return [_join(path, stem) if counts[name] > 1 else name for name, (path, stem) in zip(short, paths)]


def _join(path: str, stem: str) -> str:
    return f"{path}/{stem}" if stem else path
