"""Comments of the peers file stay with the peer they stand above.

The round-trip loader files the comment lines between two peers with the last value of the first. When that value is no
longer the last, or its peer goes, they are carried on. Comments inside nested lists stay where the loader keeps them.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

_AFTER = 2
"""Where the loader keeps what follows a value."""


def take_tail(peer: Any) -> str:
    """Take the comment lines after a peer, which belong to the next one, off its last value and return them."""
    token = _token(peer)
    if token is None:
        return ""
    own, line_end, tail = token.value.partition("\n")
    token.value = own + line_end
    return str(tail)


def give_tail(peer: Any, tail: str) -> None:
    """Put comment lines after a peer's last value; what stands beside the value stays."""
    token = _token(peer)
    if token is not None:
        token.value = token.value.partition("\n")[0] + "\n" + tail
    elif tail and getattr(peer, "ca", None) is not None and len(peer):
        peer.ca.items[[*peer][-1]] = [None, None, CommentToken("\n" + tail, CommentMark(0), None), None]


def _token(peer: Any) -> Any:
    if getattr(peer, "ca", None) is None or not len(peer):
        return None
    return (peer.ca.items.get([*peer][-1]) or [None] * 4)[_AFTER]


def give_head(content: Any, key: str, head: str) -> None:
    """Put comment lines above the first item of the list at `key`, instead of those that stand there."""
    beside = (content.ca.items.get(key) or [None] * 4)[_AFTER]
    own = beside.value.partition("\n")[0] if beside else ""
    content[key].ca.comment = None
    content.ca.items.pop(key, None)
    if own or head:
        column = beside.start_mark.column if beside else 0
        content.ca.items[key] = [None, None, CommentToken(f"{own}\n{head}", CommentMark(column), None), None]
