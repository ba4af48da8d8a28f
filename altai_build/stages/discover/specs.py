"""Candidates → components: their specs read statically, and by rpm where only rpm knows what they say."""

from __future__ import annotations

import dataclasses
import posixpath
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Union

from altai_build.config import Config
from altai_build.errors import AltaiError, faults_of
from altai_build.model.component import (
    Component,
    ComponentKind,
    ComponentWithoutSrpm,
    get_spec_path,
    make_unique_names,
)
from altai_build.model.possible_provides import read_declared_names
from altai_build.model.spec import SpecInfo, UnknownSpec
from altai_build.stages.discover.candidates import Found, SpecCandidate, SpecFile, last_part, read_texts
from altai_build.tools.git.superproject import ComponentSource, ComponentSpec
from altai_build.tools.spec.reader import NotASpec, SpecReader, SpecResult, SpecText

if TYPE_CHECKING:
    from altai_build.tools.rpm.evaluate import SpecEvaluator
    from altai_build.workspace import Workspace

# What was read of one spec of a candidate.
_Reading = tuple[SpecFile, Union[SpecResult, AltaiError]]


@dataclass(frozen=True)
class SpecReading:
    """Reads the specs of candidates."""

    config: Config
    reader: SpecReader
    workspace: Workspace
    pool: Executor

    @cached_property
    def evaluator(self) -> SpecEvaluator:
        """What has rpm read specs: imported for the first one that it must read."""
        from altai_build.tools.rpm.evaluate import SpecEvaluator

        return SpecEvaluator(self.config.limits, scratch=self.workspace.scratch, cache=self.workspace.specs)

    def read(self, found: Sequence[Found]) -> tuple[list[ComponentSource], list[ComponentWithoutSrpm]]:
        """Read all specs in batches; a candidate without an RPM spec is read again in its next folder."""
        without_srpm = [item for item in found if isinstance(item, ComponentWithoutSrpm)]
        pending = [item for item in found if isinstance(item, SpecCandidate)]
        chosen: list[tuple[SpecCandidate, _Reading]] = []
        while pending:
            pending = list(self.pool.map(read_texts, pending))
            batches = self._read_batch(pending)
            deeper = []
            for candidate, readings in zip(pending, batches):
                specs = [
                    reading for reading in readings if candidate.error or not isinstance(reading[1], NotASpec)
                ]
                if specs:
                    chosen += [(candidate, reading) for reading in specs]
                elif candidate.later:
                    first, *later = candidate.later
                    deeper.append(dataclasses.replace(candidate, specs=first, later=tuple(later), texts=()))
                else:
                    reason = f"{', '.join(candidate.specs)}: not an RPM spec"
                    without_srpm.append(_without_srpm(candidate, last_part(candidate.path), reason))
            pending = deeper
        components = list(self.pool.map(self._make_component, _name_components(chosen), chosen))
        sourced = [component for component in components if isinstance(component, ComponentSource)]
        without_srpm += [component for component in components if isinstance(component, ComponentWithoutSrpm)]
        order = {item.path: index for index, item in enumerate(found)}
        sourced.sort(key=lambda source: (order.get(source.component.path, 0), source.component.name))
        without_srpm.sort(key=lambda component: component.path)
        return sourced, without_srpm

    def _read_batch(self, candidates: Sequence[SpecCandidate]) -> list[list[_Reading]]:
        """What each candidate's specs say, or what is wrong with them; the specs of each target are read together."""
        results: dict[SpecText, SpecResult] = {}
        for repository in dict.fromkeys(candidate.repository for candidate in candidates):
            macros, arch = self.config.get_target_macros(repository)
            batch = [
                _name_spec(candidate, spec)
                for candidate in candidates
                for spec in candidate.texts
                if candidate.repository == repository
            ]
            results.update(zip(batch, self.reader.read(batch, macros, arch)))
        return [
            [(spec, candidate.error or results[_name_spec(candidate, spec)]) for spec in candidate.texts]
            for candidate in candidates
        ]

    def _make_component(
        self, name: str, chosen: tuple[SpecCandidate, _Reading]
    ) -> ComponentSource | ComponentWithoutSrpm:
        """The component of a spec, which rpm reads where only rpm knows what it says."""
        candidate, (spec, result) = chosen
        settings = self.config.find_component(name, candidate.path)
        if settings and settings.skip:
            return _without_srpm(candidate, name, f"skipped in repos.yaml: {settings.skip}")
        macro_folder = self.config.get_macro_files(candidate.repository)
        has_macros = bool((settings and settings.macros) or macro_folder) and candidate.error is None
        if isinstance(result, AltaiError) and not has_macros:
            return _fail(candidate, name, spec, result)
        component = Component(
            name=name,
            kind=candidate.kind,
            path=candidate.path,
            commit=candidate.commit,
            url=candidate.url,
            spec=spec.path,
            repository=candidate.repository,
        )
        source = ComponentSpec(component, text=spec.text, store=candidate.store, tree=candidate.tree)
        if isinstance(result, UnknownSpec) or has_macros:
            from altai_build.tools.rpm.evaluate import ForeignArch

            macros, arch = self.config.get_component_macros(name, component.path, component.repository)
            read = self.evaluator.read if has_macros else self.evaluator.evaluate
            try:
                with faults_of(component.spec_path):
                    result = read(source, macros, arch, macro_folder)
            except ForeignArch as error:
                return _without_srpm(candidate, name, error.what)
            except AltaiError as error:
                return _fail(candidate, name, spec, error)
        assert isinstance(result, SpecInfo)
        if result.excluded:
            return _without_srpm(candidate, name, result.excluded)
        return ComponentSource(**vars(source), info=result)


def _name_spec(candidate: SpecCandidate, spec: SpecFile) -> SpecText:
    return SpecText(path=get_spec_path(candidate.kind, candidate.path, spec.path), text=spec.text)


def _name_components(chosen: Sequence[tuple[SpecCandidate, _Reading]]) -> list[str]:
    """Unique names: made of the path; of the spec's own name for the root, and where a path has several specs."""
    specs_per_path = Counter(id(candidate) for candidate, _ in chosen)
    identities = []
    for candidate, (spec, _) in chosen:
        stem = posixpath.basename(spec.path).removesuffix(".spec")
        if candidate.kind is ComponentKind.ROOT:
            identities.append((stem, ""))
        else:
            identities.append((candidate.path, "" if specs_per_path[id(candidate)] == 1 else stem))
    return make_unique_names(identities)


def _without_srpm(
    candidate: SpecCandidate, name: str, reason: str, error: AltaiError | None = None
) -> ComponentWithoutSrpm:
    return ComponentWithoutSrpm(
        name=name, path=candidate.path, commit=candidate.commit, reason=reason, error=error
    )


def _fail(candidate: SpecCandidate, name: str, spec: SpecFile, error: AltaiError) -> ComponentWithoutSrpm:
    """A component whose spec cannot be read, with what it provides as far as its text says that."""
    reason = f"{error.what}: {error.why.splitlines()[0]}" if error.why else error.what
    failed = _without_srpm(candidate, name, reason, error)
    return dataclasses.replace(failed, provides=read_declared_names(spec.text))
