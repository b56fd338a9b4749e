"""Passwords and token secrets, kept as salted hashes."""

import hashlib
import hmac
import secrets

ROUNDS = 1_000
"""Few: these secrets are random and long, none is a person's."""


def hash_secret(secret: str, salt: str = "") -> str:
    """Return `salt$hash` of a password or token secret."""
    salt = salt or secrets.token_hex(8)
    return f"{salt}${hashlib.pbkdf2_hmac('sha256', secret.encode(), salt.encode(), ROUNDS).hex()}"


def matches_hash(secret: str, hashed: str) -> bool:
    """Whether `secret` belongs to the stored hash."""
    return hmac.compare_digest(hash_secret(secret, hashed.partition("$")[0]), hashed)
