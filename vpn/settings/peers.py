"""Peers and their groups (data model 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from vpn.settings import names
from vpn.settings import types as t
from vpn.settings.build import SECRET_KEYS
from vpn.settings.sections import Section

GENERATED = "generated"
NONE = "none"
DEFAULT_KEEPALIVE = 25
_KEEPALIVE = t.integer(0, 65535, "seconds, 0 turns it off; data model 3")


def readable_secrets(peer: object) -> list[str]:
    """Return the names of the secrets that stand in a peer as it is written, sorted."""
    values = peer if isinstance(peer, Mapping) else {}
    return sorted(key for key in SECRET_KEYS & values.keys() if values[key] not in (None, GENERATED, NONE))


def _preshared_key(value: object) -> SecretStr:
    word = value.get_secret_value() if isinstance(value, SecretStr) else value
    if word in (NONE, GENERATED):
        return SecretStr(str(word))
    try:
        return t.secret_key(word)
    except ValueError as error:
        message = f"must be 'none', 'generated' or a key: {error}"
        raise ValueError(message) from None


def _preshared_word(value: object) -> SecretStr:
    if value not in (NONE, GENERATED):
        message = "must be 'none' or 'generated': peers of a group do not share a key"
        raise ValueError(message)
    return SecretStr(str(value))


def _port(value: object) -> tuple[int, int]:
    low, _, high = str(int(value) if isinstance(value, float) and value.is_integer() else value).partition("-")
    numbers = [int(each) if each.isascii() and each.isdigit() else 0 for each in (low, high or low)]
    if not 1 <= numbers[0] <= numbers[1] <= names.MAX_PORT:
        message = "must be a port 1-65535 or a range of them, as 8000-8080"
        raise ValueError(message)
    return numbers[0], numbers[1]


Ports = Annotated[tuple[Annotated[tuple[int, int], t.checked(_port)], ...], BeforeValidator(t.as_list)]


class AllowRule(Section):
    """One destination a peer may reach, enforced on the server. Ports are inclusive ranges; none means all."""

    network: t.Network
    protocol: Annotated[str, t.choice("any", "tcp", "udp", "icmp")] = "any"
    ports: Ports = ()


_Allow = Annotated[tuple[AllowRule, ...], BeforeValidator(t.as_list)]
_Dns = Annotated[tuple[names.DnsEntry, ...], BeforeValidator(t.as_list)]
_Tunnel = Annotated[str, t.choice("split", "full")]
_Mtu = Annotated[int, t.integer(1280, 65535, "IPv6 needs 1280")]


class GroupSettings(Section):
    """Defaults that the peers of a group share. What is None is not set here."""

    tunnel: _Tunnel | None = None
    client_routes: t.Networks | None = None
    dns: _Dns | None = None
    mtu: _Mtu | None = None
    persistent_keepalive: Annotated[int, _KEEPALIVE] | None = None
    preshared_key: Annotated[SecretStr, t.checked(_preshared_word)] | None = None
    allow: _Allow | None = None


class PeerSettings(Section):
    """One peer as configured. What is None falls back to the group, then to the default.

    `public_key` means that the peer's admin keeps the private key; without it the stack makes the pair.
    `allowed_ips` are allocated when absent.
    """

    name: names.PeerName
    public_key: t.PublicKey | None = None
    private_key: t.SecretKey | None = None
    preshared_key: Annotated[SecretStr, t.checked(_preshared_key)] | None = None
    allowed_ips: t.Networks = ()
    site_networks: t.Networks = ()
    endpoint: names.Endpoint | None = None
    persistent_keepalive: Annotated[int, _KEEPALIVE] | None = None
    group: names.PeerName | None = None
    tunnel: _Tunnel | None = None
    client_routes: t.Networks | None = None
    dns: _Dns | None = None
    mtu: _Mtu | None = None
    expires_at: t.Moment | None = None
    disabled: t.Bool = False
    allow: _Allow | None = None
    key_generation: Annotated[int, t.integer(1, 1_000_000, "raise it to rotate the key")] = 1
    preshared_key_generation: Annotated[int, t.integer(1, 1_000_000, "raise it to rotate the preshared key")] = 1
    rotation_policy: Annotated[str, t.choice("manual", "automatic")] | None = None

    @property
    def managed(self) -> bool:
        """Tell whether the stack holds the peer's private key (made here or imported)."""
        return self.public_key is None or self.private_key is not None
