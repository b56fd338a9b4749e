"""wg-easy's own store, `wg0.json` (versions to 14): server, clients with their private keys, switches and dates."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from ipaddress import ip_interface, ip_network
from typing import Any, Final

from vpn.errors import ParseError
from vpn.foreign.imported import Draft, Imported, fit_name
from vpn.keys import check_key
from vpn.settings.ip import zoneless

_PREFIX: Final = 24
"""wg-easy keeps the server's address without its prefix and always writes /24."""
_KNOWN: Final = frozenset(
    {
        "id",
        "name",
        "enabled",
        "address",
        "privateKey",
        "publicKey",
        "preSharedKey",
        "createdAt",
        "updatedAt",
        "expiredAt",
    }
)


def parse_json(text: str) -> Imported:
    """Return what a wg-easy store amounts to. Raise ParseError when it is not one."""
    try:
        data = json.loads(text)
        server, clients = data["server"], data["clients"]
        entries = [(str(key), dict(client)) for key, client in clients.items()]
        draft = Draft("wg-easy")
        _server(draft, server)
    except json.JSONDecodeError as error:
        raise ParseError("is not valid JSON", error.lineno) from None
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ParseError("is not a wg-easy store: it needs server and clients") from None
    for key, client in entries:
        _client(draft, key, client)
    return draft.finish()


def _server(draft: Draft, server: Mapping[str, Any]) -> None:
    draft.secrets["private_key"] = check_key(str(server["privateKey"]))
    address = zoneless(str(server["address"]))
    if "/" not in address:
        draft.report(f"the server's address {address} has no prefix: /{_PREFIX} is taken, as wg-easy does")
        address = f"{address}/{_PREFIX}"
    draft.config["address"] = str(ip_interface(address))
    draft.report("listen port, DNS and hooks stand in wg-easy's environment, not in its store: set them by hand")


def _client(draft: Draft, key: str, client: Mapping[str, Any]) -> None:
    try:
        peer, secrets = _peer(draft, key, client)
    except (KeyError, ValueError, ParseError):
        draft.report(f"client {key} is left out: it lacks a valid key or address")
        return
    draft.add_peer(peer, secrets)
    for name in sorted(client.keys() - _KNOWN):
        if client[name]:
            draft.report(f"peer {peer['name']}: {name} is left out: it cannot be represented")


def _peer(draft: Draft, key: str, client: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str | None]]:
    wanted = str(client.get("name") or key)
    name = fit_name(wanted, (peer["name"] for peer in draft.peers))
    secrets = {
        "private_key": check_key(client["privateKey"]) if client.get("privateKey") else None,
        "preshared_key": check_key(client["preSharedKey"]) if client.get("preSharedKey") else None,
    }
    peer: dict[str, Any] = {
        "name": name,
        "public_key": check_key(str(client["publicKey"])),
        "allowed_ips": [str(ip_network(zoneless(str(client["address"]))))],
        "persistent_keepalive": 0,
    }
    if client.get("expiredAt"):
        peer["expires_at"] = _moment(str(client["expiredAt"]))
    if client.get("enabled") is False:
        peer["disabled"] = True
    if name != wanted:
        draft.report(f"client {wanted!r} is called {name}")
    return peer, secrets


def _moment(text: str) -> str:
    found = dt.datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).isoformat()
