"""Rules that span several values (data model sections 2, 5, 7 and its constraints). Each yields its problems.

A rule names the keys it needs; it is left out when one of them is already reported as broken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, NamedTuple

from vpn.errors import Problem
from vpn.settings.infrastructure_rules import INFRASTRUCTURE_RULES
from vpn.settings.ip import IPNetwork
from vpn.settings.key_rules import KEY_RULES
from vpn.settings.networks import RFC1918, ULA, in_any, touched_dmz, touches
from vpn.settings.peer_rules import PEER_RULES
from vpn.settings.sections import NIC, Route
from vpn.settings.settings import Settings
from vpn.settings.system_rules import SYSTEM_RULES

_SMALLEST_PREFIX = 30
# What the kernel takes for the metric of a route that names none, and in IPv6 for 0, by family.
_METRIC: Final = {4: 0, 6: 1024}
_TAKEN = ("lo", NIC)
# The files beside the interface's own in the bundle, the interface that WireGuard is tried with, and what sysctl calls
# every interface and those to come.
_RESERVED = ("runtime", "nftables", "sysctl", "zabbix-agent", "zabbix_agent2", "wgvpn-probe", "all", "default")


class Rule(NamedTuple):
    """A check across values, and the config keys whose values it needs."""

    check: Callable[[Settings], Iterator[Problem]]
    needs: tuple[str, ...]


def broken_rules(settings: Settings, invalid: frozenset[str]) -> list[Problem]:
    """Return the problems of all rules whose keys are sound."""
    others = (*INFRASTRUCTURE_RULES, *KEY_RULES, *PEER_RULES, *SYSTEM_RULES)
    rules = [*RULES, *(Rule(*each) for each in others)]
    return [problem for rule in rules if invalid.isdisjoint(rule.needs) for problem in rule.check(settings)]


def _file_is_the_interface_s(settings: Settings) -> Iterator[Problem]:
    interface = settings.interface
    wanted = f"/etc/wireguard/{interface.interface_name}.conf"
    if interface.file_path != wanted:
        rule = f"must be {wanted}: wg-quick@{interface.interface_name} reads no other file (data model 2, 5)"
        yield Problem("file_path", interface.file_path, rule)


def _interface_is_a_new_one(settings: Settings) -> Iterator[Problem]:
    name = settings.interface.interface_name
    if name in _TAKEN:
        rule = f"must not be an interface that the container has already: {', '.join(_TAKEN)}"
        yield Problem("interface_name", name, rule)
    if name in _RESERVED:
        yield Problem("interface_name", name, "must not be a name that is used on the server: " + ", ".join(_RESERVED))


def _address_is_private(settings: Settings) -> Iterator[Problem]:
    address = settings.interface.address
    if not in_any(address.network, RFC1918):
        yield Problem("address", str(address), "must be in RFC 1918 private space (data model 2)")
    if address.network.prefixlen > _SMALLEST_PREFIX:
        yield Problem("address", str(address), f"must leave room for peers: a prefix of /{_SMALLEST_PREFIX} or wider")


def _ipv6_matches_ipv4(settings: Settings) -> Iterator[Problem]:
    second = settings.interface.address_ipv6
    if second is None:
        return
    if not in_any(second.network, ULA):
        yield Problem("address_ipv6", str(second), "must be a unique local address, fc00::/7 (RFC 4193)")
    if 128 - second.network.prefixlen < 32 - settings.interface.address.network.prefixlen:
        yield Problem("address_ipv6", str(second), "must have at least as many host bits as the IPv4 subnet")


def _gateway_is_reachable(settings: Settings) -> Iterator[Problem]:
    container = settings.container
    if container.gateway is None:
        return
    if container.ip_address == "dhcp":
        yield Problem("gateway", str(container.gateway), "must be left out when ip_address is 'dhcp'")
        return
    own = _container_address(settings)
    if own and not _is_neighbour(container.gateway, own):
        yield Problem(
            "gateway", str(container.gateway), f"must be another host of the container's network {own.network}"
        )


def _subnet_is_apart(settings: Settings) -> Iterator[Problem]:
    container = _container_network(settings)
    for key, network in zip(("address", "address_ipv6"), settings.vpn_networks, strict=False):
        if dmz := touches(network, settings.routing.dmz_networks):
            yield Problem(key, str(network), f"must not overlap the DMZ {dmz} (network constraints)")
        if container and touches(network, (container,)):
            yield Problem(
                key, str(network), f"must not overlap the container's network {container} (network constraints)"
            )


def _container_is_outside_dmz(settings: Settings) -> Iterator[Problem]:
    container = _container_network(settings)
    dmz = touches(container, settings.routing.dmz_networks) if container else None
    if dmz:
        yield Problem(
            "ip_address", settings.container.ip_address, f"must not be in the DMZ {dmz} (security constraints)"
        )


def _routes_are_apart(settings: Settings) -> Iterator[Problem]:
    for index, network in _known_destinations(settings):
        key = f"routes[{index}].destination_network"
        if vpn := touches(network, settings.vpn_networks):
            yield Problem(key, str(network), f"must not overlap the VPN subnet {vpn} (data model 7)")
        if dmz := touched_dmz(network, settings.routing.dmz_networks):
            yield Problem(key, str(network), f"must not touch the DMZ {dmz} (data model 7)")


def _routes_are_told_apart(settings: Settings) -> Iterator[Problem]:
    """Of two ways to one network the kernel keeps both only if their metrics differ: ours would replace each other."""
    first: dict[tuple[IPNetwork, int], int] = {}
    for index, network in _known_destinations(settings):
        metric = settings.routing.routes[index].metric or _METRIC[network.version]
        earlier = first.setdefault((network, metric), index)
        if earlier != index:
            rule = f"must have another metric than routes[{earlier}], which leads there too"
            yield Problem(f"routes[{index}].destination_network", str(network), rule)


def _routes_fit(settings: Settings) -> Iterator[Problem]:
    for index, route in enumerate(settings.routing.routes):
        source = route.source_network
        if source is not None and source not in settings.vpn_networks:
            known = ", ".join(map(str, settings.vpn_networks))
            yield Problem(
                f"routes[{index}].source_network", str(source), f"must be the VPN subnet {known} (data model 7)"
            )
        network: IPNetwork | None = route.destination_network
        if source is not None and network is not None and source.version != network.version:
            rule = f"must be of the family of destination_network {network}"
            yield Problem(f"routes[{index}].source_network", str(source), rule)
        if network is not None and network.version not in {each.version for each in settings.vpn_networks}:
            yield Problem(f"routes[{index}].destination_network", str(network), "needs address_ipv6 to be set")
        yield from _gateway_fits(settings, index, route)


def _gateway_fits(settings: Settings, index: int, route: Route) -> Iterator[Problem]:
    gateway, network = route.gateway, route.destination_network
    if gateway is None or network is None:
        return
    key = f"routes[{index}].gateway"
    own = _container_address(settings)
    servers = (settings.interface.address.ip, getattr(settings.interface.address_ipv6, "ip", None))
    if gateway.version != network.version:
        yield Problem(key, str(gateway), "must be of the same family as destination_network")
    elif gateway in servers:
        return
    elif any(gateway in each for each in settings.vpn_networks):
        yield Problem(key, str(gateway), "must be the server's own VPN address, or a router outside the VPN subnet")
    elif own and in_any(network, (own.network,)):
        rule = f"must be left out: the destination is part of the container's own network {own.network}"
        yield Problem(key, str(gateway), rule)
    elif own and isinstance(gateway, IPv4Address) and not _is_neighbour(gateway, own):
        yield Problem(key, str(gateway), f"must be another host of the container's network {own.network} to be reached")


def _is_neighbour(address: IPv4Address, own: IPv4Interface) -> bool:
    """Tell whether an address is another host's in the container's network; point-to-point links have no edges."""
    network = own.network
    edges = (network.network_address, network.broadcast_address) if network.prefixlen <= _SMALLEST_PREFIX else ()
    return address in network and address not in (own.ip, *edges)


def _container_network(settings: Settings) -> IPNetwork | None:
    """Return the container's own network, None when DHCP gives it."""
    own = _container_address(settings)
    return own.network if own else None


def _container_address(settings: Settings) -> IPv4Interface | None:
    address: str | None = settings.container.ip_address
    return None if address in (None, "dhcp") else IPv4Interface(address)


def _known_destinations(settings: Settings) -> Iterator[tuple[int, IPNetwork]]:
    for index, network in enumerate(settings.destinations):
        known: IPNetwork | None = network
        if known is not None:
            yield index, known


RULES: Final = (
    Rule(_file_is_the_interface_s, ("interface_name", "file_path")),
    Rule(_interface_is_a_new_one, ("interface_name",)),
    Rule(_address_is_private, ("address",)),
    Rule(_ipv6_matches_ipv4, ("address", "address_ipv6")),
    Rule(_gateway_is_reachable, ("gateway", "ip_address")),
    Rule(_subnet_is_apart, ("address", "address_ipv6", "dmz_networks")),
    Rule(_container_is_outside_dmz, ("ip_address", "dmz_networks")),
    Rule(_routes_are_apart, ("routes", "address", "address_ipv6", "dmz_networks")),
    Rule(_routes_are_told_apart, ("routes",)),
    Rule(_routes_fit, ("routes", "address", "address_ipv6")),
)
