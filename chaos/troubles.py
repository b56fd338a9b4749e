"""Troubles that no gate makes: a full disk, two runs at once, a wrong clock."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chaos.arena import Arena, Ran
from chaos.cases import Bench, Outcome, attempt, converges, timed

FULL: Final = {
    "disk-full-config": "/etc/wireguard",
    "disk-full-state": "/var/lib/wireguard-vpn",
    "disk-full-run": "/run",
}
"""Where there is no room for a byte more."""
FILL: Final = (
    "set -e; d={path}; mkdir -p $d /root/kept; mount --bind $d /root/kept; "
    "mount -t tmpfs -o size=512k,mode=755 full $d; "
    "cp -a /root/kept/. $d/ 2>/dev/null || true; dd if=/dev/zero of=$d/ballast bs=4k status=none 2>/dev/null || true"
)
EMPTY: Final = "umount {path}; umount /root/kept; rmdir /root/kept"
RESIZE_RUN: Final = "mount --options-mode ignore -o remount,nosuid,nodev,mode=755,size={size}k tmpfs /run"
FILL_RUN: Final = (
    "set -e; df --output=size /run | tail -1 | tr -d ' ' > /root/run-size; "
    f"{RESIZE_RUN.format(size='$(($(df --output=used /run | tail -1) + 64))')}; "
    "dd if=/dev/zero of=/run/ballast bs=4k status=none 2>/dev/null || true"
)
"""/run is a file system of its own, and memory: to fill it as it is would end the container."""
EMPTY_RUN: Final = f"rm -f /run/ballast; {RESIZE_RUN.format(size='$(cat /root/run-size)')}; rm /root/run-size"
FAKETIME: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
)
CLOCKS: Final = {"clock-year-behind": "-400d", "clock-year-ahead": "+400d", "clock-hour-ahead": "+1h"}


@dataclass(frozen=True)
class Trouble:
    """One of them."""

    name: str


def troubles() -> list[Trouble]:
    """Return every case that can be tried on this machine."""
    clocks = [*CLOCKS] if _faketime() else []
    return [Trouble(name) for name in (*FULL, "two-at-once", *clocks)]


def run(bench: Bench, case: Trouble, seed: int) -> Outcome:
    """Try one."""
    begun, outcome = time.monotonic(), Outcome(case.name, seed)
    bench.settle({})
    if case.name in FULL:
        _disk_full(bench, outcome, FULL[case.name])
    elif case.name in CLOCKS:
        _clock(bench, outcome, CLOCKS[case.name])
    else:
        _two_at_once(bench, outcome)
    return timed(outcome, begun)


def _disk_full(bench: Bench, outcome: Outcome, path: str) -> None:
    bench.arena.configure(newcomer=True)
    with _full(bench.arena, path):
        attempt(bench, outcome, bench.arena.up, watched=True)
    outcome.where = f"no room in {path}"
    converges(bench, {"newcomer": True}, outcome)


@contextmanager
def _full(arena: Arena, path: str) -> Iterator[None]:
    fill, empty = (FILL_RUN, EMPTY_RUN) if path == "/run" else (FILL.format(path=path), EMPTY.format(path=path))
    arena.lab.sh(fill)
    try:
        yield
    finally:
        arena.lab.sh(empty)


def _two_at_once(bench: Bench, outcome: Outcome) -> None:
    """Start the same change twice: one may be refused, neither may do harm."""
    arena = bench.arena
    arena.configure(newcomer=True)
    others: list[Ran] = []
    second = threading.Thread(target=lambda: others.append(arena.up()))

    def both() -> Ran:
        second.start()
        first = arena.up()
        second.join()
        return first if first.code else others[0]

    attempt(bench, outcome, both, watched=True)
    outcome.where = "two runs of one change"
    outcome.answer = f"one of them: {outcome.answer}"
    converges(bench, {"newcomer": True}, outcome)


def _clock(bench: Bench, outcome: Outcome, offset: str) -> None:
    """Run the program and its plugins with another date than the world has."""
    arena = bench.arena
    shift = {"LD_PRELOAD": str(_faketime()), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    up: Callable[[], Ran] = lambda: arena.up(**shift)  # noqa: E731
    attempt(bench, outcome, up, watched=True)
    outcome.where = f"the program's clock is off by {offset}"
    converges(bench, {}, outcome)


def _faketime() -> Path | None:
    return next((path for path in map(Path, FAKETIME) if path.exists()), None)
