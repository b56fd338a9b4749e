"""What a server consists of, as digests that two versions are compared by. No secret follows from them.

Digests that cover a secret cover a key's 256 random bits: nobody guesses those back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Final

from vpn import agent, canonical, files, nftables, rendering, wgconf
from vpn.network import Network, Peer
from vpn.settings import IPNetwork


@dataclass(frozen=True)
class Fingerprints:
    """Digests by class of change.

    Of a peer `key:preshared key:rest:what only its own file says:what its file says too`, or its state when it may not
    connect. New parts come at the end: a state of an earlier version has fewer, and what it lacks is not known.
    `interface` is `key:where clients dial:networks:all that needs a restart`, `firewall` the rules without the peers'
    own, `service` scripts, units, packages and kernel settings.
    """

    interface: str
    firewall: str
    service: str
    peers: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the fingerprints as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fingerprints:
        """Return the fingerprints from their JSON-able data."""
        return cls(data["interface"], data["firewall"], data["service"], dict(data["peers"]))


def fingerprints(network: Network) -> Fingerprints:
    """Return the fingerprints of an effective server."""
    bare = replace(network, peers=())
    return Fingerprints(
        interface=_interface(bare),
        firewall=_digest(nftables.render(bare)),
        service=_service(bare),
        peers={peer.name: _peer(peer) for peer in network.peers},
    )


def _interface(bare: Network) -> str:
    """Digest what makes the server's scripts restart the interface: its own lines, and the drop-ins of its unit.

    Apart from it what every client's file holds of the server. Without an endpoint in the configuration clients dial
    the container itself, at the port it listens on.
    """
    own = bare.interface
    placed = [
        rendering.static(f"{files.SCRIPTS}/{each.member}").decode()
        for each in files.static_placements(own.implementation)
        if "/wg-quick@.service.d/" in each.target
    ]
    whole = _digest(canonical.interface_line(wgconf.render_server(bare)), own.file_path, *placed)
    networks = (str(each.network) for each in own.addresses)
    seen = (_digest(own.public_key), _digest(str(own.endpoint or own.listen_port)), _digest(*networks))
    return ":".join((*seen, whole))


def _service(bare: Network) -> str:
    texts = [rendering.static(f"{files.SCRIPTS}/{name}").decode() for name in files.scripts()]
    watched = [each.content.decode() for each in agent.files(bare.agent)] if bare.agent else []
    system = repr((files.packages(bare), files.sysctls(bare), files.units(bare), files.restarts(bare)))
    return _digest(system, *texts, *watched)


def _peer(peer: Peer) -> str:
    if peer.state != "active":
        return peer.state
    rest = (
        *sorted(map(str, peer.allowed_ips)),
        str(peer.endpoint),
        str(peer.persistent_keepalive),
        str(peer.full_tunnel),
        str(peer.expires_at),
        repr(peer.access),
    )
    own_file = _own_file(peer.client_allowed_ips, peer.dns, peer.mtu)
    preshared = peer.preshared_key or ""
    return ":".join((_digest(peer.public_key), _digest(preshared), _digest(*rest), own_file, _shared(peer, preshared)))


def _shared(peer: Peer, preshared: str) -> str:
    """Digest what a client's file says and the server knows too. A peer that keeps its key put that in by itself."""
    pair = peer.public_key if peer.managed else ""
    listens = [str(peer.listen_port)] if peer.listen_port else []
    return _digest(pair, preshared, str(peer.persistent_keepalive), *map(str, peer.addresses), *listens)


@lru_cache(maxsize=256)
def _own_file(routes: tuple[IPNetwork, ...], dns: tuple[str, ...], mtu: int | None) -> str:
    """Digest what a client's file says and the server does not know; most peers share it."""
    return _digest(*map(str, routes), "", *dns, "", str(mtu))


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


NO_KEY: Final = _digest("")
"""The digest of a preshared key that is not there."""
