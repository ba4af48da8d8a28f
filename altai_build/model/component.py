"""Components: the units that have a spec, and what became of their source packages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from altai_build.model.gitlink import CommitId


class ComponentKind(str, Enum):
    """Where a component's spec is."""

    SUBMODULE = "submodule"
    ROOT = "root"  # the superproject's own spec
    SPEC = "spec"  # a folder of specs/


@dataclass(frozen=True)
class Component:
    """One spec at one commit, and the release repository its packages belong to."""

    name: str
    kind: ComponentKind
    path: str  # in the superproject; "." for its root
    commit: (
        CommitId  # the pin; for a root or a folder of specs/, the superproject commit that last changed it
    )
    url: str | None
    spec: str  # path of the spec file in the tree of `commit`
    repository: str | None  # None where no repos.yaml says

    @property
    def spec_path(self) -> str:
        """The spec file as a person looks for it, seen from the superproject."""
        return get_spec_path(self.kind, self.path, self.spec)


def get_spec_path(kind: ComponentKind, path: str, spec: str) -> str:
    """A spec file seen from the superproject: only in a submodule does its path begin at the component."""
    return f"{path}/{spec}" if kind is ComponentKind.SUBMODULE else spec


def make_unique_names(paths: list[tuple[str, str]]) -> list[str]:
    """Names for (path, spec stem or ""): the path's last part, made longer only where two would be the same."""
    short = [_join(path.rpartition("/")[2], stem) for path, stem in paths]
    return [_join(path, stem) if short.count(name) > 1 else name for name, (path, stem) in zip(short, paths)]


def _join(path: str, stem: str) -> str:
    return f"{path}/{stem}" if stem else path
