"""A release as it lies in its folder, and the words in which a rule answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from altai_build.errors import InputError
from altai_build.model.audit import Severity, SignatureCheck
from altai_build.model.release import (
    KEY_PREFIX,
    MANIFEST,
    Manifest,
    ReleasedRepository,
    manifest_from_json,
)
from altai_build.tools.files import sha256_file
from altai_build.tools.repodata import Repodata, read_repodata


@dataclass(frozen=True)
class Fault:
    """What a rule found, before it is given the rule's name."""

    subject: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Outcome:
    """How many things a rule looked at, and what was wrong with them."""

    examined: int
    faults: Sequence[Fault]


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of a release: why, and what to do when it does not."""

    id: str
    reason: str
    cure: str
    check: Callable[[ReleaseView], Outcome]


class ReleaseView:
    """A release as it lies in its folder; what several rules need is read once."""

    def __init__(self, directory: Path, trusted: Sequence[tuple[str, Path]]) -> None:
        self.directory = directory
        self.trusted = tuple(trusted)

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file and link, relative to the release."""
        return tuple(
            sorted(
                Path(folder, name).relative_to(self.directory).as_posix()
                for folder, folders, names in os.walk(self.directory)
                for name in [*names, *(one for one in folders if Path(folder, one).is_symlink())]
            )
        )

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every regular file."""
        names = [name for name in self.files if not (self.directory / name).is_symlink()]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            return dict(zip(names, pool.map(lambda name: sha256_file(self.directory / name), names)))

    @cached_property
    def manifest_or_fault(self) -> Manifest | str:
        """release.json, or why it cannot be read."""
        try:
            return manifest_from_json((self.directory / MANIFEST).read_text(encoding="utf-8"))
        except InputError as error:
            return error.why
        except (OSError, UnicodeDecodeError) as error:
            return str(error)

    @property
    def manifest(self) -> Manifest | None:
        """release.json where it is readable; the rule `manifest` tells of it where it is not."""
        return None if isinstance(self.manifest_or_fault, str) else self.manifest_or_fault

    @property
    def repositories(self) -> tuple[ReleasedRepository, ...]:
        """The repositories that the manifest declares."""
        return self.manifest.repositories if self.manifest else ()

    @cached_property
    def repodata(self) -> dict[str, Repodata | str]:
        """Each declared repository's metadata, or why it cannot be read."""
        found: dict[str, Repodata | str] = {}
        for repository in self.repositories:
            try:
                found[repository.name] = read_repodata(self.directory / repository.name)
            except InputError as error:
                found[repository.name] = error.why
        return found

    def key_file(self, name: str) -> Path:
        """Where the release keeps a public key."""
        return self.directory / f"{KEY_PREFIX}{name}"


def judge(check: SignatureCheck) -> list[tuple[str, Severity]]:
    """What a check says against a signature: an error where it is not good, else what others will refuse."""
    if not check.good:
        key = f" (key {check.signature.key_id})" if check.signature and check.signature.key_id else ""
        return [(f"{check.verdict.value}{key}: {check.detail}".rstrip(": "), Severity.ERROR)]
    told = []
    for weakness in check.weaknesses:
        severity = Severity.ERROR if weakness.startswith("revoked") else Severity.WARNING
        told.append((f"signed with a {weakness}", severity))
    if check.signed_after_expiry:
        told.append((f"signed after the key expired on {check.key_expired_on}", Severity.ERROR))
    elif check.key_expired_on:
        told.append((f"the key expired on {check.key_expired_on}, which newer dnf refuses", Severity.WARNING))
    return told
