"""The matrix: every system, every operation, every way to fail."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from chaos import faults
from chaos.arena import Arena, Ran
from chaos.cases import Bench, Outcome, attempt, converges, seeded, timed, watched
from chaos.faults import KINDS, Traffic
from chaos.verdict import said

GONE: Final[dict[str, Any]] = {"gone": True}
BARE: Final[dict[str, Any]] = {"netbox_enabled": False, "zabbix_enabled": False, "pbs_enabled": False}
"""The server alone: for making and removing it again and again."""
CHANGED: Final[dict[str, dict[str, Any]]] = {
    "proxmox": {"cpu_cores": 2},
    "ssh": {"newcomer": True},
    "pbs": {"keep_daily": 8},
    "netbox": {"netbox_role": None},
    "zabbix": {"zabbix_backup_url": "https://192.168.10.1:8007"},
}
"""A change that each system has to carry out."""


@dataclass(frozen=True)
class Fault:
    """One cell of the matrix."""

    system: str
    operation: str
    kind: str

    @property
    def name(self) -> str:
        """The case's name, as `--only` takes it."""
        return f"{self.system}-{self.operation}-{self.kind}"

    @property
    def whole(self) -> bool:
        """Whether the server itself is made or removed."""
        return self.system in ("proxmox", "ssh") and self.operation in ("create", "delete")

    def before(self) -> dict[str, Any]:
        """Return the configuration to begin with."""
        if self.whole:
            return GONE if self.operation == "create" else BARE
        return {f"{self.system}_enabled": False} if self.operation == "create" else {}

    def after(self) -> dict[str, Any]:
        """Return the configuration to end with."""
        if self.whole:
            return BARE if self.operation == "create" else GONE
        if self.operation == "update":
            return CHANGED[self.system]
        return {f"{self.system}_enabled": False} if self.operation == "delete" else {}


def matrix(systems: tuple[str, ...]) -> list[Fault]:
    """Return every case, in an order that saves making the server anew."""
    small = [s for s in systems if s not in ("proxmox", "ssh")]
    cells = [Fault(s, o, k) for s in systems for k in KINDS for o in ("update", "read")]
    cells += [Fault(s, o, k) for s in small for k in KINDS for o in ("delete", "create")]
    return cells + [Fault(s, o, k) for s in ("proxmox", "ssh") for k in KINDS for o in ("create", "delete")]


def command(arena: Arena, case: Fault) -> Ran:
    """Run what the case breaks."""
    if case.operation == "read":
        return arena.refresh()
    return arena.destroy() if case.after() == GONE else arena.up()


def run(bench: Bench, case: Fault, seed: int) -> Outcome:
    """Try one case: settle, break, and see what comes of it."""
    begun, outcome, random = time.monotonic(), Outcome(case.name, seed), seeded(case.name, seed)
    traffic = rehearsed(bench, case)
    before, after = case.before(), case.after()
    if case.operation == "update" and bench.present == after:
        before, after = after, before  # the change taken back is a change as well, and saves a run
    bench.settle(before)
    faults.heal(bench.arena)
    if after != GONE:
        bench.arena.configure(**after)
    with nullcontext() if case.whole else watched(bench, outcome):
        outcome.where = faults.plant(bench.arena, (case.system, case.operation, case.kind), traffic, random)
        attempt(bench, outcome, lambda: command(bench.arena, case))
        met = faults.heal(bench.arena)
        if not met and not (case.system == "ssh" and case.kind in ("refused", "expired")):
            outcome.problems.append("the fault was never met: this proves nothing")
        converges(bench, after, outcome)
    return timed(outcome, begun)


def rehearsed(bench: Bench, case: Fault) -> Traffic:
    """Return what the operation takes when all is well, tried once."""
    name = f"{case.system}-{case.operation}"
    if name not in bench.traffic:
        bench.settle(case.before())
        faults.heal(bench.arena)
        if case.after() != GONE:
            bench.arena.configure(**case.after())
        ran = command(bench.arena, case)
        bench.traffic[name] = faults.measured(bench.arena, case.system, case.operation)
        if ran.code:
            raise RuntimeError(f"{name} fails without any fault: {'; '.join(said(ran))[:500]}")
        bench.learn(case.after())
    return bench.traffic[name]
