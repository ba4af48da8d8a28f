"""How similar two RPM files are: their files and headers compared, without signatures and times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from altai_build.model.reproduction import PackageComparison, Similarity
from altai_build.tools.files import sha256_file
from altai_build.tools.rpm.bindings import load_rpm
from altai_build.tools.rpm.header import open_header

# Added when a package is signed or hashed, or when librpm reads it: not part of what the build made.
_SIGNATURE_TAGS = {
    "ARCHIVESIZE", "DSAHEADER", "FILESIGNATURELENGTH", "FILESIGNATURES", "HEADERI18NTABLE", "HEADERIMMUTABLE",
    "HEADERSIGNATURES", "LONGARCHIVESIZE", "LONGSIGSIZE", "OPENPGP", "PUBKEYS", "RSAHEADER", "SHA1HEADER",
    "SHA256HEADER", "SIGGPG", "SIGMD5", "SIGPGP", "SIGPGP5", "SIGSIZE", "VERITYSIGNATUREALGO", "VERITYSIGNATURES",
}  # fmt: skip
# SOURCEPKGID is a digest over a header that contains the build time.
_TIME_TAGS = {"BUILDTIME", "COOKIE", "FILEMTIMES", "SOURCEPKGID"}
# The payload archive contains the times of the files.
_PAYLOAD_TAGS = {"PAYLOADDIGEST", "PAYLOADDIGESTALT"}
_FILE_TAGS = (
    "FILEDIGESTS", "FILESIZES", "LONGFILESIZES", "FILEMODES", "FILELINKTOS", "FILEUSERNAME", "FILEGROUPNAME",
    "FILEFLAGS", "FILERDEVS", "FILECAPS",
)  # fmt: skip


def compare_packages(left: Path, right: Path) -> PackageComparison:
    """How similar two package files are, with the first file that differs, or else the first tag."""
    if left.stat().st_size == right.stat().st_size and sha256_file(left) == sha256_file(right):
        return PackageComparison(similarity=Similarity.IDENTICAL, first_difference="")
    left_header, right_header = open_header(left), open_header(right)
    file = _find_different_file(left_header, right_header)
    if file:
        return PackageComparison(similarity=Similarity.DIFFERENT, first_difference=file)
    tags = _list_tags(left_header) | _list_tags(right_header)
    differing = {tag for tag in tags if left_header[tag] != right_header[tag]}
    times = differing & _TIME_TAGS
    allowed = _TIME_TAGS | (_PAYLOAD_TAGS if "FILEMTIMES" in times else set())
    others = sorted(differing - allowed)
    if others:
        return PackageComparison(
            similarity=Similarity.DIFFERENT,
            first_difference=f"the tag {others[0]}",
            is_in_compression=others == ["PAYLOADDIGEST"],
        )
    return PackageComparison(
        similarity=Similarity.IDENTICAL_EXCEPT_TIMES,
        first_difference=", ".join(["signature", *sorted(times)]),
    )


def _list_tags(header: Any) -> set[str]:
    """The names of a header's tags, without those of signatures; numbers for tags that this rpm does not know."""
    names = {str(load_rpm().tagnames.get(number, number)) for number in list(header)}
    return names - _SIGNATURE_TAGS


def _find_different_file(left_header: Any, right_header: Any) -> str:
    """The first file, by path, that one of the packages lacks or that differs, with what differs; else empty."""
    left, right = _read_file_attributes(left_header), _read_file_attributes(right_header)
    for path in sorted(left.keys() | right.keys()):
        if path not in left or path not in right:
            return f"{path}: only one of the packages has it"
        different = [tag for tag in _FILE_TAGS if left[path].get(tag) != right[path].get(tag)]
        if different:
            return f"{path}: {different[0]}"
    return ""


def _read_file_attributes(header: Any) -> dict[str, dict[str, Any]]:
    """Path → tag → value, for every file that the header lists."""
    columns = {tag: header[tag] for tag in _FILE_TAGS}
    return {
        path: {tag: values[number] for tag, values in columns.items() if values and number < len(values)}
        for number, path in enumerate(header["filenames"])
    }
