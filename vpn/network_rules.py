"""What is wrong with a server and shows only when its keys and its container are known."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface, ip_network

from vpn.errors import Problem
from vpn.network_model import Network
from vpn.settings import IPNetwork, Settings, touches
from vpn.settings.ip import zoneless


def unexpected_key(settings: Settings, network: Network) -> Iterator[Problem]:
    """Yield the public key that the configuration expects where the server has another (data model 2)."""
    expected = settings.interface.public_key
    if expected and expected != network.interface.public_key:
        rule = (
            "does not belong to the server's key in the keyring: leave it out, or give its private key (data model 2)"
        )
        yield Problem("public_key", expected, rule)


def shared_keys(settings: Settings, network: Network) -> Iterator[Problem]:
    """Yield the peers that have another's key: WireGuard knows a peer by its key alone, and would merge the two."""
    first = {network.interface.public_key: "the server"}
    for index, peer in enumerate(settings.peers):
        owner = first.setdefault(network.peer(peer.name).public_key, f"peers[{index}]")
        if owner != f"peers[{index}]":
            yield Problem(f"peers[{index}].name", peer.name, f"must have a key of its own: {owner} has the same")


def misplaced(settings: Settings, ct_address: str) -> Iterator[Problem]:
    """Yield where the container's address, as DHCP may have given it, must not lie (data model 7)."""
    own = ip_network(ip_interface(zoneless(ct_address)).ip)
    for networks, place in _forbidden(settings):
        if found := touches(own, networks):
            rule = f"is the container's address and must not be in {place.format(found)}"
            yield Problem("ip_address", str(own.network_address), rule)


def _forbidden(settings: Settings) -> Iterator[tuple[tuple[IPNetwork, ...], str]]:
    """Yield networks that the container must not be in, and what they are; the one in question goes into the braces."""
    yield settings.routing.dmz_networks, "the DMZ {} (security constraints)"
    yield settings.vpn_networks, "the VPN subnet {} (network constraints)"
    for peer in settings.peers:
        yield peer.site_networks, f"the site network {{}} of peer {peer.name}"
