"""Exit codes, for scripts: what a command's end means. 2, a command line that is wrong, is typer's own."""

from __future__ import annotations

from typing import Final

from vpn.errors import ClientError, SshError, Unfinished, VpnError

FINE: Final = 0
"""Done, and everything checked is in order."""
FAILED: Final = 1
"""A check failed: the server is not well, a backup is too old, a restored server differs."""
REFUSED: Final = 3
"""Refused before anything was done: configuration, stack, file or peer is not as it must be."""
UNAVAILABLE: Final = 4
"""A system failed or cannot be reached (SSH, Proxmox VE, Proxmox Backup Server), or a command was done in part."""
INCOMPLETE: Final = 5
"""Nothing failed, but something could not be checked."""


def code(error: VpnError) -> int:
    """Return the exit code of an error."""
    return UNAVAILABLE if isinstance(error, SshError | ClientError | Unfinished) else REFUSED
