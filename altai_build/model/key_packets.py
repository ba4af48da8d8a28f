"""Parse the packets of public keys, without a keyring (RFC 4880, RFC 9580).

A key file belongs to the configuration and is trusted: the self-signatures of its keys are not verified.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from altai_build.model.armor import armor_public_key, dearmor
from altai_build.model.openpgp import (
    ALGORITHMS,
    KNOWN_SIGNATURE_VERSIONS,
    SIGNATURE_PACKET,
    KeyFingerprint,
    KeyId,
    KeyPart,
    ParsedSignature,
    PublicKey,
    add_seconds,
    name_algorithm,
    parse_signature_packet,
    read_issuer,
    to_key_id,
)
from altai_build.model.packets import parse_time, read_packets, take_octets

_PUBLIC_KEY, _USER_ID, _SUBKEY, _USER_ATTRIBUTE = 6, 13, 14, 17
_SECRET_KEYS = (5, 7)
_PUBLISHED_PACKETS = (SIGNATURE_PACKET, _PUBLIC_KEY, _USER_ID, _SUBKEY, _USER_ATTRIBUTE)
# Of keys that say nothing about their use; 2, 16, 18, 25 and 26 can only encrypt.
_SIGNING_ALGORITHMS = (1, 3, 17, 19, 22, 27, 28, 30, 31)
_KNOWN_KEYS = (b"\x03", b"\x04", b"\x06")
_CURVE_BITS = {
    "2b06010401da470f01": 255,  # Ed25519
    "2b060104019755010501": 255,  # Curve25519
    "2a8648ce3d030107": 256,  # NIST P-256
    "2b81040022": 384,
    "2b81040023": 521,
}


def parse_keys(data: bytes) -> tuple[PublicKey, ...]:
    """Every primary key of a public key file, armored or binary, in its order; copies of one key are one.

    Raises ValueError for a file that is malformed, has no public key, or has a secret one.
    """
    builders: dict[KeyFingerprint, _KeyBuilder] = {}
    builder: _KeyBuilder | None = None
    for packet in read_packets(dearmor(data)):
        if packet.kind in _SECRET_KEYS:
            raise ValueError("it contains a secret key: export the public key alone")
        if packet.kind == _PUBLIC_KEY:
            primary = _parse_key(packet.body)
            builder = builders.setdefault(primary.fingerprint, _KeyBuilder(primary))
            builder.select(None)
        elif builder is not None:
            builder.add(packet.kind, packet.body)
    if not builders:
        raise ValueError("it contains no OpenPGP public key")
    return tuple(builder.build() for builder in builders.values())


def rewrite_keys(data: bytes) -> bytes:
    """A public key file in the one form that every client reads: an armored block for each key, and nothing else.

    `rpm --import` reads neither binary files nor blanks at the ends of lines. Raises ValueError like `parse_keys`.
    """
    parse_keys(data)
    keys: list[bytes] = []
    for packet in read_packets(dearmor(data)):
        if packet.kind == _PUBLIC_KEY:
            keys.append(b"")
        if keys and packet.kind in _PUBLISHED_PACKETS:
            keys[-1] += packet.raw
    return b"".join(map(armor_public_key, keys))


@dataclass
class _PartBuilder:
    """A primary key or subkey while its self-signatures are read."""

    part: KeyPart
    newest: datetime | None = None  # of the self-signatures that say how long it lasts and what it is for

    def __post_init__(self) -> None:
        self._own_expiry = self.part.expires  # a version 3 key says it itself

    def add_validity(self, parsed: ParsedSignature) -> None:
        """Use what a self-signature says, unless a newer one was read before."""
        created = parsed.signature.created
        if self.newest is not None and (created is None or created < self.newest):
            return
        self.newest = created
        self.part = replace(
            self.part,
            expires=self._own_expiry or add_seconds(self.part.created, parsed.key_lifetime),
            can_sign=self.part.can_sign if parsed.can_sign is None else parsed.can_sign,
        )


@dataclass
class _KeyBuilder:
    """Collects the packets that follow a primary key: user ids, self-signatures, subkeys with their bindings."""

    first: KeyPart
    uid: str = ""
    parts: dict[KeyFingerprint, _PartBuilder] = field(default_factory=dict)
    _current: _PartBuilder | None = None

    def __post_init__(self) -> None:
        self.select(None)

    def select(self, subkey: KeyPart | None) -> None:
        """The signatures that follow are about this subkey; None: about the primary key."""
        part = subkey or self.first
        self._current = self.parts.setdefault(part.fingerprint, _PartBuilder(part))

    def add(self, kind: int, body: bytes) -> None:
        """Add one packet; signatures and subkeys of versions that this program does not know are passed over."""
        if kind == _USER_ID and not self.uid:
            self.uid = body.decode("utf-8", "replace")
        elif kind == _SUBKEY:
            self._current = None
            if body[:1] in _KNOWN_KEYS:
                self.select(_parse_key(body))
        elif kind == SIGNATURE_PACKET and self._current is not None and self._is_own(body):
            self._add_self_signature(parse_signature_packet(body, ""), self._current)

    def _is_own(self, body: bytes) -> bool:
        """True for a signature by the primary key; what others certify is not looked at."""
        return body[:1] in KNOWN_SIGNATURE_VERSIONS and read_issuer(body) == self.first.key_id

    def _add_self_signature(self, parsed: ParsedSignature, about: _PartBuilder) -> None:
        """Certifications are 0x10 to 0x13 and 0x1F, a binding 0x18, revocations 0x20 and 0x28 (RFC 9580, 5.2.1)."""
        is_primary = about.part.fingerprint == self.first.fingerprint
        if parsed.kind == (0x20 if is_primary else 0x28):
            about.part = replace(about.part, revoked=True)
        elif (0x10 <= parsed.kind <= 0x13 or parsed.kind == 0x1F) if is_primary else parsed.kind == 0x18:
            about.add_validity(parsed)

    def build(self) -> PublicKey:
        primary, *subkeys = (builder.part for builder in self.parts.values())
        return PublicKey(primary=primary, uid=self.uid, subkeys=tuple(subkeys))


def _parse_key(body: bytes) -> KeyPart:
    """A public key or subkey packet of version 3, 4 or 6 (RFC 9580, 5.5.2 and 5.5.4)."""
    version = take_octets(body, 0, 1)[0]
    created = parse_time(take_octets(body, 1, 4))
    expires: datetime | None = None
    if version == 3:
        # A version 3 key says itself for how many days it is valid.
        days = int.from_bytes(take_octets(body, 5, 2), "big")
        algorithm, material, expires = (
            take_octets(body, 7, 1)[0],
            body[8:],
            add_seconds(created, days * 86400),
        )
        fingerprint, key_id = _compute_v3_names(material)
    elif version in (4, 6):
        algorithm, material = take_octets(body, 5, 1)[0], body[6 if version == 4 else 10 :]
        fingerprint, key_id = _compute_v4_names(body) if version == 4 else _compute_v6_names(body)
    else:
        raise ValueError(f"an OpenPGP key of version {version}")
    return KeyPart(
        fingerprint=fingerprint,
        key_id=key_id,
        algorithm=name_algorithm(ALGORITHMS, algorithm),
        bits=_compute_bits(algorithm, material),
        created=created,
        expires=expires,
        revoked=False,
        can_sign=algorithm in _SIGNING_ALGORITHMS,
    )


def _compute_v3_names(material: bytes) -> tuple[KeyFingerprint, KeyId]:
    """The fingerprint and key id of an RSA key of version 3: the id is the low end of the modulus."""
    modulus = take_octets(material, 2, (int.from_bytes(take_octets(material, 0, 2), "big") + 7) // 8)
    exponent = material[2 + len(modulus) + 2 :]
    digest = hashlib.md5(modulus + exponent, usedforsecurity=False).digest()
    return _to_fingerprint(digest), to_key_id(modulus[-8:])


def _compute_v4_names(body: bytes) -> tuple[KeyFingerprint, KeyId]:
    if len(body) > 0xFFFF:
        raise ValueError("an OpenPGP key packet that is too long for its version")
    prefix = b"\x99" + len(body).to_bytes(2, "big")
    digest = hashlib.sha1(prefix + body, usedforsecurity=False).digest()
    return _to_fingerprint(digest), to_key_id(digest[-8:])


def _compute_v6_names(body: bytes) -> tuple[KeyFingerprint, KeyId]:
    digest = hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).digest()
    return _to_fingerprint(digest), to_key_id(digest[:8])


def _compute_bits(algorithm: int, material: bytes) -> int:
    """The key size: that of the first number for RSA, DSA and ElGamal, else that of the curve."""
    if algorithm in (1, 2, 3, 16, 17, 20):
        return int.from_bytes(take_octets(material, 0, 2), "big")
    if algorithm in (18, 19, 22):
        return _CURVE_BITS.get(take_octets(material, 1, take_octets(material, 0, 1)[0]).hex(), 0)
    return 255 if algorithm in (25, 27) else 0


def _to_fingerprint(octets: bytes) -> KeyFingerprint:
    return KeyFingerprint(octets.hex().upper())
