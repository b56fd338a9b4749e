"""The stack's configuration file, as far as its comments go: `pulumi config` moves none of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from cli.pulumi import NAMESPACE, Pulumi

_COMMENT = re.compile(r"^\s*#|\s#\s")


def comments_peers(pulumi: Pulumi) -> bool:
    """Whether comments stand inside the list of peers in `Pulumi.STACK.yaml`.

    Pulumi keeps a comment at its place in the list: when a peer goes, the next one moves up to it.
    """
    path = pulumi.directory / f"Pulumi.{pulumi.name().rpartition('/')[2]}.yaml"
    return any(_COMMENT.search(line) for line in _lines_of_peers(path))


def _lines_of_peers(path: Path) -> list[str]:
    """Return the lines from the key of the list to its last value; none when the file does not say."""
    try:
        text = path.read_text(encoding="utf-8")
        for key, value in _pairs(yaml.compose(text, yaml.SafeLoader)):
            if key.value == f"{NAMESPACE}:peers":
                return text.splitlines()[key.start_mark.line : _last_line(value) + 1]
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        pass  # only a hint hangs on it
    return []


def _pairs(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Yield keys and values of a mapping and of those in it."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        yield key, value
        yield from _pairs(value)


def _last_line(node: yaml.Node) -> int:
    """Return the line of a node's last value: a block itself ends only where the next thing begins."""
    if isinstance(node, yaml.SequenceNode) and node.value:
        return _last_line(node.value[-1])
    if isinstance(node, yaml.MappingNode) and node.value:
        return _last_line(node.value[-1][1])
    return int(node.start_mark.line)
