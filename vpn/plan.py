"""What a change will do to the server, in a person's words, known before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vpn.fingerprints import Fingerprints

Kind = Literal["none", "peers", "firewall", "service", "interface", "first", "repair"]
NAMES_SHOWN: Final = 20
"""Peers named in one summary; of more the number is told."""
EFFECTS: Final[Mapping[Kind, str]] = {
    "none": "nothing to do",
    "peers": "without a restart, no interruption",
    "firewall": "firewall rules replaced in one transaction, no interruption",
    "service": "scripts and units replaced, no interruption",
    "interface": "restart, sessions are back in about a second",
    "first": "first configuration of this server",
    "repair": "repair of what differs",
}

NEW_FILES: Final = "restart, no peer connects before it has its new file"
"""What it means for sessions when the file of every client changes."""


@dataclass(frozen=True)
class Plan:
    """The class of a change and its summary: what happens to whom, then what that means for running sessions."""

    kind: Kind
    summary: tuple[str, ...]


def classify(old: Fingerprints | None, new: Fingerprints, drift: Sequence[str] = ()) -> Plan:
    """Return the plan from one version to the next. `drift` are the findings that are to be repaired on the way."""
    if old is None:
        count = sum(":" in each for each in new.peers.values())
        return Plan("first", (f"{count} {'peer' if count == 1 else 'peers'}", EFFECTS["first"]))
    peers, before, after = _peer_changes(old.peers, new.peers), old.interface.split(":"), new.interface.split(":")
    kinds: list[tuple[Kind, bool]] = [
        ("interface", before[-1] != after[-1]),
        ("peers", bool(peers)),
        ("firewall", old.firewall != new.firewall),
        ("service", old.service != new.service),
        ("repair", bool(drift)),
    ]
    changed = [kind for kind, differs in kinds if differs]
    kind = changed[0] if changed else "none"
    served = _served(before, after) if kind == "interface" else []
    parts = [*served, *(_PARTS[each] for each in changed if each in _PARTS)]
    effect = NEW_FILES if served else EFFECTS[kind]
    return Plan(kind, (*_shortened(peers), *parts, *(f"repair: {each}" for each in drift), effect))


_PARTS: Final[Mapping[Kind, str]] = {
    "interface": "interface changed",
    "firewall": "firewall rules changed",
    "service": "scripts, units or packages changed",
}


def _served(old: list[str], new: list[str]) -> list[str]:
    """Return what of the server in every client's file changes: its key, where it is dialled, its networks."""
    words = ("rotated the server's key", "clients dial another endpoint", "other addresses in the tunnel")
    return [what for what, before, after in zip(words, old[:-1], new[:-1], strict=False) if before != after]


def _peer_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        _peer_change(name, old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]


def _peer_change(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"+{name}{_aside(new)}" if old is None else f"-{name}{_aside(old)}"
    if ":" not in new:
        return f"{new} {name}"
    if ":" not in old:
        return f"enabled {name}" if old == "disabled" else f"renewed {name}"
    return f"{_what_changed(old.split(':'), new.split(':'))} {name}"


def _aside(state: str | None) -> str:
    return f" ({state})" if state and ":" not in state else ""


def _what_changed(old: list[str], new: list[str]) -> str:
    if old[0] != new[0]:
        return "rotated"
    return "rotated preshared key of" if old[1] != new[1] else "changed"


def _shortened(changes: list[str]) -> list[str]:
    more = len(changes) - NAMES_SHOWN
    return [*changes[:NAMES_SHOWN], f"and {more} more peers"] if more > 0 else changes
