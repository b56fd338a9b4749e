"""Rules about the keys of the server and its peers: whose they are, what has no effect on them (data model 3, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import SecretStr

from vpn import keys
from vpn.errors import Problem
from vpn.settings.build import path
from vpn.settings.settings import Check, Settings


class KnownKey(NamedTuple):
    """A public key, the key path that settles it, and whose it is."""

    key: str
    owner: str
    public: str


def _server_s_public_key_belongs(settings: Settings) -> Iterator[Problem]:
    """Compare with the key that the configuration gives; with one that the stack keeps, `vpn.network.resolve` does."""
    public, private = settings.interface.public_key, _server_s(settings)
    if public and private and _public(private) != public:
        where = "private_key" if settings.interface.private_key else "given_keys.server"
        yield Problem("public_key", public, f"does not belong to {where} (data model 2)")


def _public_keys_belong(settings: Settings) -> Iterator[Problem]:
    for index, peer in enumerate(settings.peers):
        if peer.public_key and peer.private_key and _public(peer.private_key) != peer.public_key:
            yield Problem(f"peers[{index}].public_key", peer.public_key, "does not belong to private_key")


def _keys_are_unique(settings: Settings) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for known in _known_keys(settings):
        owner = first.setdefault(known.public, known.owner)
        if owner != known.owner:
            shown = known.public if known.key.endswith("public_key") else None
            yield Problem(known.key, shown, f"must be unique: {owner} has it")


def _known_keys(settings: Settings) -> Iterator[KnownKey]:
    """Yield the public keys that the configuration settles; where it gives one twice, the one that counts."""
    given = settings.keys.given_keys or {}
    if server := _server_s(settings):
        yield KnownKey("private_key", "the server", _public(server))
    for index, peer in enumerate(settings.peers):
        owner, name = f"peers[{index}]", f"peer/{peer.name}"
        if peer.public_key:
            yield KnownKey(f"{owner}.public_key", owner, peer.public_key)
        elif peer.private_key:
            yield KnownKey(f"{owner}.private_key", owner, _public(peer.private_key))
        elif name in given:
            yield KnownKey(path(["given_keys", name]), owner, _public(given[name]))


def _server_s(settings: Settings) -> SecretStr | None:
    """Return the server's private key where the configuration gives one."""
    return settings.interface.private_key or (settings.keys.given_keys or {}).get("server")


def _public(secret: SecretStr) -> str:
    return keys.public_key(secret.get_secret_value())


def _given_keys_are_not_rotated(settings: Settings) -> Iterator[Problem]:
    for index, peer in enumerate(settings.peers):
        given = "public_key" if peer.public_key else "private_key" if peer.private_key else ""
        if given and (peer.key_generation or 1) > 1:  # None where the value is no generation, which is told by itself
            rule = f"has no effect: the key is given, change {given} instead"
            yield Problem(f"peers[{index}].key_generation", str(peer.key_generation), rule)
        if given and peer.rotation_policy == "automatic":
            rule = f"cannot be automatic: the key is given by {given}"
            yield Problem(f"peers[{index}].rotation_policy", "automatic", rule)


KEY_RULES: tuple[tuple[Check, tuple[str, ...]], ...] = (
    (_server_s_public_key_belongs, ("private_key", "public_key", "given_keys")),
    (_public_keys_belong, ("peers",)),
    (_keys_are_unique, ("peers", "private_key")),
    (_given_keys_are_not_rotated, ("peers",)),
)
