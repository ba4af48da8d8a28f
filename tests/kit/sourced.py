"""A component with its commit, made without a superproject: for tests of what works on one component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.component import Component, ComponentKind
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.spec.reader import SpecText, read_specs
from tests.kit.git import Entry, Repo


def make_sourced(
    folder: Path,
    files: Mapping[str, Entry],
    spec: str,
    *,
    kind: ComponentKind = ComponentKind.SUBMODULE,
    macros: Mapping[str, str] | None = None,
) -> ComponentSource:
    """The component whose repository, made in `folder`, has these files in its only commit; `spec` is one of them."""
    repo = Repo(folder / "component")
    commit = repo.commit(files)
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=folder / "shadows", origin="a test", commit=commit
    )
    text = files[spec]
    assert isinstance(text, str)
    (info,) = read_specs([SpecText(path=spec, text=text)], macros or {}, "x86_64")
    assert not isinstance(info, InputError), info
    name = spec.rpartition("/")[2].removesuffix(".spec")
    path = spec.rpartition("/")[0] if kind is ComponentKind.SPEC else f"repos/{name}"
    component = Component(
        name=name, kind=kind, path=path, commit=commit, url=None, spec=spec, repository=None
    )
    return ComponentSource(
        component=component, info=info, text=text, store=store, tree=store.read_tree(commit)
    )
