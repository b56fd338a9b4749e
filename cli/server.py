"""The server over SSH: what it says about itself. Nothing is changed and nothing secret is asked."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Mapping
from typing import Any, Final

from cli import tunnels
from cli.tunnels import NEVER, Expiries, Tunnel
from clients.ssh import Session
from vpn import bundle
from vpn.errors import Unreadable
from vpn.expectation import Expectation

OBSERVE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 1.0


def facts(session: Session, expected: Expectation) -> dict[str, Any]:
    """Return what `observe` finds (templates/server/README.md), as refresh sees it. Raise Unreadable for nonsense."""
    stdin = bundle.pack_tool("observe", expected).encode()
    text = session.must_run(bundle.bootstrap("observe"), stdin, OBSERVE_SECONDS)
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        raise Unreadable("what the server said about itself cannot be read") from None
    return found


def ask_tunnels(session: Session, expected: Expectation, expiries: Expiries = NEVER) -> tuple[Tunnel, ...]:
    """Return the tunnels of the running interface; expected ones that it does not know count as never seen."""
    return tunnels.answer(session.run(tunnels.question(expected.interface)).stdout, expected, expiries)


def must_ask_tunnels(session: Session, expected: Expectation, expiries: Expiries = NEVER) -> tuple[Tunnel, ...]:
    """Return what `ask_tunnels` does. Raise RemoteFailed when the interface is down: nothing is known of peers then."""
    session.must_run(f"LC_ALL=C wg show {shlex.quote(expected.interface)} listen-port")
    return ask_tunnels(session, expected, expiries)


def service(expected: Expectation) -> str:
    """Return the unit that brings the interface up."""
    return f"wg-quick@{expected.interface}.service"


def is_up(found: Mapping[str, Any], expected: Expectation) -> bool:
    """Whether the service is active and its interface exists."""
    unit = found["units"].get(service(expected), {})
    return unit.get("active") == "active" and found["runtime"] is not None


def wait_until_up(session: Session, expected: Expectation, seconds: float) -> dict[str, Any]:
    """Return the facts as soon as the service is up, or the last ones when it is not in time."""
    end = time.monotonic() + seconds
    while True:
        found = facts(session, expected)
        if is_up(found, expected) or time.monotonic() >= end:
            return found
        time.sleep(POLL_SECONDS)
