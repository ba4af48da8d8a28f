"""Rules on files: those in the release's folder, and those that its packages install."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from altai_build.model.findings import Severity
from altai_build.model.package import FileEntry
from altai_build.model.release_files import CHECKSUMS_NAME, KEY_FILE_PREFIX, MANIFEST_NAME
from altai_build.rules.file_conflicts import summarize_paths
from altai_build.rules.rule import Rule, RuleResult
from altai_build.rules.view import ReleaseView
from altai_build.tools.repo.repomd import REPOMD

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
    if view.has_index:
        expected |= {REPOMD, f"{REPOMD}.asc"}
        if view.index is not None and not isinstance(view.index, str):
            expected |= {file.location for file in view.index.files}
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
        files = "" if names == [folder.rpartition("/")[2]] else f": {summarize_paths(names)}"
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
