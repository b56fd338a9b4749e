"""What Zabbix has in place of what was written: what refresh sees."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from clients.zabbix import AgentInterface, Host, Template, Zabbix
from providers.zabbix_props import RegistrationProps
from vpn.monitoring import BACKUP_TOKEN_MACRO, MARK_TAG

CHANGED_BY_HAND: Final = "changed in Zabbix"
SHOWN_CHANGES: Final = 8
SEQUENCES: Final = ("preprocessing", "parameters")
"""Lists whose order means something."""
NOT_PARTS: Final = ("templates", "groups", "template_groups", "tags")


def observed(zabbix: Zabbix, host: Host, old: RegistrationProps) -> RegistrationProps:
    """Return what Zabbix has in place of what we wrote; what it hides counts as unchanged."""
    template = zabbix.template_tagged(MARK_TAG, old.mark)
    linked = template is not None and template.id in host.template_ids
    where = host.interface or AgentInterface("", 0)
    return old.with_(
        mark=_mark_of(host),
        host=host.name,
        address=where.address,
        port=where.port,
        description=host.description,
        enabled=host.enabled,
        host_group=old.host_group if old.host_group in [group.name for group in host.groups] else "",
        template_name=template.name if template and linked else "",
        template=_observed_template(zabbix, template, old) if linked or template is None else old.template,
        psk_identity=old.psk_identity if host.encrypted else "",
        backup_token=old.backup_token if BACKUP_TOKEN_MACRO in host.macros else None,
    )


def _observed_template(zabbix: Zabbix, template: Template | None, old: RegistrationProps) -> str:
    """Return the template's source while nobody has changed it, else what has changed."""
    if template is None:
        return f"{CHANGED_BY_HAND}: deleted"
    now = parts(zabbix.export_template(template.id))
    names = sorted(k for k in now.keys() | old.template_parts.keys() if now.get(k) != old.template_parts.get(k))
    shown = [*names[:SHOWN_CHANGES], *(["…"] if len(names) > SHOWN_CHANGES else [])]
    return f"{CHANGED_BY_HAND}: {', '.join(shown)}" if names else old.template


def parts(exported: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest for each part of an exported template, by kind and name."""
    template = exported["templates"][0]
    lists = {kind: each for kind, each in [*template.items(), *exported.items()] if _is_parts(kind, each)}
    alone = {kind: value for kind, value in template.items() if kind not in lists}
    named = {f"{kind} {_label(part)}": part for kind, parts in lists.items() for part in parts}
    return {name: _digest(part) for name, part in sorted([("template", alone), *named.items()])}


def _is_parts(kind: str, value: object) -> bool:
    return isinstance(value, list) and kind not in NOT_PARTS


def _label(part: Mapping[str, str]) -> str:
    return part.get("key") or part.get("macro") or part["name"]


def _digest(part: object) -> str:
    return hashlib.sha256(json.dumps(_ordered(part), sort_keys=True).encode()).hexdigest()[:12]


def _ordered(part: object, kind: str = "") -> object:
    """Put lists in one order: Zabbix exports tags, triggers and the like as its database happens to find them."""
    if isinstance(part, Mapping):
        return {name: _ordered(value, name) for name, value in part.items()}
    if not isinstance(part, list):
        return part
    parts_of_it = [_ordered(each) for each in part]
    return parts_of_it if kind in SEQUENCES else sorted(parts_of_it, key=lambda each: json.dumps(each, sort_keys=True))


def _mark_of(host: Host) -> str:
    return next((value for tag, value in host.tags if tag == MARK_TAG), "")
