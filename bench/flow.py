"""A running session: one of the lab's peers pings through the tunnel while the server is changed."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.flow import Flow
from lab.peers import Peers
from lab.site import Site

PEER = "alice-laptop"
AROUND = 1.0
"""Seconds the flow runs undisturbed before and after what is measured."""


@contextmanager
def flowing(site: Site, outputs: dict[str, Any], name: str = PEER) -> Iterator[Flow]:
    """Ping every 10 ms from a connected peer to the server's address inside the tunnel, until the block ends."""
    peer = Peers(site).connect(name, outputs["client_configs"][name])
    with Flow(peer.namespace, str(outputs.get("server_address", "10.8.0.1"))) as flow:
        time.sleep(AROUND)
        yield flow
        time.sleep(AROUND)


def longest_gap(flow: Flow) -> float:
    """Return the longest silence between two answers, in seconds."""
    return max((b - a for a, b in itertools.pairwise(flow.answers)), default=0.0)
