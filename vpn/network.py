"""The effective server: what the configuration, the keyring and the ledger amount to at one moment.

Everything that is rendered, planned or verified is read from a `Network`, and from nothing else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Any, Final, NamedTuple

from vpn import keyring as kr
from vpn import keys
from vpn.agent import Agent
from vpn.errors import ConfigError, RenderError
from vpn.ledger import Ledger
from vpn.network_model import Access, Firewall, Interface, Network, Peer, Route, State
from vpn.network_rules import misplaced, shared_keys, unexpected_key
from vpn.settings import (
    AllowRule,
    IPAddress,
    IPNetwork,
    PeerSettings,
    Settings,
    join_endpoint,
    split_endpoint,
)
from vpn.settings.peers import DEFAULT_KEEPALIVE

__all__ = ["Access", "Firewall", "Interface", "Network", "Peer", "Route", "State", "resolve"]

EVERYWHERE: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def resolve(
    settings: Settings, keyring: kr.Keyring, ledger: Ledger, now: dt.datetime, *, ct_address: str | None = None
) -> Network:
    """Return the effective server. Raise RenderError when the keyring or the ledger lacks a peer.

    `ct_address` is the container's observed address; it becomes the endpoint when the configuration names none. Raise
    ConfigError when it lies where it must not, when the server's key is not the one of `public_key`, and when two have
    one key: what DHCP gives and what the keyring holds is known only now.
    """
    if ct_address and (problems := [*misplaced(settings, ct_address)]):
        raise ConfigError(problems)
    sites = {each.name: each.site_networks for each in settings.peers if each.site_networks}
    sources = _Sources(settings, keyring, ledger, now, sites, _everyones(settings))
    ordered = sorted(settings.peers, key=lambda each: each.name)
    found = Network(
        interface=_interface(settings, keyring, ct_address),
        peers=tuple(_peer(sources, each) for each in ordered),
        routes=tuple(_routes(settings)),
        firewall=_firewall(settings),
        agent=_agent(settings, keyring),
    )
    if wrong := [*unexpected_key(settings, found), *shared_keys(settings, found)]:
        raise ConfigError(wrong)
    return found


class _Sources(NamedTuple):
    """What a peer is made of: the configuration, what the stack keeps, the moment, all site networks by peer."""

    settings: Settings
    keyring: kr.Keyring
    ledger: Ledger
    now: dt.datetime
    sites: Mapping[str, tuple[IPNetwork, ...]]
    everyones: tuple[IPNetwork, ...]


def _interface(settings: Settings, keyring: kr.Keyring, ct_address: str | None) -> Interface:
    own = settings.interface
    server = _entry(keyring, kr.SERVER)
    return Interface(
        name=own.interface_name,
        file_path=own.file_path,
        addresses=(own.address, own.address_ipv6) if own.address_ipv6 else (own.address,),
        listen_port=own.listen_port,
        # The running interface shows the clamped key, and is compared with what is rendered of this.
        private_key=keys.clamped(server.secret),
        public_key=server.public,
        save_config=own.save_config,
        mtu=own.mtu,
        implementation=own.implementation,
        endpoint=server_endpoint(settings, ct_address),
    )


def server_endpoint(settings: Settings, ct_address: str | None = None) -> str | None:
    """Return what clients dial, `host:port`; None while only DHCP knows. `ct_address` is the observed address."""
    port = settings.interface.listen_port
    if settings.interface.endpoint:
        try:
            return join_endpoint(*split_endpoint(settings.interface.endpoint))
        except ValueError:
            return f"{settings.interface.endpoint}:{port}"
    static = settings.container.ip_address
    address = ct_address or (None if static == "dhcp" else static)
    return join_endpoint(str(ip_interface(address).ip), port) if address else None


def _peer(sources: _Sources, own: PeerSettings) -> Peer:
    settings, keyring = sources.settings, sources.keyring
    group = settings.group_of(own)
    pair = _entry(keyring, kr.peer_key(own.name)) if own.managed else None
    preshared = kr.preshared_word(settings, own) != "none"
    leased = _leased(sources.ledger, own.name)
    full = (own.tunnel or group.tunnel) == "full"
    return Peer(
        name=own.name,
        state=_state(own, sources.now),
        public_key=own.public_key or _entry(keyring, kr.peer_key(own.name)).public,
        private_key=keys.clamped(pair.secret) if pair else None,
        preshared_key=_entry(keyring, kr.preshared_key(own.name)).secret if preshared else None,
        addresses=(*leased, *_others(own, leased)),
        allowed_ips=(*_tunnel_ips(own, leased), *own.site_networks),
        site_networks=own.site_networks,
        client_allowed_ips=EVERYWHERE if full else _split(sources, own),
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


def _leased(ledger: Ledger, name: str) -> tuple[IPAddress, ...]:
    if name not in ledger.leases:
        raise RenderError(f"the address ledger has no lease for peer {name!r}")
    return ledger.leases[name].addresses


def _others(own: PeerSettings, leased: tuple[IPAddress, ...]) -> Iterator[IPAddress]:
    """Yield the single addresses that the configuration gives a peer beside its lease, one of each family."""
    alone = (each.network_address for each in own.allowed_ips if each.prefixlen == each.max_prefixlen)
    yield from (address for address in alone if address not in leased)


def _tunnel_ips(own: PeerSettings, leased: tuple[IPAddress, ...]) -> Iterator[IPNetwork]:
    """Yield the configured allowed IPs, and the allocated address of each family they leave out."""
    yield from own.allowed_ips
    families = {network.version for network in own.allowed_ips}
    yield from (_alone(address) for address in leased if address.version not in families)


def _alone(address: IPAddress) -> IPNetwork:
    """Return the network of one address; made from numbers: parsing its text takes ten times as long."""
    if isinstance(address, IPv4Address):
        return IPv4Network((int(address), address.max_prefixlen))
    return IPv6Network((int(address), address.max_prefixlen))


def _split(sources: _Sources, own: PeerSettings) -> tuple[IPNetwork, ...]:
    """Return the VPN subnet, what the client is to reach, and other peers' sites where peers may talk."""
    settings = sources.settings
    routes = _first(own.client_routes, settings.group_of(own).client_routes)
    if routes is None and (not settings.routing.peer_to_peer or own.name not in sources.sites):
        return sources.everyones
    others = sources.sites.items() if settings.routing.peer_to_peer else ()
    remote = [network for name, networks in others if name != own.name for network in networks]
    wanted = settings.destinations if routes is None else routes
    return tuple(dict.fromkeys([*settings.vpn_networks, *wanted, *remote]))


def _everyones(settings: Settings) -> tuple[IPNetwork, ...]:
    """Return what the clients of most peers send into the tunnel: worked out once, not 10,000 times."""
    sites = [each for peer in settings.peers for each in peer.site_networks] if settings.routing.peer_to_peer else []
    return tuple(dict.fromkeys([*settings.vpn_networks, *settings.destinations, *sites]))


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


def _agent(settings: Settings, keyring: kr.Keyring) -> Agent | None:
    server = settings.zabbix.zabbix_server
    if not settings.zabbix.zabbix_enabled or server is None:
        return None
    return Agent(settings.container.hostname, str(server), _entry(keyring, kr.ZABBIX).secret)


def _entry(keyring: kr.Keyring, name: str) -> kr.KeyEntry:
    if name not in keyring:
        raise RenderError(f"the keyring has no key {name!r}")
    return keyring[name]


def _first(*values: Any) -> Any:
    """Return the first value that is set."""
    return next((value for value in values if value is not None), None)
