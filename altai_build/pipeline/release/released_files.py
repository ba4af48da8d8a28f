"""Released files that a release uses again: as they were published, also where the file was damaged since."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from altai_build.errors import VerificationError, quote_path
from altai_build.model.checksum import Sha256
from altai_build.model.quantity import format_count
from altai_build.pipeline.published.releases import PublishedReleases
from altai_build.pipeline.run import Run
from altai_build.regular_files import open_regular_file
from altai_build.stages.fetch import PackageStore
from altai_build.tools import processors
from altai_build.tools.files import scratch_directory, sha256_file
from altai_build.tools.rpm.signatures import read_signed_part


def find_sound_files(run: Run, reused: Mapping[Path, Path], published: PublishedReleases) -> dict[Path, Path]:
    """Released file → a file with the bytes that were published: itself, or where it is damaged a restored one.

    `reused` maps released files to the unsigned packages of this run. A file of a release is often the same inode as
    the workspace's, so that both are damaged; but signing changes only the beginning of a package, and the rest is in
    the unsigned one. Each restored file is a warning that says how to repair the release. Raises VerificationError for
    files that cannot be restored: another file would be other bytes under a name that machines know.
    """
    with ThreadPoolExecutor(processors.available()) as pool:
        digests = dict(zip(reused, pool.map(_read_digest, reused)))
    damaged = [path for path, digest in digests.items() if digest != published.digests[path]]
    store = PackageStore(run.workspace.packages)
    restored = {
        path: _restore(path, Sha256(published.digests[path]), reused[path], store) for path in damaged
    }
    unavailable = [path for path, found in restored.items() if found is None]
    if unavailable:
        raise VerificationError(
            f"{format_count(len(unavailable), 'released package')} cannot be used again: damaged since the publication",
            why="\n".join(f"  {path}: its SHA-256 was {published.digests[path]}" for path in unavailable),
            todo="replace each file by one with that SHA-256, from a backup or from where the release is served "
            "(`altai-build verify` then passes), and rerun; where there is none, commit something to the component "
            "and pin that: its packages get another release number",
        )
    for path, found in restored.items():
        if found is not None:
            run.reporter.warn(
                f"the released file {path} is damaged; its bytes were restored for this release\n"
                f"What to do: repair that one too: cp --remove-destination {quote_path(found)} {quote_path(path)}, and "
                "look for others: `altai-build verify --history`"
            )
    return {path: restored.get(path) or path for path in reused}


def _read_digest(path: Path) -> Sha256 | None:
    """The SHA-256 of a file; None where it cannot be read."""
    try:
        return sha256_file(path)
    except OSError:
        return None


def _restore(released: Path, sha256: Sha256, unsigned: Path, store: PackageStore) -> Path | None:
    """A file with this SHA-256 in the store, of the beginning of a damaged one and the rest of the unsigned one."""
    kept = store.get_path(sha256, released.name)
    if _read_digest(kept) == sha256:
        return kept
    try:
        beginning, offset = read_signed_part(released), len(read_signed_part(unsigned))
    except (OSError, ValueError):
        return None
    with scratch_directory(store.root, ".new") as scratch, open_regular_file(unsigned) as source:
        source.seek(offset)
        with (scratch / "package").open("wb") as target:
            target.write(beginning)
            shutil.copyfileobj(source, target)
        if sha256_file(scratch / "package") != sha256:
            return None
        return store.add(scratch / "package", sha256, released.name, link=False)
