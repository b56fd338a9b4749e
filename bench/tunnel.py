"""The tunnel the program built: connecting, delay, throughput against two bare ends."""

import statistics
import time
from pathlib import Path
from typing import Any

from bench.figures import Figures, stopwatch
from bench.stack import BenchError, Stack, team
from lab.containers import Containers
from lab.peers import Peers
from lab.site import MANAGEMENT_HOST, Site
from lab.summary import compare

CROWD, STORM = 20, 250
ROUNDS = 3
PATIENCE = 60
THROUGHPUT_ROUNDS, THROUGHPUT_SECONDS = 9, 2
PEER = "alice-laptop"
HOST = MANAGEMENT_HOST.partition("/")[0]
SERVER = "10.8.0.1"


def run(figures: Figures, root: Path) -> None:
    """Measure with the lab's own peers, then with a crowd."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    try:
        _few(figures, site, stack)
        stack.peers(team(STORM))
        stack.up()
        outputs = stack.outputs()
        _throughput(figures, site, outputs, f", {STORM} peers configured")
        crowd = [text for name, text in sorted(outputs["client_configs"].items()) if name.startswith("bench-")]
        named = {f"bench-{number:05d}": text for number, text in enumerate(crowd)}
        _crowd(figures, site, dict([*named.items()][:CROWD]))
        _storm(figures, site, named, int(outputs["ct_id"]))
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


def _storm(figures: Figures, site: Site, configs: dict[str, str], vmid: int) -> None:
    """Connect all, each a host of its own; then restart the server, so that all shake hands at the same moment."""
    peers = Peers(site)
    for name in peers.names():
        peers.disconnect(name)
    try:
        with stopwatch() as taken:
            connections = peers.connect_all(configs)
        waits = sorted(each.handshake_ms for each in connections.values())
        figures.add("tunnel", f"{STORM} peers connected, hosts made", taken[0], "s")
        figures.add("tunnel", f"median handshake of {STORM}", statistics.median(waits), "ms")
        figures.add("tunnel", f"slowest handshake of {STORM}", waits[-1], "ms")
        answered = sum(peers.ping(name, SERVER, count=1) is not None for name in configs)
        figures.add("tunnel", f"of {STORM} peers answered through their tunnels", answered, "")
        again = all_again(Containers(site), vmid)
        figures.add("tunnel", f"storm: {STORM} peers back after a restart of the server", again, "s")
    finally:
        for name in configs:
            peers.disconnect(name)


def all_again(containers: Containers, vmid: int) -> float:
    """Restart the service and return the seconds until everybody has shaken hands anew; raises BenchError."""
    begun, count = time.time(), 0
    containers.execute(vmid, ["systemctl", "restart", "wg-quick@wg0"])
    while count < STORM and time.time() - begun < PATIENCE:
        time.sleep(0.1)
        said = containers.execute(vmid, ["wg", "show", "wg0", "latest-handshakes"]).stdout.decode()
        count = sum(int(line.split()[1]) >= int(begun) for line in said.splitlines())
    if count < STORM:
        raise BenchError(f"only {count} of {STORM} peers are back {PATIENCE} s after the restart")
    return time.time() - begun


def _few(figures: Figures, site: Site, stack: Stack) -> None:
    """Measure with the lab's own peers."""
    stack.up()
    _throughput(figures, site, stack.outputs(), "")
    through = Peers(site).ping(PEER, HOST, count=50)
    figures.add("tunnel", "round trip through the tunnel", through, "ms", "added delay allowed: 10")


def _throughput(figures: Figures, site: Site, outputs: dict[str, Any], when: str) -> None:
    connection = Peers(site).connect(PEER, outputs["client_configs"][PEER])
    measured = compare(site, connection, int(outputs["ct_id"]), THROUGHPUT_ROUNDS, THROUGHPUT_SECONDS)
    for name, value in measured.items():
        ratio = name.endswith("ratio")
        figures.add("tunnel", name + when, value, "x" if ratio else "Mbit/s", "aim: 0.95" if ratio else "")
