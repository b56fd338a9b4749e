"""The tunnel the program built: connecting, delay, throughput against two bare ends."""

import statistics
from pathlib import Path

from bench.figures import Figures, stopwatch
from bench.stack import Stack, team
from lab.peers import Peers
from lab.site import MANAGEMENT_HOST, Site
from lab.summary import compare

CROWD = 20
ROUNDS = 3
PEER = "alice-laptop"
HOST = MANAGEMENT_HOST.partition("/")[0]


def run(figures: Figures, root: Path) -> None:
    """Measure with the lab's own peers, then with a crowd."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    try:
        stack.peers(team(CROWD))
        stack.up()
        outputs = stack.outputs()
        _crowd(figures, site, {n: t for n, t in outputs["client_configs"].items() if n.startswith("bench-")})
        _one(figures, site, outputs["client_configs"][PEER], int(outputs["ct_id"]))
    finally:
        stack.restore()


def _crowd(figures: Figures, site: Site, configs: dict[str, str]) -> None:
    peers = Peers(site)
    slowest, together = [], []
    for _ in range(ROUNDS):
        with stopwatch() as taken:
            connections = peers.connect_all(configs)
        together += taken
        slowest.append(max(each.handshake_ms for each in connections.values()))
        for name in configs:
            peers.disconnect(name)
    figures.add("tunnel", f"slowest handshake of {CROWD} at once", statistics.median(slowest), "ms", "allowed: 5,000")
    figures.add("tunnel", f"{CROWD} peers connected, hosts made", statistics.median(together), "s")


def _one(figures: Figures, site: Site, config: str, vmid: int) -> None:
    peers = Peers(site)
    connection = peers.connect(PEER, config)
    through = peers.ping(PEER, HOST, count=50)
    figures.add("tunnel", "round trip through the tunnel", through, "ms", "added delay allowed: 10")
    for name, value in compare(site, connection, vmid).items():
        figures.add("tunnel", name, value, "Mbit/s" if name.endswith("mbps") else "x", "aim: 0.95" * ("ratio" in name))
