"""Troubles that no gate makes: a full disk, two runs at once, a wrong clock."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chaos.arena import Arena, Ran
from chaos.cases import Bench, Outcome, attempt, converges, timed, watched
from chaos.verdict import judge

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
PROVE: Final = (
    "if dd if=/dev/zero of={path}/one-more bs=4k count=1 status=none 2>/dev/null; then r=1; else r=0; fi; "
    "rm -f {path}/one-more; [ $r = 0 ] || {{ echo 'there is room in {path}' >&2; exit 1; }}"
)
"""Fails when there is room for a page: then the disk was never full."""
SECOND_RUN: Final = 1.0
"""Seconds the second run begins after the first: two that look for a lock in the same moment may both give way."""
EMPTY_RUN: Final = f"rm -f /run/ballast; {RESIZE_RUN.format(size='$(cat /root/run-size)')}; rm /root/run-size"
FAKETIME: Final = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
)
CLOCKS: Final = {"clock-year-behind": "-400d", "clock-year-ahead": "+400d", "clock-hour-ahead": "+1h"}

CHANGED: Final[dict[str, Any]] = {"newcomer": True}
"""What the runs that meet a trouble shall change, when it is not the time."""


@dataclass(frozen=True)
class Trouble:
    """One thing that goes wrong on the machine, by name."""

    name: str


def troubles() -> list[Trouble]:
    """Return every case that can be tried on this machine."""
    clocks = [*CLOCKS] if _faketime() else []
    return [Trouble(name) for name in (*FULL, "two-at-once", *clocks)]


def run(bench: Bench, case: Trouble, seed: int) -> Outcome:
    """Bring the stack into the trouble, take it away, and judge whether the next run converges."""
    begun, outcome = time.monotonic(), Outcome(case.name, seed)
    after = {} if case.name in CLOCKS else CHANGED
    bench.know(after)
    bench.settle({})
    bench.arena.configure(**after)
    with watched(bench, outcome):
        if case.name in FULL:
            _disk_full(bench, outcome, FULL[case.name])
        elif case.name in CLOCKS:
            _clock(bench, outcome, CLOCKS[case.name])
        else:
            _two_at_once(bench, outcome)
        converges(bench, after, outcome)
    return timed(outcome, begun)


def _disk_full(bench: Bench, outcome: Outcome, path: str) -> None:
    with _full(bench.arena, path):
        attempt(bench, outcome, bench.arena.up)
    outcome.where = f"no room in {path}"


@contextmanager
def _full(arena: Arena, path: str) -> Iterator[None]:
    fill, empty = (FILL_RUN, EMPTY_RUN) if path == "/run" else (FILL.format(path=path), EMPTY.format(path=path))
    arena.lab.sh(fill)
    try:
        arena.lab.sh(PROVE.format(path=path))
        yield
    finally:
        arena.lab.sh(empty)


def _two_at_once(bench: Bench, outcome: Outcome) -> None:
    """Start the same change twice: one may be refused, neither may do harm."""
    others: list[Ran] = []

    def both() -> Ran:
        with ThreadPoolExecutor() as pool:
            pending = pool.submit(bench.arena.up)
            time.sleep(SECOND_RUN)
            first, second = sorted([bench.arena.up(), pending.result()], key=lambda ran: ran.code, reverse=True)
        others.append(second)
        return first

    refused, other = attempt(bench, outcome, both), others[0]
    outcome.problems += [f"the other run {each}" for each in judge(other, bench.secrets())]
    if refused.code and other.code:
        outcome.problems.append("both runs failed")
    outcome.where = "two runs of one change"
    outcome.answer = f"one of them: {outcome.answer}"


def _clock(bench: Bench, outcome: Outcome, offset: str) -> None:
    """Run the program and its plugins with another date than the world has."""
    arena = bench.arena
    shift = {"LD_PRELOAD": str(_faketime()), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    attempt(bench, outcome, lambda: arena.up(**shift))
    outcome.where = f"the program's clock is off by {offset}"


def _faketime() -> Path | None:
    return next((path for path in map(Path, FAKETIME) if path.exists()), None)
