"""The rule on conflicting files: rpm refuses to install two packages that have different files at one path."""

from __future__ import annotations

import itertools
import stat
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from altai_build.errors import DistrustedError, InputError
from altai_build.model.findings import Finding, Severity
from altai_build.model.nevra import Nevra
from altai_build.model.package import Dependency, FileEntry, RpmHeader
from altai_build.tools.leftovers import temporary_directory
from altai_build.tools.repo.metadata import RepositoryMetadata
from altai_build.tools.rpm.header import read_header
from altai_build.tools.rpm.versions import compare_evr, ranges_overlap
from altai_build.tools.solver.package_files import fetch_resolved_packages, read_file_lists
from altai_build.tools.solver.pool import PackagePool

if TYPE_CHECKING:
    from altai_build.rules.rule import Rule, RuleResult
    from altai_build.rules.view import ReleaseView

_GHOST = 1 << 6  # rpm's RPMFILE_GHOST: the package owns the file but does not contain it
_MULTILIB = {"i386", "i486", "i586", "i686"}

A = TypeVar("A", bound=Hashable)
B = TypeVar("B", bound=Hashable)


def check_file_conflicts(rule: Rule, view: ReleaseView) -> RuleResult:
    """No two packages that can be installed together have different files at one path: rpm refuses the second.

    Both may be in the release, or one of them in the operating system's repositories, where those are configured.
    """
    # `upgrade-check` compares files without a rule of `verify`.
    from altai_build.rules.rule import RuleResult

    findings = [*_check_release(rule, view), *_check_against_base(rule, view)]
    return RuleResult(len(view.binary_headers), findings)


def _check_release(rule: Rule, view: ReleaseView) -> Iterator[Finding]:
    owners: dict[str, list[tuple[str, FileEntry]]] = defaultdict(list)
    for subject, header in view.binary_headers.items():
        for entry in header.files:
            owners[entry.path].append((subject, entry))
    conflicts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, owned in owners.items():
        for (subject, entry), (other_subject, other_entry) in itertools.combinations(owned, 2):
            if _are_different(entry, other_entry):
                first, second = sorted((subject, other_subject))
                conflicts[first, second].append(path)
    for (first, second), paths in sorted(conflicts.items()):
        if not _are_mutually_exclusive(view.binary_headers[first], view.binary_headers[second]):
            message = f"the package conflicts with {second}: different files at {summarize_paths(paths)}"
            yield rule.finding(first, message)


# ---- the operating system ----------------------------------------------------------------------------------------


def _check_against_base(rule: Rule, view: ReleaseView) -> Iterator[Finding]:
    """Compare with the packages of the operating system, of which those with common paths are fetched."""
    if view.context.base is None or not view.binary_headers:
        return
    try:
        base = view.context.base()
    except DistrustedError:
        # The rule `closure` reports it.
        return
    except InputError as error:
        yield _make_not_compared_finding(rule, view, error)
        return
    try:
        yield from _compare_with_base(rule, view, base)
    except InputError as error:
        yield _make_not_compared_finding(rule, view, error)


def _make_not_compared_finding(rule: Rule, view: ReleaseView, error: InputError) -> Finding:
    why = "; ".join(line.strip() for line in (error.what, *error.why.splitlines()) if line.strip())
    return rule.finding(
        view.version,
        f"the files were not compared with those of the operating system: {why}",
        Severity.ERROR if isinstance(error, DistrustedError) else Severity.WARNING,
        fix=error.todo,
    )


def _compare_with_base(
    rule: Rule, view: ReleaseView, base: Sequence[RepositoryMetadata]
) -> Iterator[Finding]:
    headers = view.binary_headers
    paths = {
        subject: [entry.path for entry in header.files if not entry.flags & _GHOST]
        for subject, header in headers.items()
    }
    with temporary_directory("base") as scratch:
        pool = PackagePool(view.context.arch, cache=view.context.cache or scratch)
        for metadata in base:
            pool.add_repository(metadata)
        candidates = _list_candidates(pool, base, view)
        wanted = {path for listed in paths.values() for path in listed}
        downloads = view.context.packages or scratch

        def read_base_header(number: int) -> RpmHeader:
            (path,) = fetch_resolved_packages([pool.get_resolved(number)], downloads)
            return read_header(path)

        conflicts = find_conflicts(
            paths, read_file_lists(pool, candidates, among=wanted), headers.__getitem__, read_base_header
        )
    for (subject, number), conflicting in sorted(conflicts.items()):
        repository, nevra = candidates[number]
        yield rule.finding(
            subject,
            f"the package conflicts with {nevra} of {repository}: different files at "
            f"{summarize_paths(conflicting)}",
        )


