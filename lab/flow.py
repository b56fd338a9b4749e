"""A running session: ping(8) in the background, by its own counts and with the moment of every answer."""

import re
import signal
import subprocess
import tempfile
from typing import Self

from lab import namespaces

ON_ITS_WAY = 1
"""The last packet may still be on its way when ping is stopped."""


class Flow:
    """A ping from inside a network namespace, every `interval` seconds, until the block ends.

    After the block `sent` and `received` are what ping counted, and `answers` holds when each answer came (Unix
    seconds). What ping says goes to a file: a full pipe would stop it after a few seconds.
    """

    def __init__(self, namespace: str, target: str, interval: float = 0.01) -> None:
        ping = ["ping", "-n", "-D", "-i", str(interval), target]
        self._argv = namespaces.inside(namespace, ping)
        self.sent = self.received = 0
        self.answers: list[float] = []

    @property
    def lost(self) -> int:
        """How many answers never came."""
        return max(0, self.sent - self.received - ON_ITS_WAY)

    def __enter__(self) -> Self:
        self._said = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._argv, stdout=self._said, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(timeout=30)
        with self._said as said:
            said.seek(0)
            self._read(said.read())

    def _read(self, report: str) -> None:
        self.answers = [float(at) for at in re.findall(r"^\[([\d.]+)\].*time=", report, re.MULTILINE)]
        counts = re.search(r"(\d+) packets transmitted, (\d+) received", report)
        self.sent, self.received = (int(counts[1]), int(counts[2])) if counts else (0, 0)
