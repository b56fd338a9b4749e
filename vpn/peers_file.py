"""The peers file (`peers.yaml`): its content, and the line of each value for error messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from vpn.errors import ParseError
from vpn.settings.build import Location, path

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


_NOTHING = "tag:yaml.org,2002:null"
_KEYS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")


@dataclass(frozen=True)
class PeersFile:
    """What the file says, and the line (from 1) where each key path stands, as `peers[3].public_key`."""

    content: Mapping[str, Any]
    lines: Mapping[str, int]


def load(text: str) -> PeersFile:
    """Return content and lines. Raise ParseError with the line when the text is no YAML mapping of plain data.

    A key that stands twice in one mapping is an error: YAML would silently take the last.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None or node.tag == _NOTHING:
            return PeersFile({}, {})
        lines = {path(location): line for location, line in _lines(node, ())}
        content = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        # The error's context may quote the text, which may hold secrets: take the plain problem alone.
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ParseError(f"is not valid YAML: {error.problem}", line) from None
    except yaml.YAMLError:
        raise ParseError("is not valid YAML") from None
    except (ValueError, AttributeError, RecursionError):
        # What the constructors of dates and numbers, and a mapping that holds itself, raise: its text quotes the value.
        raise ParseError("holds a value that cannot be read, as a date that does not exist") from None
    if not isinstance(content, dict):
        raise ParseError("must be a mapping with the keys peers and groups", 1)
    return PeersFile(content, lines)


def _lines(node: yaml.Node, location: Location) -> Iterator[tuple[Location, int]]:
    if location:
        yield location, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*location, index))
    elif isinstance(node, yaml.MappingNode):
        yield from _mapping_lines(node, location)


def _mapping_lines(node: yaml.MappingNode, location: Location) -> Iterator[tuple[Location, int]]:
    seen: set[str] = set()
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if key.tag not in _KEYS:  # as a group called 2026.1 or no: YAML would make a number or a truth value of it
            raise ParseError("a key must be text: put it in quotes", line)
        if name in seen:
            raise ParseError("the key stands twice", line)
        seen.add(name)
        yield from _lines(value, (*location, name))
        yield (*location, name), line
