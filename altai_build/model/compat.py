"""What the clients of a target can read: packages and keys that they could not are found before they are released."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from altai_build.model.openpgp import PublicKey
from altai_build.model.package import RpmHeader

# What rpm 4.8.0 of EL6 has itself (`rpm --showrc`, lib/rpmds.c of that version); all later features are beyond it.
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
# Over what a newer rpm would do by itself; EL6's own rpm builds nothing else.
_EL6_BUILD_MACROS = (
    ("_binary_payload", "w9.gzdio"),
    ("_source_payload", "w9.gzdio"),
    ("_binary_filedigest_algorithm", "8"),  # SHA-256
    ("_source_filedigest_algorithm", "8"),
)
_EL6_ALGORITHMS = ("RSA", "DSA")
_FEATURE = "rpmlib("


class Compat(str, Enum):
    """What the clients of a target can read: rpm 4.8 knows no ed25519 and no zstd, yum on el6 reads gz metadata."""

    EL6 = "el6"
    MODERN = "modern"


def get_default_compat(rhel: str | None) -> Compat:
    """What a target can read where repos.yaml does not say: its `rhel` macro up to 6 means EL6."""
    return Compat.EL6 if rhel is not None and rhel.isdigit() and int(rhel) <= 6 else Compat.MODERN


def build_macros(compat: Compat) -> tuple[tuple[str, str], ...]:
    """The macros that make rpmbuild write packages that the target can read; a modern target takes its rpm's own."""
    return _EL6_BUILD_MACROS if compat is Compat.EL6 else ()


def list_unreadable_packages(compat: Compat, headers: Sequence[RpmHeader]) -> tuple[str, ...]:
    """One line for each reason why the target's rpm could not read or install one of the packages."""
    return tuple(
        f"  {header.nevra}: {reason}"
        for header in headers
        for reason in get_unreadable_reasons(compat, header)
    )


def get_unreadable_reasons(compat: Compat, header: RpmHeader) -> tuple[str, ...]:
    """Why the target's rpm could not read or install a package; none when it can."""
    reasons = _el6_reasons(header) if compat is Compat.EL6 else []
    if header.payload_compressor not in _PAYLOADS:
        reasons.append(f"its payload is compressed with {header.payload_compressor}, which no rpm 4 can read")
    if header.file_digest_algorithm == "unknown":
        reasons.append("the digests of its files are of a kind that no rpm 4 knows")
    return tuple(sorted(set(reasons)))


def _el6_reasons(header: RpmHeader) -> list[str]:
    reasons = []
    if header.payload_compressor in _PAYLOADS and header.payload_compressor not in _EL6_PAYLOADS:
        reasons.append(
            f"its payload is compressed with {header.payload_compressor}, which rpm 4.8 cannot read"
        )
    signature = header.signature
    if signature is not None and signature.algorithm not in _EL6_ALGORITHMS:
        reasons.append(f"it is signed with {signature.algorithm}, which rpm 4.8 cannot check")
    for one in header.requires:
        if one.name.startswith(_FEATURE):
            feature = one.name[len(_FEATURE) :].rstrip(")")
            if feature not in _EL6_FEATURES and not feature.startswith("PayloadIs"):
                reasons.append(f"it needs {feature} of rpm, which 4.8 does not have")
    return reasons


def list_unsupported_keys(compat: Compat, keys: Sequence[tuple[str, PublicKey]]) -> tuple[str, ...]:
    """One line for each key (its name in repos.yaml, the key) that the target's rpm cannot check signatures of."""
    return tuple(
        f"  keys.{name}: {reason}"
        for name, key in keys
        if (reason := get_unsupported_key_reason(compat, key)) is not None
    )


def get_unsupported_key_reason(compat: Compat, key: PublicKey) -> str | None:
    """Why the target's rpm cannot check the signatures of a key; None when it can."""
    if compat is not Compat.EL6 or key.algorithm in _EL6_ALGORITHMS:
        return None
    return (
        f"{key.key_id} is a key of the kind {key.algorithm}, and rpm 4.8 knows "
        f"{' and '.join(_EL6_ALGORITHMS)} only"
    )
