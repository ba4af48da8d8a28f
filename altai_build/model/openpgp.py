"""Parse OpenPGP packets without a keyring: the fields of signatures and public keys (RFC 4880, RFC 9580).

Nothing here verifies a signature. It shows what gpg 2.2 and rpm 4.18 cannot show (version 6 signatures, ECDSA in rpm),
and reads key files without importing keys. A key file belongs to the configuration and is trusted: its self-signatures
are not verified.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import NewType

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
_CURVE_BITS = {
    "2b06010401da470f01": 255,  # Ed25519
    "2b060104019755010501": 255,  # Curve25519
    "2a8648ce3d030107": 256,  # NIST P-256
    "2b81040022": 384,
    "2b81040023": 521,
}
_ARMOR = re.compile(rb"-----BEGIN PGP [A-Z ]+-----[ \t]*\r?\n(.*?)-----END PGP [A-Z ]+-----", re.DOTALL)
_SIGNATURE, _PUBLIC_KEY, _USER_ID, _SUBKEY = 2, 6, 13, 14


@dataclass(frozen=True)
class Signature:
    """One signature as its packet describes it; `key_id` names the key that made it."""

    tag: str  # the rpm tag that holds it, such as RSAHEADER; "" for a detached signature
    version: int
    key_id: KeyId
    algorithm: str
    hash_algorithm: str
    created: datetime | None


@dataclass(frozen=True)
class Subkey:
    """A key that belongs to a primary key; `expires` and `revoked` come from the newest binding signature."""

    key_id: KeyId
    fingerprint: KeyFingerprint
    algorithm: str
    expires: datetime | None = None
    revoked: bool = False


@dataclass(frozen=True)
class PublicKey:
    """A primary key with its subkeys; `bits` is 0 for algorithms without a key size."""

    fingerprint: KeyFingerprint
    key_id: KeyId
    algorithm: str
    bits: int
    created: datetime
    expires: datetime | None
    revoked: bool
    uid: str
    subkeys: tuple[Subkey, ...]

    def covers(self, key_id: KeyId) -> bool:
        """True when `key_id` is this key's or one of its subkeys'."""
        return key_id == self.key_id or any(key_id == subkey.key_id for subkey in self.subkeys)


def dearmor(data: bytes) -> bytes:
    """The binary packets of one or several ASCII-armored blocks; binary input comes back as it is.

    Raises ValueError when it is neither.
    """
    blocks = _ARMOR.findall(data)
    if not blocks:
        if data[:1] >= b"\x80":
            return data
        raise ValueError("neither an ASCII-armored OpenPGP block nor binary OpenPGP packets")
    return b"".join(_decode_block(block) for block in blocks)


def _decode_block(block: bytes) -> bytes:
    """The bytes of one armored block: headers end at the first empty line, the checksum line starts with `=`."""
    lines = [line.strip() for line in block.splitlines()]
    start = lines.index(b"") + 1 if b"" in lines else 0
    body = [line for line in lines[start:] if line and not line.startswith(b"=")]
    try:
        return base64.b64decode(b"".join(body), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the ASCII armor is damaged: {error}") from error


def parse_signature(data: bytes, *, tag: str = "") -> Signature:
    """The first signature packet in `data`; raises ValueError when there is none or it is malformed."""
    for kind, body in _read_packets(data):
        if kind == _SIGNATURE:
            return _parse_signature(body, tag).signature
    raise ValueError("no OpenPGP signature packet")


def parse_keys(data: bytes) -> tuple[PublicKey, ...]:
    """Every primary key of a public key file, armored or binary; raises ValueError when malformed or empty."""
    keys: list[_KeyBuilder] = []
    for kind, body in _read_packets(dearmor(data)):
        if kind == _PUBLIC_KEY:
            keys.append(_KeyBuilder(_parse_key(body)))
        elif keys:
            keys[-1].add(kind, body)
    if not keys:
        raise ValueError("it contains no OpenPGP public key")
    return tuple(builder.key for builder in keys)


class _KeyBuilder:
    """Collects the packets that follow a primary key: user ids, self-signatures, subkeys with their bindings."""

    def __init__(self, key: PublicKey) -> None:
        self.key = key
        self._newest: datetime | None = None

    def add(self, kind: int, body: bytes) -> None:
        if kind == _USER_ID and not self.key.uid:
            self.key = replace(self.key, uid=body.decode("utf-8", "replace"))
        elif kind == _SUBKEY:
            bound = _parse_key(body)
            subkey = Subkey(key_id=bound.key_id, fingerprint=bound.fingerprint, algorithm=bound.algorithm)
            self.key = replace(self.key, subkeys=(*self.key.subkeys, subkey))
            self._subkey_created, self._newest = bound.created, None
        elif kind == _SIGNATURE:
            parsed = _parse_signature(body, "")
            if parsed.signature.key_id == self.key.key_id:
                self._add_self_signature(parsed)

    def _add_self_signature(self, parsed: _ParsedSignature) -> None:
        """Certifications are 0x10 to 0x13 and 0x1F, a binding 0x18, revocations 0x20 and 0x28 (RFC 9580, 5.2.1)."""
        created = parsed.signature.created
        newest = self._newest is None or (created is not None and created >= self._newest)
        if not self.key.subkeys:
            if parsed.kind == 0x20:
                self.key = replace(self.key, revoked=True)
            elif (0x10 <= parsed.kind <= 0x13 or parsed.kind == 0x1F) and newest:
                self._newest = created
                self.key = replace(self.key, expires=_add_seconds(self.key.created, parsed.key_lifetime))
            return
        *others, last = self.key.subkeys
        if parsed.kind == 0x28:
            last = replace(last, revoked=True)
        elif parsed.kind == 0x18 and newest:
            self._newest = created
            last = replace(last, expires=_add_seconds(self._subkey_created, parsed.key_lifetime))
        self.key = replace(self.key, subkeys=(*others, last))


@dataclass(frozen=True)
class _ParsedSignature:
    """A signature packet, with the fields that only key files need."""

    signature: Signature
    kind: int
    key_lifetime: int  # seconds after the key's creation; 0: never expires


def _add_seconds(created: datetime, seconds: int) -> datetime | None:
    return created + timedelta(seconds=seconds) if seconds else None


def _read_packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each packet (RFC 9580, section 4.2); raises ValueError for a malformed or truncated packet."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise ValueError("not an OpenPGP packet")
        if first & 0x40:
            kind = first & 0x3F
            size, at = _read_length(data, at + 1)
        else:
            kind, octets = first >> 2 & 0x0F, (1, 2, 4, 0)[first & 3]
            if not octets:
                raise ValueError("an OpenPGP packet of unknown length")
            size, at = int.from_bytes(_take_octets(data, at + 1, octets), "big"), at + 1 + octets
        yield kind, _take_octets(data, at, size)
        at += size


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    """(length, offset after it) in the one, two or five octet form that packets and subpackets share."""
    first = _take_octets(data, at, 1)[0]
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + _take_octets(data, at + 1, 1)[0] + 192, at + 2
    if first < 255:
        raise ValueError("an OpenPGP packet of partial length")
    return int.from_bytes(_take_octets(data, at + 1, 4), "big"), at + 5


def _take_octets(data: bytes, at: int, size: int) -> bytes:
    piece = data[at : at + size]
    if len(piece) != size:
        raise ValueError("a truncated OpenPGP packet")
    return piece


def _parse_signature(body: bytes, tag: str) -> _ParsedSignature:
    """A signature packet of version 2, 3, 4 or 6; raises ValueError for another."""
    version = _take_octets(body, 0, 1)[0]
    if version in (2, 3):
        head = _take_octets(body, 0, 17)
        signature = Signature(
            tag=tag,
            version=version,
            key_id=_to_key_id(head[7:15]),
            algorithm=_get_name(ALGORITHMS, head[15]),
            hash_algorithm=_get_name(HASHES, head[16]),
            created=_parse_time(head[3:7]),
        )
        return _ParsedSignature(signature=signature, kind=head[2], key_lifetime=0)
    if version not in (4, 6):
        raise ValueError(f"an OpenPGP signature of version {version}")
    _, kind, algorithm, hash_algorithm = _take_octets(body, 0, 4)
    width = 2 if version == 4 else 4
    hashed, at = _read_subpackets(body, 4, width)
    unhashed, _ = _read_subpackets(body, at, width)
    signature = Signature(
        tag=tag,
        version=version,
        key_id=_get_issuer({**unhashed, **hashed}),
        algorithm=_get_name(ALGORITHMS, algorithm),
        hash_algorithm=_get_name(HASHES, hash_algorithm),
        created=_parse_time(hashed[2]) if 2 in hashed else None,
    )
    return _ParsedSignature(
        signature=signature, kind=kind, key_lifetime=int.from_bytes(hashed.get(9, b"")[:4], "big")
    )


def _read_subpackets(body: bytes, at: int, width: int) -> tuple[dict[int, bytes], int]:
    """({subpacket type: value}, offset after it) of one subpacket area; of equal types the last counts."""
    size = int.from_bytes(_take_octets(body, at, width), "big")
    area = _take_octets(body, at + width, size)
    values, inner = {}, 0
    while inner < len(area):
        length, inner = _read_length(area, inner)
        subpacket = _take_octets(area, inner, length)
        if subpacket:
            # The highest bit of the type marks a critical subpacket.
            values[subpacket[0] & 0x7F] = subpacket[1:]
        inner += length
    return values, at + width + size


def _get_issuer(subpackets: dict[int, bytes]) -> KeyId:
    """The issuer's key id, preferably from its fingerprint (33): the id (16) is often not covered by the hash."""
    fingerprint = subpackets.get(33, b"")
    if fingerprint[:1] == b"\x04":
        return _to_key_id(fingerprint[-8:])
    if fingerprint[:1] == b"\x06":
        return _to_key_id(fingerprint[1:9])
    return _to_key_id(subpackets.get(16, b""))


