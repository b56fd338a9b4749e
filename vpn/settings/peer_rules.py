"""Rules across peers and groups (data model section 3, its network and security constraints)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import ip_interface
from typing import NamedTuple

from vpn.errors import Problem
from vpn.settings.build import path
from vpn.settings.ip import IPAddress, IPNetwork, address, literal, own_address
from vpn.settings.names import split_endpoint
from vpn.settings.networks import PRIVATE, in_any, touched_dmz, touches, wildcard
from vpn.settings.peers import AllowRule, PeerSettings
from vpn.settings.settings import Check, Settings


class Claim(NamedTuple):
    """A network that a peer claims, and the key path that says so."""

    key: str
    network: IPNetwork


def _names_are_unique(settings: Settings) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, peer in _named(settings):
        # Client files are named after peers; some file systems do not tell case apart.
        earlier = first.setdefault(peer.name.casefold(), index)
        if earlier != index:
            yield Problem(f"peers[{index}].name", peer.name, f"must be unique: peers[{earlier}] has it")


def _groups_exist(settings: Settings) -> Iterator[Problem]:
    for index, peer in enumerate(settings.peers):
        if peer.group is not None and peer.group not in settings.groups:
            yield Problem(f"peers[{index}].group", peer.group, "must be one of the groups")


def _allowed_ips_are_inside(settings: Settings) -> Iterator[Problem]:
    servers = [settings.interface.address, settings.interface.address_ipv6]
    for claim in _claims(settings, "allowed_ips"):
        text, network = str(claim.network), claim.network
        if rule := wildcard(network):
            yield Problem(claim.key, text, rule)
        elif not in_any(network, settings.vpn_networks):
            subnets = ", ".join(map(str, settings.vpn_networks))
            yield Problem(claim.key, text, f"must be inside the VPN subnet {subnets} (data model 3)")
        elif any(each is not None and each.version == network.version and each.ip in network for each in servers):
            yield Problem(claim.key, text, "must not hold the server's own address (data model 3)")
        elif _is_edge(own_address(network), settings.vpn_networks):
            yield Problem(claim.key, text, "must not make the subnet's network or broadcast address the peer's own")


def _allowed_ips_are_apart(settings: Settings) -> Iterator[Problem]:
    return _overlaps(_claims(settings, "allowed_ips"), "must be unique and not overlap (data model 3)")


def _sites_are_no_wildcards(settings: Settings) -> Iterator[Problem]:
    for claim in _claims(settings, "site_networks"):
        if rule := wildcard(claim.network):
            yield Problem(claim.key, str(claim.network), rule)


def _sites_are_apart(settings: Settings) -> Iterator[Problem]:
    address: str | None = settings.container.ip_address
    container = () if address in (None, "dhcp") else (ip_interface(str(address)).network,)
    destinations = tuple(each for each in settings.destinations if each)
    for claim in _claims(settings, "site_networks"):
        for others, what in (
            (settings.vpn_networks, "the VPN subnet"),
            (destinations, "the route"),
            (container, "the container's network"),
        ):
            if other := touches(claim.network, others):
                yield Problem(claim.key, str(claim.network), f"must not overlap {what} {other}")
        if dmz := touched_dmz(claim.network, settings.routing.dmz_networks or ()):
            yield Problem(claim.key, str(claim.network), f"must not overlap the DMZ {dmz}")
        if claim.network.version not in {each.version for each in settings.vpn_networks}:
            yield Problem(claim.key, str(claim.network), "needs address_ipv6 to be set")
    yield from _overlaps(_claims(settings, "site_networks"), "must be unique and not overlap")


def _sites_leave_ways_out(settings: Settings) -> Iterator[Problem]:
    for index, peer in enumerate(settings.peers):
        for place, network in enumerate(peer.site_networks or ()):
            for what, way in _ways_out(settings, peer):
                if way in network:
                    rule = f"must not hold {what} {way}: packets to it would go into the tunnel"
                    yield Problem(f"peers[{index}].site_networks[{place}]", str(network), rule)


def _ways_out(settings: Settings, peer: PeerSettings) -> Iterator[tuple[str, IPAddress]]:
    """Yield what must be reached beside the peer's tunnel; where a name leads is not known beforehand."""
    dialled = split_endpoint(peer.endpoint)[0] if peer.endpoint else None
    for what, host in (("the peer's endpoint", dialled), ("ssh_jump_host", settings.ssh.ssh_jump_host)):
        with suppress(ValueError):
            yield what, address(host)


def _client_routes_lead_somewhere(settings: Settings) -> Iterator[Problem]:
    reachable = _reachable(settings)
    for holder, wanted in _holders(settings, "client_routes"):
        for index, network in enumerate(wanted):
            if not in_any(network, reachable):
                rule = "must be inside the routes, the VPN subnet or a peer's site networks"
                yield Problem(f"{holder}.client_routes[{index}]", str(network), rule)


