"""Another login for the stack: its key comes to stand on the server beside the old one, then in its place."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cli.configured import Configured
from cli.given import give, given_keys
from cli.stack import Stack
from clients.ssh import Session
from vpn.errors import StackError, Unfinished
from vpn.keyring import SSH
from vpn.login_key import generate, public_key

_FILE: Final = "/root/.ssh/authorized_keys"
_RENAME: Final = f"mv {_FILE}.new {_FILE}"
_ADD: Final = f"set -eu; umask 077; {{ sed '$a\\' {_FILE}; cat; }} >{_FILE}.new; {_RENAME}"
"""Adds the line of standard input, on a line of its own even where the last one has no end."""
_REMOVE: Final = f"set -eu; umask 077; awk -v old=\"$(cat)\" 'index($0, old) == 0' {_FILE} >{_FILE}.new; {_RENAME}"
"""Removes every line that holds what standard input says."""


def renew(stack: Stack) -> None:
    """Let a new key log in, give it to the configuration once it does, then shut the old ones out.

    Where this fails, what the configuration gives logs in, or else what the state has.

    Raise SshError; StackError before anything was done; Unfinished when the configuration does not take the new key.
    """
    configured, way, private = stack.configured, stack.way(), generate()
    given = given_keys(configured).get(SSH, way.private_key)  # of a renewal that no up has taken over yet
    with Session(replace(way, private_key=given)) as session:
        session.must_run(_ADD, f"{public_key(private)} wireguard-vpn\n".encode())
    with Session(replace(way, private_key=private)) as session:
        _give(stack, configured, private)
        for old in sorted({public_key(given), public_key(way.private_key)}):
            session.must_run(_REMOVE, old.encode())


def _give(stack: Stack, configured: Configured, private: str) -> None:
    try:
        give(stack.pulumi, configured, {SSH: private})
    except StackError as error:
        told = "the server knows a new key, but the configuration did not take it; the old one still logs in"
        raise Unfinished(f"{told}: {error}; next: wgvpn keys login again") from None
