"""When each component was built or could be built, what it waited for, and the chain that took longest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from altai_build.model.graph import find_strong_components
from altai_build.model.release import BuildRecord


@dataclass(frozen=True)
class TimedBuild:
    """One build; times are in seconds since the first one began.

    `ready` is when the last of what it needs was finished, `waited_for` the component that this was, "" where it needed
    none.
    """

    component: str
    ready: float
    started: float
    seconds: float
    waited_for: str
    is_critical: bool

    @property
    def ended(self) -> float:
        """When it was finished."""
        return self.started + self.seconds


@dataclass(frozen=True)
class BuildTimeline:
    """Builds in the order in which they began; `critical` is the chain of needs that takes longest.

    `untimed` are the components of which it is not known how long their build takes: times are too short by theirs.
    """

    builds: tuple[TimedBuild, ...]
    critical: tuple[str, ...]
    untimed: tuple[str, ...]

    @property
    def length(self) -> float:
        """The seconds from the first beginning to the last end."""
        return max((build.ended for build in self.builds), default=0.0)


def plan_timeline(builds: Iterable[BuildRecord]) -> BuildTimeline:
    """Everything built again, each component as soon as what it needs is finished, any number at a time."""
    records = {build.component: build for build in builds}
    timed = {name: build for name, build in records.items() if build.seconds > 0}
    needs = _drop_cycles(records)
    ends: dict[str, tuple[float, str]] = {}  # component → its end, and what it waited for
    for name in needs:
        ready, waited_for = max(((ends[one][0], one) for one in needs[name]), default=(0.0, ""))
        ends[name] = ready + records[name].seconds, waited_for if ready else ""
    critical = _follow(max(ends, key=lambda name: (ends[name][0], name), default=""), ends)
    critical = tuple(name for name in critical if name in timed)
    rows = [
        TimedBuild(
            component=name,
            ready=ends[name][0] - build.seconds,
            started=ends[name][0] - build.seconds,
            seconds=build.seconds,
            waited_for=ends[name][1],
            is_critical=name in critical,
        )
        for name, build in timed.items()
    ]
    untimed = tuple(sorted(records.keys() - timed.keys()))
    return BuildTimeline(_sort(rows), critical, untimed)


def read_timeline(builds: Iterable[BuildRecord]) -> BuildTimeline | None:
    """The builds of the run that made a release, when they took place; None where no build has a time.

    The chain ends with the build that ended last, and each before it is the one that was waited for.
    """
    records = {build.component: build for build in builds if build.started is not None}
    if not records:
        return None
    starts = {name: build.started or 0.0 for name, build in records.items()}
    ends: dict[str, tuple[float, str]] = {}
    for name, build in records.items():
        earlier = [
            (starts[one] + records[one].seconds, one)
            for one in build.needs
            if one in records and starts[one] < starts[name]
        ]
        ends[name] = starts[name] + build.seconds, max(earlier)[1] if earlier else ""
    critical = _follow(max(ends, key=lambda name: (ends[name][0], name)), ends)
    rows = [
        TimedBuild(
            component=name,
            # A clock that was measured elsewhere may say that a need ended later than the build began.
            ready=min(starts[name], ends[ends[name][1]][0]) if ends[name][1] else 0.0,
            started=starts[name],
            seconds=build.seconds,
            waited_for=ends[name][1],
            is_critical=name in critical,
        )
        for name, build in records.items()
    ]
    return BuildTimeline(_sort(rows), critical, ())


def _follow(last: str, ends: Mapping[str, tuple[float, str]]) -> tuple[str, ...]:
    """The chain that leads to a component: what it waited for, what that waited for, and so on."""
    chain = [last] if last else []
    while chain and (before := ends[chain[0]][1]):
        chain.insert(0, before)
    return tuple(chain)


def _sort(rows: Iterable[TimedBuild]) -> tuple[TimedBuild, ...]:
    return tuple(sorted(rows, key=lambda row: (row.started, row.ended, row.component)))


def _drop_cycles(records: Mapping[str, BuildRecord]) -> dict[str, tuple[str, ...]]:
    """Component → what it needs among the others, each after what it needs; needs within a cycle are left out."""
    inner = {name: [one for one in build.needs if one in records] for name, build in records.items()}
    groups = find_strong_components({name: inner[name] for name in sorted(inner)})
    return {
        name: tuple(one for one in inner[name] if one not in group)
        for group in groups
        for name in sorted(group)
    }
