"""Candidates → components: their specs read statically, and by rpm where only rpm knows what they say."""

from __future__ import annotations

import dataclasses
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Union

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
from altai_build.stages.discover.candidates import (
    CandidateFinder,
    Found,
    ReadCandidate,
    SpecCandidate,
    SpecFile,
    last_part,
    read_texts,
)
from altai_build.stages.discover.known_pins import KnownPins, digest_context
from altai_build.tools.git.component_source import ComponentSource, ComponentSpec, SpecContent
from altai_build.tools.spec.reader import NotASpec, SpecReader, SpecResult, SpecText

if TYPE_CHECKING:
    from altai_build.tools.rpm.evaluate import SpecEvaluator
    from altai_build.workspace import Workspace

_Candidate = Union[SpecCandidate, ReadCandidate]


class _Reading(NamedTuple):
    """What was read of one spec of a candidate."""

    path: str
    result: SpecResult | AltaiError
    content: SpecContent


@dataclass(frozen=True)
class SpecReading:
    """Reads the specs of candidates, and remembers what they say."""

    config: Config
    reader: SpecReader
    workspace: Workspace
    pool: Executor
    finder: CandidateFinder
    known: KnownPins

    @cached_property
    def evaluator(self) -> SpecEvaluator:
        """What has rpm read specs: imported for the first one that it must read."""
        from altai_build.tools.rpm.evaluate import SpecEvaluator

        return SpecEvaluator(self.config.limits, scratch=self.workspace.scratch, cache=self.workspace.specs)

    def read(self, found: Sequence[Found]) -> tuple[list[ComponentSource], list[ComponentWithoutSrpm]]:
        """Read all specs in batches; a candidate without an RPM spec is read again in its next folder."""
        without_srpm = [item for item in found if isinstance(item, ComponentWithoutSrpm)]
        pending = [item for item in found if isinstance(item, SpecCandidate)]
        chosen: list[tuple[_Candidate, _Reading]] = [
            (item, _Reading(path, spec, content))
            for item in found
            if isinstance(item, ReadCandidate)
            for path, spec, content in item.specs
        ]
        while pending:
            pending = list(self.pool.map(read_texts, pending))
            batches = self._read_batch(pending)
            deeper = []
            for candidate, readings in zip(pending, batches):
                specs = [
                    reading
                    for reading in readings
                    if candidate.error or not isinstance(reading.result, NotASpec)
                ]
                if specs:
                    chosen += [(candidate, reading) for reading in specs]
                    self._remember(candidate, specs)
                elif candidate.later:
                    first, *later = candidate.later
                    deeper.append(dataclasses.replace(candidate, specs=first, later=tuple(later), texts=()))
                else:
                    reason = f"{', '.join(candidate.specs)}: not an RPM spec"
                    without_srpm.append(_without_srpm(candidate, last_part(candidate.path), reason))
                    files = len(candidate.tree)
                    self.finder.remember(candidate.key, candidate.store, files, (), reason)
            pending = deeper
        order = {item.path: index for index, item in enumerate(found)}
        chosen.sort(key=lambda one: order.get(one[0].path, 0))
        components = list(self._make_components(chosen))
        sourced = [component for component in components if isinstance(component, ComponentSource)]
        without_srpm += [component for component in components if isinstance(component, ComponentWithoutSrpm)]
        sourced.sort(key=lambda source: (order.get(source.component.path, 0), source.component.name))
        without_srpm.sort(key=lambda component: component.path)
        return sourced, without_srpm

    def _remember(self, candidate: SpecCandidate, readings: Sequence[_Reading]) -> None:
        """Remember what all specs of a candidate say; errors are found anew each time."""
        specs = [
            (one.path, one.result) for one in readings if isinstance(one.result, (SpecInfo, UnknownSpec))
        ]
        if candidate.error is None and len(specs) == len(readings):
            self.finder.remember(candidate.key, candidate.store, len(candidate.tree), specs)

    def _make_components(
        self, chosen: Sequence[tuple[_Candidate, _Reading]]
    ) -> Iterator[ComponentSource | ComponentWithoutSrpm]:
        """The components of these specs, in their order; what needs rpm is read side by side."""
        pending = [
            self.pool.submit(self._make_component, name, *one)
            if self._needs_rpm(name, *one)
            else (name, *one)
            for name, one in zip(_name_components(chosen), chosen)
        ]
        for one in pending:
            yield self._make_component(*one) if isinstance(one, tuple) else one.result()

    def _needs_rpm(self, name: str, candidate: _Candidate, reading: _Reading) -> bool:
        return isinstance(reading.result, UnknownSpec) or self._has_macros(name, candidate)

    def _has_macros(self, name: str, candidate: _Candidate) -> bool:
        """Whether a component has macros that its repository's target has not, or the target has macro files."""
        settings = self.config.find_component(name, candidate.path)
        macro_folder = self.config.get_macro_files(candidate.repository)
        return bool((settings and settings.macros) or macro_folder) and candidate.error is None

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
            [
                _Reading(
                    path=spec.path,
                    result=candidate.error or results[_name_spec(candidate, spec)],
                    content=SpecContent.of(spec.text, candidate.store, candidate.tree),
                )
                for spec in candidate.texts
            ]
            for candidate in candidates
        ]

    def _make_component(
        self, name: str, candidate: _Candidate, reading: _Reading
    ) -> ComponentSource | ComponentWithoutSrpm:
        """The component of a spec, which rpm reads where only rpm knows what it says."""
        result = reading.result
        settings = self.config.find_component(name, candidate.path)
        if settings and settings.skip:
            return _without_srpm(candidate, name, f"skipped in repos.yaml: {settings.skip}")
        has_macros = self._has_macros(name, candidate)
        if isinstance(result, AltaiError) and not has_macros:
            return _fail(candidate, name, reading, result)
        component = Component(
            name=name,
            kind=candidate.kind,
            path=candidate.path,
            commit=candidate.commit,
            url=candidate.url,
            spec=reading.path,
            repository=candidate.repository,
        )
        if isinstance(result, UnknownSpec) or has_macros:
            from altai_build.tools.rpm.evaluate import ForeignArch

            try:
                with faults_of(component.spec_path):
                    result = self._evaluate(component, reading.content, is_static=has_macros)
            except ForeignArch as error:
                return _without_srpm(candidate, name, error.what)
            except AltaiError as error:
                return _fail(candidate, name, reading, error)
        assert isinstance(result, SpecInfo)
        if result.excluded:
            return _without_srpm(candidate, name, result.excluded)
        return ComponentSource(component, reading.content, info=result)

    def _evaluate(self, component: Component, content: SpecContent, *, is_static: bool) -> SpecInfo:
        """What rpm says of a spec; with `is_static` only if it cannot be read without rpm."""
        macros, arch = self.config.get_component_macros(component.name, component.path, component.repository)
        macro_folder = self.config.get_macro_files(component.repository)
        key = ""
        # The history of the superproject is not that of its folders alone.
        if component.kind is ComponentKind.SUBMODULE:
            version, files = self.evaluator.rpm_version, self.evaluator.digest_macro_files(macro_folder)
            context = digest_context(arch, macros, version, files, str(is_static))
            key = f"{component.commit} {context} {component.spec}"
        known = self.known.find_spec(key) if key else None
        if known is not None:
            return known
        evaluation = self.evaluator.read_with_origin(
            ComponentSpec(component, content), macros, arch, macro_folder, is_static=is_static
        )
        if key and evaluation.depends_on_commit_alone:
            self.known.add_spec(key, evaluation.info)
        return evaluation.info


