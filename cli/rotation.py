"""Rotation asked for by a person: generations are raised, the next `up` makes the keys, and people must act.

`made` are the generations that the stack's keys are of. The configuration may be behind them, as when a peer was
removed and added again or an older file was put back, and a generation that the stack has had rotates nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.configured import Configured
from cli.given import KEY as GIVEN
from cli.given import given_keys
from cli.peer_store import PeerStore
from cli.peer_values import index_of, secrets_of
from vpn.errors import StackError
from vpn.keyring import SERVER, ZABBIX, peer_key, preshared_key, preshared_word
from vpn.settings import PeerSettings, Settings
from vpn.settings.peers import GENERATED


@dataclass(frozen=True)
class Act:
    """What a person must do after the next `up`, for one peer."""

    peer: str
    what: str

    def to_dict(self) -> dict[str, str]:
        """Return it as JSON-able data."""
        return dict(vars(self))


def server_generations(configured: Configured, made: Mapping[str, int], *, agent: bool = False) -> dict[str, str]:
    """Return the config that renews the server's key, and with `agent` its Zabbix agent's preshared key.

    Raise StackError when the server's key is given in the configuration.
    """
    own = "private_key" in configured.values
    if own or SERVER in _given_names(configured):
        key = "private_key" if own else GIVEN
        raise StackError(
            f"the server's key is given in {key}: remove it there first, once an up has taken it over (the stack then "
            "keeps it), then rotate"
        )
    raised = {"key_generation": SERVER, **({"zabbix_psk_generation": ZABBIX} if agent else {})}
    return {key: str(_next(configured.values.get(key), made.get(name))) for key, name in raised.items()}


def rotate_peer(
    store: PeerStore, configured: Configured, name: str, made: Mapping[str, int], *, settings: Settings | None = None
) -> None:
    """Raise the generation of a peer's key pair, or with `settings` of its preshared key.

    Raise StackError when it is not ours to renew, or not there.
    """
    peers = store.peers()
    peer = peers[index_of(peers, name, store.where)]
    change = _raised(peer, _given_names(configured), made, preshared=settings is not None)
    if settings is not None:
        _refuse_missing(settings, name)
    store.change({name: change})


def rotate_all(store: PeerStore, configured: Configured, settings: Settings, made: Mapping[str, int]) -> list[str]:
    """Raise the generation of every peer's key that the stack makes, all in one; return why of others it is not."""
    given, peers = _given_names(configured), {each["name"]: each for each in store.peers()}
    changes: dict[str, dict[str, int]] = {}
    refusals = []
    for peer in settings.peers:
        for preshared in _renewable(settings, peer):
            try:
                change = _raised(peers[peer.name], given, made, preshared=preshared)
                changes[peer.name] = changes.get(peer.name, {}) | change
            except StackError as error:
                refusals.append(str(error))
    if changes:
        store.change(changes)
    return refusals


def _renewable(settings: Settings, peer: PeerSettings) -> list[bool]:
    """Return which keys of a peer there are: False for its key pair, True for its preshared key."""
    return ([False] if peer.managed else []) + ([True] if has_preshared(settings, peer) else [])


def _raised(peer: dict[str, Any], given: frozenset[str], made: Mapping[str, int], *, preshared: bool) -> dict[str, int]:
    """Return the change that renews a key at the next `up`. Raise StackError when the key is not ours to renew."""
    _refuse_given(peer, given, preshared=preshared)
    key = "preshared_key_generation" if preshared else "key_generation"
    return {key: _next(peer.get(key), made.get(_keyring_name(peer["name"], preshared=preshared)))}


def _next(configured: Any, made: int | None) -> int:
    """Return the generation that surely rotates a key."""
    return max(int(configured or 1), made or 1) + 1


def _keyring_name(peer: str, *, preshared: bool) -> str:
    return preshared_key(peer) if preshared else peer_key(peer)


def _refuse_given(peer: dict[str, Any], given: frozenset[str], *, preshared: bool) -> None:
    name = peer["name"]
    if not preshared and peer.get("public_key") and not peer.get("private_key"):
        raise StackError(
            f"peer {name} keeps its own private key: its admin makes a new pair, and you set the new public_key"
        )
    secret = "preshared_key" if preshared else "private_key"
    if secret in secrets_of(peer) or _keyring_name(name, preshared=preshared) in given:
        where = f"its {secret}" if secret in secrets_of(peer) else GIVEN
        raise StackError(f"peer {name}: the key is given in {where}: change it there")


def _refuse_missing(settings: Settings, name: str) -> None:
    """Raise StackError for a peer without a preshared key: people would take it for renewed."""
    if not any(has_preshared(settings, each) for each in settings.peers if each.name == name):
        raise StackError(f"peer {name} has no preshared key: set preshared_key to generated, in it or its group")


def has_preshared(settings: Settings, peer: PeerSettings) -> bool:
    """Whether the stack makes a preshared key for a peer."""
    return preshared_word(settings, peer) == GENERATED


def people_to_serve(peers: Iterable[PeerSettings], *, server: bool = False, preshared: bool = False) -> list[Act]:
    """Return who must act when these peers' keys, or the server's, have changed; of a disabled one, when that ends."""
    found = []
    for peer in sorted(peers, key=lambda each: each.name):
        when = "once it is enabled: " if peer.disabled else ""
        found.append(Act(peer.name, when + _to_do(peer, server=server, preshared=preshared)))
    return found


def _to_do(peer: PeerSettings, *, server: bool, preshared: bool) -> str:
    if peer.managed:
        return f"hand over the new client file: wgvpn client {peer.name}"
    if server or preshared:
        what = "the server's PublicKey" if server else "the PresharedKey"
        return f"its admin sets {what} of the new file: wgvpn client {peer.name}"
    return "its admin makes a new key pair; set its public_key"


def _given_names(configured: Configured) -> frozenset[str]:
    """Return the names in `given_keys`."""
    return frozenset(given_keys(configured))