def _name_servers_are_outside_the_dmz(settings: Settings) -> Iterator[Problem]:
    own = ((f"{holder}.dns", entries) for holder, entries in _holders(settings, "dns"))
    for key, entries in (("dns", settings.interface.dns), *own):
        for index, entry in enumerate(entries):
            server = literal(entry)
            if server and (dmz := touched_dmz(server, settings.routing.dmz_networks or ())):
                rule = f"must not be in the DMZ {dmz}: no tunnel leads there (security constraints)"
                yield Problem(f"{key}[{index}]", entry, rule)


def _allow_leads_somewhere(settings: Settings) -> Iterator[Problem]:
    reachable = _reachable(settings)
    for holder, rules in _holders(settings, "allow"):
        for index, rule in enumerate(rules):
            yield from _allow_rule(settings, f"{holder}.allow[{index}]", rule, reachable)


def _allow_rule(settings: Settings, key: str, rule: AllowRule, reachable: tuple[IPNetwork, ...]) -> Iterator[Problem]:
    network: IPNetwork | None = rule.network
    if rule.ports and rule.protocol not in ("tcp", "udp", None):
        yield Problem(f"{key}.ports", None, "need protocol tcp or udp")
    # All of the internet is a fair destination of a full tunnel: the server cuts the DMZ out of it.
    if network is None or network.prefixlen == 0:
        return
    if dmz := touched_dmz(network, settings.routing.dmz_networks or ()):
        yield Problem(f"{key}.network", str(network), f"must not touch the DMZ {dmz} (security constraints)")
    elif touches(network, PRIVATE) and not in_any(network, reachable):
        text = "must be inside the routes, the VPN subnet or a peer's site networks"
        yield Problem(f"{key}.network", str(network), text)


def _subnet_has_room(settings: Settings) -> Iterator[Problem]:
    room = max(0, settings.interface.address.network.num_addresses - 3)  # too narrow a subnet is told by itself
    if len(settings.peers) > room:
        yield Problem(
            "peers", str(len(settings.peers)), f"must be at most {room}: the VPN subnet has no more addresses"
        )


def _named(settings: Settings) -> Iterator[tuple[int, PeerSettings]]:
    return ((index, peer) for index, peer in enumerate(settings.peers) if peer.name)


def _claims(settings: Settings, field: str) -> Iterator[Claim]:
    for index, peer in enumerate(settings.peers):
        for place, network in enumerate(getattr(peer, field) or ()):
            yield Claim(f"peers[{index}].{field}[{place}]", network)


def _holders(settings: Settings, field: str) -> Iterator[tuple[str, tuple]]:  # type: ignore[type-arg]
    for name, group in settings.groups.items():
        yield path(["groups", name]), getattr(group, field) or ()
    for index, peer in enumerate(settings.peers):
        yield f"peers[{index}]", getattr(peer, field) or ()


def _reachable(settings: Settings) -> tuple[IPNetwork, ...]:
    sites = tuple(claim.network for claim in _claims(settings, "site_networks"))
    return (*(each for each in settings.destinations if each), *settings.vpn_networks, *sites)


def _overlaps(claims: Iterable[Claim], rule: str) -> Iterator[Problem]:
    """Sort by first address: overlapping networks then follow each other, and one pass finds them."""
    order = sorted(
        claims, key=lambda claim: (claim.network.version, claim.network.network_address, claim.network.prefixlen)
    )
    widest: Claim | None = None
    for claim in order:
        if widest and widest.network.version == claim.network.version and widest.network.overlaps(claim.network):
            yield Problem(claim.key, str(claim.network), f"{rule}: {widest.key} has {widest.network}")
        else:
            widest = claim


def _is_edge(address: IPAddress, subnets: tuple[IPNetwork, ...]) -> bool:
    return any(address in {each.network_address, each.broadcast_address} for each in subnets)


PEER_RULES: tuple[tuple[Check, tuple[str, ...]], ...] = (
    (_names_are_unique, ("peers",)),
    (_groups_exist, ("peers", "groups")),
    (_allowed_ips_are_inside, ("peers", "address", "address_ipv6")),
    (_allowed_ips_are_apart, ("peers",)),
    (_sites_are_no_wildcards, ("peers",)),
    (_sites_are_apart, ("peers", "address", "address_ipv6")),
    (_sites_leave_ways_out, ("peers",)),
    (_client_routes_lead_somewhere, ("peers", "address", "address_ipv6")),
    (_name_servers_are_outside_the_dmz, ("dns", "peers")),
    (_allow_leads_somewhere, ("peers", "address", "address_ipv6")),
    (_subnet_has_room, ("peers", "address")),
)
