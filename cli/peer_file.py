"""The peers of the peers file, changed where they stand."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import SingleQuotedScalarString
from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from cli.configured import Configured, lists_peers
from cli.peer_comments import give_head, give_tail, take_head, take_tail
from cli.peer_values import PEOPLE, Changes, Peer, index_of, indexes_of, secrets_of
from cli.writing import replace_text
from vpn.errors import StackError
from vpn.settings import PeerSettings

_BLANK: Final = r"(?:[ \t]*(?:#.*)?\n)*"
_HEAD: Final = re.compile(rf"{_BLANK}(?:%.*\n{_BLANK})*(?:---[ \t]*(?:#.*)?\n{_BLANK})?")
"""What stands above the first value: comments, and the line that begins the document. The loader would forget some."""
_RESOLVER: Any = Resolver()
_TEXT: Final = "tag:yaml.org,2002:str"


class FileStore:
    """Peers in the peers file, comments kept; it holds no secrets."""

    def __init__(self, configured: Configured) -> None:
        self.where = configured.peers_path.name
        self._configured = configured
        self._head = ""
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
        content.update({"groups": _quoted(groups)} if groups else {})
        content["peers"] = _quoted([*peers])
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
        text += "" if text.endswith("\n") or not text else "\n"
        body = _HEAD.sub("", text, count=1)
        self._head = text.removesuffix(body)
        return self._yaml.load(body) or self._yaml.load("peers: []")

    def _refuse_shared(self, name: str, peer: Any, peers: Sequence[Any]) -> None:
        """Raise StackError for a peer whose values others take over (`<<: *anchor`): the change would be theirs too."""
        if any(shared is peer for each in peers for shared in _taken_over(each)):
            raise StackError(f"other peers take over the values of {name} in {self.where}: change it there by hand")

    def _as_written(self, peers: Sequence[Peer]) -> Any:
        """Return peers as the loader would have read them: only so can comments follow them."""
        text = io.StringIO()
        self._yaml.dump(_quoted([*peers]), text)
        return self._yaml.load(text.getvalue())

    def _write(self, content: Any) -> None:
        text = io.StringIO()
        content.fa.set_block_style()
        self._yaml.dump(content, text)
        whole = self._head + text.getvalue()
        self._configured.check(PEOPLE, whole)
        replace_text(self._configured.peers_path, whole)


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


def _quoted(value: Any) -> Any:
    """Return a copy in which texts are quoted that the program would read as something else, as the name `no`.

    The program reads YAML 1.1; the writer here knows only what 1.2 makes of a text.
    """
    if isinstance(value, Mapping):
        return {_quoted(key): _quoted(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(each) for each in value]
    if isinstance(value, str) and _RESOLVER.resolve(ScalarNode, value, (True, False)) != _TEXT:
        return SingleQuotedScalarString(value)
    return value
