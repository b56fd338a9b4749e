"""Processes killed at random moments of a run: pulumi itself, the program, a plugin."""

import os
import signal
import subprocess
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from chaos.arena import Arena, Ran
from chaos.cases import Bench, Outcome, attempt, converges, seeded, timed, watched
from chaos.matrix import BARE, GONE
from chaos.verdict import said
from lab.processes import end, start_time
from tests.lab.stack.pulumi_cli import TIMEOUT

VICTIMS: Final = {
    "pulumi": "pulumi",
    "program": "pulumi-language-python-exec",
    "dynamic": "pulumi.dynamic",
    "proxmoxve": "pulumi-resource-proxmoxve",
    "command": "pulumi-resource-command",
    "language": "pulumi-language-python ",
}
"""Who is killed, each with what its command line holds."""
EVERYWHERE: Final[dict[str, Any]] = {
    "newcomer": True,
    "cpu_cores": 2,
    "keep_daily": 8,
    "dmz_networks": ["172.16.0.0/16"],
}
"""A change that concerns every system."""
LINGER: Final = 20.0
"""Seconds that plugins may go on after pulumi was killed."""


@dataclass(frozen=True)
class Kill:
    """One run that is killed: `update`, `create` or `destroy`."""

    operation: str
    number: int

    @property
    def name(self) -> str:
        """The case's name, as `--only` takes it."""
        return f"kill-{self.operation}-{self.number}"


def kills(count: int) -> list[Kill]:
    """Return `count` cases: of ten, eight are updates, one makes and one removes the server."""
    wholes = max(1, count // 10) if count > 1 else 0
    found = [Kill("update", number) for number in range(count - 2 * wholes)]
    return found + [Kill(operation, n) for n in range(wholes) for operation in ("create", "destroy")]


def run(bench: Bench, case: Kill, seed: int) -> Outcome:
    """Kill one process of one run, and see what comes of it."""
    begun, outcome, random = time.monotonic(), Outcome(case.name, seed), seeded(case.name, seed)
    after = _scene(bench, case)
    arena, usual = bench.arena, bench.durations.get(f"kill-{case.operation}", 0.0)
    if not usual:
        usual = bench.durations[f"kill-{case.operation}"] = _usual(bench, case, after)
        after = _scene(bench, case)
    if after != GONE:
        arena.configure(**after)
    moment, struck = random.uniform(0.05, 0.9) * usual, list[str]()
    run_to_death = partial(killed, arena, case.operation, moment, random, struck)
    with watched(bench, outcome) if case.operation == "update" else nullcontext():
        attempt(bench, outcome, run_to_death)
        outcome.where = f"{struck[0] if struck else 'nobody'} killed after {moment:.1f} s of {usual:.1f}"
        outcome.met = bool(struck)
        converges(bench, after, outcome)
    return timed(outcome, begun)


def _scene(bench: Bench, case: Kill) -> dict[str, Any]:
    """Settle what the run begins with, and return what it shall end with."""
    if case.operation == "create":
        bench.settle(GONE)
        return BARE
    if case.operation == "destroy":
        bench.settle(BARE)
        return GONE
    known = bench.present in ({}, EVERYWHERE)
    if not known:
        bench.settle({})
    return EVERYWHERE if bench.present == {} else {}


def _usual(bench: Bench, case: Kill, after: dict[str, Any]) -> float:
    """Run once without a kill; return the seconds that takes."""
    if after != GONE:
        bench.arena.configure(**after)
    ran = bench.arena.destroy() if case.operation == "destroy" else bench.arena.up()
    if ran.code:
        raise RuntimeError(f"{case.operation} fails without any fault: {'; '.join(said(ran))[:500]}")
    bench.learn(after)
    return ran.seconds


def killed(arena: Arena, operation: str, moment: float, random: Random, struck: list[str]) -> Ran:
    """Run a command and kill one of its processes after so many seconds; `struck` gets who it was."""
    verb = ["destroy"] if operation == "destroy" else ["up"]
    argv = [
        "pulumi",
        *verb,
        "--yes",
        "--skip-preview",
        "--stack",
        arena.stack.name,
        "--non-interactive",
        "--color",
        "never",
    ]
    begun = time.monotonic()
    process = subprocess.Popen(
        argv,
        cwd=arena.lab.root,
        env=arena.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    family = {process.pid: start_time(process.pid)}
    try:
        while process.poll() is None and not struck:
            family |= descendants(process.pid)
            if time.monotonic() - begun >= moment:
                struck += strike(process.pid, family, random)
            time.sleep(0.05)
        family |= descendants(process.pid)
        out = process.communicate(timeout=TIMEOUT)[0]
    finally:
        settle_down(family)
    # Pulumi's command has no last word, and none of its own either for a language host that ends before the program.
    if struck == ["pulumi"] or (struck == ["language"] and "error:" not in out):
        out += "\nerror: killed\n"
    if struck == ["language"]:  # the program it hosted ends in the SDK's own trace, which no program can hold back
        out = out.replace("Traceback (most recent call last)", "The SDK's trace")
    return Ran(process.returncode, out, time.monotonic() - begun)


def strike(root: int, family: dict[int, str | None], random: Random) -> list[str]:
    """Kill one of the processes that live now; return what it was, nothing when it was faster."""
    living: dict[str, int] = {}
    for pid in _alive(family):
        if pid == root:
            living["pulumi"] = pid
            continue
        words = _words(pid)
        living |= {name: pid for name, sign in VICTIMS.items() if name != "pulumi" and sign in words}
    if not living:
        return []
    victim = random.choice(sorted(living))
    with suppress(ProcessLookupError):
        os.kill(living[victim], signal.SIGKILL)
        return [victim]
    return []


def settle_down(family: dict[int, str | None]) -> None:
    """Wait until what the run started has ended, and end what has not."""
    give_up = time.monotonic() + LINGER
    while time.monotonic() < give_up and _alive(family):
        time.sleep(0.1)
    end(_alive(family))


def _alive(family: dict[int, str | None]) -> list[int]:
    return [pid for pid, begun in family.items() if begun and start_time(pid) == begun]


def descendants(root: int) -> dict[int, str | None]:
    """Return the processes below `root`, each with its start time."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(") ")[2].split()[1])
    found, todo = set[int](), [root]
    while todo:
        parent = todo.pop()
        children = [pid for pid, above in parents.items() if above == parent and pid not in found]
        found |= set(children)
        todo += children
    return {pid: start_time(pid) for pid in found}


def _words(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
