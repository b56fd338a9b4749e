"""The client files that the stack puts out."""

from __future__ import annotations

from cli.deployed import Deployed
from vpn.errors import StackError


def client_text(deployed: Deployed, name: str) -> str:
    """Return a peer's client file. Raise StackError when the last `up` made none, saying why."""
    files = deployed.outputs.get("client_configs", {})
    if name in files:
        return str(files[name])
    known = deployed.outputs.get("peers", {}).get(name)
    if known is None:
        raise StackError(f"there is no peer {name!r} in the deployed stack (wgvpn peer list)")
    raise StackError(f"peer {name} has no client file: it is {known['status']}")
