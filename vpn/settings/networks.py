"""Well-known networks, and how networks lie to each other."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from vpn.settings.ip import IPNetwork

RFC1918: Final = tuple(IPv4Network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
ULA: Final = (IPv6Network("fc00::/7"),)
NARROWEST_WILDCARD: Final = {4: 7, 6: 6}
"""Prefix lengths by family: what is this wide or wider holds more than any private range (RFC 1918, RFC 4193).

The policy pack knows nothing of the program and has its own copy; a test holds them equal.
"""
PRIVATE: Final[tuple[IPNetwork, ...]] = tuple(
    ip_network(each)
    for each in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3"),
        *("::/8", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
"""Where a site may have networks of its own, or a way to them: a full tunnel alone opens none of it.

From the IANA special-purpose registries: what is private, shared, local, reserved or for tests of equipment, and the
IPv6 that stands for IPv4 (::/8 holds 64:ff9b::/96 of NAT64, 2002::/16 is 6to4). Networks for documentation are left
out: nothing is behind them.
"""


EMBEDDING: Final = tuple(IPv6Network(each) for each in ("64:ff9b::/96", "::ffff:0:0/96", "2002::/16"))
"""The prefixes with an IPv4 address right behind them: of NAT64 (RFC 6052), IPv4-mapped (RFC 4291) and 6to4 (RFC 3056).

A NAT64 prefix of a site's own is not known here. The policy pack has its own copy; a test holds the two equal.
"""


def forms(network: IPNetwork) -> tuple[IPNetwork, ...]:
    """Return a network and, of an IPv4 one, the IPv6 networks that stand for it wherever a router translates them."""
    if isinstance(network, IPv6Network):
        return (network,)
    return (network, *(_embedded(network, prefix) for prefix in EMBEDDING))


def _embedded(network: IPv4Network, prefix: IPv6Network) -> IPv6Network:
    """Return the IPv6 network that has an IPv4 network's bits right behind a prefix."""
    bits = int(network.network_address) << (128 - prefix.prefixlen - 32)
    return IPv6Network((int(prefix.network_address) | bits, prefix.prefixlen + network.prefixlen))


def touched_dmz(network: IPNetwork, dmz: tuple[IPNetwork, ...]) -> str:
    """Say which network of the DMZ shares an address with `network`, by whichever form; "" when none does.

    What is wider than the prefixes that embed IPv4, as all of the IPv6 internet, means more than they stand for: the
    packet filter cuts the forms out of it.
    """
    embeds = in_any(network, EMBEDDING)
    for each in dmz:
        if form := touches(network, forms(each) if embeds else (each,)):
            return str(each) if form == each else f"{each}, for which {form} stands"
    return ""


def wildcard(network: IPNetwork) -> str:
    """Return the rule that a network breaks by being a wildcard (access control), "" when it is none."""
    widest = NARROWEST_WILDCARD[network.version] + 1
    return f"must not be a wildcard, wider than a /{widest} (access control)" if network.prefixlen < widest else ""


def in_any(network: IPNetwork, others: tuple[IPNetwork, ...]) -> bool:
    """Tell whether a network lies wholly inside one of the others (of its own family)."""
    return any(other.version == network.version and network.subnet_of(other) for other in others)  # type: ignore[arg-type]


def touches(network: IPNetwork, others: tuple[IPNetwork, ...]) -> IPNetwork | None:
    """Return the first of the others that shares an address with `network`: containment in either direction."""
    return next((other for other in others if other.version == network.version and other.overlaps(network)), None)
