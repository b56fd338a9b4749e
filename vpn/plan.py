"""What a change will do to the server, in a person's words, known before anything is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vpn.errors import Problem
from vpn.fingerprints import NO_KEY, Fingerprints

Kind = Literal["none", "clients", "peers", "firewall", "service", "interface", "first", "repair"]
NAMES_SHOWN: Final = 20
"""Peers named in one summary; of more the number is told."""
EFFECTS: Final[Mapping[Kind, str]] = {
    "none": "nothing to do",
    "clients": "no interruption",
    "peers": "without a restart, no interruption",
    "firewall": "firewall rules replaced in one transaction, no interruption",
    "service": "scripts and units replaced, no interruption",
    "interface": "restart, sessions are back in about a second",
    "first": "first configuration of this server",
    "repair": "repair of what differs",
}

NEEDS_FILE: Final = "needs its new file"
MAY_NEED_FILE: Final = "needs its new file if that changed meanwhile"
ALL_NEED_FILES: Final = "clients need their new file"
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
        return Plan("first", (f"{count} {_peers(count)}", EFFECTS["first"]))
    served = _served(old.interface.split(":"), new.interface.split(":"))
    # Where every client's file changes, that is told once.
    files = set[str]() if served else _other_files(old.peers, new.peers)
    peers = _peer_changes(old.peers, new.peers)
    changed = _classes(old, new, peers=bool(peers), clients=bool(served or files), repair=bool(drift))
    kind = changed[0] if changed else "none"
    waiting = kind == "interface" and bool(served)
    everyone = [ALL_NEED_FILES] if served and not waiting else []
    parts = [*served, *(_PARTS[each] for each in changed if each in _PARTS), *everyone]
    nobody = ["no peer is left"] if old.peers and not new.peers else []
    repairs = (f"repair: {each}" for each in drift)
    # What a repair interrupts depends on what differs, so nothing is promised of it.
    effect = NEW_FILES if waiting else EFFECTS["repair" if drift and kind != "interface" else kind]
    return Plan(kind, (*_shortened(_told(peers, files)), *nobody, *parts, *repairs, effect))


def _classes(old: Fingerprints, new: Fingerprints, **found: bool) -> list[Kind]:
    """Return the classes of what changes, what is felt most first."""
    differs: dict[Kind, bool] = {
        "interface": old.interface.rpartition(":")[2] != new.interface.rpartition(":")[2],
        "peers": found["peers"],
        "firewall": old.firewall != new.firewall,
        "service": old.service != new.service,
        "repair": found["repair"],
        "clients": found["clients"],
    }
    return [kind for kind, is_so in differs.items() if is_so]


def concerns_server(old: Fingerprints, new: Fingerprints) -> bool:
    """Whether the server itself becomes another one: what only clients' files say is no part of it."""
    return bool(_classes(old, new, peers=bool(_peer_changes(old.peers, new.peers)), repair=False, clients=False))


def renamed(old: str, new: str) -> Iterator[Problem]:
    """Yield the problem of an interface that changes its name on a server that stays: the old one would stay too."""
    if old != new:
        rule = (
            f"is {old} on the running server, which would go on beside {new}: keep the name, or make the server anew "
            "by pulumi destroy and pulumi up (new keys, and a new file for every client)"
        )
        yield Problem("interface_name", new, rule)


_PARTS: Final[Mapping[Kind, str]] = {
    "interface": "interface changed",
    "firewall": "firewall rules changed",
    "service": "scripts, units or packages changed",
}
_SERVER_PARTS: Final = 3
"""Parts of a peer's fingerprint that are the server's; the rest is what the client's file says."""


def _served(old: list[str], new: list[str]) -> list[str]:
    """Return what of the server in every client's file changes: its key, where it is dialled, its networks."""
    words = ("rotated the server's key", "clients dial another endpoint", "other addresses in the tunnel")
    return [what for what, before, after in zip(words, old[:-1], new[:-1], strict=False) if before != after]


def _peer_changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return what happens to whom of the peers, as the server knows them."""
    names = (name for name in sorted({*old, *new}) if _on_server(old.get(name)) != _on_server(new.get(name)))
    return {name: _peer_change(name, old.get(name), new.get(name)) for name in names}


def _other_files(old: Mapping[str, str], new: Mapping[str, str]) -> set[str]:
    """Return the peers whose own file becomes another, as far as the old version kept digests of it."""
    parts = ((name, zip(_in_file(old[name]), _in_file(new[name]), strict=False)) for name in old.keys() & new.keys())
    return {name for name, pairs in parts if any(before != after for before, after in pairs)}


def _on_server(state: str | None) -> list[str]:
    return state.split(":")[:_SERVER_PARTS] if state else []


def _in_file(state: str) -> list[str]:
    return state.split(":")[_SERVER_PARTS:]


def _told(changes: Mapping[str, str], files: set[str]) -> list[str]:
    """Return what happens to peers and who needs a file with that, then those of whom nothing but the file changes."""
    with_files = [f"{change} ({NEEDS_FILE})" if name in files else change for name, change in changes.items()]
    return [*with_files, *(f"{name} {NEEDS_FILE}" for name in sorted(files - changes.keys()))]


def _peer_change(name: str, old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return f"+{name}{_aside(new)}" if old is None else f"-{name}{_aside(old)}"
    if ":" not in new:
        return f"{new} {name}"
    if ":" not in old:
        return f"{'enabled' if old == 'disabled' else 'renewed'} {name} ({MAY_NEED_FILE})"
    return f"{_what_changed(old.split(':'), new.split(':'))} {name}"


def _aside(state: str | None) -> str:
    return f" ({state})" if state and ":" not in state else ""


def _what_changed(old: list[str], new: list[str]) -> str:
    if old[0] != new[0]:
        return "rotated"
    if old[1] == new[1]:
        return "changed"
    if NO_KEY in (old[1], new[1]):
        return "added a preshared key to" if old[1] == NO_KEY else "removed the preshared key of"
    return "rotated the preshared key of"


def _peers(count: int) -> str:
    return "peer" if count == 1 else "peers"


def _shortened(changes: list[str]) -> list[str]:
    more = len(changes) - NAMES_SHOWN
    return [*changes[:NAMES_SHOWN], f"and {more} more {_peers(more)}"] if more > 0 else changes
