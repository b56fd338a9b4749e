"""The file a peer's owner loads into his WireGuard client (wg-quick(8)); a QR code of it holds the same text."""

from __future__ import annotations

from vpn import rendering
from vpn.errors import RenderError
from vpn.network import Network


def render(network: Network, name: str) -> str:
    """Return the text of a peer's client file. It holds secrets.

    A peer that keeps its own private key finds a marked place for it; one that the server dials listens at that port.
    Raise RenderError when there is no such peer or the server's endpoint is not known.
    """
    peer = network.peer(name)
    if network.interface.endpoint is None:
        raise RenderError("the server's endpoint is not known: set endpoint, or a static ip_address")
    addresses = [f"{address}/{address.max_prefixlen}" for address in peer.addresses]
    return rendering.render("client.conf.j2", peer=peer, interface=network.interface, addresses=addresses)


def render_all(network: Network) -> dict[str, str]:
    """Return the client files of all peers that may connect, by name. They hold secrets."""
    return {peer.name: render(network, peer.name) for peer in network.active}
