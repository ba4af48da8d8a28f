"""Rules on files: those in the release's folder, and those that its packages install."""

from __future__ import annotations

import itertools
import stat
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from altai_build.model.findings import Severity
from altai_build.model.package import Dependency, FileEntry, RpmHeader
from altai_build.model.release import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repomd import REPOMD
from altai_build.tools.rpm.header import ranges_overlap

_GHOST = 1 << 6  # rpm's RPMFILE_GHOST: the package owns the file but does not contain it
_MULTILIB = {"i386", "i486", "i586", "i686"}
_UNCHECKED_FOLDERS = ("report/", "provenance/")  # the rule `provenance` checks the second
# Where packages install files (FHS 3.0). Of /usr, /usr/local belongs to the administrator.
_STANDARD_FOLDERS = (
    "/bin",
    "/boot",
    "/etc",
    "/lib",
    "/lib64",
    "/opt",
    "/run",
    "/sbin",
    "/srv",
    "/usr",
    "/var",
)
_STANDARD_PREFIXES = tuple(f"{folder}/" for folder in _STANDARD_FOLDERS)


def check_stray_files(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every file in the folder is part of the release: clients may take any file that a mirror carries."""
    expected = _list_expected_files(view)
    repositories = {repository.name for repository in view.repositories}
    strays = [
        name
        for name in view.files
        if name not in expected and not _is_checked_by_another_rule(name, repositories)
    ]
    return RuleResult(
        len(view.files), [rule.finding(name, "the file is not part of the release") for name in strays]
    )


def _list_expected_files(view: ReleaseView) -> set[str]:
    """The files of a release, without packages, .repo file, report and provenance."""
    expected = {MANIFEST_NAME, f"{MANIFEST_NAME}.asc", CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"}
    key_names = {name for repository in view.repositories for name in repository.keys}
    if view.manifest:
        key_names.add(view.manifest.signed_by)
    expected |= {f"{KEY_FILE_PREFIX}{name}" for name in key_names}
    for name, repodata in view.repodata.items():
        expected |= {f"{name}/{REPOMD}", f"{name}/{REPOMD}.asc"}
        if not isinstance(repodata, str):
            expected |= {f"{name}/{file.location}" for file in repodata.files}
    return expected


def _is_checked_by_another_rule(name: str, repositories: Collection[str]) -> bool:
    if name.startswith(_UNCHECKED_FOLDERS):
        return True
    folder, _, file = name.rpartition("/")
    # The rules `packages-listed` and `repo-file`.
    return (file.endswith(".rpm") and folder in repositories) or (file.endswith(".repo") and not folder)


def check_modes(rule: Rule, view: ReleaseView) -> RuleResult:
    """Every account can read every file and open every folder, and not every account can change them."""
    statuses = {"": view.directory.stat(), **view.tree}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, status in statuses.items():
        folder, _, name = path.rpartition("/")
        for message in _describe_mode(status.st_mode):
            found[path if stat.S_ISDIR(status.st_mode) else folder, message].append(name)
    findings = []
    for (folder, message), names in sorted(found.items()):
        files = "" if names == [folder.rpartition("/")[2]] else f": {_summarize_paths(names)}"
        findings.append(rule.finding(folder or view.version, message + files))
    return RuleResult(len(view.tree), findings)


def _describe_mode(mode: int) -> Iterator[str]:
    """What is wrong with the mode of a file or folder; links have none."""
    if stat.S_ISLNK(mode):
        return
    kind, needed = ("folder", 0o555) if stat.S_ISDIR(mode) else ("file", 0o444)
    shown = f"{stat.S_IMODE(mode):04o}"
    if mode & needed != needed:
        yield f"a web server cannot read a {kind} with mode {shown}"
    if mode & stat.S_IWOTH:
        yield f"every account can change a {kind} with mode {shown}"


def check_file_conflicts(rule: Rule, view: ReleaseView) -> RuleResult:
    """No two packages that can be installed together have different files at one path: rpm refuses the second."""
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
    findings = [
        rule.finding(
            first, f"the package conflicts with {second}: different files at {_summarize_paths(paths)}"
        )
        for (first, second), paths in sorted(conflicts.items())
        if not _are_mutually_exclusive(view.binary_headers[first], view.binary_headers[second])
    ]
    return RuleResult(len(view.binary_headers), findings)


def _are_different(first: FileEntry, second: FileEntry) -> bool:
    """As rpm compares (lib/rpmfi.c, rpmfilesCompare): mode, then size, owner and content of files and links."""
    if (first.flags | second.flags) & _GHOST:
        return False
    if first.mode != second.mode:
        return True
    if stat.S_ISDIR(first.mode):
        return False
    attributes = (first.size, first.owner, first.group, first.link_target)
    if attributes != (second.size, second.owner, second.group, second.link_target):
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


def _summarize_paths(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(sorted(paths)[:3]) + more


def check_permissions(rule: Rule, view: ReleaseView) -> RuleResult:
    """New setuid and world-writable files, and files in unusual folders, are reviewed."""
    risky = {
        subject: files
        for subject, header in view.binary_headers.items()
        if (files := set(_find_risky_files(header.files)))
    }
    names = {view.binary_headers[subject].nevra.name for subject in risky}
    previous = _read_previous_risky_files(view, names)
    since = f"; new since {view.context.previous_releases[-1].name}" if view.context.previous_releases else ""
    findings = [
        rule.finding(subject, f"{path} {risk}{since}", Severity.WARNING)
        for subject, files in risky.items()
        for path, risk in sorted(files - previous.get(view.binary_headers[subject].nevra.name, set()))
    ]
    return RuleResult(len(view.binary_headers), findings)


def _find_risky_files(files: tuple[FileEntry, ...]) -> Iterator[tuple[str, str]]:
    """(path, what is risky about it)."""
    for entry in files:
        kind = stat.S_IFMT(entry.mode)
        if kind == stat.S_IFREG and entry.mode & stat.S_ISUID:
            yield entry.path, f"is setuid {entry.owner}"
        if kind == stat.S_IFREG and entry.mode & stat.S_ISGID:
            yield entry.path, f"is setgid {entry.group}"
        is_sticky_folder = kind == stat.S_IFDIR and entry.mode & stat.S_ISVTX
        if kind != stat.S_IFLNK and entry.mode & stat.S_IWOTH and not is_sticky_folder:
            yield entry.path, "is world-writable"
        if entry.path.startswith("/usr/local/") or not _is_in_standard_folder(entry.path):
            yield entry.path, "is outside the folders that packages install into"


def _is_in_standard_folder(path: str) -> bool:
    return path.startswith(_STANDARD_PREFIXES) or path in _STANDARD_FOLDERS


def _read_previous_risky_files(view: ReleaseView, names: set[str]) -> Mapping[str, set[tuple[str, str]]]:
    """Package name → its risky files in the previous release; only packages with good signatures count."""
    if not view.context.previous_releases or not names:
        return {}
    previous = ReleaseView(view.context.previous_releases[-1], ())
    files: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for header in previous.binary_headers.values():
        if header.nevra.name in names:
            files[header.nevra.name].update(_find_risky_files(header.files))
    return files
