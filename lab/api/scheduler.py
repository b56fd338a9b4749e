"""Runs what is planned, at its times, on a site that wants so."""

import os
import threading
import time
from collections.abc import Callable, Iterable

from lab.api.calendar_event import next_run

SWITCH = "WIREGUARD_VPN_LAB_SCHEDULES"
"""Environment variable that, set to anything, lets jobs run at their times. By default none does: a backup locks its
container, whatever a test or a person is doing with it at 02:00."""
Planned = tuple[str, Callable[[], object]]
"""A schedule (calendar event) and what to do when it comes due."""


class Scheduler:
    """Asks every few seconds what is planned and does what came due since the last time."""

    def __init__(self, planned: Callable[[], Iterable[Planned]], pause: float = 5.0) -> None:
        self.planned, self.pause = planned, pause
        self._since = time.time()

    def start(self) -> None:
        """Begin to watch the clock, in the background, if that is asked for."""
        if os.environ.get(SWITCH):
            threading.Thread(target=self._watch, daemon=True, name="scheduler").start()

    def _watch(self) -> None:
        while True:
            time.sleep(self.pause)
            self.tick(time.time())

    def tick(self, now: float) -> None:
        """Do everything that came due since the last tick."""
        for schedule, work in self.planned():
            due = next_run(schedule, self._since)
            if due is not None and due <= now:
                work()
        self._since = now
