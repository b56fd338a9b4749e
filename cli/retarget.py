"""The stack's state after its container came back under another VMID."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

KEYS: Final = frozenset({"container_id", "containerId", "vmId", "vmid"})
"""Under these names resources keep the VMID."""


def retarget(deployment: Mapping[str, Any], old: int, new: int) -> dict[str, Any]:
    """Return the state with every mention of the container's VMID changed; ids of resources hold it as a part."""
    inner = dict(deployment["deployment"])
    inner["resources"] = [_resource(each, old, new) for each in inner.get("resources") or []]
    return {**deployment, "deployment": inner}


def _resource(resource: Mapping[str, Any], old: int, new: int) -> dict[str, Any]:
    found = {key: _value(each, old, new) if key in ("inputs", "outputs") else each for key, each in resource.items()}
    if _holds(resource):
        found["id"] = _id(str(resource.get("id", "")), old, new)
        if "id" in found.get("outputs", {}):
            found["outputs"] = {**found["outputs"], "id": _id(str(found["outputs"]["id"]), old, new)}
    return found if "id" in resource else {key: each for key, each in found.items() if key != "id"}


def _holds(resource: Mapping[str, Any]) -> bool:
    return bool(KEYS & {*resource.get("inputs", {}), *resource.get("outputs", {})})


def _id(text: str, old: int, new: int) -> str:
    return re.sub(rf"(?<![0-9]){old}(?![0-9])", str(new), text)


def _value(value: Any, old: int, new: int) -> Any:
    if isinstance(value, dict):
        return {key: new if key in KEYS and each == old else _value(each, old, new) for key, each in value.items()}
    return [_value(each, old, new) for each in value] if isinstance(value, list) else value
