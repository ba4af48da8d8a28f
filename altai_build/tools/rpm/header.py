"""Read the headers of RPM files with rpm's own library.

Only for files that were made here, or whose signatures were verified before (`signatures.verify_signatures`): librpm
crashes on some hostile files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra, is_safe_name
from altai_build.model.package import Dependency, FileEntry, RpmHeader
from altai_build.regular_files import open_regular_file
from altai_build.tools.rpm.bindings import load_rpm
from altai_build.tools.rpm.signatures import find_damaged_packages, read_signatures
from altai_build.tools.rpm.versions import format_comparison

_FILE_DIGESTS = {1: "MD5", 2: "SHA1", 8: "SHA256", 9: "SHA384", 10: "SHA512"}  # RPMTAG_FILEDIGESTALGO
# What rpm runs or sets when it installs the package.
_SCRIPT_TAGS = tuple(
    f"{event}{part}"
    for event in ("prein", "postin", "preun", "postun", "pretrans", "posttrans")
    for part in ("", "prog", "flags")
) + tuple(
    f"{kind}{part}"
    for kind in ("trigger", "filetrigger", "transfiletrigger")
    for part in ("scripts", "scriptprog", "scriptflags", "name", "flags", "version", "index")
) + ("filecaps",)  # fmt: skip


def read_built_headers(paths: Sequence[Path]) -> list[RpmHeader]:
    """The headers of packages that a build made, in the order given.

    The files may be hostile, so rpmkeys reads them first, in a child process. Raises InputError with every file that is
    damaged or does not have its canonical name, by which repositories and records know packages.
    """
    faults = [
        f"{path.name!r} is not a safe name for a package" for path in paths if not is_safe_name(path.name)
    ]
    if not faults:
        faults = [f"{path.name} is damaged: {why}" for path, why in find_damaged_packages(paths)]
    headers = [] if faults else [read_header(path) for path in paths]
    faults += [
        f"{path.name} contains {header.nevra.filename}"
        for path, header in zip(paths, headers)
        if path.name != header.nevra.filename
    ]
    if faults:
        raise InputError(
            "the build made unusable packages: " + "; ".join(faults),
            todo="find where the spec changes %_rpmdir, %_rpmfilename or the package files",
        )
    return headers


def read_header(path: Path) -> RpmHeader:
    """The header of the package at `path`; raises InputError when it is not a readable RPM."""
    signatures = read_signatures(path)
    header = open_header(path)
    return RpmHeader(
        nevra=_read_nevra(header),
        is_source=bool(header.isSource()),
        sourcerpm=header["sourcerpm"] or "",
        summary=header["summary"] or "",
        license=header["license"] or "",
        vendor=header["vendor"] or "",
        url=header["url"] or "",
        size=path.stat().st_size,
        build_time=datetime.fromtimestamp(header["buildtime"] or 0, tz=timezone.utc),
        provides=_read_dependencies(header, "provide"),
        requires=_read_dependencies(header, "require"),
        conflicts=_read_dependencies(header, "conflict"),
        obsoletes=_read_dependencies(header, "obsolete"),
        recommends=_read_dependencies(header, "recommend"),
        files=_read_files(header),
        scripts=tuple(f"{tag} {header[tag]!r}" for tag in _SCRIPT_TAGS if header[tag]),
        changelog=next(iter(header["changelogtext"]), ""),
        changelog_size=len(header["changelogtext"]),
        # rpm omits the tag for an uncompressed payload.
        payload_compressor=header["payloadcompressor"] or "none",
        file_digest_algorithm=_FILE_DIGESTS.get(header["filedigestalgo"] or 1, "unknown"),
        header_digest=header["sha256header"] or header["sha1header"] or "",
        signature=signatures[0] if signatures else None,
    )


def open_header(path: Path) -> Any:
    """rpm's header object, without verification, which would open the host's rpmdb; `signatures` verifies."""
    rpm = load_rpm()
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm.RPMVSF_MASK_NOSIGNATURES | rpm.RPMVSF_MASK_NODIGESTS)
    try:
        with open_regular_file(path) as package:
            return transaction.hdrFromFdno(package.fileno())
    except rpm.error as error:
        reasons = [why for _, why in find_damaged_packages([path])]
        raise InputError(
            f"{path} is not a readable RPM package",
            why="; ".join(reasons) or str(error),
            todo="fetch or build it again",
        ) from error


def _read_nevra(header: Any) -> Nevra:
    """The NEVRA; the header of a source package has the architecture of the build host in place of `src`."""
    arch = header["arch"]
    if header.isSource():
        arch = "nosrc" if header["nosource"] or header["nopatch"] else "src"
    return Nevra(
        name=header["name"],
        epoch=header["epoch"] or 0,
        version=header["version"],
        release=header["release"],
        arch=arch,
    )


def _read_dependencies(header: Any, kind: str) -> tuple[Dependency, ...]:
    """The dependencies of one kind: require, provide, conflict, obsolete or recommend."""
    rows = zip(header[f"{kind}name"], header[f"{kind}flags"], header[f"{kind}version"])
    return tuple(Dependency(name=name, flags=format_comparison(flags), evr=evr) for name, flags, evr in rows)


def _read_files(header: Any) -> tuple[FileEntry, ...]:
    """Every file the package lists."""
    rows = zip(
        header["filenames"],
        header["filemodes"],
        header["fileusername"],
        header["filegroupname"],
        header["longfilesizes"],
        header["filedigests"],
        header["fileflags"],
        header["filelinktos"],
    )
    return tuple(
        FileEntry(
            path=path,
            # rpm returns the 16 bits of the mode as a signed number.
            mode=mode & 0xFFFF,
            owner=owner,
            group=group,
            size=size,
            digest=digest,
            flags=flags,
            link_target=link_target,
        )
        for path, mode, owner, group, size, digest, flags, link_target in rows
    )
