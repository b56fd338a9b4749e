"""Raw mapping → model, with every broken rule collected and the rest still built, so that it can be checked too."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from vpn.errors import Problem
from vpn.settings.types import INVALID

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]

SECRET_KEYS = frozenset(
    {
        "private_key",
        "preshared_key",
        "given_keys",
        "proxmox_api_token",
        "ssh_jump_private_key",
        "netbox_token",
        "zabbix_token",
        "zabbix_backup_token",
        "pbs_token",
    }
)
_LONGEST_VALUE = 80
_USERINFO = re.compile(r"//.*@", re.DOTALL)
_KEY_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}=")
_NAME = "[key]"  # pydantic's last location part when the name in a mapping is at fault
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_WRONG_KIND = {
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of names to mappings",
    "tuple_type": "must be a list",
}


def build(
    model: type[Model], raw: Mapping[str, Any], children: Mapping[str, type[BaseModel]]
) -> tuple[Model, list[Problem]]:
    """Return the model and its problems. Broken values are None (or empty) in a model that has problems.

    `children` names the nested models by the key that holds them: they give the near misses for unknown keys.
    """
    problems: list[Problem] = []
    kept = _copy(raw)
    while True:
        try:
            return model.model_validate(kept), problems
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
        # Later rounds are about our own marks, which some places do not take.
        problems = problems or [_problem(model, each, children) for each in found]
        kept = _copy(kept)
        # Names of groups go last: a mark on what a bad name holds would bring the name back.
        for each in sorted(found, key=lambda error: error["loc"][-1] == _NAME):
            _cut(kept, each, children)


def path(location: Iterable[int | str]) -> str:
    """Return a config key path as `pulumi config set --path` takes it: `peers[3].public_key`, `groups["a b"].mtu`."""
    text = ""
    for part in location:
        if isinstance(part, int) or not _PLAIN_KEY.fullmatch(part):
            text += f"[{json.dumps(part)}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(key: str, value: object) -> str | None:
    """Return a value as a message may show it: None for secrets and containers, on one line, cut when long.

    Credentials in addresses, and keys where none belong, are masked.
    """
    name = re.sub(r"\[\d+\]$", "", key).rpartition(".")[2]
    if name in SECRET_KEYS or value is None or isinstance(value, Mapping | list | tuple):
        return None
    text = _USERINFO.sub("//***@", str(value))
    if name != "public_key":
        text = _KEY_SHAPE.sub("***", text)  # a key that strayed into another field is still a key
    text = text if text.isprintable() and text == text.strip() and text else repr(text)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def unknown(key: str, known: Iterable[str]) -> str:
    """Return the rule an unknown key breaks, with the nearest known key."""
    near = difflib.get_close_matches(key, list(known), n=1)
    return f"is not a known key{f'; did you mean {near[0]!r}?' if near else ''}"


def _problem(model: type[BaseModel], error: Any, children: Mapping[str, type[BaseModel]]) -> Problem:
    location: Location = error["loc"]
    key = path(location)
    if location[-1] == _NAME:
        return Problem(path(location[:-2]), shown("", error["input"]), error["msg"].removeprefix("Value error, "))
    if error["type"] == "extra_forbidden":
        return Problem(key, None, unknown(str(location[-1]), _owner(model, location, children).model_fields))
    if error["type"] == "missing":
        return Problem(key, None, "is required")
    if error["type"] in _WRONG_KIND:
        return Problem(key, None, _WRONG_KIND[error["type"]])
    return Problem(key, shown(key, error["input"]), error["msg"].removeprefix("Value error, "))


def _owner(model: type[BaseModel], location: Location, children: Mapping[str, type[BaseModel]]) -> type[BaseModel]:
    holders = (children[part] for part in reversed(location[:-1]) if isinstance(part, str) and part in children)
    return next(holders, model)


def _copy(value: Any) -> Any:
    """Return the same with text for keys, as pydantic names them in what it says: what it names must be found again."""
    if isinstance(value, Mapping):
        return {str(key): _copy(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_copy(each) for each in value]
    return value


def _cut(raw: dict[str, Any], error: Any, children: Mapping[str, type[BaseModel]]) -> None:
    """Mark the innermost key of a broken value, so that the next validation passes over it, or take it out."""
    current: Any = raw
    holder: Any = raw
    place: Any = error["loc"][0]
    name = ""
    nameless = error["loc"][-1] == _NAME
    for part in error["loc"][: -1 if nameless else None]:
        if isinstance(current, dict) and isinstance(part, str):
            holder, place, name = current, part, part
            current = current.get(part)
        elif isinstance(current, list) and isinstance(part, int):
            if name in children:
                holder, place = current, part
            current = current[part]
        else:
            break
    if nameless or error["type"] == "extra_forbidden" or (isinstance(holder, dict) and holder.get(place) is INVALID):
        holder.pop(place, None)
    elif isinstance(holder, list):
        holder[place] = dict.fromkeys(_required(children[name]), INVALID)
    else:
        holder[place] = INVALID


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]
