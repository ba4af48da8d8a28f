"""rpmbuild and rpmspec on the host's side: a spec expanded, a source package packed, always in the sandbox."""

from __future__ import annotations

import hashlib
import os
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from altai_build.errors import AltaiError, BuildError, InputError
from altai_build.model.spec import SpecInfo
from altai_build.tools import process
from altai_build.tools.files import make_directory, move_out, scratch_directory, sha256_file
from altai_build.tools.git.superproject import ComponentSource
from altai_build.tools.sandbox.bubblewrap import BUILD_DIR, BUILD_HOSTNAME, HostSandbox
from altai_build.tools.spec.reader import SpecText, encode_spec, read_specs

# A spec is read in milliseconds and packed in seconds; one whose %(...) never ends must not hold up the others.
EXPAND_TIMEOUT = 30.0
SRPM_TIMEOUT = 600.0
OUTPUT_SIZE_LIMIT = 64 << 20  # bytes; the longest real spec has a hundredth
RPM_CONFIG_DIR = Path("/usr/lib/rpm")
_DIST_MARKER = "ALTAIDIST"  # stands for dist where only rpm can tell where it goes
_MACROS = {
    "_topdir": BUILD_DIR,
    "_sourcedir": f"{BUILD_DIR}/SOURCES",
    "_specdir": f"{BUILD_DIR}/SPECS",
    "_srcrpmdir": f"{BUILD_DIR}/SRPMS",
    "_builddir": f"{BUILD_DIR}/BUILD",
    "_rpmdir": f"{BUILD_DIR}/RPMS",
    "_dbpath": f"{BUILD_DIR}/rpmdb",
    "_tmppath": "/tmp",  # noqa: S108 - a tmpfs of the sandbox
    "_buildhost": BUILD_HOSTNAME,
    "use_source_date_epoch_as_buildtime": "1",
    "source_date_epoch_from_changelog": "0",
    "clamp_mtime_to_source_date_epoch": "1",
    "_source_filedigest_algorithm": "8",
    # Changelogs of old packages are not always UTF-8; refusing them is the target's business.
    "_invalid_encoding_terminates_build": "0",
    "vendor": "%{nil}",
    "packager": "%{nil}",
}


# Endings of files that a second compression would not make smaller.
_COMPRESSED_SUFFIXES = (
    ".gz",
    ".tgz",
    ".bz2",
    ".tbz2",
    ".xz",
    ".txz",
    ".lzma",
    ".zst",
    ".zip",
    ".jar",
    ".whl",
    ".gem",
    ".png",
)
_SMALL_SIZE = 1 << 18  # bytes


def rpm_version_key() -> str:
    """Which rpm packs the source packages, with a digest of its macros: other ones can give a spec other requirements.

    Part of the packages' keys. The sandbox shows rpm no macros but those below CONFIGURATION.
    """
    digest = hashlib.sha256()
    for path in sorted(RPM_CONFIG_DIR.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(RPM_CONFIG_DIR)}\0{sha256_file(path)}\n".encode())
    return f"{process.read_program_version('rpmbuild')} {digest.hexdigest()[:16]}"


def expand_spec(spec: Path, macros: Mapping[str, str], arch: str) -> process.ProcessResult:
    """A spec file as rpm sees it after all macros, on standard output; what it writes is thrown away."""
    argv = ["rpmspec", "--parse", *_define_options(macros), f"--target={arch}", spec.name]
    with scratch_directory(spec.parent, ".home") as home:
        (home / spec.name).write_bytes(spec.read_bytes())
        return _run_rpm(HostSandbox(writable=home).command(argv), timeout=EXPAND_TIMEOUT)


def evaluate_spec(
    sourced: ComponentSource, macros: Mapping[str, str], arch: str, *, scratch: Path
) -> SpecInfo:
    """The spec's content after rpm has expanded it, for tags that cannot be read statically.

    Raises InputError for what rpm refuses or knows as little, BuildFailed where it came to no answer.
    """
    info = _expand_in_sandbox(sourced, macros, arch, scratch)
    if "release" not in sourced.info.unknown:
        return info
    # Where dist comes in through a macro, a second expansion with another dist tells where in Release it is.
    try:
        marked = _expand_in_sandbox(sourced, {**macros, "dist": _DIST_MARKER}, arch, scratch)
    except AltaiError:
        return info
    hidden = marked.release if marked.release and _DIST_MARKER in marked.release else None
    return replace(info, hidden_dist=hidden.replace(_DIST_MARKER, "\0", 1) if hidden else None)


