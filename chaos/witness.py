"""A peer that is not concerned: it pings through the tunnel while everything else goes wrong."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chaos.arena import Arena
from lab import namespaces
from lab.peers import Peers
from tests.lab.stack.rehearsal import SERVER

PEER = "alice-laptop"
INTERVAL = "0.1"
LAST = 1
"""The last packet may be on its way when ping is stopped."""


@dataclass
class Seen:
    """How many packets were sent, and how many were answered."""

    sent: int = 0
    received: int = 0
    problems: list[str] = field(default_factory=list)


@contextmanager
def watching(arena: Arena) -> Iterator[Seen]:
    """Ping from a connected peer until the block ends; a lost packet is a problem."""
    peers, seen = Peers(arena.site), Seen()
    known = peers.get(PEER)
    peer = known if known and peers.ping(PEER, SERVER, count=1) else peers.connect(PEER, arena.stack.clients()[PEER])
    argv = namespaces.inside(peer.namespace, ["ping", "-n", "-i", INTERVAL, SERVER])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield seen
    finally:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[0]
    counts = re.search(r"(\d+) packets transmitted, (\d+) received", said)
    seen.sent, seen.received = (int(each) for each in counts.groups()) if counts else (0, 0)
    lost = seen.sent - seen.received - LAST
    if not seen.received or lost > 0:
        seen.problems.append(f"a peer that is not concerned lost {max(lost, 0)} of {seen.sent} packets")
