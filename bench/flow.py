"""A running session: one of the lab's peers pings through the tunnel while the server is changed."""

import itertools
import re
import signal
import subprocess
import time
from types import TracebackType
from typing import Any, Self

from lab import namespaces
from lab.peers import Peers
from lab.site import Site

INTERVAL = 0.01
PEER = "alice-laptop"


class Flow:
    """A ping every 10 ms from a connected peer to the server's address inside the tunnel.

    After the block, `lost` counts the answers that never came and `longest_gap` is the longest silence in seconds.
    `last_answer` is when the last answer came, in Unix seconds.
    """

    def __init__(self, site: Site, outputs: dict[str, Any], name: str = PEER) -> None:
        self._site, self._outputs, self._name = site, outputs, name
        self.lost = 0
        self.longest_gap = 0.0
        self.last_answer = 0.0

    def __enter__(self) -> Self:
        peers = Peers(self._site)
        peer = peers.connect(self._name, self._outputs["client_configs"][self._name])
        target = str(self._outputs.get("server_address", "10.8.0.1"))
        argv = ["ping", "-n", "-D", "-i", str(INTERVAL), target]
        self._process = subprocess.Popen(
            namespaces.inside(peer.namespace, argv), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        time.sleep(1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        time.sleep(1)
        self._process.send_signal(signal.SIGINT)
        said = self._process.communicate(timeout=20)[0]
        times = [float(found) for found in re.findall(r"^\[([\d.]+)\].*time=", said, re.MULTILINE)]
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", said)
        sent, received = (int(each) for each in counts.groups()) if counts else (0, 0)
        self.lost = max(0, sent - received - 1)  # the last one may still be on its way when ping is stopped
        self.longest_gap = max((b - a for a, b in itertools.pairwise(times)), default=0.0)
        self.last_answer = times[-1] if times else 0.0
