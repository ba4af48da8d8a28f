"""Which versions of Python distributions fit together, by resolvelib, the resolver of pip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag, parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver

from altai_build.errors import InputError
from altai_build.tools.pypi.interpreter import Interpreter
from altai_build.tools.pypi.metadata import Metadata

_MOST_ROUNDS = 5_000
# Versions of one project that are tried, newest first.
_MOST_VERSIONS = 200


@dataclass(frozen=True)
class Chosen:
    """A distribution of the solution; `needed_by` are the projects, or the requirements, that ask for it."""

    project: str
    version: str
    file: Any  # what the index gave
    needed_by: tuple[str, ...]
    is_certain: bool  # False: only running its setup.py would say what it requires


@dataclass(frozen=True)
class Index:
    """Where distributions come from: the files of a project (None: there is no such project), and their metadata.

    A file has the attributes of `tools.http.pypi.IndexFile`.
    """

    list_files: Callable[[str], Sequence[Any] | None]
    read_metadata: Callable[[Any], Metadata]


@dataclass(frozen=True)
class _Key:
    """A project, with the extras that are asked for: they are candidates of their own, as in pip."""

    project: str
    extras: tuple[str, ...]


@dataclass(frozen=True)
class _Wanted:
    """A requirement whose marker holds."""

    key: _Key
    specifier: SpecifierSet
    text: str


@dataclass(frozen=True)
class _Candidate:
    """A version of a project, with its file."""

    key: _Key
    version: Version
    file: Any = field(compare=False)


def resolve_distributions(
    requirements: Sequence[str],
    interpreter: Interpreter,
    index: Index,
    locked: Mapping[str, str],
) -> tuple[Chosen, ...]:
    """The distributions that fulfil requirements (PEP 508) for an interpreter, sorted by project.

    `locked` are the versions to keep where they still fit, by project. Raises InputError naming what does not fit
    together.
    """
    provider = _Provider(interpreter, index, locked)
    wanted = [
        found
        for text in requirements
        if (found := provider.read_requirement(text, "", repr(text))) is not None
    ]
    try:
        result = Resolver(provider, BaseReporter()).resolve(wanted, max_rounds=_MOST_ROUNDS)
    except ResolutionImpossible as error:
        raise InputError(
            f"the requirements {', '.join(requirements)} cannot be fulfilled for Python {interpreter.version}",
            why="\n".join(_describe_conflict(error, provider)),
            todo="change the versions under test.pypi in repos.yaml",
        ) from error
    except ResolutionTooDeep as error:
        raise InputError(
            f"no versions that fit together were found for {', '.join(requirements)}",
            why=f"after {_MOST_ROUNDS} attempts",
            todo="name versions under test.pypi in repos.yaml",
        ) from error
    return tuple(_list_chosen(result, provider))


def _list_chosen(result: Any, provider: _Provider) -> Iterator[Chosen]:
    needed: dict[str, set[str]] = {}
    for key, criterion in result.criteria.items():
        for information in criterion.information:
            parent = information.parent
            name = information.requirement.text if parent is None else parent.key.project
            if parent is None or name != key.project:
                needed.setdefault(key.project, set()).add(name)
    files = {key.project: candidate for key, candidate in result.mapping.items()}
    for project, candidate in sorted(files.items()):
        yield Chosen(
            project=project,
            version=str(candidate.version),
            file=candidate.file,
            needed_by=tuple(sorted(needed.get(project, ()))),
            is_certain=provider.read_metadata(candidate).requires is not None,
        )


def _describe_conflict(error: Any, provider: _Provider) -> Iterator[str]:
    projects = set()
    for cause in error.causes:
        parent = f"{cause.parent.key.project} {cause.parent.version}" if cause.parent else "repos.yaml"
        projects.add(cause.requirement.key.project)
        yield f"{parent} requires {cause.requirement.text}"
    for project in sorted(projects):
        yield provider.describe_versions(project)


class _Provider(AbstractProvider):  # type: ignore[type-arg]
    """What resolvelib asks."""

    def __init__(self, interpreter: Interpreter, index: Index, locked: Mapping[str, str]) -> None:
        self._interpreter = interpreter
        self._index = index
        self._locked = locked
        self._candidates: dict[str, list[tuple[Version, Any]]] = {}
        self._metadata: dict[tuple[str, Version], Metadata] = {}
        self._is_known: dict[str, bool] = {}

    def read_requirement(self, text: str, extra: str, where: str) -> _Wanted | None:
        """A requirement; None where its marker does not hold. Raises InputError for one that cannot be used."""
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            raise InputError(f"{where} is no requirement", why=str(error)) from error
        if requirement.marker is not None and not self._interpreter.applies(requirement.marker, extra):
            return None
        if requirement.url is not None:
            raise InputError(
                f"{where} is a URL",
                why="what is behind a URL may change, and is not in the package index",
                todo="name a version of the project",
            )
        key = _Key(
            canonicalize_name(requirement.name), tuple(sorted(map(canonicalize_name, requirement.extras)))
        )
        return _Wanted(key, requirement.specifier, str(requirement).partition(";")[0].strip())

    def identify(self, requirement_or_candidate: _Wanted | _Candidate) -> _Key:
        """The project and extras."""
        return requirement_or_candidate.key

    def get_preference(
        self, identifier: _Key, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
    ) -> tuple[bool, bool, str, tuple[str, ...]]:
        """First what conflicted, then what is bound to a version, then by name: the same order in every run."""
        is_cause = any(cause.requirement.key == identifier for cause in backtrack_causes)
        is_pinned = any(
            specifier.operator.startswith("==")
            for one in information[identifier]
            for specifier in one.requirement.specifier
        )
        return not is_cause, not is_pinned, identifier.project, identifier.extras

    def find_matches(self, identifier: _Key, requirements: Any, incompatibilities: Any) -> list[_Candidate]:
        """Versions that all requirements allow: the locked one, then the newest first, then pre-releases."""
        specifiers = [wanted.specifier for wanted in requirements[identifier]]
        excluded = {candidate.version for candidate in incompatibilities[identifier]}
        is_exact = any(one.operator in ("==", "===") for specifier in specifiers for one in specifier)
        allows_pre = any(specifier.prereleases for specifier in specifiers)
        locked = self._locked.get(identifier.project)
        found = [
            _Candidate(identifier, version, file)
            for version, file in self._list_versions(identifier.project)
            if version not in excluded
            and all(specifier.contains(version, prereleases=True) for specifier in specifiers)
            and (is_exact or not file.is_yanked)
        ]
        stable = [one for one in found if allows_pre or not one.version.is_prerelease]
        found = (stable or found)[:_MOST_VERSIONS]
        return sorted(found, key=lambda one: str(one.version) != locked)

    def is_satisfied_by(self, requirement: _Wanted, candidate: _Candidate) -> bool:
        """Whether the version is allowed."""
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: _Candidate) -> Iterable[_Wanted]:
        """What a version requires, for each of the extras that are asked for."""
        metadata = self.read_metadata(candidate)
        found: dict[_Wanted, None] = {}
        name = f"{candidate.key.project} {candidate.version}"
        for text in metadata.requires or ():
            for extra in candidate.key.extras or ("",):
                wanted = self.read_requirement(text, extra, f"{name} requires {text!r}, which")
                if wanted is not None:
                    found[wanted] = None
        if candidate.key.extras:
            same = SpecifierSet(f"=={candidate.version}")
            base = _Key(candidate.key.project, ())
            found[_Wanted(base, same, f"{candidate.key.project}=={candidate.version}")] = None
        return list(found)

    def read_metadata(self, candidate: _Candidate) -> Metadata:
        """The metadata of a version; it is read once."""
        key = (candidate.key.project, candidate.version)
        if key not in self._metadata:
            self._metadata[key] = self._index.read_metadata(candidate.file)
        return self._metadata[key]

    def describe_versions(self, project: str) -> str:
        """What the index has of a project for the interpreter."""
        versions = [str(version) for version, _ in self._list_versions(project)]
        if not self._is_known[project]:
            return f"the package index has no project {project}"
        if not versions:
            return f"the package index has no version of {project} for Python {self._interpreter.version}"
        shown = ", ".join(versions[:5]) + (" and older ones" if len(versions) > 5 else "")
        return f"the package index has {project} {shown} for Python {self._interpreter.version}"

    def _list_versions(self, project: str) -> list[tuple[Version, Any]]:
        """The versions that the interpreter can use, newest first, each with its best file."""
        if project not in self._candidates:
            files = self._index.list_files(project)
            self._is_known[project] = files is not None
            best: dict[Version, tuple[bool, str, Any]] = {}
            for file in files or ():
                version = _read_version(file.version)
                if version is None or not self._interpreter.accepts(file.requires_python):
                    continue
                if not file.is_sdist and not is_pure_wheel_for(file.name, self._interpreter):
                    continue
                # A wheel is preferred, and of several files always the same one.
                rank = (file.is_sdist, file.name, file)
                if version not in best or rank[:2] < best[version][:2]:
                    best[version] = rank
            self._candidates[project] = [
                (version, best[version][2]) for version in sorted(best, reverse=True)
            ]
        return self._candidates[project]


def is_pure_wheel_for(name: str, interpreter: Interpreter) -> bool:
    """Whether a wheel has only Python code, for this interpreter: it can be used without being installed."""
    try:
        tags = parse_wheel_filename(name)[3]
    except (InvalidWheelFilename, InvalidVersion):
        return False
    major, minor = interpreter.series.split(".")
    usable: set[Tag] = set()
    for number in range(int(minor) + 1):
        usable |= parse_tag(f"py{major}{number}-none-any")
    usable |= parse_tag(f"py{major}-none-any") | parse_tag(f"cp{major}{minor}-none-any")
    return bool(tags & usable)


def _read_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