def _name_spec(candidate: SpecCandidate, spec: SpecFile) -> SpecText:
    return SpecText(path=get_spec_path(candidate.kind, candidate.path, spec.path), text=spec.text)


def _name_components(chosen: Sequence[tuple[_Candidate, _Reading]]) -> list[str]:
    """Unique names: made of the path; of the spec's own name for the root, and where a path has several specs."""
    specs_per_path = Counter(id(candidate) for candidate, _ in chosen)
    identities = []
    for candidate, reading in chosen:
        stem = posixpath.basename(reading.path).removesuffix(".spec")
        if candidate.kind is ComponentKind.ROOT:
            identities.append((stem, ""))
        else:
            identities.append((candidate.path, "" if specs_per_path[id(candidate)] == 1 else stem))
    return make_unique_names(identities)


def _without_srpm(
    candidate: _Candidate, name: str, reason: str, error: AltaiError | None = None
) -> ComponentWithoutSrpm:
    return ComponentWithoutSrpm(
        name=name, path=candidate.path, commit=candidate.commit, reason=reason, error=error
    )


def _fail(candidate: _Candidate, name: str, reading: _Reading, error: AltaiError) -> ComponentWithoutSrpm:
    """A component whose spec cannot be read, with what it provides as far as its text says that."""
    reason = f"{error.what}: {error.why.splitlines()[0]}" if error.why else error.what
    failed = _without_srpm(candidate, name, reason, error)
    try:
        text = reading.content.loaded.text
    except AltaiError:
        # The commit is known from an earlier run, and is damaged now: the error says so.
        return failed
    return dataclasses.replace(failed, provides=read_declared_names(text))
