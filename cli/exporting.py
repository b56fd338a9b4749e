"""The way out: the server as one wg-quick file, and the configuration as version control may have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cli.configured import Configured
from cli.deployed import Deployed
from cli.peer_store import changed_peer, secrets_of
from vpn import foreign
from vpn.foreign import Imported
from vpn.keyring import SERVER, peer_key, preshared_key
from vpn.keyring import preshared_word as word_of
from vpn.settings import PeerSettings, Settings
from vpn.settings.build import SECRET_KEYS
from vpn.settings.peers import DEFAULT_KEEPALIVE, GENERATED, NONE


def server_file(settings: Settings, deployed: Deployed) -> str:
    """Return wg0.conf with every peer and key. Raise StackError for a peer the last `up` did not know."""
    own = settings.interface
    config: dict[str, Any] = {
        "address": str(own.address),
        "listen_port": own.listen_port,
        "save_config": own.save_config,
        "peers": [_peer(settings, deployed, each) for each in settings.peers],
    }
    config |= {"address_ipv6": str(own.address_ipv6)} if own.address_ipv6 else {}
    config |= {"mtu": own.mtu} if own.mtu else {}
    secrets = {"private_key": deployed.secret(SERVER)}
    for index, peer in enumerate(settings.peers):
        if word_of(settings, peer) != NONE:
            secrets[f"peers[{index}].preshared_key"] = deployed.secret(preshared_key(peer.name))
    return foreign.export(Imported("wireguard-vpn", config, secrets, ()))


def _peer(settings: Settings, deployed: Deployed, peer: PeerSettings) -> dict[str, Any]:
    group = settings.group_of(peer)
    lease = deployed.ledger.leases.get(peer.name)
    allowed = [*map(str, peer.allowed_ips)] or [str(each) for each in (lease.addresses if lease else ())]
    keepalive = [each for each in (peer.persistent_keepalive, group.persistent_keepalive) if each is not None]
    found = {
        "name": peer.name,
        "public_key": peer.public_key or deployed.public(peer_key(peer.name)),
        "allowed_ips": allowed,
        "site_networks": [*map(str, peer.site_networks)],
        "endpoint": peer.endpoint,
        "persistent_keepalive": [*keepalive, DEFAULT_KEEPALIVE][0],
        "expires_at": peer.expires_at.isoformat() if peer.expires_at else None,
        "disabled": True if peer.disabled else None,
    }
    return changed_peer(found, {})


def without_keys(configured: Configured, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything but the keys: the config, and the public key and address of each peer as deployed."""
    config = {key: value for key, value in sorted(configured.values.items()) if key not in SECRET_KEYS}
    if configured.peers:
        config["peers"] = [_told(each) for each in configured.peers]
    left_out = sorted(SECRET_KEYS & configured.values.keys())
    return {"config": config, "secrets_left_out": left_out, "deployed": _public(outputs)}


def _told(peer: dict[str, Any]) -> dict[str, Any]:
    """Return a peer without its secrets; that there is a preshared key stays visible."""
    hidden = secrets_of(peer)
    return {k: v for k, v in peer.items() if k not in hidden} | (
        {"preshared_key": GENERATED} if "preshared_key" in hidden else {}
    )


def _public(outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: outputs[key] for key in ("endpoint", "public_key", "peers") if key in outputs}
