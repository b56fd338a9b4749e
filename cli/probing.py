"""The probe: a handshake from outside, as which peer, and from where.

A handshake makes the server take the sender's address for the peer's. So a probe never borrows the key of a peer that
is connected: it is a peer of its own called `probe`, or a managed peer that was never seen.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import asdict
from typing import Final

from cli import client_file
from cli.handshake import Answer, shake
from cli.tunnels import Tunnel
from vpn.errors import StackError

PROBE: Final = "probe"
VIA_SECONDS: Final = 60.0
ADVICE: Final = "add a peer for it, once: wgvpn peer add probe --keepalive 0, then pulumi up"


def choose(tunnels: Iterable[Tunnel], files: Collection[str], wanted: str | None) -> str | None:
    """Return the peer to probe as, None when no peer is safe to use.

    `files` names the peers whose client file, private key included, the stack has. Raise StackError for a `wanted`
    peer that it has not, or that is connected.
    """
    seen = {each.name: each for each in tunnels}
    if wanted is not None:
        return _wanted(wanted, seen.get(wanted), files)
    if PROBE in files:
        return PROBE
    unseen = (each for each in seen.values() if each.handshake_age is None and each.endpoint is None)
    return next((each.name for each in unseen if each.name in files), None)


def _wanted(name: str, tunnel: Tunnel | None, files: Collection[str]) -> str:
    if name not in files:
        raise StackError(f"peer {name}: the stack has no client file with a private key to probe with")
    if tunnel is not None and tunnel.alive and name != PROBE:
        raise StackError(f"peer {name} is connected: a probe would take its packets away from it; {ADVICE}")
    return name


def complete(files: dict[str, str]) -> dict[str, str]:
    """Return the client files that hold their private key."""
    return {name: text for name, text in files.items() if "PrivateKey = <" not in text}


def probe(text: str, via: str | None = None) -> Answer:
    """Shake hands with nothing but a client file: from here, or from where the command `via` leads.

    `via` gets the file on its standard input and runs `wgvpn probe -` elsewhere, as `ssh host wgvpn probe -`.
    Raise ParseError for a file without keys, StackError when the command fails.
    """
    if via is None:
        return shake(client_file.read(text))
    command = words(via)
    try:
        done = subprocess.run(
            [*command, "--json"], input=text, capture_output=True, text=True, check=False, timeout=VIA_SECONDS
        )
        return Answer(**json.loads(done.stdout))
    except (OSError, ValueError, TypeError, subprocess.TimeoutExpired):
        raise StackError(f"the probe through {command[0]!r} did not answer as wgvpn probe does") from None


def words(via: str) -> list[str]:
    """Return the words of a command of `--via`. Raise StackError when it has none, or its program is not here."""
    try:
        command = shlex.split(via)
    except ValueError as error:
        raise StackError(f"--via {via!r}: {error}") from None
    if not command or shutil.which(command[0]) is None:
        raise StackError(f"--via {via!r}: must begin with a program of this machine, as 'ssh HOST wgvpn probe -'")
    return command


def to_dict(found: Answer) -> dict[str, object]:
    """Return an answer as JSON-able data."""
    return asdict(found)
