"""The effective server as data: interface, peers, routes, firewall. `vpn.network.resolve` makes it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from vpn.agent import Agent
from vpn.errors import RenderError
from vpn.settings import AllowRule, IPAddress, IPInterface, IPNetwork, split_endpoint

State = Literal["active", "disabled", "expired"]


@dataclass(frozen=True)
class Interface:
    """The WireGuard interface (data model 2). `endpoint` is what clients dial; None while DHCP has not spoken."""

    name: str
    file_path: str
    addresses: tuple[IPInterface, ...]
    listen_port: int
    private_key: str = field(repr=False)
    public_key: str
    save_config: bool
    mtu: int | None
    implementation: str
    endpoint: str | None


@dataclass(frozen=True, slots=True)
class Access:
    """The destinations a peer is limited to, and whose rule that is: `group_sales`, `peer_alice`."""

    origin: str
    rules: tuple[AllowRule, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer with its group's defaults applied (data model 3).

    `addresses` are its own in the tunnel, those of its lease first; `allowed_ips` is what the server accepts from it
    (those, wider networks of the VPN subnet and its site networks), `client_allowed_ips` what its client sends into the
    tunnel. `private_key` is None when the peer's admin keeps it.
    """

    name: str
    state: State
    public_key: str
    private_key: str | None = field(repr=False)
    preshared_key: str | None = field(repr=False)
    addresses: tuple[IPAddress, ...]
    allowed_ips: tuple[IPNetwork, ...]
    site_networks: tuple[IPNetwork, ...]
    client_allowed_ips: tuple[IPNetwork, ...]
    endpoint: str | None
    persistent_keepalive: int
    full_tunnel: bool
    dns: tuple[str, ...]
    mtu: int | None
    expires_at: dt.datetime | None
    access: Access | None
    group: str | None = None

    @property
    def managed(self) -> bool:
        """Tell whether the stack holds the peer's private key."""
        return self.private_key is not None

    @property
    def deadline(self) -> int:
        """The end of the peer's access in seconds since 1970, 0 when it has none."""
        return int(self.expires_at.timestamp()) if self.expires_at else 0

    @property
    def listen_port(self) -> int | None:
        """The port at which the server dials the peer, None when the peer dials."""
        return split_endpoint(self.endpoint)[1] if self.endpoint else None


@dataclass(frozen=True, slots=True)
class Route:
    """A network behind the server. `gateway` is a router the server needs to reach it, None when it is connected."""

    destination: IPNetwork
    gateway: IPAddress | None
    metric: int | None


@dataclass(frozen=True)
class Firewall:
    """What may pass the server, and who may talk to it."""

    destinations: tuple[IPNetwork, ...]
    dmz_networks: tuple[IPNetwork, ...]
    masquerade: bool
    peer_to_peer: bool
    listen_sources: tuple[IPNetwork, ...]
    ssh_sources: tuple[IPNetwork, ...]
    zabbix_server: IPAddress | None
    dhcp: bool


@dataclass(frozen=True, eq=False)
class Network:
    """The whole server. `peers` holds all of them in order of name, `active` those that may connect.

    Two networks are the same only if they are one object: what is made of one can be remembered with it.
    """

    interface: Interface
    peers: tuple[Peer, ...]
    routes: tuple[Route, ...]
    firewall: Firewall
    agent: Agent | None = None

    @cached_property
    def active(self) -> tuple[Peer, ...]:
        """The peers that are neither disabled nor expired."""
        return tuple(peer for peer in self.peers if peer.state == "active")

    @cached_property
    def vpn_networks(self) -> tuple[IPNetwork, ...]:
        """The VPN subnet, and its IPv6 twin when there is one."""
        return tuple(address.network for address in self.interface.addresses)

    @cached_property
    def by_name(self) -> Mapping[str, Peer]:
        """The peers by name."""
        return {peer.name: peer for peer in self.peers}

    def peer(self, name: str) -> Peer:
        """Return a peer by name. Raise RenderError when there is none."""
        if name not in self.by_name:
            raise RenderError(f"there is no peer {name!r}")
        return self.by_name[name]