def _parse_key(body: bytes) -> PublicKey:
    """A public key or subkey packet of version 3, 4 or 6 (RFC 9580, 5.5.2 and 5.5.4)."""
    version = _take_octets(body, 0, 1)[0]
    created = _parse_time(_take_octets(body, 1, 4))
    expires: datetime | None = None
    if version == 3:
        # A version 3 key says itself for how many days it is valid.
        days = int.from_bytes(_take_octets(body, 5, 2), "big")
        algorithm, material, expires = (
            _take_octets(body, 7, 1)[0],
            body[8:],
            _add_seconds(created, days * 86400),
        )
        fingerprint, key_id = _compute_v3_names(material)
    elif version in (4, 6):
        algorithm, material = _take_octets(body, 5, 1)[0], body[6 if version == 4 else 10 :]
        fingerprint, key_id = _compute_v4_names(body) if version == 4 else _compute_v6_names(body)
    else:
        raise ValueError(f"an OpenPGP key of version {version}")
    return PublicKey(
        fingerprint=fingerprint,
        key_id=key_id,
        algorithm=_get_name(ALGORITHMS, algorithm),
        bits=_compute_bits(algorithm, material),
        created=created,
        expires=expires,
        revoked=False,
        uid="",
        subkeys=(),
    )


def _compute_v3_names(material: bytes) -> tuple[KeyFingerprint, KeyId]:
    """The fingerprint and key id of an RSA key of version 3: the id is the low end of the modulus."""
    modulus = _take_octets(material, 2, (int.from_bytes(_take_octets(material, 0, 2), "big") + 7) // 8)
    exponent = material[2 + len(modulus) + 2 :]
    digest = hashlib.md5(modulus + exponent, usedforsecurity=False).digest()
    return _to_fingerprint(digest), _to_key_id(modulus[-8:])


def _compute_v4_names(body: bytes) -> tuple[KeyFingerprint, KeyId]:
    if len(body) > 0xFFFF:
        raise ValueError("an OpenPGP key packet that is too long for its version")
    prefix = b"\x99" + len(body).to_bytes(2, "big")
    digest = hashlib.sha1(prefix + body, usedforsecurity=False).digest()
    return _to_fingerprint(digest), _to_key_id(digest[-8:])


def _compute_v6_names(body: bytes) -> tuple[KeyFingerprint, KeyId]:
    digest = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).digest()
    return _to_fingerprint(digest), _to_key_id(digest[:8])


def _to_fingerprint(octets: bytes) -> KeyFingerprint:
    return KeyFingerprint(octets.hex().upper())


def _to_key_id(octets: bytes) -> KeyId:
    return KeyId(octets.hex().upper())


def _compute_bits(algorithm: int, material: bytes) -> int:
    """The key size: that of the first number for RSA, DSA and ElGamal, else that of the curve."""
    if algorithm in (1, 2, 3, 16, 17, 20):
        return int.from_bytes(_take_octets(material, 0, 2), "big")
    if algorithm in (18, 19, 22):
        return _CURVE_BITS.get(_take_octets(material, 1, _take_octets(material, 0, 1)[0]).hex(), 0)
    return 255 if algorithm in (25, 27) else 0


def _get_name(names: dict[int, str], number: int) -> str:
    return names.get(number, f"algorithm {number}")


def _parse_time(octets: bytes) -> datetime:
    return datetime.fromtimestamp(int.from_bytes(octets, "big"), tz=timezone.utc)
