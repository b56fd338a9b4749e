"""Where the peers stand, in stack config or in the peers file, and how each is changed: one source of truth.

Every change is checked by the program's own rules before anything is written, and touches no other value. In the peers
file comments stay with their peers. `pulumi config` keeps those of the stack's file, but inside a list at their place:
when a peer goes, they stand above the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from cli.configured import Configured
from cli.peer_file import FileStore
from cli.peer_values import (
    PEOPLE,
    Changes,
    Peer,
    changed_peer,
    index_of,
    indexes_of,
    leaves,
    refuse_numbers,
    secrets_of,
)
from cli.pulumi import Pulumi
from cli.stack_file import comments_peers
from vpn.errors import StackError

COMMENTS: Final = (
    "comments in the list of peers stayed where they were, so some may stand above another peer now: look at the "
    "stack's file (in peers.yaml they follow: wgvpn peer move)"
)


class PeerStore(Protocol):
    """The peers as they are configured."""

    where: str
    """The place, for messages: `the stack's config` or the file's name."""

    def peers(self) -> list[Peer]:
        """Return the peers; they may hold secrets."""

    def add(self, peers: Sequence[Peer]) -> None:
        """Add peers at the end."""

    def remove(self, name: str) -> str:
        """Remove a peer; returns what is left to do by hand, mostly nothing."""

    def change(self, changes: Changes) -> None:
        """Set and remove values of peers, all in one."""


def open_store(pulumi: Pulumi, configured: Configured) -> PeerStore:
    """Return the place where the peers stand: the peers file when there is one, else the stack's config.

    Raise StackError when a file is named that is not there: peers beside it would stop every preview.
    """
    if configured.awaits_peers_file:
        raise StackError(
            f"peers_file names {configured.peers_path.name}, which does not exist: make it, or unset the key"
        )
    if configured.peers_path.exists():
        return FileStore(configured)
    return ConfigStore(pulumi, configured)


class ConfigStore:
    """Peers in the stack's config, changed by `pulumi config`; secrets are encrypted there."""

    def __init__(self, pulumi: Pulumi, configured: Configured) -> None:
        self.where = "the stack's config"
        self._pulumi = pulumi
        self._configured = configured

    def peers(self) -> list[Peer]:
        """Return the peers; they may hold secrets."""
        return self._configured.peers

    def add(self, peers: Sequence[Peer]) -> None:
        """Add peers at the end, secrets encrypted: whole or not at all, or a peer would get in without its key."""
        before = self.peers()
        self._check([*before, *peers])
        refuse_numbers(peers)
        try:
            self._add(peers, len(before))
        except StackError:
            for _ in peers:
                with suppress(StackError):
                    self._pulumi.remove(f"peers[{len(before)}]")
            raise

    def _add(self, peers: Sequence[Peer], start: int) -> None:
        """Set secrets, then all else: what stands alone has no name yet, and the program refuses it."""
        plain: dict[str, str] = {}
        for index, each in enumerate(peers, start):
            for key, value in secrets_of(each).items():
                self._pulumi.set_secret(f"peers[{index}].{key}", value)
            plain |= leaves(f"peers[{index}]", {k: v for k, v in each.items() if k not in secrets_of(each)})
        self._pulumi.set_plain(plain)

    def remove(self, name: str) -> str:
        """Remove a peer; returns what is left to do by hand: comments stay at their place in the list."""
        peers = self.peers()
        index = index_of(peers, name, self.where)
        self._check([*peers[:index], *peers[index + 1 :]])
        self._pulumi.remove(f"peers[{index}]")
        return COMMENTS if comments_peers(self._pulumi) else ""

    def change(self, changes: Changes) -> None:
        """Set and remove values of peers, all in one."""
        peers = self.peers()
        places = indexes_of(peers, changes, self.where)
        changed = {places[name]: changed_peer(peers[places[name]], values) for name, values in changes.items()}
        self._check([changed.get(index, each) for index, each in enumerate(peers)])
        wanted = {f"peers[{places[name]}].{key}": each for name, own in changes.items() for key, each in own.items()}
        for path, value in wanted.items():
            if value is None:
                self._pulumi.remove(path)
        self._pulumi.set_plain({path: leaf for each in wanted for path, leaf in leaves(each, wanted[each]).items()})

    def _check(self, peers: list[Peer]) -> None:
        if self._configured.peers and isinstance(self._configured.values["peers"], str):
            raise StackError(
                "the peers stand in the stack's config as one text, in whose place pulumi config would put the change "
                "alone: wgvpn peer move takes them to the peers file first"
            )
        self._configured.with_values({"peers": peers}).check(PEOPLE)
