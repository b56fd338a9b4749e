"""The ways to fail, as each system shows them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from chaos.arena import Arena
from chaos.gate import ALWAYS, Break, silent
from chaos.relay import Plan
from tests.faults.proxy import CUT, Fault, Recorded, Reply, cut_after, cut_before, garbage, status

KINDS: Final = ("refused", "timeout", "429", "500", "garbage", "cut-before", "cut-after", "expired")
HOLD: Final = 25.0
"""Longer than our clients wait for an answer, in seconds."""
EXPIRED: Final[dict[str, Reply]] = {
    "proxmox": Reply(401, b"", reason="API token expired"),
    "pbs": Reply(401, b"permission check failed: token expired", {"Content-Type": "text/plain"}),
    "netbox": Reply(403, b'{"detail":"Token expired"}', {"Content-Type": "application/json"}),
    "zabbix": Reply(
        200,
        json.dumps(
            {
                "jsonrpc": "2.0",
                "error": {"code": -32602, "message": "Invalid params.", "data": "API token expired."},
                "id": 1,
            }
        ).encode(),
        {"Content-Type": "application/json"},
    ),
}
"""What each system answers when the token is over."""
ZABBIX_READS: Final = ("get", "version", "export")
SSH_CONNECTION: Final = 2_500
"""Bytes a client has sent when it is logged in on the jump host, and about to speak to the server."""


Cell = tuple[str, str, str]
"""System, operation and kind of fault."""


@dataclass(frozen=True)
class Traffic:
    """How many requests an operation takes when all is well, and how many bytes its largest SSH session sends."""

    requests: int
    bytes: int = 0


def writes(system: str) -> Callable[[Recorded], bool]:
    """Return what tells a request that changes something."""
    return _zabbix_write if system == "zabbix" else lambda request: request.method not in ("GET", "HEAD", "OPTIONS")


def reads(system: str) -> Callable[[Recorded], bool]:
    """Return what tells a request that only looks."""
    is_write = writes(system)
    return lambda request: not is_write(request)


def _zabbix_write(request: Recorded) -> bool:
    try:
        method = str(json.loads(request.body)["method"])
    except (ValueError, KeyError, TypeError):
        return False
    return method.rpartition(".")[2] not in ZABBIX_READS


def plant(arena: Arena, cell: Cell, traffic: Traffic, random: Random) -> str:
    """Make the next matching request go wrong; return where that is, for the report."""
    system, operation, kind = cell
    if system == "ssh":
        return _plant_ssh(arena, kind, traffic, random)
    concerns = reads(system) if operation == "read" else writes(system)
    skip = int(random.random() * traffic.requests)
    arena.gates[system].arm(_break(system, kind, concerns, skip))
    return f"request {skip + 1} of {max(traffic.requests, 1)}"


def _break(system: str, kind: str, concerns: Callable[[Recorded], bool], skip: int) -> Break:
    if kind == "expired":
        reply = EXPIRED[system]
        return Break(concerns, lambda _: reply, skip, ALWAYS, everything_after=True)
    if kind == "refused":
        return Break(concerns, lambda _: CUT, skip, refuses=True)
    faults: dict[str, tuple[Fault, int]] = {
        "timeout": (silent(HOLD), 1),
        "429": (status(429, "slow down", {"Retry-After": "1"}), 2),
        "500": (status(500, "internal error"), 1),
        "garbage": (garbage(), 1),
        "cut-before": (cut_before(), 1),
        "cut-after": (cut_after(), 1),
    }
    fault, times = faults[kind]
    return Break(concerns, fault, skip, times)


def _plant_ssh(arena: Arena, kind: str, traffic: Traffic, random: Random) -> str:
    relay = arena.relay
    if relay is None:
        raise RuntimeError("the arena has no relay")
    skip = int(random.random() * traffic.requests)
    largest = max(traffic.bytes, SSH_CONNECTION + 1)
    if kind == "refused":
        relay.refuse()
        return "from the beginning"
    if kind == "expired":
        authorized_keys(arena).write_text("")
        return "the jump host forgets the key"
    if kind in ("cut-before", "cut-after"):
        whole = int(largest * 0.7)  # a connection is not always as long as the one measured
        where = int(random.uniform(min(SSH_CONNECTION, whole / 2), whole)) if kind == "cut-before" else whole
        relay.arm(Plan("after" if kind == "cut-before" else "delivered", bytes=where))
        return f"after {where} of {largest} bytes"
    plans = {
        "timeout": Plan("silent", skip=skip, times=1),
        "429": Plan("close", skip=skip, times=2),
        "500": Plan("close", skip=skip, times=ALWAYS),
        "garbage": Plan("garbage", skip=skip, times=1),
    }
    relay.arm(plans[kind])
    return f"connection {skip + 1} of {max(traffic.requests, 1)}"


def heal(arena: Arena) -> int:
    """Repair everything; return how many requests and connections were broken."""
    keys = authorized_keys(arena)
    keys.write_text((arena.site.keys / "jump.pub").read_text())
    return arena.heal()


def measured(arena: Arena, system: str, operation: str) -> Traffic:
    """Return what has passed the gate since it was healed."""
    if system == "ssh":
        sent = list(arena.relay.sent) if arena.relay else []
        return Traffic(len(sent), max(sent, default=0))
    concerns = reads(system) if operation == "read" else writes(system)
    return Traffic(arena.gates[system].count(concerns))


def authorized_keys(arena: Arena) -> Path:
    """Return the file that says who may use the jump host."""
    return arena.site.state / "node/ssh/authorized_keys"
