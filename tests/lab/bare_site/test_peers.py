"""Real VPN clients, connected from their configuration files."""

import os

import pytest

from lab import peers, wireguard
from lab.containers import Containers
from lab.errors import PeerError
from lab.peers import Peers
from lab.site import Site
from tests.lab.bare_site.way_in import MANAGEMENT, VMID

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and containers need root"),
    pytest.mark.usefixtures("container"),
]


def vpn(containers: Containers, count: int) -> dict[str, str]:
    """Make the container a VPN server by hand; returns the clients' configurations."""
    private, public = wireguard.keys()
    server, clients = f"[Interface]\nPrivateKey={private}\nAddress=10.8.0.1/24\nListenPort=51820\n", {}
    for number in range(10, 10 + count):
        own, other = wireguard.keys()
        server += f"[Peer]\nPublicKey={other}\nAllowedIPs=10.8.0.{number}/32\n"
        clients[f"peer {number}"] = (
            f"[Interface]\nPrivateKey = {own}\nAddress = 10.8.0.{number}/32\nDNS = 192.168.10.1\n"
            f"[Peer]\nPublicKey = {public}\nAllowedIPs = 10.8.0.0/24, 192.168.0.0/16\nEndpoint = 198.51.100.1:51820\n"
        )
    script = (
        "set -e; apt-get update; apt-get install -y --no-install-recommends wireguard-tools wireguard-go\n"
        "cat > /etc/wireguard/wg0.conf; sysctl -w net.ipv4.ip_forward=1\n"
        "nft 'add table ip m; add chain ip m p { type nat hook postrouting priority 100; }'\n"
        "nft add rule ip m p masquerade\n"
        "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up wg0 >/dev/null 2>&1"
    )
    done = containers.execute(VMID, ["sh", "-c", script], server.encode(), timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return clients


def test_peers_connect_from_their_configuration_alone(
    site: Site, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, connected = vpn(containers, 4), Peers(site)
    clients["peer 13"] = clients["peer 13"].replace("10.8.0.0/24, 192.168.0.0/16", "0.0.0.0/0, ::/0")
    first = connected.connect_all(clients)
    assert all(peer.handshake_ms > 0 for peer in first.values())
    assert all((connected.ping(name, MANAGEMENT) or 0) > 0 for name in clients)
    assert connected.connect_all(clients) == first
    stranger = clients["peer 10"].replace(clients["peer 10"].split()[3], wireguard.keys()[0])
    monkeypatch.setattr(peers, "PATIENCE", 2.0)
    with pytest.raises(PeerError, match="no handshake"):
        connected.connect("peer 10", stranger)
    for name in clients:
        connected.disconnect(name)
    assert connected.names() == []
