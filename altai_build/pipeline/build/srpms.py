"""plan → srpm: the source packages of the chosen components, made side by side."""

from __future__ import annotations

import difflib
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from altai_build.errors import AltaiError, InputError
from altai_build.model.build import ComponentStatus
from altai_build.model.srpm import Srpm, SrpmResult
from altai_build.pipeline.build.srpm_cache import INPUTS_UNCHANGED
from altai_build.pipeline.run import Run
from altai_build.stages.discover import ComponentWithoutSrpm, Discovery, discover
from altai_build.stages.sources import fetch_sources
from altai_build.stages.srpm import PackedSrpm, PreparedSrpm, SrpmMaker
from altai_build.tools.files import scratch_directory
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.rpm import rpmbuild
from altai_build.tools.spec.reader import SpecReader


@dataclass(frozen=True)
class SrpmBatch:
    """What became of the chosen components' source packages."""

    discovery: Discovery
    srpms: tuple[tuple[ComponentSource, Srpm], ...]
    # For every chosen component, in the superproject's order.
    results: tuple[SrpmResult, ...]
    # Has the fetched sources.
    maker: SrpmMaker


def make_srpms(run: Run, revision: str, names: Sequence[str], reader: SpecReader) -> SrpmBatch:
    """Make the source packages of the named components (all, when none is named) of a superproject revision.

    `reader` is entered already. Raises InputError for a name that no component has.
    """
    run.workspace.prepare()
    return make_discovered_srpms(run, _discover_named(run, revision, names, reader))


def _discover_named(run: Run, revision: str, names: Sequence[str], reader: SpecReader) -> Discovery:
    """The named components; the others are looked at only where a name may be that of one's package."""
    look = partial(discover, run.superproject, run.config, revision, jobs=run.jobs, reader=reader)
    if names:
        try:
            return select_by_name(look(only=names), names)
        except InputError:
            pass
    return select_by_name(look(), names)


def make_discovered_srpms(run: Run, discovery: Discovery, *, version: str | None = None) -> SrpmBatch:
    """Make the source packages of everything discovered, side by side; one that fails does not stop the others."""
    fetched = fetch_sources(discovery.sourced, run.workspace.cache / "sources", jobs=run.jobs)
    faults = {name: answer for name, answer in fetched.items() if isinstance(answer, AltaiError)}
    maker = make_srpm_maker(run, version, {k: v for k, v in fetched.items() if not isinstance(v, AltaiError)})
    outcomes = _SrpmPipeline(run, maker, faults).work(discovery.sourced)
    outcomes.update(_find_duplicate_packages(discovery.sourced, outcomes))
    results = [_make_result(sourced, outcomes[sourced.component.name]) for sourced in discovery.sourced]
    results += [make_result_without_srpm(component) for component in discovery.without_srpm]
    srpms = tuple(
        (sourced, srpm)
        for sourced in discovery.sourced
        if isinstance(srpm := outcomes[sourced.component.name], Srpm)
    )
    return SrpmBatch(discovery=discovery, srpms=srpms, results=tuple(results), maker=maker)


class _SrpmPipeline:
    """Three stations that source packages pass, each at work while the others are: prepare, pack, keep."""

    KEEP_SECONDS = 0.1  # between two looks at what is packed: looking at one takes as long as looking at many

    def __init__(self, run: Run, maker: SrpmMaker, faults: Mapping[str, AltaiError]) -> None:
        self._run = run
        self._maker = maker
        self._faults = faults  # of components whose sources could not be fetched
        self._packed: deque[PackedSrpm] = deque()
        self._all_packed = threading.Event()
        self._room = threading.Semaphore(8 * max(1, run.jobs))  # for what is prepared and not packed yet
        self.outcomes: dict[str, Srpm | AltaiError] = {}

    def work(self, wanted: Sequence[ComponentSource]) -> dict[str, Srpm | AltaiError]:
        """What became of each component; one that fails does not stop the others."""
        jobs = max(1, self._run.jobs)
        with ExitStack() as stack:
            self._table = stack.enter_context(self._run.reporter.track("source packages", len(wanted)))
            self._scratch = stack.enter_context(scratch_directory(self._run.workspace.scratch, "srpms"))
            keeper = stack.enter_context(ThreadPoolExecutor(1)).submit(self._keep_all)
            stack.callback(self._all_packed.set)  # also when it ends early
            packers = stack.enter_context(ThreadPoolExecutor(jobs))
            preparers = stack.enter_context(ThreadPoolExecutor(jobs))
            # Where several are at work the large ones come first, so that none is left over when the others are done.
            queue = sorted(wanted, key=lambda one: -len(one.tree)) if jobs > 1 else wanted
            prepared = list(preparers.map(lambda one: self._prepare(one, packers), queue))
            for packing in prepared:
                if packing is not None:
                    packing.result()
            self._all_packed.set()
            keeper.result()
        return self.outcomes

    def _prepare(self, sourced: ComponentSource, packers: Executor) -> Future[None] | None:
        name = sourced.component.name
        self._room.acquire()
        handed_on = False
        try:
            self._table.start(name)
            if name in self._faults:
                raise self._faults[name]
            prepared = self._maker.prepare(sourced, self._scratch)
            if isinstance(prepared, PreparedSrpm):
                handed_on = True
                return packers.submit(self._pack, prepared)
            self._record_result(name, prepared)
        except AltaiError as error:
            self._record_result(name, error)
        finally:
            if not handed_on:
                self._room.release()
        return None

    def _pack(self, prepared: PreparedSrpm) -> None:
        try:
            self._packed.append(self._maker.run_rpmbuild(prepared))
        except AltaiError as error:
            self._record_result(prepared.component.name, error)
        finally:
            self._room.release()

    def _keep_all(self) -> None:
        while not self._all_packed.wait(self.KEEP_SECONDS):
            self._keep()
        self._keep()

    def _keep(self) -> None:
        batch = [self._packed.popleft() for _ in range(len(self._packed))]
        for one, outcome in zip(batch, self._maker.store_packages(batch) if batch else ()):
            self._record_result(one.component.name, outcome)

    def _record_result(self, name: str, outcome: Srpm | AltaiError) -> None:
        self.outcomes[name] = outcome
        if isinstance(outcome, AltaiError):
            self._table.finish(name, ComponentStatus.FAILED.value, outcome.what)
        else:
            status = ComponentStatus.REUSED if outcome.reused else ComponentStatus.BUILT
            self._table.finish(name, status.value, outcome.path.name)


