"""Curve25519 key pairs, preshared keys and their fingerprints (data model section 6, RFC 7748, wg(8))."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from vpn.errors import ParseError

KEY_BYTES = 32
KEY_RULE = "must be 32 bytes in canonical base64 (44 characters, data model 6), and not all zero"


def generate_private_key() -> str:
    """Return a new private key in base64, clamped as `wg genkey` does."""
    return clamped(_encode(os.urandom(KEY_BYTES)))


def clamped(private: str) -> str:
    """Return a private key as WireGuard holds and shows it, whatever it was given (RFC 7748 section 5).

    The public key is the same. Raise ParseError when `private` is no key.
    """
    raw = bytearray(_decode(private))
    raw[0] &= 248
    raw[31] = (raw[31] & 127) | 64
    return _encode(bytes(raw))


def generate_preshared_key() -> str:
    """Return a new preshared key in base64: 32 random bytes, as `wg genpsk` does."""
    return _encode(os.urandom(KEY_BYTES))


def public_key(private: str) -> str:
    """Return the public key of a private key, as `wg pubkey` does. Raise ParseError when `private` is no key."""
    pair = X25519PrivateKey.from_private_bytes(_decode(private))
    return _encode(pair.public_key().public_bytes_raw())


def check_key(text: str) -> str:
    """Return the key unchanged. Raise ParseError unless it is 32 bytes in canonical base64 and not all zero."""
    _decode(text)
    return text


def fingerprint(public: str) -> str:
    """Return a short name of a public key for logs and people: `SHA256:` and 16 characters."""
    digest = hashlib.sha256(_decode(public)).digest()
    return "SHA256:" + base64.b64encode(digest).decode("ascii")[:16]


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ParseError(KEY_RULE) from None
    # base64 spells the last bits in several ways; wg accepts only the canonical one.
    if len(raw) != KEY_BYTES or not any(raw) or _encode(raw) != text:
        raise ParseError(KEY_RULE)
    return raw
