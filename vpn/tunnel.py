"""The state of a peer's tunnel, by the data model's times (section 4)."""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

Status = Literal["connected", "handshaking", "idle", "disconnected", "expired"]

REKEY_AFTER: Final = dt.timedelta(seconds=120)
"""Keys rotate after this time when traffic flows (data model 4; WireGuard's Rekey-After-Time)."""
EXPIRE_AFTER: Final = dt.timedelta(seconds=180)
"""A tunnel expires after this time without traffic (data model 4; WireGuard's Reject-After-Time)."""


def status(latest_handshake: dt.datetime | None, now: dt.datetime, keepalive: int) -> Status:
    """Return the tunnel's state. `keepalive` is in seconds, 0 when off.

    Within 120 s of a handshake a tunnel is connected. From then to 180 s one with keepalive, which always has traffic,
    is renewing its keys (handshaking), and one without has nothing to say (idle). After 180 s a silent tunnel without
    keepalive has expired, as it should; one with keepalive, or that never met, is disconnected.
    """
    if latest_handshake is None:
        return "disconnected"
    age = now - latest_handshake
    if age <= REKEY_AFTER:
        return "connected"
    if age <= EXPIRE_AFTER:
        return "handshaking" if keepalive else "idle"
    return "disconnected" if keepalive else "expired"
