"""Settings, keyrings and networks for tests: real ones, made through the public functions, with fixed keys."""

import base64
import datetime as dt
import hashlib
from typing import Any

from vpn import addresses, keyring, keys
from vpn.addresses import Ledger
from vpn.keyring import KeyEntry, Keyring, Origin
from vpn.network import Network, resolve
from vpn.settings import Settings, parse

NOW = dt.datetime(2026, 11, 27, 12, 0, tzinfo=dt.UTC)
MONTH = dt.timedelta(days=30)
BASE: dict[str, Any] = {
    "proxmox_endpoint": "https://pve.infra.local:8006",
    "proxmox_api_token": "wgdeploy@pve!pulumi=11111111-2222-3333-4444-555555555555",
    "ip_address": "192.168.20.90/16",
    "netbox_enabled": False,
    "zabbix_enabled": False,
    "pbs_enabled": False,
}
ZABBIX: dict[str, Any] = {
    "zabbix_enabled": True,
    "zabbix_url": "https://zabbix.infra.local",
    "zabbix_token": "z",
    "zabbix_server": "192.168.10.5",
}
TEAM: dict[str, Any] = {
    "address_ipv6": "fd00:8::1/64",
    "dns": ["192.168.10.53", "infra.local"],
    "groups": {
        "sales": {"allow": [{"network": "192.168.40.0/24", "protocol": "tcp", "ports": [443, "8000-8080"]}]},
        "travel": {"tunnel": "full", "mtu": 1380, "preshared_key": "generated"},
    },
    "peers": [
        {"name": "office-b", "site_networks": ["10.20.0.0/16"], "endpoint": "vpn.office-b.example:51820"},
        {"name": "alice-laptop", "group": "travel"},
        {"name": "bob", "group": "sales", "persistent_keepalive": 0},
        {"name": "carol.phone", "expires_at": "2027-01-31T18:00:00Z", "allow": [{"network": "192.168.10.20/32"}]},
        {"name": "dave", "disabled": True},
        {"name": "erin", "expires_at": "2026-01-31T18:00:00Z"},
        {"name": "frank", "public_key": keys.public_key(base64.b64encode(b"\x41" * 32).decode())},
    ],
}


def private_key(name: str) -> str:
    """Return a fixed private key for a name."""
    return keys.clamped(unclamped_key(name))


def unclamped_key(name: str) -> str:
    """Return the key of `private_key(name)` as 32 bytes from elsewhere may spell it."""
    raw = bytearray(hashlib.sha256(name.encode()).digest())
    raw[31] |= 128
    return base64.b64encode(bytes(raw)).decode()


def public_key(name: str) -> str:
    """Return the public key of `private_key(name)`."""
    return keys.public_key(private_key(name))


def settings(**changes: Any) -> Settings:
    """Return valid settings with some keys changed."""
    return parse({**BASE, **changes})


def ring(of: Settings) -> Keyring:
    """Return a keyring with fixed secrets for everything the settings ask for and do not give."""
    entries, given = {}, keyring.given(of)
    for request in keyring.requests(of):
        fixed = private_key(request.name)
        secret = given.get(request.name) or {"owner": "0123456789abcdef", "zabbix_psk": "ab" * 32}.get(
            request.kind, fixed
        )
        public = keys.public_key(secret) if request.kind == "wireguard" else ""
        origin: Origin = "given" if request.name in given else "generated"
        entries[request.name] = KeyEntry(request.kind, secret, public, NOW.isoformat(), request.generation, origin)
    return Keyring(entries)


def ledger(of: Settings, previous: Ledger | None = None, now: dt.datetime = NOW) -> Ledger:
    """Return the ledger that follows for the settings."""
    return addresses.allocate(
        addresses.claims(of), of.vpn_networks, addresses.reserved(of), previous or Ledger(), now, MONTH
    )


def network(of: Settings | None = None, **changes: Any) -> Network:
    """Return the effective server of settings, or of valid settings with some keys changed."""
    chosen = of or settings(**changes)
    return resolve(chosen, ring(chosen), ledger(chosen), NOW)


def team() -> Network:
    """Return a server with one peer of each kind."""
    return network(**TEAM)
