"""What the clients of a target can read, so that other packages and keys are refused before a release."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from altai_build.model.quantity import parse_whole_number

if TYPE_CHECKING:
    from altai_build.model.openpgp import PublicKey
    from altai_build.model.package import RpmHeader

# The features of rpm 4.8.0, the version of EL6 (`rpm --showrc`, lib/rpmds.c of that version).
_EL6_FEATURES = {
    "BuiltinLuaScripts",
    "CompressedFileNames",
    "ConcurrentAccess",
    "ExplicitPackageProvide",
    "FileCaps",
    "FileDigests",
    "HeaderLoadSortsTags",
    "PartialHardlinkSets",
    "PayloadFilesHavePrefix",
    "PayloadIsBzip2",
    "PayloadIsLzma",
    "PayloadIsXz",
    "ScriptletInterpreterArgs",
    "VersionedDependencies",
}
_EL6_PAYLOADS = ("none", "gzip", "bzip2", "lzma", "xz")
_PAYLOADS = (*_EL6_PAYLOADS, "zstd")
# A newer rpm has other defaults. The file digest algorithm 8 is SHA-256.
_EL6_BUILD_MACROS = (
    ("_binary_payload", "w9.gzdio"),
    ("_source_payload", "w9.gzdio"),
    ("_binary_filedigest_algorithm", "8"),
    ("_source_filedigest_algorithm", "8"),
)
_EL6_ALGORITHMS = ("RSA", "DSA")
_FEATURE_PREFIX = "rpmlib("


class Compat(str, Enum):
    """The clients of a target: with `el6`, rpm 4.8 reads neither ed25519 keys nor zstd, and yum reads gz metadata."""

    EL6 = "el6"
    MODERN = "modern"


def get_default_compat(rhel: str | None) -> Compat:
    """The default of `compat`: EL6 if the macro `rhel` is 6 or less."""
    version = parse_whole_number(rhel or "")
    return Compat.EL6 if version is not None and version <= 6 else Compat.MODERN


def build_macros(compat: Compat) -> tuple[tuple[str, str], ...]:
    """The macros that make rpmbuild write packages that the target can read; modern targets need none."""
    return _EL6_BUILD_MACROS if compat is Compat.EL6 else ()


def list_unreadable_packages(compat: Compat, headers: Sequence[RpmHeader]) -> tuple[str, ...]:
    """One line for each reason why the target's rpm cannot read or install one of the packages."""
    return tuple(
        f"  {header.nevra}: {reason}"
        for header in headers
        for reason in get_unreadable_reasons(compat, header)
    )


def get_unreadable_reasons(compat: Compat, header: RpmHeader) -> tuple[str, ...]:
    """Why the target's rpm cannot read or install a package; empty when it can."""
    reasons = _list_el6_reasons(header) if compat is Compat.EL6 else []
    if header.payload_compressor not in _PAYLOADS:
        reasons.append(f"the payload is compressed with {header.payload_compressor}, which rpm 4 cannot read")
    if header.file_digest_algorithm == "unknown":
        reasons.append("the files have digests of an algorithm that rpm 4 does not have")
    return tuple(sorted(set(reasons)))


def _list_el6_reasons(header: RpmHeader) -> list[str]:
    reasons = []
    if header.payload_compressor in _PAYLOADS and header.payload_compressor not in _EL6_PAYLOADS:
        reasons.append(
            f"the payload is compressed with {header.payload_compressor}, which rpm 4.8 cannot read"
        )
    signature = header.signature
    if signature is not None and signature.algorithm not in _EL6_ALGORITHMS:
        reasons.append(f"the signature algorithm is {signature.algorithm}, which rpm 4.8 cannot check")
    for dependency in header.requires:
        if dependency.name.startswith(_FEATURE_PREFIX):
            feature = dependency.name[len(_FEATURE_PREFIX) :].rstrip(")")
            if feature not in _EL6_FEATURES and not feature.startswith("PayloadIs"):
                reasons.append(f"the package requires the rpm feature {feature}, which rpm 4.8 does not have")
    return reasons


def get_unsupported_key_reason(compat: Compat, key: PublicKey) -> str | None:
    """Why the target's rpm cannot check the signatures of a key; None when it can."""
    if compat is not Compat.EL6 or key.algorithm in _EL6_ALGORITHMS:
        return None
    return (
        f"key {key.key_id} has the algorithm {key.algorithm}; rpm 4.8 supports only "
        f"{' and '.join(_EL6_ALGORITHMS)}"
    )
