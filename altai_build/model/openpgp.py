"""OpenPGP signatures and public keys as records, and the fields of signature packets (RFC 4880, RFC 9580).

Nothing here verifies a signature. It shows what gpg 2.2 and rpm 4.18 cannot show (version 6 signatures, ECDSA in rpm).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NewType

from altai_build.model.armor import dearmor
from altai_build.model.packets import parse_time, read_packets, read_seconds, read_subpackets, take_octets
from altai_build.model.quantity import format_count

KeyId = NewType("KeyId", str)
"""16 upper-case hexadecimal digits that a signature names its key by; empty when it names none."""

KeyFingerprint = NewType("KeyFingerprint", str)
"""The upper-case hexadecimal digits that identify a primary key or subkey: 40 of version 4, 64 of version 6."""

# RFC 9580 section 9.1, and the post-quantum draft for 30 and 31.
ALGORITHMS = {
    **dict.fromkeys((1, 2, 3), "RSA"),
    **dict.fromkeys((16, 20), "ElGamal"),
    17: "DSA",
    18: "ECDH",
    19: "ECDSA",
    22: "EdDSA",
    25: "X25519",
    26: "X448",
    27: "Ed25519",
    28: "Ed448",
    30: "ML-DSA-65+Ed25519",
    31: "ML-DSA-87+Ed448",
}
HASHES = {1: "MD5", 2: "SHA1", 3: "RIPEMD160", 8: "SHA256", 9: "SHA384", 10: "SHA512", 11: "SHA224"}
HASHES.update({12: "SHA3-256", 14: "SHA3-512"})
SIGNATURE_PACKET = 2
# Bytes of a signature that is read once, and how many of them are kept. The usual ones have a tenth of that.
_SMALL_SIGNATURE, _KEPT_SIGNATURES = 1 << 13, 1 << 13
# The first octet of a packet is its version.
KNOWN_SIGNATURE_VERSIONS = (b"\x02", b"\x03", b"\x04", b"\x06")
_CAN_SIGN = 0x02  # of the key flags


@dataclass(frozen=True)
class Signature:
    """One signature as its packet describes it; `key_id` names the key that made it."""

    tag: str  # the rpm tag that holds it, such as RSAHEADER; "" for a detached signature
    version: int
    key_id: KeyId
    algorithm: str
    hash_algorithm: str
    created: datetime | None
    expires: datetime | None = None


@dataclass(frozen=True)
class KeyPart:
    """A primary key or one of its subkeys: what makes signatures.

    `bits` is 0 for algorithms without a key size. `expires` and `can_sign` come from the newest self-signature.
    """

    key_id: KeyId
    fingerprint: KeyFingerprint
    algorithm: str
    bits: int
    created: datetime
    expires: datetime | None
    revoked: bool
    can_sign: bool


@dataclass(frozen=True)
class PublicKey:
    """A primary key with its subkeys."""

    primary: KeyPart
    uid: str
    subkeys: tuple[KeyPart, ...]

    @property
    def fingerprint(self) -> KeyFingerprint:
        """The fingerprint of the primary key, which names the key as a whole."""
        return self.primary.fingerprint

    @property
    def key_id(self) -> KeyId:
        """The id of the primary key."""
        return self.primary.key_id

    @property
    def algorithm(self) -> str:
        """The algorithm of the primary key."""
        return self.primary.algorithm

    @property
    def bits(self) -> int:
        """The size of the primary key."""
        return self.primary.bits

    @property
    def created(self) -> datetime:
        """When the primary key was made."""
        return self.primary.created

    @property
    def expires(self) -> datetime | None:
        """When the primary key expires, and its subkeys with it."""
        return self.primary.expires

    @property
    def revoked(self) -> bool:
        """True when the primary key is revoked, and its subkeys with it."""
        return self.primary.revoked

    @property
    def parts(self) -> tuple[KeyPart, ...]:
        """The primary key, then its subkeys; a subkey is revoked and expires with its primary key."""
        inherited = (
            replace(
                subkey,
                revoked=subkey.revoked or self.revoked,
                expires=min((end for end in (subkey.expires, self.expires) if end), default=None),
            )
            for subkey in self.subkeys
        )
        return (self.primary, *inherited)

    @property
    def signing_parts(self) -> tuple[KeyPart, ...]:
        """What can sign and is not revoked, as gpg prefers it: the newest subkey first, the primary key last."""
        primary, *subkeys = self.parts
        ordered = [*sorted(subkeys, key=lambda part: part.created, reverse=True), primary]
        return tuple(part for part in ordered if part.can_sign and not part.revoked)

    @property
    def signing_ends(self) -> datetime | None:
        """When the last of the parts that sign expires; None: never. Of a key that cannot sign: when it expires."""
        ends = [part.expires for part in self.signing_parts] or [self.expires]
        known = [end for end in ends if end is not None]
        return max(known) if len(known) == len(ends) else None

    def find_part(self, key_id: KeyId) -> KeyPart | None:
        """The primary key or subkey of this id."""
        return next((part for part in self.parts if part.key_id == key_id), None)

    def covers(self, key_id: KeyId) -> bool:
        """True when `key_id` is this key's or one of its subkeys'."""
        return self.find_part(key_id) is not None


def describe_expiry(end: datetime, now: datetime) -> str:
    """When a key expires or expired, as people say it."""
    if end <= now:
        return f"expired on {end:%Y-%m-%d}"
    days = (end.date() - now.date()).days
    if days == 0:
        return f"expires today, at {end:%H:%M} UTC"
    return f"expires on {end:%Y-%m-%d}, in {format_count(days, 'day')}"


def parse_signature(data: bytes, *, tag: str = "") -> Signature:
    """The first signature packet in `data`; raises ValueError when there is none or it is malformed.

    A release reads those of its packages three times.
    """
    return _parse_lately(data, tag) if len(data) <= _SMALL_SIGNATURE else _parse_signature(data, tag)


def _parse_signature(data: bytes, tag: str) -> Signature:
    for packet in read_packets(data):
        if packet.kind == SIGNATURE_PACKET:
            return parse_signature_packet(packet.body, tag).signature
    raise ValueError("no OpenPGP signature packet")


def split_signatures(data: bytes) -> tuple[tuple[Signature, bytes], ...]:
    """Each signature of a detached signature file, armored or binary, with its packet.

    Of several, those of versions that this program does not know are left out. Raises ValueError for a malformed file
    and for one without a signature.
    """
    return _split_lately(data) if len(data) <= _SMALL_SIGNATURE else _split_signatures(data)


def _split_signatures(data: bytes) -> tuple[tuple[Signature, bytes], ...]:
    packets = [packet for packet in read_packets(dearmor(data)) if packet.kind == SIGNATURE_PACKET]
    known = [packet for packet in packets if packet.body[:1] in KNOWN_SIGNATURE_VERSIONS]
    if not packets:
        raise ValueError("no OpenPGP signature packet")
    return tuple(
        (parse_signature_packet(packet.body, "").signature, packet.raw) for packet in known or packets
    )


_parse_lately = lru_cache(maxsize=_KEPT_SIGNATURES)(_parse_signature)
_split_lately = lru_cache(maxsize=_KEPT_SIGNATURES)(_split_signatures)


@dataclass(frozen=True)
class ParsedSignature:
    """A signature packet, with the fields that only key files need."""

    signature: Signature
    kind: int
    key_lifetime: int = 0  # seconds after the key's creation; 0: never expires
    can_sign: bool | None = None  # None: it says nothing about the key's use


def parse_signature_packet(body: bytes, tag: str) -> ParsedSignature:
    """A signature packet of version 2, 3, 4 or 6; raises ValueError for another."""
    version = take_octets(body, 0, 1)[0]
    if version in (2, 3):
        head = take_octets(body, 0, 17)
        signature = Signature(
            tag=tag,
            version=version,
            key_id=to_key_id(head[7:15]),
            algorithm=name_algorithm(ALGORITHMS, head[15]),
            hash_algorithm=name_algorithm(HASHES, head[16]),
            created=parse_time(head[3:7]),
        )
        return ParsedSignature(signature=signature, kind=head[2])
    _, kind, algorithm, hash_algorithm = take_octets(body, 0, 4)
    hashed, unhashed = _read_areas(body)
    created = parse_time(hashed[2]) if 2 in hashed else None
    signature = Signature(
        tag=tag,
        version=version,
        key_id=_get_issuer({**unhashed, **hashed}),
        algorithm=name_algorithm(ALGORITHMS, algorithm),
        hash_algorithm=name_algorithm(HASHES, hash_algorithm),
        created=created,
        expires=add_seconds(created, read_seconds(hashed.get(3))) if created else None,
    )
    flags = hashed.get(27)
    return ParsedSignature(
        signature=signature,
        kind=kind,
        key_lifetime=read_seconds(hashed.get(9)),
        can_sign=None if flags is None else bool(flags[:1] and flags[0] & _CAN_SIGN),
    )


def read_issuer(body: bytes) -> KeyId:
    """The key id that a signature packet names, whatever its other fields hold; raises ValueError as for the packet."""
    if take_octets(body, 0, 1)[0] in (2, 3):
        return to_key_id(take_octets(body, 7, 8))
    hashed, unhashed = _read_areas(body)
    return _get_issuer({**unhashed, **hashed})


def _read_areas(body: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """The hashed and the unhashed subpackets of a signature packet of version 4 or 6."""
    version = take_octets(body, 0, 1)[0]
    if version not in (4, 6):
        raise ValueError(f"an OpenPGP signature of version {version}")
    width = 2 if version == 4 else 4
    hashed, at = read_subpackets(body, 4, width)
    unhashed, _ = read_subpackets(body, at, width)
    return hashed, unhashed


def _get_issuer(subpackets: dict[int, bytes]) -> KeyId:
    """The issuer's key id, preferably from its fingerprint (33): the id (16) is often not covered by the hash."""
    fingerprint = subpackets.get(33, b"")
    if fingerprint[:1] == b"\x04":
        return to_key_id(fingerprint[-8:])
    if fingerprint[:1] == b"\x06":
        return to_key_id(fingerprint[1:9])
    return to_key_id(subpackets.get(16, b""))


def name_algorithm(names: dict[int, str], number: int) -> str:
    """The name of an algorithm by its number in ALGORITHMS or HASHES."""
    return names.get(number, f"algorithm {number}")


def to_key_id(octets: bytes) -> KeyId:
    """The digits of a key id."""
    return KeyId(octets.hex().upper())


def add_seconds(created: datetime, seconds: int) -> datetime | None:
    """The end of a lifetime; 0 seconds stand for none."""
    return created + timedelta(seconds=seconds) if seconds else None
