"""What is wrong with a server and shows only when its keys and its container are known."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface, ip_network

from vpn.errors import Problem
from vpn.network_model import Network
from vpn.settings import Settings, touches
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
    if dmz := touches(own, settings.routing.dmz_networks):
        rule = f"is the container's address and must not be in the DMZ {dmz} (security constraints)"
        yield Problem("ip_address", str(own.network_address), rule)
    if vpn := touches(own, settings.vpn_networks):
        rule = f"is the container's address and must not be in the VPN subnet {vpn} (network constraints)"
        yield Problem("ip_address", str(own.network_address), rule)
    for peer in settings.peers:
        if site := touches(own, peer.site_networks):
            rule = f"is the container's address and must not be in the site network {site} of peer {peer.name}"
            yield Problem("ip_address", str(own.network_address), rule)
