"""Make the source packages of the selected components, several at the same time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from altai_build.config import Config
from altai_build.errors import AltaiError, InputError
from altai_build.model.component import ComponentWithoutSrpm
from altai_build.model.component_status import ComponentStatus
from altai_build.model.srpm import Srpm, SrpmResult
from altai_build.pipeline.build.component_names import (
    select_by_name,
    warn_of_empty_folders,
    warn_of_unknown_settings,
)
from altai_build.pipeline.build.package_names import describe_shared_name_fix, list_shared_names
from altai_build.pipeline.build.srpm_cache import INPUTS_UNCHANGED
from altai_build.pipeline.build.work_trees import warn_of_work_trees
from altai_build.pipeline.run import Run
from altai_build.stages.discover.components import Discovery, discover
from altai_build.stages.sources import fetch_sources
from altai_build.stages.srpm import PackedSrpm, PreparedSrpm, SrpmMaker
from altai_build.tools.files import remove_tree, scratch_directory
from altai_build.tools.git.component_source import ComponentSource
from altai_build.tools.leftovers import remove_abandoned
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.rpm.known_srpms import KnownSrpms
from altai_build.tools.spec.reader import SpecReader


@dataclass(frozen=True)
class SrpmBatch:
    """The source packages of the selected components."""

    discovery: Discovery
    srpms: tuple[tuple[ComponentSource, Srpm], ...]
    # For every selected component, in the superproject's order.
    results: tuple[SrpmResult, ...]
    # Has the downloaded sources.
    maker: SrpmMaker


def make_srpms(
    run: Run, revision: str, names: Sequence[str], reader: SpecReader, *, compare_work_trees: bool = False
) -> SrpmBatch:
    """Make the source packages of the named components of a superproject revision; of all without names.

    With `compare_work_trees` it warns of work trees that differ from the pins. `reader` is entered already. Raises
    InputError for a name that no component has.
    """
    run.workspace.prepare()
    discovery = _discover_named(run, revision, names, reader)
    with ThreadPoolExecutor(1) as comparer:
        # Meanwhile, because a git process for each takes a tenth of the time.
        compared = comparer.submit(warn_of_work_trees, run, discovery.sourced if compare_work_trees else ())
        srpm_batch = make_discovered_srpms(run, discovery)
    compared.result()
    return srpm_batch


def _discover_named(run: Run, revision: str, names: Sequence[str], reader: SpecReader) -> Discovery:
    """The named components; the specs of the others are read only if a name may be that of a package."""
    discover_some = partial(
        discover, run.superproject, run.config, run.workspace, revision, jobs=run.jobs, reader=reader
    )
    if names:
        try:
            return select_by_name(discover_some(only=names), names)
        except InputError:
            pass
    whole = discover_some()
    warn_of_unknown_settings(run, whole)
    warn_of_empty_folders(run, whole)
    return select_by_name(whole, names)


def make_discovered_srpms(
    run: Run, discovery: Discovery, *, version: str | None = None, only_stored: bool = False
) -> SrpmBatch:
    """Make the source packages of all discovered components; one that fails does not stop the others.

    With `only_stored` none is made: those that are not in the workspace fail with SrpmNotMade.
    """
    known = KnownSrpms(run.workspace.known_srpms)
    maker = SrpmMaker(
        superproject=run.superproject,
        config=run.config,
        workspace=run.workspace,
        ledger=run.ledger,
        rpm_version=rpmbuild.rpm_version_key(),
        version=version,
        only_stored=only_stored,
        known=known,
    )
    new = [source for source in discovery.sourced if not maker.is_known(source)]
    fetched = fetch_sources(new, run.config, run.workspace.cache / "sources", jobs=run.jobs)
    errors = {name: result for name, result in fetched.items() if isinstance(result, AltaiError)}
    maker = replace(
        maker,
        source_cache={name: files for name, files in fetched.items() if not isinstance(files, AltaiError)},
    )
    outcomes = _SrpmPipeline(run, maker, errors).run(discovery.sourced)
    known.save()
    results = [_make_result(source, outcomes[source.component.name]) for source in discovery.sourced]
    results += [_make_result_without_srpm(component) for component in discovery.without_srpm]
    srpms = tuple(
        (source, srpm)
        for source in discovery.sourced
        if isinstance(srpm := outcomes[source.component.name], Srpm)
    )
    return SrpmBatch(discovery=discovery, srpms=srpms, results=tuple(results), maker=maker)


class _SrpmPipeline:
    """Runs the three steps of SrpmMaker at the same time, each for other components."""

    # Seconds between two calls of `store_packages`, which takes as long for many packages as for one.
    STORE_INTERVAL = 0.2

    def __init__(self, run: Run, maker: SrpmMaker, errors: Mapping[str, AltaiError]) -> None:
        """`errors` are those of components whose sources could not be downloaded."""
        self._run = run
        self._maker = maker
        self._errors = errors
        self._packed: deque[PackedSrpm] = deque()
        self._all_packed = threading.Event()
        # Limits the disk space for packages that are prepared and not packed yet.
        self._prepared_slots = threading.Semaphore(8 * max(1, run.jobs))
        self.outcomes: dict[str, Srpm | AltaiError] = {}

    def run(self, sources: Sequence[ComponentSource]) -> dict[str, Srpm | AltaiError]:
        """The package or the error of each component; one that fails does not stop the others."""
        jobs = max(1, self._run.jobs)
        with ExitStack() as stack:
            self._progress = stack.enter_context(self._run.reporter.track("source packages", len(sources)))
            remove_abandoned(self._run.workspace.scratch, "*")
            self._scratch = stack.enter_context(scratch_directory(self._run.workspace.scratch, "srpms"))
            storing = stack.enter_context(ThreadPoolExecutor(1)).submit(self._store_until_all_packed)
            # Also when the block ends early.
            stack.callback(self._all_packed.set)
            packers = stack.enter_context(ThreadPoolExecutor(jobs))
            preparers = stack.enter_context(ThreadPoolExecutor(jobs))
            # With several workers the large ones come first, so that none is left over at the end.
            queue = sorted(sources, key=lambda source: -source.content.files) if jobs > 1 else sources
            packings = list(preparers.map(lambda source: self._prepare(source, packers), queue))
            for packing in packings:
                if packing is not None:
                    packing.result()
            self._all_packed.set()
            storing.result()
            self._record_errors(_find_duplicate_packages(sources, self.outcomes))
            self._record_errors(_find_shared_names(self._run.config, sources, self.outcomes))
        return self.outcomes

    def _prepare(self, source: ComponentSource, packers: Executor) -> Future[None] | None:
        name = source.component.name
        self._prepared_slots.acquire()
        is_submitted = False
        try:
            self._progress.start(name)
            if name in self._errors:
                raise self._errors[name]
            prepared = self._maker.prepare(source, self._scratch)
            if isinstance(prepared, PreparedSrpm):
                for warning in prepared.list_warnings():
                    self._run.reporter.warn(warning)
                is_submitted = True
                return packers.submit(self._pack, prepared)
            self._record_outcome(name, prepared)
        except AltaiError as error:
            self._record_outcome(name, error)
        finally:
            if not is_submitted:
                self._prepared_slots.release()
        return None

    def _pack(self, prepared: PreparedSrpm) -> None:
        try:
            self._packed.append(self._maker.run_rpmbuild(prepared))
        except AltaiError as error:
            remove_tree(prepared.top)
            self._record_outcome(prepared.component.name, error)
        finally:
            self._prepared_slots.release()

    def _store_until_all_packed(self) -> None:
        while not self._all_packed.wait(self.STORE_INTERVAL):
            self._store()
        self._store()

    def _store(self) -> None:
        batch = [self._packed.popleft() for _ in range(len(self._packed))]
        for packed, outcome in zip(batch, self._maker.store_packages(batch) if batch else ()):
            self._record_outcome(packed.component.name, outcome)
            # rpmbuild succeeds without a %changelog whose first entry it does not understand.
            errors = [line for line in packed.complaints.splitlines() if line.startswith("error: ")]
            if errors and isinstance(outcome, Srpm):
                self._run.reporter.warn(f"{packed.component.name}: rpm goes on behind an {errors[0]}")
        # Not in `_pack`: the next rpmbuild need not wait for it.
        for packed in batch:
            remove_tree(packed.prepared.top)

    def _record_errors(self, errors: Mapping[str, AltaiError]) -> None:
        for name, error in errors.items():
            self._record_outcome(name, error)

    def _record_outcome(self, name: str, outcome: Srpm | AltaiError) -> None:
        self.outcomes[name] = outcome
        if isinstance(outcome, AltaiError):
            self._progress.finish(name, ComponentStatus.FAILED.value, outcome.what)
        else:
            status = ComponentStatus.REUSED if outcome.reused else ComponentStatus.BUILT
            self._progress.finish(name, status.value, outcome.path.name)


def _find_duplicate_packages(
    sources: Sequence[ComponentSource], outcomes: Mapping[str, Srpm | AltaiError]
) -> dict[str, AltaiError]:
    """Errors for components that produce the same package, because a repository cannot offer both.

    That is so for source packages of one file name, and for specs of one name, version and release: their release
    suffixes differ, but then yum would prefer one of them by its number of commits.
    """
    makers: dict[str, list[ComponentSource]] = {}
    for source in sources:
        outcome, info = outcomes[source.component.name], source.info
        if isinstance(outcome, Srpm):
            parts = (info.name, info.version, info.release)
            name = "-".join(part for part in parts if part) if all(parts) else outcome.path.name
            makers.setdefault(name, []).append(source)
    return {
        source.component.name: InputError(
            f"{len(duplicates)} components produce the same package {name}",
            why="\n".join(
                f"  {other.component.spec_path} at {other.component.commit}" for other in duplicates
            ),
            todo="give one of them another Name: or Version:, or skip it by components.NAME.skip in repos.yaml",
        )
        for name, duplicates in makers.items()
        if len(duplicates) > 1
        for source in duplicates
    }


def _find_shared_names(
    config: Config, sources: Sequence[ComponentSource], outcomes: Mapping[str, Srpm | AltaiError]
) -> dict[str, AltaiError]:
    """Errors for components whose specs make packages of one name; builds take hours, and would find that too."""
    known = {
        source.component.name: source
        for source in sources
        if isinstance(outcomes[source.component.name], Srpm)
    }
    targets = {
        name: config.repositories[source.component.repository].target if source.component.repository else None
        for name, source in known.items()
    }
    names = {name: source.info.packages for name, source in known.items()}
    return {
        name: InputError(
            f"{len(makers)} components make packages of the name {package}",
            why="\n".join(
                f"  {known[maker].component.spec_path} at {known[maker].component.commit}" for maker in makers
            ),
            todo=describe_shared_name_fix(),
        )
        for package, makers in list_shared_names(config, names, targets).items()
        for name in makers
    }


def _make_result(source: ComponentSource, outcome: Srpm | AltaiError) -> SrpmResult:
    component = source.component
    if isinstance(outcome, AltaiError):
        return SrpmResult(
            component=component.name, commit=component.commit, reason=str(outcome), error=outcome
        )
    reason = INPUTS_UNCHANGED if outcome.reused else "the workspace has no source package of these inputs"
    return SrpmResult(component=component.name, commit=component.commit, reason=reason, srpm=outcome)


def _make_result_without_srpm(component: ComponentWithoutSrpm) -> SrpmResult:
    return SrpmResult(
        component=component.name,
        commit=component.commit,
        reason=component.reason if component.error is None else str(component.error),
        error=component.error,
    )
