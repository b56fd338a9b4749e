"""Everything Zabbix holds, to prove that something left it as it was."""

import json
from typing import Any

from lab.services.zabbix_api import Api

KINDS = (
    "hostgroup",
    "host",
    "template",
    "item",
    "trigger",
    "discoveryrule",
    "itemprototype",
    "triggerprototype",
    "graph",
    "graphprototype",
    "hostinterface",
    "usermacro",
    "valuemap",
    "dashboard",
    "templatedashboard",
    "usergroup",
    "role",
    "action",
    "maintenance",
)
VOLATILE = {
    *("lastclock", "lastns", "lastvalue", "prevvalue", "lastchange", "lastaccess", "state", "error"),
    *("available", "errors_from", "disable_until", "value", "active_available"),
}
"""What the server process writes by itself."""


def dump(api: Api) -> dict[str, list[Any]]:
    """Return every object of the kinds the program could touch, without its measurements."""
    kinds = (*KINDS, "templategroup") if api.has_template_groups else KINDS
    return {kind: sorted((_still(o) for o in api(f"{kind}.get", _all(kind))), key=json.dumps) for kind in kinds}


def _all(kind: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {"output": "extend"}
    if kind == "host":
        wanted |= {"selectTags": "extend", "selectMacros": "extend", "selectParentTemplates": ["templateid"]}
    if kind == "template":
        wanted |= {"selectTags": "extend", "selectHosts": ["hostid"]}
    return wanted


def _still(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in VOLATILE}
