"""The effective server: what the configuration, the keyring and the ledger amount to at one moment.

Everything that is rendered, planned or verified is read from a `Network`, and from nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Any, Final, Literal

from vpn import keyring as kr
from vpn.errors import RenderError
from vpn.ledger import Ledger
from vpn.settings import AllowRule, IPAddress, IPInterface, IPNetwork, PeerSettings, Settings, join_endpoint, split_endpoint
from vpn.settings.peers import DEFAULT_KEEPALIVE


State = Literal["active", "disabled", "expired"]
EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


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


@dataclass(frozen=True)
class Access:
    """The destinations a peer is limited to, and whose rule that is: `group_sales`, `peer_alice`."""

    origin: str
    rules: tuple[AllowRule, ...]


@dataclass(frozen=True)
class Peer:
    """One peer with its group's defaults applied (data model 3).

    `addresses` are its own in the tunnel, `allowed_ips` what the server accepts from it (those and its site
    networks), `client_allowed_ips` what its client sends into the tunnel. `private_key` is None when the peer's admin
    keeps it.
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


@dataclass(frozen=True)
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


def resolve(
    settings: Settings, keyring: kr.Keyring, ledger: Ledger, now: dt.datetime, *, ct_address: str | None = None
) -> Network:
    """Return the effective server. Raise RenderError when the keyring or the ledger lacks a peer.

    `ct_address` is the container's observed address; it becomes the endpoint when the configuration names none.
    """
    sites = {peer.name: peer.site_networks for peer in settings.peers if peer.site_networks}
    ordered = sorted(settings.peers, key=lambda each: each.name)
    return Network(
        interface=_interface(settings, keyring, ct_address),
        peers=tuple(_peer(settings, each, keyring, ledger, now, sites) for each in ordered),
        routes=tuple(_routes(settings)),
        firewall=_firewall(settings),
    )


def _interface(settings: Settings, keyring: kr.Keyring, ct_address: str | None) -> Interface:
    own = settings.interface
    server = _entry(keyring, kr.SERVER)
    return Interface(
        name=own.interface_name,
        file_path=own.file_path,
        addresses=(own.address, own.address_ipv6) if own.address_ipv6 else (own.address,),
        listen_port=own.listen_port,
        private_key=server.secret,
        public_key=server.public,
        save_config=own.save_config,
        mtu=own.mtu,
        implementation=own.implementation,
        endpoint=_endpoint(settings, ct_address),
    )


def _endpoint(settings: Settings, ct_address: str | None) -> str | None:
    port = settings.interface.listen_port
    if settings.interface.endpoint:
        try:
            return join_endpoint(*split_endpoint(settings.interface.endpoint))
        except ValueError:
            return f"{settings.interface.endpoint}:{port}"
    static = settings.container.ip_address
    address = ct_address or (None if static == "dhcp" else static)
    return join_endpoint(str(ip_interface(address).ip), port) if address else None


def _peer(
    settings: Settings,
    own: PeerSettings,
    keyring: kr.Keyring,
    ledger: Ledger,
    now: dt.datetime,
    sites: Mapping[str, tuple[IPNetwork, ...]],
) -> Peer:
    group = settings.group_of(own)
    pair = _entry(keyring, kr.peer_key(own.name)) if own.managed else None
    preshared = kr.preshared_word(settings, own) != "none"
    addresses = _addresses(ledger, own.name)
    full = (own.tunnel or group.tunnel) == "full"
    return Peer(
        name=own.name,
        state=_state(own, now),
        public_key=own.public_key or _entry(keyring, kr.peer_key(own.name)).public,
        private_key=pair.secret if pair else None,
        preshared_key=_entry(keyring, kr.preshared_key(own.name)).secret if preshared else None,
        addresses=addresses,
        allowed_ips=(*_tunnel_ips(own, addresses), *own.site_networks),
        site_networks=own.site_networks,
        client_allowed_ips=EVERYWHERE if full else _split(settings, own, sites),
        endpoint=own.endpoint,
        persistent_keepalive=_first(own.persistent_keepalive, group.persistent_keepalive, DEFAULT_KEEPALIVE),
        full_tunnel=full,
        dns=_first(own.dns, group.dns, settings.interface.dns),
        mtu=_first(own.mtu, group.mtu, settings.interface.mtu),
        expires_at=own.expires_at,
        access=_access(own, group.allow),
        group=own.group,
    )


def _state(own: PeerSettings, now: dt.datetime) -> State:
    if own.disabled:
        return "disabled"
    return "expired" if own.expires_at is not None and now >= own.expires_at else "active"


def _addresses(ledger: Ledger, name: str) -> tuple[IPAddress, ...]:
    if name not in ledger.leases:
        raise RenderError(f"the address ledger has no lease for peer {name!r}")
    return ledger.leases[name].addresses


def _tunnel_ips(own: PeerSettings, addresses: tuple[IPAddress, ...]) -> Iterator[IPNetwork]:
    """Yield the configured allowed IPs, and the allocated address of each family they leave out."""
    yield from own.allowed_ips
    families = {network.version for network in own.allowed_ips}
    yield from (_alone(address) for address in addresses if address.version not in families)


def _alone(address: IPAddress) -> IPNetwork:
    """Return the network of one address; through numbers, for its text costs ten times as much."""
    if isinstance(address, IPv4Address):
        return IPv4Network((int(address), address.max_prefixlen))
    return IPv6Network((int(address), address.max_prefixlen))


def _split(settings: Settings, own: PeerSettings, sites: Mapping[str, tuple[IPNetwork, ...]]) -> tuple[IPNetwork, ...]:
    """Return the VPN subnet, what the client is to reach, and other peers' sites where peers may talk."""
    routes = _first(own.client_routes, settings.group_of(own).client_routes, settings.destinations)
    others = sites.items() if settings.routing.peer_to_peer else ()
    remote = [network for name, networks in others if name != own.name for network in networks]
    return tuple(dict.fromkeys([*settings.vpn_networks, *routes, *remote]))


def _access(own: PeerSettings, group_rules: tuple[AllowRule, ...] | None) -> Access | None:
    if own.allow is not None:
        return Access(f"peer_{own.name}", own.allow)
    return Access(f"group_{own.group}", group_rules) if group_rules is not None else None


def _routes(settings: Settings) -> Iterator[Route]:
    for route in settings.routing.routes:
        remote = route.gateway is not None and not any(route.gateway in each for each in settings.vpn_networks)
        wanted = remote and route.route_type == "static"
        yield Route(route.destination_network, route.gateway if wanted else None, route.metric)


def _firewall(settings: Settings) -> Firewall:
    return Firewall(
        destinations=settings.destinations,
        dmz_networks=settings.routing.dmz_networks,
        masquerade=settings.routing.masquerade,
        peer_to_peer=settings.routing.peer_to_peer,
        listen_sources=settings.firewall.listen_sources,
        ssh_sources=settings.firewall.ssh_sources,
        zabbix_server=settings.zabbix.zabbix_server if settings.zabbix.zabbix_enabled else None,
        dhcp=settings.container.ip_address == "dhcp",
    )


def _entry(keyring: kr.Keyring, name: str) -> kr.KeyEntry:
    if name not in keyring:
        raise RenderError(f"the keyring has no key {name!r}")
    return keyring[name]


def _first(*values: Any) -> Any:
    """Return the first value that is set."""
    return next((value for value in values if value is not None), None)