def _find_duplicate_packages(
    sourced: Sequence[ComponentSource], outcomes: Mapping[str, Srpm | AltaiError]
) -> dict[str, Srpm | AltaiError]:
    """Errors for components that would be one package: no repository can offer both, so none may stand.

    That is so for source packages of one file name, and for specs of one name, version and release: their stamps
    differ, but then yum would prefer one of them by the number of its commits.
    """
    makers: dict[str, list[ComponentSource]] = {}
    for one in sourced:
        outcome, info = outcomes[one.component.name], one.info
        if isinstance(outcome, Srpm):
            plain = (info.name, info.version, info.release)
            name = "-".join(part for part in plain if part) if all(plain) else outcome.path.name
            makers.setdefault(name, []).append(one)
    return {
        one.component.name: InputError(
            f"{len(same)} components produce the same package {name}",
            why="\n".join(f"  {a.component.spec_path} at {a.component.commit}" for a in same),
            todo="give one of them another Name: or Version:, or leave it out by components.NAME.skip in repos.yaml",
        )
        for name, same in makers.items()
        if len(same) > 1
        for one in same
    }


def make_srpm_maker(run: Run, version: str | None, sources: Mapping[str, Mapping[str, Path]]) -> SrpmMaker:
    """The maker of this run; asks rpmbuild once which version it is, for the keys."""
    return SrpmMaker(
        superproject=run.superproject,
        config=run.config,
        workspace=run.workspace,
        ledger=run.ledger,
        rpm_version=rpmbuild.rpm_version_key(),
        version=version,
        source_cache=sources,
    )


def select_by_name(discovery: Discovery, names: Sequence[str]) -> Discovery:
    """The part of a discovery that the names (or paths) mean. Raises InputError naming all unknown ones."""
    if not names:
        return discovery
    known = {name for one in discovery.sourced for name in _accepted_names(one)}
    known |= {name for out in discovery.without_srpm for name in (out.name, out.path)}
    unknown = [name for name in names if name not in known]
    if unknown:
        near = [
            f"{name}: perhaps {', '.join(difflib.get_close_matches(name, known, n=2))}" for name in unknown
        ]
        raise InputError(
            f"no such component: {', '.join(unknown)}",
            why="\n".join(line for line in near if not line.endswith("perhaps ")),
            todo="`altai-build plan` lists the components; a name, its path or its package's name will do",
        )
    wanted = set(names)
    own = {name for one in discovery.sourced for name in (one.component.name, one.component.path)}
    of_packages = wanted - own  # a package's name counts where no component is called that
    return Discovery(
        commit=discovery.commit,
        time=discovery.time,
        sourced=tuple(
            one
            for one in discovery.sourced
            if wanted & {one.component.name, one.component.path} or one.info.name in of_packages
        ),
        without_srpm=tuple(out for out in discovery.without_srpm if wanted & {out.name, out.path}),
    )


def _accepted_names(sourced: ComponentSource) -> set[str]:
    return {sourced.component.name, sourced.component.path, sourced.info.name}


def _make_result(sourced: ComponentSource, outcome: Srpm | AltaiError) -> SrpmResult:
    component = sourced.component
    if isinstance(outcome, AltaiError):
        return SrpmResult(
            component=component.name, commit=component.commit, reason=str(outcome), error=outcome
        )
    reason = INPUTS_UNCHANGED if outcome.reused else "no source package of these inputs was kept"
    return SrpmResult(component=component.name, commit=component.commit, reason=reason, srpm=outcome)


def make_result_without_srpm(component: ComponentWithoutSrpm) -> SrpmResult:
    """The result of a component that has no spec, or whose spec cannot be read."""
    return SrpmResult(
        component=component.name,
        commit=component.commit,
        reason=component.reason if component.error is None else str(component.error),
        error=component.error,
    )
