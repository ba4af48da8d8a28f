"""What a component's source package is made from: content is opened only when something in it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from altai_build.model.component import Component
    from altai_build.model.spec import SpecInfo
    from altai_build.tools.git.objects import ObjectStore
    from altai_build.tools.git.trees import TreeEntry


class LoadedContent(NamedTuple):
    """The text of a spec as committed, with the objects and the tree of its commit."""

    text: str
    store: ObjectStore
    tree: tuple[TreeEntry, ...]


class SpecContent:
    """The content of a spec's commit.

    Of a commit that an earlier run has read, many commands need nothing more: so git is asked only for what is used.
    """

    def __init__(self, load: Callable[[], LoadedContent], *, files: int) -> None:
        """`load` may raise AltaiError, and so does then whatever asks for the content; `files` are in the tree."""
        self._load = load
        self.files = files

    @classmethod
    def of(cls, text: str, store: ObjectStore, tree: tuple[TreeEntry, ...]) -> SpecContent:
        """Content that has been read."""
        return cls(lambda: LoadedContent(text, store, tree), files=len(tree))

    @cached_property
    def loaded(self) -> LoadedContent:
        """All of it, from git when it is first asked for."""
        return self._load()


@dataclass(frozen=True)
class ComponentSpec:
    """A component with its spec, before that is read. Asking for content may raise AltaiError, if it is not loaded."""

    component: Component
    content: SpecContent

    @property
    def text(self) -> str:
        """The spec as committed."""
        return self.content.loaded.text

    @property
    def store(self) -> ObjectStore:
        """The objects of its commit."""
        return self.content.loaded.store

    @property
    def tree(self) -> tuple[TreeEntry, ...]:
        """The files of its commit."""
        return self.content.loaded.tree


@dataclass(frozen=True)
class ComponentSource(ComponentSpec):
    """A component with what its source package is made from."""

    info: SpecInfo
