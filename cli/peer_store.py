"""Where the peers stand, in stack config or in the peers file, and how each is changed: one source of truth.

Every change is checked by the program's own rules before anything is written, and touches nothing else: `pulumi config`
keeps the comments of the stack's file, the round-trip loader those of the peers file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, Protocol

from ruamel.yaml import YAML

from cli.configured import Configured
from cli.peer_comments import give_head, give_tail, take_tail
from cli.pulumi import Pulumi
from cli.writing import replace_text
from vpn.errors import StackError
from vpn.settings.peers import readable_secrets

PEOPLE: Final = ("peers", "groups")
Peer = dict[str, Any]


class PeerStore(Protocol):
    """The peers as they are configured."""

    where: str
    """The place, for messages: `the stack's config` or the file's name."""

    def peers(self) -> list[Peer]:
        """Return the peers; they may hold secrets."""

    def add(self, peers: Sequence[Peer]) -> None:
        """Add peers at the end."""

    def remove(self, name: str) -> None:
        """Remove a peer."""

    def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Set values of a peer; None removes one."""


def open_store(pulumi: Pulumi, configured: Configured) -> PeerStore:
    """Return the place where the peers stand: the peers file when there is one, else the stack's config."""
    if configured.peers_path.exists():
        return FileStore(configured.peers_path, configured)
    return ConfigStore(pulumi, configured)


def index_of(peers: Sequence[Peer], name: str, where: str) -> int:
    """Return the position of a peer. Raise StackError when there is none of that name."""
    for index, each in enumerate(peers):
        if each.get("name") == name:
            return index
    raise StackError(f"there is no peer {name!r} in {where}")


def secrets_of(peer: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets that stand in a peer."""
    return {key: peer[key] for key in readable_secrets(peer)}


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

    def remove(self, name: str) -> None:
        """Remove a peer."""
        peers = self.peers()
        index = index_of(peers, name, self.where)
        self._check([*peers[:index], *peers[index + 1 :]])
        self._pulumi.remove(f"peers[{index}]")

    def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Set values of a peer; None removes one. None of them is a secret."""
        peers = self.peers()
        index = index_of(peers, name, self.where)
        changed = changed_peer(peers[index], values)
        self._check([*peers[:index], changed, *peers[index + 1 :]])
        gone = [key for key, value in values.items() if key in peers[index] and (value is None or value == [])]
        lists = [key for key, value in values.items() if isinstance(value, list) and key in peers[index]]
        for key in dict.fromkeys([*gone, *lists]):
            self._pulumi.remove(f"peers[{index}].{key}")
        self._pulumi.set_plain(leaves(f"peers[{index}]", {k: v for k, v in values.items() if v is not None}))

    def _check(self, peers: list[Peer]) -> None:
        self._configured.with_values({"peers": peers}).check(PEOPLE)


class FileStore:
    """Peers in the peers file, comments kept; it holds no secrets."""

    def __init__(self, path: Path, configured: Configured) -> None:
        self.where = path.name
        self._path = path
        self._configured = configured
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096
        self._yaml.indent(mapping=2, sequence=4, offset=2)

    def peers(self) -> list[Peer]:
        """Return the peers."""
        return [dict(each) for each in self._read().get("peers") or []]

    def add(self, peers: Sequence[Peer]) -> None:
        """Add peers at the end. Raise StackError for one that holds a secret."""
        if any(secrets_of(each) for each in peers):
            raise StackError(f"{self.where} is no place for secrets: give them in the config key given_keys")
        content = self._read()
        content["peers"] = content.get("peers") or []
        scalar_last = not isinstance([*peers[-1].values()][-1], list)
        tail = take_tail(content["peers"][-1]) if content["peers"] and scalar_last else ""
        content["peers"] += deepcopy([*peers])
        if tail:
            content["peers"][-1] = self._yaml.map(**content["peers"][-1])
            give_tail(content["peers"][-1], tail)
        self._write(content)

    def remove(self, name: str) -> None:
        """Remove a peer."""
        content = self._read()
        index = index_of(content.get("peers") or [], name, self.where)
        tail = take_tail(content["peers"].pop(index))
        if index:
            give_tail(content["peers"][index - 1], tail)
        elif content["peers"]:
            give_head(content, "peers", tail)
        self._write(content)

    def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Set values of a peer; None removes one."""
        content = self._read()
        peer = content["peers"][index_of(content.get("peers") or [], name, self.where)]
        tail = take_tail(peer)
        for key, value in values.items():
            if value is None or value == []:
                peer.pop(key, None)
            else:
                peer[key] = value
        give_tail(peer, tail)
        self._write(content)

    def fill(self, peers: Sequence[Peer], groups: Mapping[str, Any]) -> None:
        """Write a new file with these groups and peers."""
        content = self._yaml.load("{}")
        content.update({"groups": dict(groups)} if groups else {})
        content["peers"] = deepcopy([*peers])
        self._write(content)

    def _read(self) -> Any:
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        return self._yaml.load(text) or self._yaml.load("{}")

    def _write(self, content: Any) -> None:
        text = io.StringIO()
        content.fa.set_block_style()
        self._yaml.dump(content, text)
        self._configured.check(PEOPLE, text.getvalue())
        replace_text(self._path, text.getvalue())


def refuse_numbers(peers: Sequence[Peer]) -> None:
    """Raise StackError for a name that `pulumi config set --path` would turn into a number or a boolean."""
    for each in peers:
        for key in ("name", "group"):
            if re.fullmatch(r"\d+|true|false", str(each.get(key, ""))):
                raise StackError(
                    f"{key} {each[key]!r} would be read as a number or boolean: take another, or peers.yaml"
                )


def changed_peer(peer: Mapping[str, Any], values: Mapping[str, Any]) -> Peer:
    """Return a peer with values set; None and an empty list remove one."""
    together = {**peer, **values}
    return {key: value for key, value in together.items() if value is not None and value != []}


def leaves(path: str, value: Any) -> dict[str, str]:
    """Return the scalars below a key path as `pulumi config set --path` takes them; None sets nothing."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        steps = {key: f'["{key}"]' if "." in key else f".{key}" for key in value}
        return {k: v for key, each in value.items() for k, v in leaves(path + steps[key], each).items()}
    if isinstance(value, list | tuple):
        return {k: v for index, each in enumerate(value) for k, v in leaves(f"{path}[{index}]", each).items()}
    return {path: value if isinstance(value, str) else json.dumps(value)}