def _expand_in_sandbox(
    sourced: ComponentSource, macros: Mapping[str, str], arch: str, scratch: Path
) -> SpecInfo:
    with scratch_directory(scratch, "spec") as folder:
        spec = folder / posixpath.basename(sourced.component.spec)
        spec.write_bytes(encode_spec(sourced.text))
        expanded = expand_spec(spec, macros, arch)
    if expanded.returncode != 0:
        raise spec_error(sourced, expanded)
    place = sourced.component.spec_path
    answer = read_specs([SpecText(place=place, text=expanded.text)], macros, arch)[0]
    if isinstance(answer, AltaiError):
        raise answer
    if answer.version is None or answer.release is None:
        raise InputError(
            f"{sourced.component.name}: {place} has a version or release that nobody knows",
            why=_unexpanded_tags(expanded.text),
            todo="define the macro in the spec, or in targets.NAME.macros of repos.yaml",
        )
    return answer


def _unexpanded_tags(text: str) -> str:
    """The tags of an expanded spec in which a macro is left."""
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(one for one in lines if one.lower().startswith(("version", "release")) and "%" in one)


def spec_error(sourced: ComponentSource, result: process.ProcessResult) -> AltaiError:
    """rpm's own words about a spec, the first error line as the reason; else what happened to the program."""
    where = sourced.component.spec_path
    lines = [line for line in result.stderr.decode("utf-8", "replace").splitlines() if "error:" in line]
    if lines:
        first = lines[0].partition("error:")[2].strip()
        return InputError(
            f"{sourced.component.name}: rpm refuses {sourced.component.spec}: {first}",
            why=result.error_text,
            todo=f"mend {where} and commit it",
        )
    return BuildError(
        f"{sourced.component.name}: no source package was made: rpm {process.describe_exit(result.returncode)}",
        why=result.error_text,
        todo=f"look for a %(...) that does not end in {where}, and for free memory and space",
    )


def build_srpm(
    top: Path, spec: str, macros: Mapping[str, str], arch: str, *, epoch: int
) -> process.ProcessResult:
    """Make the source package of SPECS/`spec` below `top`, into SRPMS/ there; `epoch` is its build time, in seconds.

    SOURCES/ and SPECS/ are used up. The payload is gzip, which EL6 can read; it only wraps what is compressed already,
    where there is little else. What the spec runs works in a folder of its own below `top`, and can reach
    nothing else there.
    """
    with os.scandir(top / "SOURCES") as sources:
        plain = sum(one.stat().st_size for one in sources if not one.name.endswith(_COMPRESSED_SUFFIXES))
    payload = {"_source_payload": "w0.gzdio" if plain < _SMALL_SIZE else "w1.gzdio"}
    argv = [
        "rpmbuild",
        "-bs",
        "--nodeps",
        f"--target={arch}",
        *_define_options({**_MACROS, **payload, **macros}),
    ]
    argv.append(posixpath.join(BUILD_DIR, "SPECS", spec))
    with scratch_directory(top, ".home") as home:
        for name in ("SOURCES", "SPECS"):
            os.rename(top / name, home / name)
        view = HostSandbox(writable=home, environment={"SOURCE_DATE_EPOCH": str(epoch)})
        packed = _run_rpm(view.command(argv), timeout=SRPM_TIMEOUT)
        move_out(home / "SRPMS", make_directory(top / "SRPMS"), "src.rpm")  # or nosrc.rpm
    return packed


def _run_rpm(argv: Sequence[str], *, timeout: float) -> process.ProcessResult:
    """Run it; what it prints is kept in memory, and so has an end."""
    return process.run(argv, ok=process.ANY_END, timeout=timeout, limit=OUTPUT_SIZE_LIMIT)


def _define_options(macros: Mapping[str, str]) -> list[str]:
    """`--define` options; the values of a target's macros are plain text."""
    return [f"--define={name} {value}" for name, value in macros.items()]
