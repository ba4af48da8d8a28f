"""A superproject commit → what is in it: components with their specs, folders of specs, keys, evidence."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

from altai_build.config.names import check_plain_name
from altai_build.config.superproject import check_inner_path
from altai_build.errors import AltaiError
from altai_build.model.first_steps import Evidence, FoundComponent, FoundKey, SpecState, Survey
from altai_build.model.gitlink import CommitId
from altai_build.model.key_packets import parse_keys
from altai_build.stages.first_steps import evidence
from altai_build.stages.first_steps.texts import CommitFiles
from altai_build.tools.git.command import USER_CLONE, run_git
from altai_build.tools.git.spec_files import SPEC_FOLDERS, list_specs
from altai_build.tools.git.superproject import Submodule, Superproject

_MOST_FOLDERS = 8
_MOST_SPECS = 5  # of a component that are looked at
_MOST_KEYS = 30
_MOST_TAGS = 300
_KEY_NAME = re.compile(r"RPM-GPG-KEY|\.(?:asc|gpg|pub|key|pgp)$", re.IGNORECASE)
_BASEURL = re.compile(r"^Source\d*:[ \t]*baseurl[ \t]*$", re.MULTILINE | re.IGNORECASE)
# Folders whose specs are examples and test data.
_NOT_PACKAGES = {
    "test",
    "tests",
    "testing",
    "example",
    "examples",
    "fixtures",
    "vendor",
    "templates",
    "template",
}
# Folders whose submodules are parts of a source, or needed to test it.
_NOT_COMPONENTS = _NOT_PACKAGES | {
    *(
        "3rdparty",
        "third_party",
        "third-party",
        "thirdparty",
        "external",
        "externals",
        "extern",
        "submodules",
    ),
    *("node_modules", "contrib", "vendored", "doc", "docs", "ci", "m4", "gnulib", "subprojects"),
}
# How a folder is called that has the specs of a project, beside those where altai-build looks anyway.
_SPEC_FOLDER_WORD = re.compile(r"rpm|spec|pkg|packag|redhat|fedora|centos|dist|\.gear", re.IGNORECASE)


# What reads a component: its files at its pin, or None where it is not cloned here. Raises AltaiError.
Opener = Callable[[Submodule], "CommitFiles | None"]


def survey_superproject(
    superproject: Superproject,
    commit: CommitId | None,
    *,
    project: str,
    mock_configs: Sequence[str],
    fetch: bool,
    jobs: int = 1,
) -> Survey:
    """What is in a commit. With `fetch`, components that have no clone here are fetched from their remotes."""
    if commit is None:
        return Survey(project=project, commit=None, mock_configs=tuple(mock_configs))
    files = CommitFiles(superproject.open_store(commit), commit)
    submodules, parts = split_submodules(
        superproject.read_submodules(commit, files.tree, (".",)), is_package=bool(list_specs(files.tree, ""))
    )

    def open_files(submodule: Submodule) -> CommitFiles | None:
        if fetch:
            store = superproject.open_component_store(submodule)
        else:
            local = superproject.find_local_store(submodule, (submodule.link.commit,))
            if local is None:
                return None
            store = local
        return CommitFiles(store, submodule.link.commit)

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        found = list(pool.map(lambda submodule: _survey_component(submodule, open_files), submodules))
    root_specs = list_specs(files.tree, "")
    nested, loose = find_spec_folders(files.paths)
    texts = files.read_where(lambda path: evidence.is_telling(path) or path.endswith(".spec"))
    evidences = [one for _, more in found for one in more]
    evidences += _find_evidence(files.paths, texts)
    evidences += evidence.find_in_tags(_list_tags(superproject))
    return Survey(
        project=project,
        commit=commit,
        folders=choose_folders([submodule.link.path for submodule in submodules]),
        not_components=tuple(part.link.path for part in parts),
        components=tuple(component for component, _ in found),
        root_specs=root_specs,
        root_needs_baseurl=any(
            _BASEURL.search(texts.get(spec, "")) and "baseurl" not in files.paths for spec in root_specs
        ),
        spec_folders=nested,
        loose_specs=loose,
        keys=tuple(_find_keys(files)),
        mock_configs=tuple(mock_configs),
        evidence=tuple(evidences),
        architectures=tuple(
            sorted({arch for text in texts.values() for arch in evidence.find_architectures(text)})
        ),
    )


def _survey_component(submodule: Submodule, open_files: Opener) -> tuple[FoundComponent, list[Evidence]]:
    path = submodule.link.path
    try:
        files = open_files(submodule)
        if files is None:
            return FoundComponent(path, SpecState.NOT_CLONED), []
    except AltaiError as error:
        return FoundComponent(path, SpecState.UNREADABLE, detail=error.what), []
    levels = (list_specs(files.tree, folder) for folder in SPEC_FOLDERS)
    specs: tuple[str, ...] = next((level for level in levels if level), ())
    state = SpecState.FOUND if specs else SpecState.NONE
    if not specs:
        specs = find_specs_elsewhere(files.paths)
        state = SpecState.ELSEWHERE if specs else SpecState.NONE
    texts = files.read(specs[:_MOST_SPECS])
    committed = {posixpath.basename(name) for name in files.paths}
    needs_baseurl = "baseurl" not in committed and any(_BASEURL.search(text) for text in texts.values())
    found = [one for spec, text in texts.items() for one in evidence.find_in_spec(f"{path}/{spec}", text)]
    return FoundComponent(path, state, specs, baseurl=needs_baseurl), found


def find_specs_elsewhere(paths: Iterable[str]) -> tuple[str, ...]:
    """The specs of a component in the folder that most likely has its own: named as for packages, the nearest."""
    folders: dict[str, list[str]] = {}
    for path in paths:
        parts = path.split("/")
        named = any(_SPEC_FOLDER_WORD.search(part) for part in parts[:-1])
        if path.endswith(".spec") and named and not _NOT_PACKAGES.intersection(map(str.lower, parts)):
            folders.setdefault(posixpath.dirname(path), []).append(path)
    usable = [folder for folder in folders if not any(map(check_inner_path, folders[folder]))]
    if not usable:
        return ()
    best = min(usable, key=lambda folder: (folder.count("/"), folder))
    return tuple(sorted(folders[best]))


def split_submodules(
    submodules: Sequence[Submodule], *, is_package: bool
) -> tuple[list[Submodule], list[Submodule]]:
    """Those that may be components, and those that are parts of a source, by the folders in which they are.

    They are parts only where all are, so that a folder can be named for the others, and the superproject is a package.
    """
    if is_package and all(
        _NOT_COMPONENTS.intersection(one.link.path.lower().split("/")) for one in submodules
    ):
        return [], list(submodules)
    return list(submodules), []


def choose_folders(links: Sequence[str]) -> tuple[str, ...]:
    """The folders for `superproject.components`: the first folder of each gitlink's path; "." where one is in none."""
    tops = sorted({path.partition("/")[0] if "/" in path else "." for path in links})
    if not tops or "." in tops or len(tops) > _MOST_FOLDERS or not all(map(_is_usable_path, tops)):
        return (".",) if tops else ()
    return tuple(tops)


