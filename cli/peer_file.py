"""The peers of the peers file, changed where they stand."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ruamel.yaml import YAML

from cli.configured import Configured, lists_peers
from cli.peer_comments import give_head, give_tail, take_head, take_tail
from cli.peer_values import PEOPLE, Changes, Peer, index_of, indexes_of, secrets_of
from cli.writing import replace_text
from vpn.errors import StackError
from vpn.settings import PeerSettings


class FileStore:
    """Peers in the peers file, comments kept; it holds no secrets."""

    def __init__(self, configured: Configured) -> None:
        self.where = configured.peers_path.name
        self._configured = configured
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096
        self._yaml.indent(mapping=2, sequence=4, offset=2)

    def peers(self) -> list[Peer]:
        """Return the peers as the program reads them."""
        return [dict(each) for each in self._checked()[1] or []]

    def add(self, peers: Sequence[Peer]) -> None:
        """Add peers at the end. Raise StackError for one that holds a secret."""
        if any(secrets_of(each) for each in peers):
            raise StackError(f"{self.where} is no place for secrets: give them in the config key given_keys")
        content = self._read()
        if content.get("peers"):
            tail = take_tail(content["peers"][-1])
        else:
            content["peers"] = []
            tail = take_head(content, "peers")
        content["peers"] += self._as_written(peers)
        give_tail(content["peers"][-1], tail)
        self._write(content)

    def remove(self, name: str) -> str:
        """Remove a peer and its comments; nothing is left to do by hand."""
        content = self._read()
        index = index_of(content.get("peers") or [], name, self.where)
        tail = take_tail(content["peers"].pop(index))
        if index:
            give_tail(content["peers"][index - 1], tail)
        else:
            content["peers"] = content["peers"] or []  # an empty list holds no comments
            give_head(content, "peers", tail)
        self._write(content)
        return ""

    def change(self, changes: Changes) -> None:
        """Set and remove values of peers, all in one."""
        content = self._read()
        peers = content.get("peers") or []
        for name, index in indexes_of(peers, changes, self.where).items():
            self._refuse_shared(name, peers[index], peers)
            tail = take_tail(peers[index])
            for key, value in changes[name].items():
                _set(peers[index], key, value)
            give_tail(peers[index], tail)
        self._write(content)

    def fill(self, peers: Sequence[Peer], groups: Mapping[str, Any]) -> None:
        """Write a new file with these groups and peers."""
        content = self._yaml.load("{}")
        content.update({"groups": dict(groups)} if groups else {})
        content["peers"] = deepcopy([*peers])
        self._write(content)

    def _checked(self) -> tuple[str, Any]:
        """Return the file's text, and the peers that the program takes from it. Raise ConfigError when it cannot."""
        text = self._configured.peers_text() or ""
        peers = self._configured.people(text).content.get("peers")
        if not lists_peers(peers):
            raise self._configured.unlisted(text, self.where)
        return text, peers

    def _read(self) -> Any:
        """Return the file with its comments. Raise ConfigError for one that the program could not take peers from."""
        text, _ = self._checked()
        return self._yaml.load(text) or self._yaml.load(_comments(text) + "peers: []")

    def _refuse_shared(self, name: str, peer: Any, peers: Sequence[Any]) -> None:
        """Raise StackError for a peer whose values others take over (`<<: *anchor`): the change would be theirs too."""
        if any(shared is peer for each in peers for shared in _taken_over(each)):
            raise StackError(f"other peers take over the values of {name} in {self.where}: change it there by hand")

    def _as_written(self, peers: Sequence[Peer]) -> Any:
        """Return peers as the loader would have read them: only so can comments follow them."""
        text = io.StringIO()
        self._yaml.dump([*peers], text)
        return self._yaml.load(text.getvalue())

    def _write(self, content: Any) -> None:
        text = io.StringIO()
        content.fa.set_block_style()
        self._yaml.dump(content, text)
        self._configured.check(PEOPLE, text.getvalue())
        replace_text(self._configured.peers_path, text.getvalue())


def _taken_over(peer: Any) -> Sequence[Any]:
    """Return the mappings whose values a peer takes over, as `<<: *anchor` says."""
    return getattr(peer, "merge", ())


def _set(peer: Any, key: str, value: Any) -> None:
    """Set a value, or with None remove it: where it is taken over from an anchor too, the default takes its place."""
    if value is None:
        peer.pop(key, None)
        value = PeerSettings.model_fields[key].default if any(key in each for each in _taken_over(peer)) else None
    if value is not None:
        peer[key] = value


def _comments(text: str) -> str:
    """Return the comment lines of a file that holds nothing else; the loader would forget them."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.lstrip().startswith("#") or not line.strip())
