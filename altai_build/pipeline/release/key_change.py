"""A release that would sign with another key than the previous one: seen before anything is built."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from altai_build.config import Config, Repository, SourceKind
from altai_build.errors import InputError, SigningError
from altai_build.model.quantity import format_count
from altai_build.model.release import Manifest
from altai_build.pipeline.run import Run
from altai_build.tools.openpgp.keyfile import read_public_keys


def refuse_undeclared_key_change(run: Run, previous: Manifest | None) -> None:
    """Raise SigningError when a repository has another key than before that does not replace it.

    Unchanged packages keep the signatures of the previous release, and clients have its key: both need `replaces`.
    Packages of still older keys are a warning, because they may be built again.
    """
    if previous is None:
        return
    changes = []
    for repository in run.config.repositories.values():
        if repository.source is SourceKind.MIRROR:
            continue
        try:
            accepted = _read_accepted_fingerprints(run.config, repository)
        except InputError:
            continue  # `unlock_signing_keys` reports it
        for before in previous.repositories:
            if before.name not in (repository.name, repository.source_rpms):
                continue
            if before.fingerprints and accepted.isdisjoint(before.fingerprints):
                old = ", ".join(before.fingerprints)
                changes.append(f"  {before.name}: {previous.version} has the key {before.key} ({old})")
                continue
            for text in _list_foreign_signers(previous, before.name, accepted):
                run.reporter.warn(text)
    if changes:
        raise SigningError(
            f"packages of release {previous.version} were signed by another key, and no key replaces that one",
            why="\n".join(changes),
            todo="restore the key file; or declare the earlier key in `keys` too, and write `replaces: NAME` of it at "
            "the new key: clients then get both",
        )


def _read_accepted_fingerprints(config: Config, repository: Repository) -> set[str]:
    """The fingerprints of all keys that clients of a repository get. Raises InputError for an unusable key file."""
    names = (repository.key, *config.get_related_keys(repository.key))
    return {key.fingerprint for name in names for key in read_public_keys(config.keys[name].file)}


def _list_foreign_signers(previous: Manifest, repository: str, accepted: set[str]) -> Iterator[str]:
    """A warning for each key that signed packages of the previous release and is no longer accepted."""
    signers = Counter(
        package.signer.fingerprint for package in previous.packages if package.repository == repository
    )
    for fingerprint, count in sorted(signers.items()):
        if fingerprint not in accepted:
            count_of = f"{format_count(count, 'package')} of {previous.version}"
            yield (
                f"{repository}: {fingerprint or 'no known key'} signed {count_of}, and repos.yaml lacks that key: "
                "unless they are built again, the release will not be published"
            )
