"""A peer as it is configured: its values by key, its secrets, and its key paths."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from vpn.errors import StackError
from vpn.settings.peers import readable_secrets
from vpn.settings.types import boolean

PEOPLE: Final = ("peers", "groups")
Peer = dict[str, Any]
Changes = Mapping[str, Mapping[str, Any]]
"""Values by peer and key: None removes one, none of them is a secret or a list."""


def index_of(peers: Sequence[Peer], name: str, where: str) -> int:
    """Return the position of a peer. Raise StackError when there is none of that name."""
    return indexes_of(peers, [name], where)[name]


def indexes_of(peers: Sequence[Peer], names: Collection[str], where: str) -> dict[str, int]:
    """Return the positions of peers by name. Raise StackError when there is none of a name."""
    known = {str(each.get("name")): index for index, each in reversed([*enumerate(peers)])}
    if unknown := [each for each in names if each not in known]:
        raise StackError(f"there is no peer {unknown[0]!r} in {where}")
    return {each: known[each] for each in names}


def secrets_of(peer: Mapping[str, Any]) -> dict[str, str]:
    """Return the secrets that stand in a peer."""
    return {key: peer[key] for key in readable_secrets(peer)}


def is_disabled(peer: Mapping[str, Any]) -> bool:
    """Whether the program takes a peer for disabled; what it would refuse counts as not."""
    try:
        return boolean(peer.get("disabled", False))
    except ValueError:
        return False


def refuse_numbers(peers: Sequence[Peer]) -> None:
    """Raise StackError for a name that `pulumi config set --path` would turn into a number or a boolean."""
    for each in peers:
        for key in ("name", "group"):
            if re.fullmatch(r"\d+|true|false", str(each.get(key, ""))):
                raise StackError(
                    f"{key} {each[key]!r} would be read as a number or boolean: take another, or peers.yaml"
                )


def changed_peer(peer: Mapping[str, Any], values: Mapping[str, Any]) -> Peer:
    """Return a peer with values set; None removes one."""
    return {key: value for key, value in {**peer, **values}.items() if value is not None}


def leaves(path: str, value: Any) -> dict[str, str]:
    """Return the scalars below a key path as `pulumi config set --path` takes them: of None and what is empty, none."""
    if value is None:
        return {}
    if isinstance(value, Mapping):
        steps = {key: f'["{key}"]' if "." in key else f".{key}" for key in value}
        return {k: v for key, each in value.items() for k, v in leaves(path + steps[key], each).items()}
    if isinstance(value, list | tuple):
        return {k: v for index, each in enumerate(value) for k, v in leaves(f"{path}[{index}]", each).items()}
    return {path: value if isinstance(value, str) else json.dumps(value)}
