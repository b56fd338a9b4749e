"""A peer that is not concerned: it pings through the tunnel while everything else goes wrong."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaos.arena import Arena
from lab.flow import Flow
from lab.peers import Connection, Peers
from tests.lab.stack.rehearsal import SERVER

PEER = "alice-laptop"
INTERVAL = 0.1
LINGER = 0.5
"""Seconds the last answers are waited for."""
PATIENCE = 20.0
"""Seconds after which a peer has found a server that was restarted: by itself it tries again after 15."""


@dataclass
class Seen:
    """What a peer that looks on has seen."""

    problems: list[str] = field(default_factory=list)


@contextmanager
def watching(arena: Arena) -> Iterator[Seen]:
    """Ping from a connected peer until the block ends; a lost packet is a problem."""
    seen = Seen()
    peer = _connected(arena, seen)
    with Flow(peer.namespace, SERVER, INTERVAL) as flow:
        yield seen
        time.sleep(LINGER)
    if flow.lost or not flow.received:
        seen.problems.append(f"a peer that is not concerned lost {flow.lost} of {flow.sent} packets")


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
