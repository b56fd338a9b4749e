"""A real server: bundles applied over SSH through the node, and what it then shows."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from clients.ssh import Done, Session, Way, scan_host_key
from lab import node
from lab.flow import Flow
from lab.peers import Peers
from lab.site import Site
from tests.lab.bare_site.way_in import ADDRESS
from tests.pure.support import network
from vpn import bundle, client_config, drift
from vpn.network import Network

ENDPOINT = "198.51.100.1"
NOWHERE: Mapping[str, str] = MappingProxyType({})
NAMES = tuple(f"peer{number}" for number in range(6))


def version(names: tuple[str, ...] = NAMES, endpoints: Mapping[str, str] = NOWHERE, **changes: Any) -> Network:
    """Return the server with some managed peers; addresses are fixed, so that peers come and go alone."""
    peers = [
        {"name": name, "allowed_ips": [f"10.8.0.{100 + number(name)}/32"], "endpoint": endpoints.get(name)}
        for name in names
    ]
    return network(peers=peers, implementation="userspace", endpoint=ENDPOINT, **changes)


def number(name: str) -> int:
    """Return the number in a peer's name."""
    return int(name.removeprefix("peer"))


@dataclass
class Live:
    """The container of a site, reached as the product reaches it."""

    site: Site
    way: Way = field(init=False)

    def __post_init__(self) -> None:
        """Pin both host keys, the container's at first sight."""
        key = node.jump_key(self.site).read_text()
        jump = Way("127.0.0.1", node.USER, self.site.port("ssh"), key, node.host_key(self.site))
        self.way = Way(ADDRESS, private_key=key, host_key=scan_host_key(ADDRESS, jump=jump, patience=60), jump=jump)

    def run(self, command: str, stdin: str = "") -> Done:
        """Run a command in the container."""
        with Session(self.way, patience=60) as session:
            return session.run(command, stdin.encode(), 600)

    def sh(self, command: str) -> str:
        """Return what a command prints; it must succeed."""
        done = self.run(command)
        assert done.status == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def apply(self, wanted: Network, *, epoch: int = 1) -> dict[str, Any]:
        """Apply a version and return the report; it must succeed."""
        done = self.push(wanted, epoch=epoch)
        assert done.status == 0, done.stdout + done.stderr
        return self.report(done)

    def push(self, wanted: Network, *, epoch: int = 1) -> Done:
        """Apply a version, whatever comes of it."""
        return self.run(bundle.bootstrap(), bundle.pack(wanted, epoch=epoch, instance="test"))

    @staticmethod
    def report(done: Done) -> dict[str, Any]:
        """Return the one line that apply reports."""
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def findings(self, wanted: Network) -> tuple[str, ...]:
        """Return how the server differs from a version."""
        expected = bundle.expectation(wanted)
        done = self.run(bundle.bootstrap("observe"), bundle.pack_tool("observe", expected))
        return drift.compare(expected, json.loads(done.stdout))

    def handshake(self, name: str) -> int:
        """Return when the server last shook hands with a peer, in seconds of the epoch."""
        key = self.sh(f"awk -F '\\t' '$1 == \"{name}\" {{ print $2 }}' /var/lib/wireguard-vpn/peers.tsv")
        shown = self.sh("wg show wg0 latest-handshakes")
        return int(dict(line.split("\t") for line in shown.splitlines())[key])


def flow(site: Site, name: str) -> Flow:
    """Return a ping of 100 packets a second through a peer's tunnel."""
    peer = Peers(site).get(name)
    assert peer
    return Flow(peer.namespace, "10.8.0.1")


@contextmanager
def idle(site: Site, name: str) -> Iterator[None]:
    """Keep a peer from ever speaking first: its keepalives, left without an answer, begin a handshake."""
    peers, key = Peers(site), version().interface.public_key
    peer = peers.get(name)
    assert peer

    def keepalive(seconds: str) -> None:
        argv = ["wg", "set", peer.interface, "peer", key, "persistent-keepalive", seconds]
        assert peers.execute(name, argv).returncode == 0

    keepalive("off")
    try:
        yield
    finally:
        keepalive("25")


def configs(wanted: Network) -> dict[str, str]:
    """Return the client configuration of every active peer."""
    return {peer.name: client_config.render(wanted, peer.name) for peer in wanted.active}
