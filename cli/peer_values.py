"""A peer as it is configured: its values by key, its secrets, and its key paths."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vpn.errors import StackError
from vpn.settings.peers import readable_secrets

PEOPLE: Final = ("peers", "groups")
Peer = dict[str, Any]


def index_of(peers: Sequence[Peer], name: str, where: str) -> int:
    """Return the position of a peer. Raise StackError when there is none of that name."""
    for index, each in enumerate(peers):
        if each.get("name") == name:
            return index
    raise StackError(f"there is no peer {name!r} in {where}")


def secrets_of(peer: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets that stand in a peer."""
    return {key: peer[key] for key in readable_secrets(peer)}


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