def _is_usable_path(path: str) -> bool:
    return check_inner_path(path) is None and path.isprintable() and path == path.strip()


def find_spec_folders(paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The folders with FOLDER/NAME/*.spec, those with the most packages first; and the specs that are in none of them.

    Each folder is a repository of a release, so of very many folders only the largest are taken.
    """
    packages: dict[str, dict[str, list[str]]] = {}
    loose = []
    for path in paths:
        parts = path.split("/")
        if len(parts) == 1 or not path.endswith(".spec") or _NOT_PACKAGES.intersection(map(str.lower, parts)):
            continue
        folder = "/".join(parts[:-2])
        if folder and _is_usable_path(folder):
            packages.setdefault(folder, {}).setdefault(parts[-2], []).append(path)
        else:
            loose.append(path)
    order = sorted(packages, key=lambda folder: (-len(packages[folder]), folder))
    left = [path for folder in order[_MOST_FOLDERS:] for specs in packages[folder].values() for path in specs]
    return tuple(order[:_MOST_FOLDERS]), (*loose, *left)


def _find_evidence(paths: Iterable[str], texts: dict[str, str]) -> Iterator[Evidence]:
    for path in paths:
        yield from evidence.find_in_name(path)
    for path, text in texts.items():
        if path.endswith(".spec"):
            yield from evidence.find_in_spec(path, text)
        else:
            yield from evidence.find_in_text(path, text)


def _find_keys(files: CommitFiles) -> Iterator[FoundKey]:
    wanted = [path for path in files.paths if _KEY_NAME.search(PurePosixPath(path).name)]
    for path, data in files.read_contents(wanted[:_MOST_KEYS]).items():
        try:
            keys = parse_keys(data)
        except ValueError:
            continue
        if keys and _is_usable_path(path):
            yield FoundKey(path, tuple(key.fingerprint for key in keys), tuple(key.uid for key in keys))


def _list_tags(superproject: Superproject) -> list[str]:
    words = [
        "for-each-ref",
        f"--count={_MOST_TAGS}",
        "--sort=-creatordate",
        "--format=%(refname:strip=2)",
        "refs/tags",
    ]
    return run_git(USER_CLONE, words, directory=superproject.place).text.splitlines()


def make_project_name(candidates: Iterable[str]) -> str:
    """The first of these texts that gives a name for a project, made of it; "project" where none does."""
    for text in candidates:
        base = posixpath.basename(text.rstrip("/")).removesuffix(".git").rpartition(":")[2]
        name = re.sub(r"[^A-Za-z0-9_.+-]+|\.{2,}", "-", base).strip("-.+")[:60]
        if name and check_plain_name(name) is None:
            return name
    return "project"
