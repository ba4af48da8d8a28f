"""Rules on files: those of the release's folder, and those that its packages would put on a machine."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Iterator, Mapping

from altai_build.model.findings import Severity
from altai_build.model.package import Dependency, FileEntry, RpmHeader
from altai_build.model.release import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repodata import REPOMD
from altai_build.tools.rpm.header import ranges_overlap

_GHOST = 1 << 6  # rpm's RPMFILE_GHOST: owned, but not brought along
_MULTILIB = {"i386", "i486", "i586", "i686"}
_UNCHECKED_FOLDERS = ("report/", "provenance/")
# What packages put files below (FHS 3.0); below /usr, /usr/local is the administrator's.
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
_STANDARD_PREFIXES = tuple(f"{root}/" for root in _STANDARD_FOLDERS)


def check_stray_files(rule: Rule, view: ReleaseView) -> RuleResult:
    """Nothing lies in the release that is not a part of it; what a mirror carries along, a client may take."""
    expected = {MANIFEST_NAME, f"{MANIFEST_NAME}.asc", CHECKSUMS_NAME, f"{CHECKSUMS_NAME}.asc"}
    expected |= {f"{KEY_FILE_PREFIX}{name}" for repository in view.repositories for name in repository.keys}
    if view.manifest:
        expected.add(f"{KEY_FILE_PREFIX}{view.manifest.signed_by}")
    for name, found in view.repodata.items():
        expected |= {f"{name}/{REPOMD}", f"{name}/{REPOMD}.asc"}
        if not isinstance(found, str):
            expected |= {f"{name}/{file.location}" for file in found.files}
    folders = {repository.name for repository in view.repositories}
    strays = [
        name
        for name in view.files
        if name not in expected
        and not name.startswith(_UNCHECKED_FOLDERS)
        and not (name.endswith(".rpm") and name.rpartition("/")[0] in folders)  # the rule `packages-listed`
        and not (name.endswith(".repo") and "/" not in name)  # the rule `repo-file`
    ]
    return RuleResult(
        len(view.files), [rule.finding(name, "no part of a release has this name") for name in strays]
    )


def check_file_conflicts(rule: Rule, view: ReleaseView) -> RuleResult:
    """No two packages that may be installed together bring different files of one name: rpm refuses the second."""
    owners: dict[str, list[tuple[str, FileEntry]]] = defaultdict(list)
    for subject, header in view.binary_headers.items():
        for entry in header.files:
            owners[entry.path].append((subject, entry))
    clashes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, rows in owners.items():
        for number, (subject, entry) in enumerate(rows):
            for other_subject, other in rows[:number]:
                if _are_different(entry, other):
                    clashes[tuple(sorted((subject, other_subject)))].append(path)  # type: ignore[index]
    faults = [
        rule.finding(
            one, f"it cannot be installed with {other}: both have {_summarize_paths(paths)}, and not the same"
        )
        for (one, other), paths in sorted(clashes.items())
        if not _are_mutually_exclusive(view.binary_headers[one], view.binary_headers[other])
    ]
    return RuleResult(len(view.binary_headers), faults)


def _are_different(one: FileEntry, other: FileEntry) -> bool:
    """As rpm compares (lib/rpmfi.c, rpmfilesCompare): mode, then size, owner and content of files and links."""
    if (one.flags | other.flags) & _GHOST:
        return False
    if one.mode != other.mode:
        return True
    if stat.S_ISDIR(one.mode):
        return False
    known = (one.size, one.owner, one.group, one.link_target)
    if known != (other.size, other.owner, other.group, other.link_target):
        return True
    # Digests of different algorithms cannot be compared: of different length, they say nothing.
    return one.digest != other.digest and len(one.digest) == len(other.digest)


def _are_mutually_exclusive(one: RpmHeader, other: RpmHeader) -> bool:
    """True for packages that exclude one another by their dependencies, and for those rpm itself reconciles."""
    if one.nevra.name == other.nevra.name:
        same = one.nevra.evr == other.nevra.evr
        return not same or bool({one.nevra.arch, other.nevra.arch} & _MULTILIB)  # by the files' ELF class
    return _is_excluding(one, other) or _is_excluding(other, one)


def _is_excluding(one: RpmHeader, other: RpmHeader) -> bool:
    itself = Dependency(name=other.nevra.name, flags="=", evr=other.nevra.evr)
    return any(ranges_overlap(dep, itself) for dep in one.obsoletes) or any(
        ranges_overlap(dep, provided) for dep in one.conflicts for provided in (itself, *other.provides)
    )


def _summarize_paths(paths: list[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(sorted(paths)[:3]) + more


def check_permissions(rule: Rule, view: ReleaseView) -> RuleResult:
    """What a package may do to a machine does not grow unseen: setuid, world-writable, files in unusual places."""
    found = {
        subject: told
        for subject, header in view.binary_headers.items()
        if (told := set(_find_risky_files(header.files)))
    }
    before = _read_previous_permissions(view, {view.binary_headers[subject].nevra.name for subject in found})
    faults = [
        rule.finding(subject, f"{path} is {what}{_describe_previous_presence(view)}", Severity.WARNING)
        for subject, told in found.items()
        for path, what in sorted(told - before.get(view.binary_headers[subject].nevra.name, set()))
    ]
    return RuleResult(len(view.binary_headers), faults)


def _describe_previous_presence(view: ReleaseView) -> str:
    if not view.context.previous_releases:
        return ""
    return f", and was not in {view.context.previous_releases[-1].name}"


def _find_risky_files(files: tuple[FileEntry, ...]) -> Iterator[tuple[str, str]]:
    """(path, what about it) of files that deserve a look."""
    for entry in files:
        kind = stat.S_IFMT(entry.mode)
        if kind == stat.S_IFREG and entry.mode & stat.S_ISUID:
            yield entry.path, f"setuid {entry.owner}"
        if kind == stat.S_IFREG and entry.mode & stat.S_ISGID:
            yield entry.path, f"setgid {entry.group}"
        sticky = kind == stat.S_IFDIR and entry.mode & stat.S_ISVTX
        if kind != stat.S_IFLNK and entry.mode & stat.S_IWOTH and not sticky:
            yield entry.path, "writable by everybody"
        if entry.path.startswith("/usr/local/") or not _is_usual(entry.path):
            yield entry.path, "outside of where packages put files"


def _is_usual(path: str) -> bool:
    return path.startswith(_STANDARD_PREFIXES) or path in _STANDARD_FOLDERS


def _read_previous_permissions(view: ReleaseView, names: set[str]) -> Mapping[str, set[tuple[str, str]]]:
    """Package name → what of it the release before had already; only packages with good signatures count."""
    if not view.context.previous_releases or not names:
        return {}
    previous = ReleaseView(view.context.previous_releases[-1], ())
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for header in previous.binary_headers.values():
        if header.nevra.name in names:
            found[header.nevra.name] |= set(_find_risky_files(header.files))
    return found
