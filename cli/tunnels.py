"""The tunnels as the running interface has them, by peer name. Only what is public is asked of `wg`."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from vpn.errors import Unreadable
from vpn.expectation import Expectation
from vpn.keys import fingerprint
from vpn.tunnel import EXPIRE_AFTER, Status, status

OFF: Final = "off"
Expiries = Mapping[str, dt.datetime]
NEVER: Final[Expiries] = MappingProxyType({})
ASKED: Final = ("latest-handshakes", "endpoints", "transfer", "persistent-keepalive", "allowed-ips")
"""`wg show … dump` would be one call, and would print the private key and every preshared key."""


@dataclass(frozen=True)
class Tunnel:
    """One peer's tunnel. `handshake_age` is in seconds (None: never), `rx` and `tx` in bytes since the start.

    `latest_handshake` is by the server's clock. A peer past its date is `off`: the server drops its packets.
    """

    name: str
    public_key: str
    status: Status | Literal["off"]
    endpoint: str | None
    address: str
    latest_handshake: dt.datetime | None
    handshake_age: int | None
    rx: int
    tx: int

    @property
    def alive(self) -> bool:
        """Whether there was a handshake within 180 s, after which a session is over."""
        return self.handshake_age is not None and self.handshake_age <= EXPIRE_AFTER.total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the tunnel as JSON-able data."""
        return {**vars(self), "latest_handshake": self.latest_handshake and self.latest_handshake.isoformat()}


def question(interface: str) -> str:
    """Return the shell command that prints the server's time and what `wg` knows, a part for each of ASKED."""
    name = shlex.quote(interface)
    return "; ".join(["export LC_ALL=C", "date +%s", *(f"echo '[{part}]'; wg show {name} {part}" for part in ASKED)])


def answer(text: str, expected: Expectation, expiries: Expiries = NEVER) -> tuple[Tunnel, ...]:
    """Return the tunnels in order of name: every expected peer, then those nobody expects, by fingerprint.

    `expiries` are the dates of peers by name; the server's own time tells whether one is past. Raise Unreadable when
    the text is not what `question` prints.
    """
    now, parts = _parts(text)
    names = {peer.public_key: peer.name for peer in expected.peers}
    addresses = {peer.public_key: ", ".join(peer.allowed_ips) for peer in expected.peers}
    unknown = [key for key in parts["latest-handshakes"] if key not in names]
    found = [_tunnel(names[key], key, addresses[key], parts, now) for key in names]
    found = [replace(each, status=OFF) if _is_past(expiries.get(each.name), now) else each for each in found]
    strangers = [_tunnel(f"unknown {fingerprint(key)}", key, _first(parts, "allowed-ips", key), parts, now)
                 for key in unknown]  # fmt: skip
    return (*sorted(found, key=lambda each: each.name), *strangers)


def _is_past(date: dt.datetime | None, now: int) -> bool:
    return date is not None and date.timestamp() <= now


def _parts(text: str) -> tuple[int, dict[str, dict[str, list[str]]]]:
    lines = text.splitlines()
    if not lines or not lines[0].isdigit():
        raise Unreadable("the server did not say what wg shows")
    parts: dict[str, dict[str, list[str]]] = {part: {} for part in ASKED}
    current: dict[str, list[str]] = {}
    for line in lines[1:]:
        if line.startswith("["):
            current = parts.get(line.strip("[]"), {})
        elif line:
            key, *values = line.split("\t")
            current[key] = values
    return int(lines[0]), parts


def _tunnel(name: str, key: str, address: str, parts: Mapping[str, Mapping[str, list[str]]], now: int) -> Tunnel:
    at = int(_first(parts, "latest-handshakes", key) or 0)
    keepalive = _first(parts, "persistent-keepalive", key)
    endpoint = _first(parts, "endpoints", key)
    rx, tx = [*map(int, parts["transfer"].get(key, ())), 0, 0][:2]
    moment = dt.datetime.fromtimestamp(at, dt.UTC) if at else None
    return Tunnel(
        name=name,
        public_key=key,
        status=status(moment, dt.datetime.fromtimestamp(now, dt.UTC), int(keepalive) if keepalive.isdigit() else 0),
        endpoint=endpoint if endpoint not in ("", "(none)") else None,
        address=address,
        latest_handshake=moment,
        handshake_age=max(now - at, 0) if at else None,
        rx=rx,
        tx=tx,
    )


def _first(parts: Mapping[str, Mapping[str, Iterable[str]]], part: str, key: str) -> str:
    return next(iter(parts[part].get(key, ())), "")
