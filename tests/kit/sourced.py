"""A component with its commit, made without a superproject: for tests of what works on one component."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from altai_build.model.component import Component, ComponentKind
from altai_build.model.limits import Limits
from altai_build.tools.git.component_source import ComponentSource, ComponentSpec, SpecContent
from altai_build.tools.git.objects import ObjectStore
from altai_build.tools.rpm.evaluate import SpecEvaluator
from tests.kit.git import Entry, Repo


def make_component_spec(
    folder: Path, files: Mapping[str, Entry], spec: str, *, kind: ComponentKind = ComponentKind.SUBMODULE
) -> ComponentSpec:
    """The component whose repository, made in `folder`, has these files in its only commit; `spec` is one of them."""
    repo = Repo(folder / "component")
    commit = repo.commit(files)
    store = ObjectStore.open_borrowed(
        repo.path / ".git", shadows=folder / "shadows", origin="a test", commit=commit
    )
    text = files[spec]
    assert isinstance(text, str)
    name = spec.rpartition("/")[2].removesuffix(".spec")
    path = spec.rpartition("/")[0] if kind is ComponentKind.SPEC else f"repos/{name}"
    component = Component(
        name=name, kind=kind, path=path, commit=commit, url=None, spec=spec, repository=None
    )
    return ComponentSpec(component=component, content=SpecContent.of(text, store, store.read_tree(commit)))


def make_sourced(
    folder: Path,
    files: Mapping[str, Entry],
    spec: str,
    *,
    kind: ComponentKind = ComponentKind.SUBMODULE,
    macros: Mapping[str, str] | None = None,
) -> ComponentSource:
    """That component with what its spec says."""
    source = make_component_spec(folder, files, spec, kind=kind)
    evaluator = SpecEvaluator(Limits(), scratch=folder / "scratch", cache=folder / "cache")
    return ComponentSource(**vars(source), info=evaluator.read(source, macros or {}, "x86_64"))
