"""The SSH key pair by which the stack logs in to its container, in OpenSSH's form."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from vpn.errors import ParseError

RULE: Final = "must be an OpenSSH private key without a passphrase"


def generate() -> str:
    """Return a new private key, an Ed25519 one."""
    private = Ed25519PrivateKey.generate()
    return private.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.OpenSSH, ser.NoEncryption()).decode()


def public_key(private: str) -> str:
    """Return the public key of a private key as authorized_keys has it, type and key. Raise ParseError by `RULE`."""
    try:
        key = ser.load_ssh_private_key(private.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ParseError(RULE) from None
    return key.public_key().public_bytes(ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH).decode()
