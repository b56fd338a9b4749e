"""The keys' own backup: the stack's state and secret config, encrypted with a passphrase.

The state holds every key, the owner's id by which objects are ours, addresses and host key: imported into an empty
stack, on any machine, it goes on as if nothing had happened. The file is JSON: scrypt (RFC 7914) makes the key,
AES-256-GCM keeps the content; the parameters are authenticated with it.
"""

from __future__ import annotations

import base64
import json
import math
import os
import zlib
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vpn.errors import ParseError

FORMAT: Final = "wireguard-vpn keys, version 1"
COST: Final = {"n": 2**16, "r": 8, "p": 1}
"""64 MiB and a fifth of a second for each guess."""
MOST_MEMORY: Final = 2**28
"""Bytes that a file may demand at most, 128 n r p: reading one must not exhaust the machine."""
SHORTEST_PASSPHRASE: Final = 12


def seal(content: dict[str, Any], passphrase: str) -> bytes:
    """Return the encrypted file."""
    salt, nonce = os.urandom(16), os.urandom(12)
    head = {"format": FORMAT, "kdf": "scrypt", **COST, "salt": _text(salt), "nonce": _text(nonce)}
    plain = zlib.compress(json.dumps(content).encode())
    sealed = AESGCM(_key(passphrase, salt, COST)).encrypt(nonce, plain, _authenticated(head))
    return (json.dumps({**head, "content": _text(sealed)}, indent=1) + "\n").encode()


def unseal(file: bytes, passphrase: str) -> dict[str, Any]:
    """Return the content. Raise ParseError for another file, a damaged one, or a wrong passphrase."""
    try:
        found = json.loads(file)
        head = {key: found[key] for key in ("format", "kdf", "n", "r", "p", "salt", "nonce")}
        salt, nonce, sealed = (base64.b64decode(found[key], validate=True) for key in ("salt", "nonce", "content"))
        cost = {key: int(head[key]) for key in COST}
    except (ValueError, KeyError, TypeError):
        raise ParseError("this is no backup of keys") from None
    if head["format"] != FORMAT or min(cost.values()) < 1 or 128 * math.prod(cost.values()) > MOST_MEMORY:
        raise ParseError("this is no backup of keys that this version reads")
    try:
        plain = AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed, _authenticated(head))
    except (InvalidTag, ValueError):
        raise ParseError("the passphrase is wrong, or the file is damaged") from None
    content: dict[str, Any] = json.loads(zlib.decompress(plain))
    return content


def _key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())


def _authenticated(head: dict[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True).encode()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
