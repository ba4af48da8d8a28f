"""rpmbuild and rpmspec on the host's side: a spec expanded, a source package packed, always in the sandbox."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path

from altai_build.tools import process
from altai_build.tools.files import make_directory, scratch_directory, sha256_file, take_files
from altai_build.tools.sandbox import BUILD_DIR, BUILD_HOST, HostView

# A spec is read in milliseconds and packed in seconds; one whose %(...) never ends must not hold up the others.
READ_SECONDS = 30.0
PACK_SECONDS = 600.0
PRINTED = 64 << 20  # bytes; the longest real spec has a hundredth
CONFIGURATION = Path("/usr/lib/rpm")
_MACROS = {
    "_topdir": BUILD_DIR,
    "_sourcedir": f"{BUILD_DIR}/SOURCES",
    "_specdir": f"{BUILD_DIR}/SPECS",
    "_srcrpmdir": f"{BUILD_DIR}/SRPMS",
    "_builddir": f"{BUILD_DIR}/BUILD",
    "_rpmdir": f"{BUILD_DIR}/RPMS",
    "_dbpath": f"{BUILD_DIR}/rpmdb",
    "_tmppath": "/tmp",  # noqa: S108 - a tmpfs of the sandbox
    "_buildhost": BUILD_HOST,
    "use_source_date_epoch_as_buildtime": "1",
    "source_date_epoch_from_changelog": "0",
    "clamp_mtime_to_source_date_epoch": "1",
    # Readable by EL6, and cheap: what it packs is compressed already.
    "_source_payload": "w1.gzdio",
    "_source_filedigest_algorithm": "8",
    # Changelogs of old packages are not always UTF-8; refusing them is the target's business.
    "_invalid_encoding_terminates_build": "0",
    "vendor": "%{nil}",
    "packager": "%{nil}",
}


def version() -> str:
    """Which rpm packs the source packages, with a digest of its macros: other ones can give a spec other requirements.

    Part of the packages' keys. The sandbox shows rpm no macros but those below CONFIGURATION.
    """
    digest = hashlib.sha256()
    for path in sorted(CONFIGURATION.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(CONFIGURATION)}\0{sha256_file(path)}\n".encode())
    return f"{process.run(['rpmbuild', '--version']).text.strip()} {digest.hexdigest()[:16]}"


def expand(spec: Path, macros: Mapping[str, str], arch: str) -> process.Result:
    """A spec file as rpm sees it after all macros, on standard output; what it writes is thrown away."""
    argv = ["rpmspec", "--parse", *_defines(macros), f"--target={arch}", spec.name]
    with scratch_directory(spec.parent, ".home") as home:
        (home / spec.name).write_bytes(spec.read_bytes())
        return _run(HostView(writable=home).command(argv), timeout=READ_SECONDS)


def pack(top: Path, spec: str, macros: Mapping[str, str], arch: str, *, epoch: int) -> process.Result:
    """Make the source package of SPECS/`spec` below `top`, into SRPMS/ there; `epoch` is its build time, in seconds.

    SOURCES/ and SPECS/ are used up. What the spec runs works in a folder of its own below `top`, and can reach
    nothing else there.
    """
    argv = ["rpmbuild", "-bs", "--nodeps", f"--target={arch}", *_defines({**_MACROS, **macros})]
    argv.append(posixpath.join(BUILD_DIR, "SPECS", spec))
    with scratch_directory(top, ".home") as home:
        for name in ("SOURCES", "SPECS"):
            os.rename(top / name, home / name)
        view = HostView(writable=home, environment={"SOURCE_DATE_EPOCH": str(epoch)})
        packed = _run(view.command(argv), timeout=PACK_SECONDS)
        take_files(home / "SRPMS", make_directory(top / "SRPMS"), "src.rpm")  # or nosrc.rpm
    return packed


def _run(argv: Sequence[str], *, timeout: float) -> process.Result:
    """Run it; what it prints is kept in memory, and so has an end."""
    return process.run(argv, ok=(), timeout=timeout, limit=PRINTED)


def _defines(macros: Mapping[str, str]) -> list[str]:
    """`--define` options; the values of a target's macros are plain text."""
    return [f"--define={name} {value}" for name, value in macros.items()]
