"""The headers of RPM files and rpm's order of versions, through rpm's own library.

Only for files whose bytes were checked (`rpmkeys.verify_signatures`) or made here: librpm has crashed on hostile ones.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import rpm

from altai_build.errors import InputError
from altai_build.model.nevra import Nevra, is_safe_name
from altai_build.model.package import Dependency, FileEntry, RpmHeader
from altai_build.tools.rpmkeys import find_damaged, read_signatures

# librpm writes its complaints to descriptor 2 itself; ours come with the error instead.
rpm.setVerbosity(rpm.RPMLOG_CRIT)

_FILE_DIGESTS = {1: "MD5", 2: "SHA1", 8: "SHA256", 9: "SHA384", 10: "SHA512"}  # RPMTAG_FILEDIGESTALGO
# What rpm runs, or sets, when the package is installed.
_SCRIPT_TAGS = tuple(
    f"{event}{part}"
    for event in ("prein", "postin", "preun", "postun", "pretrans", "posttrans")
    for part in ("", "prog", "flags")
) + tuple(
    f"{kind}{part}"
    for kind in ("trigger", "filetrigger", "transfiletrigger")
    for part in ("scripts", "scriptprog", "scriptflags", "name", "flags", "version", "index")
) + ("filecaps",)  # fmt: skip
_COMPARISONS = ((rpm.RPMSENSE_LESS, "<"), (rpm.RPMSENSE_GREATER, ">"), (rpm.RPMSENSE_EQUAL, "="))


def read_made(paths: Sequence[Path]) -> list[RpmHeader]:
    """The headers of packages that a build left behind, in the order given.

    They are a stranger's files, so rpmkeys reads them first, in a child process. Raises InputError naming each that is
    damaged or not called what it is: repositories and records know packages by their names.
    """
    faults = [f"{path.name!r} is no name for a package" for path in paths if not is_safe_name(path.name)]
    if not faults:
        faults = [f"{path.name} is damaged: {why}" for path, why in find_damaged(paths)]
    headers = [] if faults else [read_header(path) for path in paths]
    faults += [
        f"{path.name} is in truth {header.nevra.filename}"
        for path, header in zip(paths, headers)
        if path.name != header.nevra.filename
    ]
    if faults:
        raise InputError(
            "what was built is not sound: " + "; ".join(faults),
            todo="look for what its spec does to %_rpmdir, %_rpmfilename or the files there",
        )
    return headers


def read_header(path: Path) -> RpmHeader:
    """What the package at `path` says of itself; raises InputError when it cannot be read as an RPM."""
    signatures = read_signatures(path)
    header = _read(path)
    return RpmHeader(
        nevra=_nevra(header),
        is_source=bool(header.isSource()),
        sourcerpm=header["sourcerpm"] or "",
        summary=header["summary"] or "",
        license=header["license"] or "",
        vendor=header["vendor"] or "",
        url=header["url"] or "",
        size=path.stat().st_size,
        installed_size=header["longsize"] or 0,
        build_time=datetime.fromtimestamp(header["buildtime"] or 0, tz=timezone.utc),
        provides=_dependencies(header, "provide"),
        requires=_dependencies(header, "require"),
        conflicts=_dependencies(header, "conflict"),
        obsoletes=_dependencies(header, "obsolete"),
        recommends=_dependencies(header, "recommend"),
        files=_files(header),
        scripts=tuple(f"{tag} {header[tag]!r}" for tag in _SCRIPT_TAGS if header[tag]),
        changelog=next(iter(header["changelogtext"]), ""),
        payload_compressor=header["payloadcompressor"]
        or "none",  # rpm leaves the tag out for a plain payload
        file_digest_algorithm=_FILE_DIGESTS.get(header["filedigestalgo"] or 1, "unknown"),
        header_digest=header["sha256header"] or header["sha1header"] or "",
        payload_digest=next(iter(header["payloaddigest"]), ""),
        signature=signatures[0] if signatures else None,
    )


def _read(path: Path) -> Any:
    """rpm's own header object; its signatures and digests are judged elsewhere, and no rpmdb is opened for them."""
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm.RPMVSF_MASK_NOSIGNATURES | rpm.RPMVSF_MASK_NODIGESTS)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return transaction.hdrFromFdno(descriptor)
    except rpm.error as error:
        reasons = [why for _, why in find_damaged([path])]
        raise InputError(
            f"{path} cannot be read as an RPM package",
            why="; ".join(reasons) or str(error),
            todo="fetch or build it again",
        ) from error
    finally:
        os.close(descriptor)


def _nevra(header: Any) -> Nevra:
    """The identity; a source package carries the arch it was made on, and is `src` to everybody else."""
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


def _dependencies(header: Any, kind: str) -> tuple[Dependency, ...]:
    """The dependencies of one kind: require, provide, conflict, obsolete or recommend."""
    rows = zip(header[f"{kind}name"], header[f"{kind}flags"], header[f"{kind}version"])
    return tuple(Dependency(name=name, flags=_comparison(flags), evr=evr) for name, flags, evr in rows)


def _comparison(flags: int) -> str:
    return "".join(sign for bit, sign in _COMPARISONS if flags & bit)


def _files(header: Any) -> tuple[FileEntry, ...]:
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
            mode=mode & 0xFFFF,  # rpm keeps 16 bits and hands them out signed
            owner=owner,
            group=group,
            size=size,
            digest=digest,
            flags=flags,
            link_target=link_target,
        )
        for path, mode, owner, group, size, digest, flags, link_target in rows
    )


def overlap(left: Dependency, right: Dependency) -> bool:
    """True when some version of one name satisfies both, by rpm's rules (a missing release, for one, matches any)."""
    return left.name == right.name and bool(_rpm_dependency(left).Compare(_rpm_dependency(right)))


def _rpm_dependency(one: Dependency) -> Any:
    flags = sum(bit for bit, sign in _COMPARISONS if sign in one.flags)
    return rpm.ds((one.name, flags, one.evr if flags else ""), rpm.RPMTAG_PROVIDENAME)


def compare_evr(left: str, right: str) -> int:
    """-1, 0 or 1 as `left` is older than, the same as or newer than `right`; both `[epoch:]version-release`."""
    return int(rpm.labelCompare(_label(left), _label(right)))


def compare_versions(left: str, right: str) -> int:
    """The same for bare version numbers, such as those of releases."""
    return int(rpm.labelCompare(("0", left, "0"), ("0", right, "0")))


def _label(evr: str) -> Sequence[str]:
    epoch, colon, rest = evr.rpartition(":")
    version, _, release = rest.partition("-")
    return (epoch if colon else "0", version, release)
