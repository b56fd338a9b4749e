"""A peer that is not concerned: it pings through the tunnel while everything else goes wrong."""

import hashlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaos.arena import Arena
from lab import namespaces
from lab.peers import Connection, Peers
from tests.lab.stack.rehearsal import SERVER

PEER = "alice-laptop"
INTERVAL = "0.1"
LAST = 1
"""The last packet may be on its way when ping is stopped."""
PATIENCE = 20.0
"""Seconds after which a peer has found a server that was restarted: by itself it tries again after 15."""


@dataclass
class Seen:
    """How many packets were sent, and how many were answered."""

    sent: int = 0
    received: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def watching(arena: Arena) -> Iterator[Seen]:
    """Ping from a connected peer until the block ends; a lost packet is a problem."""
    seen = Seen()
    peer = _connected(arena, seen)
    argv = namespaces.inside(peer.namespace, ["ping", "-n", "-q", "-i", INTERVAL, SERVER])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield seen
    finally:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    seen.sent, seen.received = counted(said)
    lost = seen.sent - seen.received - LAST
    if not seen.received or lost > 0:
        seen.problems.append(f"a peer that is not concerned lost {max(lost, 0)} of {seen.sent} packets")


def _connected(arena: Arena, seen: Seen) -> Connection:
    """Return the peer's connection: the one there is if it still answers, else a new one.

    A tunnel that is dead though its file still holds is a problem: connecting anew would hide it.
    """
    peers = Peers(arena.site)
    known = peers.get(PEER)
    if known and peers.ping(PEER, SERVER, count=1):
        return known
    config = arena.stack.clients()[PEER]
    if known and known.digest == hashlib.sha256(config.encode()).hexdigest():
        if _answers(peers):
            return known
        seen.problems.append("the tunnel of a peer that is not concerned was dead before the fault")
        peers.disconnect(PEER)
    return peers.connect(PEER, config)


def _answers(peers: Peers) -> bool:
    """Tell whether the peer finds the server by itself, soon enough."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if peers.ping(PEER, SERVER, count=1):
            return True
    return False


def counted(report: str) -> tuple[int, int]:
    """Return how many packets were sent and answered, by what ping(8) says at its end; 0 when it says nothing."""
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", report)
    return (int(counts[1]), int(counts[2])) if counts else (0, 0)
