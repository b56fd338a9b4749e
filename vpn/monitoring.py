"""What Zabbix is told about a server: the stack's own template, and names.

The template is one file, `templates/zabbix/template.yaml`; each stack imports it under a name and
UUIDs of its own, so that two stacks in one Zabbix never share, and never delete, the same thing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import yaml

from vpn.pauses import longest_pause

Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader in C where PyYAML has it: the template is long, and every preview reads it."""
MARK_TAG: Final = "pulumi"
"""Tag of every host and template of ours; its value is the stack's ownership mark."""
TEMPLATE_IN_SOURCE: Final = "WireGuard VPN"
BACKUP_ITEM: Final = "wireguard.backup"
BACKUP_TOKEN_MACRO: Final = "{$WIREGUARD.BACKUP.TOKEN}"  # noqa: S105 - a macro's name
_WITH_UUID: Final = frozenset(
    {
        "templates",
        "items",
        "triggers",
        "discovery_rules",
        "item_prototypes",
        "trigger_prototypes",
        "graph_prototypes",
        "graphs",
        "dashboards",
        "valuemaps",
    }
)


@dataclass(frozen=True)
class TemplateIdentity:
    """What makes the template this stack's: its name, its group in Zabbix, and the ownership mark."""

    name: str
    group: str
    mark: str


def stable_uuid(mark: str, *path: str) -> str:
    """Return the UUID of one object of a stack, always the same: version 4 in form, as Zabbix demands.

    Zabbix recognizes imported objects, and groups, by their UUID (Zabbix manual, "Export/import").
    """
    digest = hashlib.sha256("\0".join((mark, *path)).encode()).digest()
    return UUID(bytes=digest[:16], version=4).hex


def group_uuid(mark: str, name: str) -> str:
    """Return the UUID of a host or template group that the stack makes: how it knows it as its own."""
    return stable_uuid(mark, "group", name)


def template_name(host: str) -> str:
    """Return the template's name for the server `host`."""
    return f"{TEMPLATE_IN_SOURCE} {host}"


def longest_backup_age(schedule: str) -> str:
    """Return how old a backup may be, as Zabbix writes times, before the `schedule` must have missed one.

    Some hours or a day beyond the schedule's longest pause.
    """
    days = longest_pause(schedule)
    return "30h" if days == 1 else f"{days + 1}d"


def import_source(template: str, identity: TemplateIdentity, macros: Mapping[str, str], *, backup: bool) -> str:
    """Return what configuration.import takes (JSON): the template file made this stack's own.

    `macros` gives values of the template's macros, or further ones, by full name; `backup` switches
    the item that asks for the last backup on.
    """
    source: dict[str, Any] = yaml.load(template, Loader=Loader)["zabbix_export"]  # noqa: S506 - a safe loader
    _identify(source, (), identity.mark)
    own: dict[str, Any] = _renamed(source, identity.name)
    head = own["templates"][0]
    head["name"] = identity.name
    head["groups"] = [{"name": identity.group}]
    head["description"] = (
        f"Of the WireGuard server's stack; changes made here are undone by it.\npulumi: {identity.mark}"
    )
    head["tags"] = [{"tag": MARK_TAG, "value": identity.mark}]
    head["macros"] = _macros(head["macros"], macros)
    if backup:
        _enable(head["items"], BACKUP_ITEM)
    group = {"uuid": group_uuid(identity.mark, identity.group), "name": identity.group}
    return json.dumps({"zabbix_export": {"version": own.pop("version"), "groups": [group], **own}}, indent=1)


def _identify(node: object, path: tuple[str, ...], mark: str) -> None:
    """Give every object that Zabbix tells apart by UUID the one of its place."""
    if isinstance(node, dict):
        for key, value in node.items():
            for child in value if isinstance(value, list) else [value]:
                place = (*path, key, _label(child)) if key in _WITH_UUID else path
                if key in _WITH_UUID:
                    child["uuid"] = stable_uuid(mark, *place)
                _identify(child, place, mark)


def _label(node: Mapping[str, str]) -> str:
    return node.get("key") or node["name"]


def _renamed(node: Any, name: str, key: str = "") -> Any:
    """Return `node` with the template's name in the file replaced wherever it is meant."""
    if isinstance(node, dict):
        return {k: _renamed(v, name, k) for k, v in node.items()}
    if isinstance(node, list):
        return [_renamed(each, name, key) for each in node]
    if not isinstance(node, str):
        return node
    if node == TEMPLATE_IN_SOURCE and key in ("host", "template"):
        return name
    return node.replace(f"/{TEMPLATE_IN_SOURCE}/", f"/{name}/")


def _macros(known: list[dict[str, str]], values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the template's macros with `values` in place, those that are not in the file added."""
    names = [macro["macro"] for macro in known]
    added = [{"macro": name, "value": value} for name, value in values.items() if name not in names]
    return [{**macro, "value": values.get(macro["macro"], macro["value"])} for macro in known] + added


def _enable(items: list[dict[str, Any]], key: str) -> None:
    for item in items:
        if item["key"] == key:
            item.pop("status", None)
