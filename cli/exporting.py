"""The way out: the server as one wg-quick file, and the configuration as version control may have it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from cli.configured import Configured
from cli.deployed import Deployed
from cli.peer_values import secrets_of
from vpn import foreign
from vpn.errors import RenderError, StackError
from vpn.foreign import Imported
from vpn.network import Peer, resolve
from vpn.settings import Settings
from vpn.settings.build import SECRET_KEYS
from vpn.settings.peers import GENERATED


def server_file(settings: Settings, deployed: Deployed, now: dt.datetime) -> str:
    """Return wg0.conf with every peer and key; those disabled or expired at `now` stand in it commented out.

    Raise StackError for a peer the last `up` did not know.
    """
    try:
        network = resolve(settings, deployed.keyring, deployed.ledger, now)
    except RenderError as error:
        raise StackError(f"{error}: run pulumi up") from None
    own = network.interface
    config: dict[str, Any] = {
        "address": str(settings.interface.address),
        "address_ipv6": str(settings.interface.address_ipv6 or ""),
        "listen_port": own.listen_port,
        "mtu": own.mtu,
        "save_config": own.save_config,
        "peers": [_peer(each) for each in network.peers],
    }
    shared = {f"peers[{index}].preshared_key": each.preshared_key for index, each in enumerate(network.peers)}
    secrets = {key: secret for key, secret in ({"private_key": own.private_key} | shared).items() if secret}
    return foreign.export(Imported("wireguard-vpn", _set(config), secrets, ()))


def _peer(peer: Peer) -> dict[str, Any]:
    return _set(
        {
            "name": peer.name,
            "public_key": peer.public_key,
            "allowed_ips": [*map(str, peer.allowed_ips)],
            "endpoint": peer.endpoint,
            "persistent_keepalive": peer.persistent_keepalive,
            "expires_at": peer.expires_at.isoformat() if peer.expires_at else None,
            "disabled": True if peer.state != "active" else None,
        }
    )


def _set(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in (None, "")}


def without_keys(configured: Configured, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything but the keys: the config, and the public key and address of each peer as deployed.

    Left out is also what else is encrypted, wholly or in part: somebody wants it kept from readers. Of encrypted peers
    the keys alone are, if there are any and they do not stand as one text: Pulumi does not tell which value is
    encrypted, and that of a key is taken for the only one.
    """
    hidden = SECRET_KEYS | (configured.secret if _hides_peers(configured) else configured.secret - {"peers"})
    config = {key: value for key, value in sorted(configured.values.items()) if key not in hidden}
    if "peers" in config:
        config["peers"] = [_told(each) for each in configured.peers]
    left_out = sorted(hidden & configured.values.keys())
    return {"config": config, "secrets_left_out": left_out, "deployed": _public(outputs)}


def _hides_peers(configured: Configured) -> bool:
    """Whether the peers, if encrypted, are so for more than their keys: as one text, or without any key in them."""
    return isinstance(configured.values.get("peers"), str) or not any(map(secrets_of, configured.peers))


def _told(peer: dict[str, Any]) -> dict[str, Any]:
    """Return a peer without its secrets; that there is a preshared key stays visible."""
    hidden = secrets_of(peer)
    return {k: v for k, v in peer.items() if k not in hidden} | (
        {"preshared_key": GENERATED} if "preshared_key" in hidden else {}
    )


def _public(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: outputs[key] for key in ("endpoint", "public_key", "peers") if key in outputs}
