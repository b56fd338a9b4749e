"""Rotation asked for by a person: generations are raised, the next `up` makes the keys, and people must act."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cli.configured import Configured
from cli.given import given_keys
from cli.peer_store import PeerStore
from cli.peer_values import index_of, secrets_of
from cli.pulumi import Pulumi
from vpn.errors import StackError
from vpn.settings import PeerSettings, Settings
from vpn.settings.peers import GENERATED

SERVER = "server"


@dataclass(frozen=True)
class Act:
    """What a person must do after the next `up`, for one peer."""

    peer: str
    what: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-able data."""
        return dict(vars(self))


def rotate_server(pulumi: Pulumi, configured: Configured) -> None:
    """Raise the generation of the server's key. Raise StackError when the key is given in the configuration."""
    own = "private_key" in configured.values
    if own or SERVER in _given_names(configured):
        key = "private_key" if own else "given_keys"
        raise StackError(
            f"the server's key is given in {key}: remove it there first, once an up has taken it over (the stack then "
            "keeps it), then rotate"
        )
    generation = int(configured.values.get("key_generation", 1)) + 1
    pulumi.set_plain({"key_generation": str(generation)})


def rotate_peer(store: PeerStore, configured: Configured, name: str, *, preshared: bool) -> None:
    """Raise the generation of a peer's key pair, or of its preshared key. Raise StackError when it is not ours."""
    peer = store.peers()[index_of(store.peers(), name, store.where)]
    key = "preshared_key_generation" if preshared else "key_generation"
    _refuse_given(peer, configured, preshared=preshared)
    if preshared:
        _refuse_missing(configured.settings(), name)
    store.change(name, {key: int(peer.get(key, 1)) + 1})


def _refuse_given(peer: dict[str, Any], configured: Configured, *, preshared: bool) -> None:
    name = peer["name"]
    if not preshared and peer.get("public_key") and not peer.get("private_key"):
        raise StackError(
            f"peer {name} keeps its own private key: its admin makes a new pair, and you set the new public_key"
        )
    secret = "preshared_key" if preshared else "private_key"
    if secret in secrets_of(peer) or f"{'psk' if preshared else 'peer'}/{name}" in _given_names(configured):
        where = f"its {secret}" if secret in secrets_of(peer) else "given_keys"
        raise StackError(f"peer {name}: the key is given in {where}: change it there")


def _refuse_missing(settings: Settings, name: str) -> None:
    """Raise StackError for a peer without a preshared key: people would take it for renewed."""
    if not any(has_preshared(settings, each) for each in settings.peers if each.name == name):
        raise StackError(f"peer {name} has no preshared key: set preshared_key to generated, in it or its group")


def has_preshared(settings: Settings, peer: PeerSettings) -> bool:
    """Whether the stack makes a preshared key for a peer."""
    word = peer.preshared_key or settings.group_of(peer).preshared_key
    return word is not None and word.get_secret_value() == GENERATED


def people_to_serve(peers: Iterable[PeerSettings], *, server: bool = False, preshared: bool = False) -> list[Act]:
    """Return who must act when these peers' keys, or the server's, have changed: every peer that may connect."""
    found = []
    for peer in sorted(peers, key=lambda each: each.name):
        if peer.disabled:
            continue
        if peer.managed:
            found.append(Act(peer.name, f"hand over the new client file: wgvpn client {peer.name}"))
        elif server or preshared:
            what = "the server's PublicKey" if server else "the PresharedKey"
            found.append(Act(peer.name, f"its admin sets {what} of the new file: wgvpn client {peer.name}"))
        else:
            found.append(Act(peer.name, "its admin makes a new key pair; set its public_key"))
    return found


def _given_names(configured: Configured) -> frozenset[str]:
    """Return the names in `given_keys`."""
    return frozenset(given_keys(configured))
