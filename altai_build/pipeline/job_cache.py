"""Caches between CI jobs: signed by the key of CI jobs, and believed where it or a key of releases signed them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from altai_build.errors import InputError
from altai_build.model.job_cache import INDEX_NAME, SIGNATURE_NAME
from altai_build.stages.cache_export import ExportedCache, export_cache, write_index
from altai_build.stages.cache_import import ImportedCache, import_cache, read_index
from altai_build.tools.files import scratch_directory, write_atomically
from altai_build.tools.openpgp.verify import verify_detached

if TYPE_CHECKING:
    from altai_build.pipeline.run import Run
    from altai_build.tools.openpgp.signing import SigningKey


def export(run: Run, folder: Path, *, max_size: int, key: SigningKey | None) -> ExportedCache:
    """Have a cache of the workspace in the prepared folder, signed by the key if there is one.

    What was taken from others without a signature gets none either. Raises SigningError. The caller holds the
    workspace.
    """
    run.workspace.remove_leftovers()
    exported = export_cache(run.workspace, run.ledger, folder, max_size=max_size)
    if key is not None and run.workspace.unsigned_import.exists():
        run.reporter.warn(
            "the cache is not signed: this workspace took builds with --trust-unsigned, and nobody knows who made them"
        )
        key = None
    write_index(exported.index, folder, key.sign_detached if key is not None else None)
    return replace(exported, is_signed=key is not None)


def take(run: Run, folder: Path, *, max_size: int, trust_unsigned: bool) -> ImportedCache:
    """Take a cache into the workspace. A damaged one is worth nothing, and no error: the job works without it."""
    run.workspace.prepare()
    run.workspace.remove_leftovers()
    with scratch_directory(run.workspace.scratch, "cache-list") as scratch:
        # What is read is what is verified, whoever writes to the folder meanwhile.
        try:
            index = read_index(folder, copy=scratch)
        except InputError as error:
            run.reporter.warn(f"{error.what}: {error.why}")
            return ImportedCache()
        if index is None:
            run.reporter.info(f"there is no cache in {folder} yet")
            return ImportedCache()
        distrust = _find_distrust(run, scratch)
    if distrust and trust_unsigned:
        write_atomically(run.workspace.unsigned_import, b"")
        distrust = ""
    return import_cache(run.workspace, run.ledger, folder, index, distrust=distrust, max_size=max_size)


def _find_distrust(run: Run, folder: Path) -> str:
    """Why the list of a cache is not trusted; "" where a signing key of repos.yaml signed it."""
    keys = [key.file for key in run.config.keys.values() if key.is_signing_key and key.file.exists()]
    check = verify_detached(folder / INDEX_NAME, folder / SIGNATURE_NAME, keys)
    return "" if check.is_good else f"{INDEX_NAME} is not trusted: {check.description}"
