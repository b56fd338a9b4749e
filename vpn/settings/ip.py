"""IP addresses and networks as the configuration writes them, and as files of others do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Final, TypeVar

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network

Value = TypeVar("Value")
Interface = TypeVar("Interface", IPv4Interface, IPv6Interface)

ZONE_RULE: Final = "must be without a zone: nothing may follow the address as in fe80::1%eth0"


def zoneless(text: str) -> str:
    """Return the text of an address or network. Raise ValueError when it names a zone (RFC 4007).

    A zone means something on one host only. `ipaddress` takes any text for one, lines of its own included, and gives it
    back: in a file that root reads, those would be settings and commands.
    """
    if "%" in text:
        raise ValueError(ZONE_RULE)
    return text


def network(value: object) -> IPNetwork:
    """Network in CIDR form without host bits, of either family."""
    return _read(ip_network, value, "must be a network in CIDR form without host bits, as 192.168.0.0/16")


def address(value: object) -> IPAddress:
    """Address of either family, without a prefix."""
    return _read(ip_address, value, "must be an IP address, as 192.168.20.1")


def own_address(fixed: IPNetwork) -> IPAddress:
    """Return the address that a peer with this allowed network has: its only one, or the first host of a wider one."""
    return fixed.network_address + (0 if fixed.prefixlen == fixed.max_prefixlen else 1)


def literal(host: str) -> IPNetwork | None:
    """Return the network of the one address that `host` is, None for a name."""
    with suppress(ValueError):
        return ip_network(address(host))
    return None


def address4(value: object) -> IPv4Address:
    """IPv4 address, without a prefix."""
    found = address(value)
    if not isinstance(found, IPv4Address):
        message = "must be an IPv4 address"
        raise ValueError(message)
    return found


def interface4(value: object) -> IPv4Interface:
    """IPv4 address with prefix, the address being a host of the network."""
    return _interface(IPv4Interface, value, "must be an IPv4 address with prefix, as 10.8.0.1/24")


def interface6(value: object) -> IPv6Interface:
    """IPv6 address with prefix, the address being a host of the network."""
    return _interface(IPv6Interface, value, "must be an IPv6 address with prefix, as fd00:8::1/64")


def _interface(family: type[Interface], value: object, rule: str) -> Interface:
    found = _read(ip_interface, value, rule)
    if "/" not in str(value):
        raise ValueError(rule)
    host_bits = found.max_prefixlen - found.network.prefixlen
    if host_bits > 1 and found.ip in (found.network.network_address, found.network.broadcast_address):
        message = "must have a host part: neither the network's own nor its broadcast address"
        raise ValueError(message)
    if not isinstance(found, family):
        raise ValueError(rule)
    return found


def _read(parse: Callable[[str], Value], value: object, rule: str) -> Value:
    text = zoneless(value) if isinstance(value, str) else ""
    try:
        return parse(text)
    except ValueError:
        raise ValueError(rule) from None
