"""Comments of the peers file stay with the peer they stand above.

The round-trip loader files the comment lines between two peers with the last value of the first, however deep in lists
and mappings that value stands, or, after a list in brackets, with the end of what holds it. When it is no longer the
last, or its peer goes, they are carried on.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

_AFTER_VALUE, _AFTER_ITEM = 2, 0
"""Where the loader keeps what follows a value of a mapping, and an item of a list."""


def take_tail(peer: Any) -> str:
    """Take the comment lines after a peer, which belong to the next one, off its last value and return them."""
    token, ends = _token(_last(peer)), _take_ends(peer)
    if token is None:
        return ends
    own, line_end, tail = token.value.partition("\n")
    token.value = own + line_end
    return str(tail) + ends


def give_tail(peer: Any, tail: str) -> None:
    """Put comment lines after a peer's last value, instead of those there; what stands beside the value stays."""
    _take_ends(peer)
    last = _last(peer)
    token = _token(last)
    if token is not None:
        token.value = token.value.partition("\n")[0] + "\n" + tail
    elif tail and last is not None:
        holder, key, place = last
        entry = holder.ca.items.setdefault(key, [None] * 4)
        entry[place] = CommentToken("\n" + tail, CommentMark(0), None)


def take_head(content: Any, key: str) -> str:
    """Take the comment lines above the first item of the list at `key` off and return them."""
    beside = (content.ca.items.get(key) or [None] * 4)[_AFTER_VALUE]
    head = beside.value.partition("\n")[2] if beside else ""
    _set_head(content, key, beside, "")
    return str(head)


def give_head(content: Any, key: str, head: str) -> None:
    """Put comment lines above the first item of the list at `key`, instead of those that stand there."""
    _set_head(content, key, (content.ca.items.get(key) or [None] * 4)[_AFTER_VALUE], head)


def _set_head(content: Any, key: str, beside: Any, head: str) -> None:
    """Keep what stands beside the key itself, and put these comment lines below it."""
    own = beside.value.partition("\n")[0] if beside else ""
    listed = getattr(content[key], "ca", None)
    if listed is not None and listed.comment:
        listed.comment[0] = None  # the other copy of what stands beside the key
    content.ca.items.pop(key, None)
    if own or head:
        column = beside.start_mark.column if beside else 0
        content.ca.items[key] = [None, None, CommentToken(f"{own}\n{head}", CommentMark(column), None), None]


def _last(node: Any) -> tuple[Any, Any, int] | None:
    """Return the place after a node's last value: who holds it, under which key, and where there; None without one.

    What has an anchor may stand elsewhere in the file: it is taken as a whole.
    """
    if getattr(node, "ca", None) is None or not len(node):
        return None
    key = _last_key(node)
    deeper = _last(node[key]) if _is_block(node[key]) else None
    return deeper or (node, key, _AFTER_ITEM if isinstance(node, list) else _AFTER_VALUE)


def _last_key(node: Any) -> Any:
    return len(node) - 1 if isinstance(node, list) else [*node][-1]


def _take_ends(node: Any) -> str:
    """Take the comment lines off that stand at the end of a node, or of the block that ends it."""
    if getattr(node, "ca", None) is None or not len(node):
        return ""
    last = node[_last_key(node)]
    deeper = _take_ends(last) if _is_block(last) else ""
    own = "".join(" " * each.start_mark.column + each.value for each in node.ca.end or ())
    node.ca.end = []
    return deeper + own


def _is_block(value: Any) -> bool:
    flow, anchor = getattr(value, "fa", None), getattr(value, "anchor", None)
    return flow is not None and not flow.flow_style() and not (anchor and anchor.value)


def _token(last: tuple[Any, Any, int] | None) -> Any:
    if last is None:
        return None
    holder, key, place = last
    return (holder.ca.items.get(key) or [None] * 4)[place]