def _list_candidates(
    pool: PackagePool, base: Sequence[RepositoryMetadata], view: ReleaseView
) -> dict[int, tuple[str, Nevra]]:
    """Number → repository and identity of the packages that machines have of the operating system.

    These are the newest of each name, without those that an update from the release replaces.
    """
    newest: dict[str, tuple[int, str, Nevra]] = {}
    for metadata in base:
        for number in pool.find_by_name_pattern(metadata.source.name, ["*"]):
            nevra = pool.get_nevra(number)
            known = newest.get(nevra.name)
            if nevra.arch in (view.context.arch, "noarch") and (
                known is None or compare_evr(nevra.evr, known[2].evr) > 0
            ):
                newest[nevra.name] = number, metadata.source.name, nevra
    for header in view.binary_headers.values():
        newest.pop(header.nevra.name, None)
        for obsoleted in header.obsoletes:
            found = newest.get(obsoleted.name)
            if found and ranges_overlap(
                obsoleted, Dependency(name=obsoleted.name, flags="=", evr=found[2].evr)
            ):
                del newest[obsoleted.name]
    return {number: (repository, nevra) for number, repository, nevra in newest.values()}


# ---- comparing ---------------------------------------------------------------------------------------------------


def find_conflicts(
    first: Mapping[A, Collection[str]],
    second: Mapping[B, Collection[str]],
    read_first: Callable[[A], RpmHeader],
    read_second: Callable[[B], RpmHeader],
) -> dict[tuple[A, B], list[str]]:
    """(package of the first group, one of the second) → the paths at which they have different files.

    The groups are packages with their paths. As few headers as possible are read, each once: those of packages with
    common paths, and where several packages of the second group share a path, so that they cannot differ, one of them.
    """
    owners: dict[str, list[B]] = defaultdict(list)
    for other, paths in second.items():
        for path in paths:
            owners[path].append(other)
    shared: dict[str, list[A]] = defaultdict(list)
    for package, paths in first.items():
        for path in paths:
            if path in owners:
                shared[path].append(package)
    counts = Counter(other for path in shared for other in owners[path])
    mine: dict[A, _PackageFiles] = {}
    others: dict[B, _PackageFiles] = {}
    conflicts: dict[tuple[A, B], list[str]] = defaultdict(list)
    for path, packages in sorted(shared.items()):
        # Those first that were read already, then those that answer for most paths.
        candidates = sorted(owners[path], key=lambda other: (other not in others, -counts[other]))
        for package in packages:
            if package not in mine:
                mine[package] = _PackageFiles.of(read_first(package))
            for other in candidates:
                if other not in others:
                    others[other] = _PackageFiles.of(read_second(other))
                if _are_mutually_exclusive(mine[package].header, others[other].header):
                    continue
                if mine[package].differs(others[other], path):
                    conflicts[package, other].append(path)
                break
    return conflicts


@dataclass(frozen=True)
class _PackageFiles:
    header: RpmHeader
    entries: dict[str, FileEntry]

    @classmethod
    def of(cls, header: RpmHeader) -> _PackageFiles:
        return cls(header=header, entries={entry.path: entry for entry in header.files})

    def differs(self, other: _PackageFiles, path: str) -> bool:
        entry, other_entry = self.entries.get(path), other.entries.get(path)
        return entry is not None and other_entry is not None and _are_different(entry, other_entry)


def _are_different(first: FileEntry, second: FileEntry) -> bool:
    """As rpm compares (lib/rpmfi.c, rpmfilesCompare): mode and owner, then size and content of files and links."""
    if (first.flags | second.flags) & _GHOST:
        return False
    if (first.mode, first.owner, first.group) != (second.mode, second.owner, second.group):
        return True
    if stat.S_ISDIR(first.mode):
        return False
    if (first.size, first.link_target) != (second.size, second.link_target):
        return True
    # Digests of different length are of different algorithms: they cannot be compared.
    return first.digest != second.digest and len(first.digest) == len(second.digest)


def _are_mutually_exclusive(first: RpmHeader, second: RpmHeader) -> bool:
    """True for packages that dependencies keep apart, and for those whose files rpm itself reconciles."""
    if first.nevra.name == second.nevra.name:
        # rpm resolves conflicts between two architectures of a package by the ELF class of the files.
        is_multilib = bool({first.nevra.arch, second.nevra.arch} & _MULTILIB)
        return first.nevra.evr != second.nevra.evr or is_multilib
    return _excludes(first, second) or _excludes(second, first)


def _excludes(package: RpmHeader, other: RpmHeader) -> bool:
    """True if the package obsoletes or conflicts with the other."""
    identity = Dependency(name=other.nevra.name, flags="=", evr=other.nevra.evr)
    return any(ranges_overlap(obsoleted, identity) for obsoleted in package.obsoletes) or any(
        ranges_overlap(conflict, provided)
        for conflict in package.conflicts
        for provided in (identity, *other.provides)
    )


def summarize_paths(paths: list[str]) -> str:
    """The first three paths, and how many more there are."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(sorted(paths)[:3]) + more
