"""Modules as dnf treats them: packages of streams that are not active are left out, and what active streams replace.

Source of the rules: libdnf, module/ModulePackageContainer.cpp and dnf-sack.cpp (setModuleExcludes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import solv

from altai_build.errors import InputError
from altai_build.tools.repo.modules import Modules, ModuleStream, get_default_streams
from altai_build.tools.solver.dependencies import get_nevra, list_dependencies

# The operating system itself is a module on which all others depend.
_PLATFORM = "platform"


def find_excluded_packages(
    libsolv: solv.Pool, modules: Sequence[Modules], chosen: Mapping[str, str], repositories: Collection[int]
) -> frozenset[int]:
    """The packages of some repositories (by their numbers in the pool) that dnf leaves out.

    These are the packages of streams that are not active, and all others that have or provide the name of a package of
    an active stream. `chosen` streams are active (module → stream), and the default streams of other modules, with
    those that they require. Raises InputError for a chosen stream that cannot be active.
    """
    active = select_active_streams(modules, chosen, find_platform(libsolv))
    wanted = {nevra for stream in active for nevra in stream.artifacts}
    others = {
        nevra for content in modules for stream in content.streams for nevra in stream.artifacts
    } - wanted
    excluded = set()
    for nevras, is_active in ((others, False), (wanted, True)):
        for name in {nevra.name for nevra in nevras}:
            for solvable in libsolv.whatprovides(libsolv.Dep(name)):
                if solvable.repo.id not in repositories:
                    continue
                identity = get_nevra(solvable)
                if identity not in wanted if is_active else identity in nevras:
                    excluded.add(solvable.id)
    return frozenset(excluded)


def find_platform(libsolv: solv.Pool) -> str:
    """The platform of the operating system, as `el8`; "" when none of its packages tells it."""
    prefix, end = f"base-module({_PLATFORM}:", ")"
    for solvable in libsolv.whatprovides(libsolv.Dep("system-release")):
        for dep in list_dependencies(solvable, solv.SOLVABLE_PROVIDES):
            text = str(dep)
            if text.startswith(prefix) and text.endswith(end):
                return text[len(prefix) : -len(end)]
    return ""


def select_active_streams(
    modules: Sequence[Modules], chosen: Mapping[str, str], platform: str
) -> tuple[ModuleStream, ...]:
    """The active builds of streams; `platform` is that of the machine, "" where it is unknown.

    A stream may have been built several times: with other versions of its packages, and for other streams of what it
    requires (contexts). Of the latter the builds for one of these streams are active. Raises InputError for chosen
    streams that do not exist or cannot be active together.
    """
    streams = [stream for content in modules for stream in content.streams]
    _reject_unknown(streams, chosen)
    libsolv = solv.Pool()
    libsolv.setdisttype(solv.Pool.DISTTYPE_RPM)
    libsolv.setarch("noarch")
    repo = libsolv.add_repo("modules")
    # Builds that require the same are active together, as in dnf, which asks the last one for its platform.
    groups: dict[str, list[ModuleStream]] = {}
    for stream in streams:
        groups.setdefault(_format_build(stream), []).append(stream)
    builds = {_add_stream(repo, group[-1], platform): group for group in groups.values()}
    libsolv.addfileprovides()
    libsolv.createwhatprovides()
    defaults = {name: stream for name, stream in get_default_streams(modules).items() if name not in chosen}
    # Where the default streams do not go together, dnf leaves some of them out.
    for weak in (0, solv.Job.SOLVER_WEAK):
        jobs = [
            libsolv.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_PROVIDES | flags, dep.id)
            for table, flags in ((chosen, 0), (defaults, weak))
            for name, stream in table.items()
            if libsolv.whatprovides(dep := libsolv.Dep(f"module({name}:{stream})"))
        ]
        solver = libsolv.Solver()
        problems = solver.solve(jobs)
        if not problems:
            active = [solvable.id for solvable in solver.transaction().newsolvables()]
            return tuple(stream for number in sorted(active) for stream in builds[number])
    raise InputError(
        "the streams that `modules` in repos.yaml chooses cannot be active together",
        why="\n".join(str(problem) for problem in problems),
        todo="choose other streams, also of the modules that they require",
    )


def _format_build(stream: ModuleStream) -> str:
    """`name:stream:requirements`: the same for builds that require the same, in whatever order they say so."""
    blocks = sorted(
        ",".join(
            f"{name}:[{','.join(sorted(streams))}]" for name, streams in sorted(block) if name != _PLATFORM
        )
        for block in stream.requires
    )
    return f"{stream.label}:{';'.join(blocks)}"


def _reject_unknown(streams: Iterable[ModuleStream], chosen: Mapping[str, str]) -> None:
    known: dict[str, set[str]] = {}
    for stream in streams:
        known.setdefault(stream.name, set()).add(stream.stream)
    unknown = [
        f"  {name}: {stream}; there is {', '.join(sorted(known.get(name, ()))) or 'no such module'}"
        for name, stream in chosen.items()
        if stream not in known.get(name, ())
    ]
    if unknown:
        raise InputError(
            "`modules` in repos.yaml chooses streams that no repository has",
            why="\n".join(unknown),
            todo="correct the names; quote a stream that looks like a number with a fraction",
        )


def _add_stream(repo: solv.Repo, stream: ModuleStream, platform: str) -> int:
    """Add a stream as a package that requires other streams; returns its number."""
    libsolv = repo.pool
    solvable = repo.add_solvable()
    # Of builds for several streams, libsolv takes the first by name, as it does in dnf.
    solvable.name, solvable.evr, solvable.arch = _format_build(stream), "0", "noarch"
    own = libsolv.Dep(f"module({stream.name})")
    solvable.add_provides(own)
    solvable.add_provides(libsolv.Dep(f"module({stream.label})"))
    # Of a module, one stream can be active.
    solvable.add_conflicts(own)
    for name, streams in (entry for block in stream.requires for entry in block):
        if name == _PLATFORM:
            if platform and not _accepts(streams, platform):
                solvable.add_requires(libsolv.Dep("another platform"))
            continue
        solvable.add_requires(_make_requirement(libsolv, name, streams))
        for refused in streams:
            if refused.startswith("-"):
                solvable.add_conflicts(libsolv.Dep(f"module({name}:{refused[1:]})"))
    return int(solvable.id)


def _accepts(streams: Sequence[str], stream: str) -> bool:
    wanted = [entry for entry in streams if not entry.startswith("-")]
    return f"-{stream}" not in streams and (not wanted or stream in wanted)


def _make_requirement(libsolv: solv.Pool, name: str, streams: Sequence[str]) -> solv.Dep:
    """What a module requires of another: one of some streams, or any."""
    wanted = [f"module({name}:{entry})" for entry in streams if not entry.startswith("-")]
    first, *others = wanted or [f"module({name})"]
    dep = libsolv.Dep(first)
    for other in others:
        dep = dep.Rel(solv.REL_OR, libsolv.Dep(other))
    return dep
