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
from altai_build.model.reproduction import PackageComparison, Similarity
from altai_build.tools.rpm.signatures import find_damaged_packages, read_signatures

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


def read_built_headers(paths: Sequence[Path]) -> list[RpmHeader]:
    """The headers of packages that a build left behind, in the order given.

    They are a stranger's files, so rpmkeys reads them first, in a child process. Raises InputError naming each that is
    damaged or not called what it is: repositories and records know packages by their names.
    """
    faults = [f"{path.name!r} is no name for a package" for path in paths if not is_safe_name(path.name)]
    if not faults:
        faults = [f"{path.name} is damaged: {why}" for path, why in find_damaged_packages(paths)]
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
        reasons = [why for _, why in find_damaged_packages([path])]
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
    return tuple(
        Dependency(name=name, flags=_comparison_operator(flags), evr=evr) for name, flags, evr in rows
    )


def _comparison_operator(flags: int) -> str:
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


# Written when a package is signed or hashed, or by librpm when it reads a file: never part of what was packaged.
_SIGNATURE_TAGS = {
    "ARCHIVESIZE", "DSAHEADER", "FILESIGNATURELENGTH", "FILESIGNATURES", "HEADERI18NTABLE", "HEADERIMMUTABLE",
    "HEADERSIGNATURES", "LONGARCHIVESIZE", "LONGSIGSIZE", "OPENPGP", "PUBKEYS", "RSAHEADER", "SHA1HEADER",
    "SHA256HEADER", "SIGGPG", "SIGMD5", "SIGPGP", "SIGPGP5", "SIGSIZE", "VERITYSIGNATUREALGO", "VERITYSIGNATURES",
}  # fmt: skip
_TIME_TAGS = {
    "BUILDTIME",
    "COOKIE",
    "FILEMTIMES",
    "SOURCEPKGID",
}  # the last is a digest over the source's build time
_PAYLOAD_TAGS = {"PAYLOADDIGEST", "PAYLOADDIGESTALT"}  # the archive holds the files' times
_FILE_TAGS = (
    "FILEDIGESTS", "FILESIZES", "LONGFILESIZES", "FILEMODES", "FILELINKTOS", "FILEUSERNAME", "FILEGROUPNAME",
    "FILEFLAGS", "FILERDEVS", "FILECAPS",
)  # fmt: skip


def compare_packages(left: Path, right: Path) -> PackageComparison:
    """How two package files compare; where they differ the first file that does is told, or else the first tag."""
    if left.stat().st_size == right.stat().st_size and left.read_bytes() == right.read_bytes():
        return PackageComparison(similarity=Similarity.IDENTICAL, first_difference="")
    one, other = _read(left), _read(right)
    file = _first_different_file(one, other)
    if file:
        return PackageComparison(similarity=Similarity.DIFFERENT, first_difference=file, is_in_file=True)
    differing = {name for name in _tags(one) | _tags(other) if one[name] != other[name]}
    times = differing & _TIME_TAGS
    allowed = _TIME_TAGS | (_PAYLOAD_TAGS if "FILEMTIMES" in times else set())
    beyond = sorted(differing - allowed)
    if beyond:
        return PackageComparison(similarity=Similarity.DIFFERENT, first_difference=f"the tag {beyond[0]}")
    return PackageComparison(
        similarity=Similarity.IDENTICAL_EXCEPT_TIMES,
        first_difference=", ".join(["signature", *sorted(times)]),
    )


def _tags(header: Any) -> set[str]:
    """The names of a header's tags but for those of signatures; numbers for tags that this rpm does not know."""
    names = {str(rpm.tagnames.get(number, number)) for number in list(header)}
    return names - _SIGNATURE_TAGS


def _first_different_file(one: Any, other: Any) -> str:
    """The first file, in the order of paths, that only one of the packages has, or that is not the same in both."""
    left, right = _file_attributes(one), _file_attributes(other)
    for path in sorted(left.keys() | right.keys()):
        if path not in left or path not in right:
            return f"{path}: only one of them has it"
        different = [tag for tag in _FILE_TAGS if left[path].get(tag) != right[path].get(tag)]
        if different:
            return f"{path}: {different[0]}"
    return ""


def _file_attributes(header: Any) -> dict[str, dict[str, Any]]:
    """path → tag → value, for what a header says of its files."""
    columns = {tag: header[tag] for tag in _FILE_TAGS}
    return {
        path: {tag: values[number] for tag, values in columns.items() if values and number < len(values)}
        for number, path in enumerate(header["filenames"])
    }


def ranges_overlap(left: Dependency, right: Dependency) -> bool:
    """True when some version of one name satisfies both, by rpm's rules (a missing release, for one, matches any)."""
    return left.name == right.name and bool(_rpm_dependency(left).Compare(_rpm_dependency(right)))


def _rpm_dependency(one: Dependency) -> Any:
    flags = sum(bit for bit, sign in _COMPARISONS if sign in one.flags)
    return rpm.ds((one.name, flags, one.evr if flags else ""), rpm.RPMTAG_PROVIDENAME)


def compare_evr(left: str, right: str) -> int:
    """-1, 0 or 1 as `left` is older than, the same as or newer than `right`; both `[epoch:]version-release`."""
    return int(rpm.labelCompare(_evr_tuple(left), _evr_tuple(right)))


def compare_versions(left: str, right: str) -> int:
    """The same for bare version numbers, such as those of releases."""
    return int(rpm.labelCompare(("0", left, "0"), ("0", right, "0")))


def _evr_tuple(evr: str) -> Sequence[str]:
    epoch, colon, rest = evr.rpartition(":")
    version, _, release = rest.partition("-")
    return (epoch if colon else "0", version, release)
