"""Which bytes the earlier releases call by each NEVRA, and what of them cannot be read.

Reading the manifest and the metadata of a hundred releases takes seconds. What they say depends on their bytes alone,
so it can be remembered: what counts is of releases that have the same manifests and metadata, by SHA-256.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from altai_build.errors import InputError, describe_cause
from altai_build.model.findings import Finding, Severity
from altai_build.model.manifest import MAX_MANIFEST_SIZE, manifest_from_json
from altai_build.model.release import Manifest
from altai_build.model.release_files import MANIFEST_NAME
from altai_build.regular_files import read_regular_file
from altai_build.rules.rule import Rule
from altai_build.tools.files import make_directory, write_atomically
from altai_build.tools.remembered import digest_code
from altai_build.tools.repo.repodata import find_damaged_metadata, read_repodata
from altai_build.tools.repo.repomd import MAX_REPOMD_SIZE, REPOMD
from altai_build.tools.sealed_json import dump_sealed, read_sealed
from altai_build.tools.tree import walk_tree

# The folders of the code that decides what a record says.
_CODE = ("../model", "../rules", "../tools/repo")
_REPOMD_NAME = REPOMD.rpartition("/")[2]

# Device and inode of a repomd.xml: metadata that releases share is read once.
_Inode = tuple[int, int]
# Number of the release, repository.
_Place = tuple[int, str]


@dataclass
class KnownPackages:
    """The packages of some releases, in their order. `rule` is the one that findings are of."""

    rule: Rule
    findings: list[Finding] = field(default_factory=list)
    # NEVRA → SHA-256 → where it was first.
    _digests: dict[str, dict[str, _Place]] = field(default_factory=lambda: defaultdict(dict))
    _releases: list[Path] = field(default_factory=list)
    _read: set[_Inode] = field(default_factory=set)
    # Metadata without damage → the SHA-256 of its repomd.xml.
    _sound: dict[_Inode, str] = field(default_factory=dict)

    def find_others(self, nevra: str, sha256: str) -> list[str]:
        """`release/repository` of each package that has this NEVRA and other bytes; none where one has these bytes."""
        places = self._digests.get(nevra, {})
        if sha256 in places:
            return []
        return sorted(f"{self._releases[number].name}/{name}" for number, name in places.values())

    def add_releases(self, directories: Sequence[Path], memory: Path | None) -> None:
        """Add the packages that metadata and manifest of releases list; `memory` is the file with the records.

        Metadata that cannot be read is a warning where the manifest tells the packages, else an error.
        """
        self._releases = [*directories]
        identities = [self._identify(directory) for directory in directories] if memory is not None else []
        start = self._recall(_read_memory(memory), identities) if memory is not None else 0
        for number, directory in enumerate(directories[start:], start):
            self._add_release(number, directory)
        if memory is None or self.findings:
            return
        # What changed while it was read is not remembered.
        now = [self._identify(directory) for directory in directories[start:]]
        if now and None not in identities and now == identities[start:]:
            self._remember(memory, identities)

    # ---- reading -----------------------------------------------------------------------------------------------

    def _add_release(self, number: int, directory: Path) -> None:
        manifest = self._read_manifest(directory)
        declared = {repository.name for repository in manifest.repositories} if manifest else set()
        for name in sorted(declared.union(_find_repositories(directory))):
            for problem in self._add_metadata(number, directory, name):
                severity = Severity.WARNING if name in declared else Severity.ERROR
                how = f"compared with {MANIFEST_NAME} only" if name in declared else "not compared"
                self._report(directory, f"{how}: the metadata of {name} cannot be used: {problem}", severity)
        for package in manifest.packages if manifest else ():
            self._add(str(package.nevra), package.sha256, (number, package.repository))

    def _read_manifest(self, directory: Path) -> Manifest | None:
        try:
            return manifest_from_json(
                read_regular_file(directory / MANIFEST_NAME, limit=MAX_MANIFEST_SIZE).decode("utf-8")
            )
        except InputError as error:
            why = error.why
        except (OSError, UnicodeDecodeError) as error:
            why = describe_cause(error)
        self._report(
            directory,
            f"compared with its metadata only: {MANIFEST_NAME} cannot be read: {why}",
            Severity.ERROR,
        )
        return None

    def _add_metadata(self, number: int, directory: Path, name: str) -> tuple[str, ...]:
        """Add the packages of one repository; returns what is wrong with its metadata."""
        try:
            inode = _get_inode(directory / name / REPOMD)
            if inode in self._read:
                return ()
            self._read.add(inode)
            repodata = read_repodata(directory / name)
        except InputError as error:
            return (error.why,)
        except OSError as error:
            return (f"{REPOMD} cannot be read: {error.strerror}",)
        for package in repodata.packages:
            self._add(str(package.nevra), package.sha256, (number, name))
        return repodata.problems

    def _add(self, nevra: str, sha256: str, place: _Place) -> None:
        self._digests[nevra].setdefault(sha256, place)

    def _report(self, directory: Path, message: str, severity: Severity) -> None:
        fix = (
            f"restore {directory} from another copy, or accept the finding with a waiver "
            f"(rule {self.rule.id}, subject {directory.name})"
        )
        self.findings.append(self.rule.finding(directory.name, message, severity, fix=fix))

    # ---- remembering -------------------------------------------------------------------------------------------

    def _identify(self, directory: Path) -> str | None:
        """The digest of all that is read of a release; None where anything is damaged or cannot be read."""
        digest = hashlib.sha256(repr(directory.name).encode("utf-8", "surrogateescape"))
        try:
            manifest = read_regular_file(directory / MANIFEST_NAME, limit=MAX_MANIFEST_SIZE)
            digest.update(hashlib.sha256(manifest).digest())
            for name in _find_repositories(directory):
                repomd = self._identify_metadata(directory / name)
                if repomd is None:
                    return None
                digest.update(f"{name}\0{repomd}\0".encode("utf-8", "surrogateescape"))
        except OSError:
            return None
        return digest.hexdigest()

    def _identify_metadata(self, repository: Path) -> str | None:
        """The SHA-256 of repomd.xml, which has those of the other files; None where one of these is another."""
        inode = _get_inode(repository / REPOMD)
        if inode not in self._sound:
            if find_damaged_metadata(repository):
                return None
            data = read_regular_file(repository / REPOMD, limit=MAX_REPOMD_SIZE)
            self._sound[inode] = hashlib.sha256(data).hexdigest()
        return self._sound[inode]

    def _recall(self, known: _Memory, identities: Sequence[str | None]) -> int:
        """Take what is remembered of the first releases; returns of how many."""
        pairs = zip(known.releases, identities)
        count = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        for nevra, digests in known.packages.items():
            for sha256, (number, name) in digests.items():
                if number < count:
                    self._add(nevra, sha256, (number, name))
        return count

    def _remember(self, file: Path, identities: Sequence[str | None]) -> None:
        """Write what is known; where that fails, the next run reads it again."""
        document = {"code": _digest_code(), "releases": identities, "packages": self._digests}
        with suppress(OSError, InputError):
            make_directory(file.parent)
            write_atomically(file, dump_sealed(document), durable=False)


@dataclass(frozen=True)
class _Memory:
    """The identities of releases, one after another, and the packages of all of them, as `KnownPackages` has them."""

    releases: Sequence[str] = ()
    packages: Mapping[str, Mapping[str, tuple[int, str]]] = field(default_factory=dict)


def _read_memory(file: Path) -> _Memory:
    """What is remembered; nothing where the file is missing, damaged, or of other code."""
    document = read_sealed(file)
    if document is None or document["code"] != _digest_code():
        return _Memory()
    return _Memory(document["releases"], document["packages"])


def _digest_code() -> str:
    return digest_code(Path(__file__), _CODE)


def _find_repositories(directory: Path) -> list[str]:
    """Every folder of a release that has metadata of its own, whatever the manifest says; not the release itself."""
    found = [entry.path for entry in walk_tree(directory) if entry.name == _REPOMD_NAME]
    return sorted(path.removesuffix(f"/{REPOMD}") for path in found if path.endswith(f"/{REPOMD}"))


def _get_inode(path: Path) -> _Inode:
    status = path.stat()
    return status.st_dev, status.st_ino
