"""A host as host.create and host.update take it. Their lists replace, so what others added goes along."""

from typing import Any, Final

from clients.zabbix.records import AGENT, PSK, Host, HostSpec

SECRET_TEXT: Final = 1
"""Type of a macro whose value Zabbix never shows (host macro object, Zabbix API)."""


def host_body(spec: HostSpec, host: Host | None) -> dict[str, Any]:
    """Return the parameters that make a new host, or the existing `host`, as `spec` says."""
    return {
        "host": spec.name,
        "status": 0,
        "description": spec.description,
        "groups": [{"groupid": g} for g in _with(spec.group_id, tuple(g.id for g in host.groups) if host else ())],
        "templates": [{"templateid": t} for t in _with(spec.template_id, host.template_ids if host else ())],
        "tags": _tags(spec, host),
        "interfaces": _interfaces(spec, host),
        "macros": _macros(spec, host),
        "tls_connect": PSK,
        "tls_accept": PSK,
        "tls_psk_identity": spec.psk_identity,
        "tls_psk": spec.psk,
    }


def _with(own: str, existing: tuple[str, ...]) -> list[str]:
    return [*existing, *([] if own in existing else [own])]


def _tags(spec: HostSpec, host: Host | None) -> list[dict[str, str]]:
    others = [(k, v) for k, v in (host.tags if host else ()) if k not in spec.tags]
    return [{"tag": k, "value": v} for k, v in [*others, *spec.tags.items()]]


def _interfaces(spec: HostSpec, host: Host | None) -> list[dict[str, Any]]:
    own = {
        "type": int(AGENT),
        "main": 1,
        "useip": 1,
        "ip": spec.interface.address,
        "dns": "",
        "port": str(spec.interface.port),
    }
    if host is None:
        return [own]
    known = {"interfaceid": host.interface_id} if host.interface_id else {}
    return [*({"interfaceid": i} for i in host.other_interface_ids), known | own]


def _macros(spec: HostSpec, host: Host | None) -> list[dict[str, Any]]:
    known = host.macros if host else {}
    others = [{"hostmacroid": i} for name, i in known.items() if name not in spec.secret_macros]
    own = [
        {"macro": name, "value": value, "type": SECRET_TEXT} | ({"hostmacroid": known[name]} if name in known else {})
        for name, value in spec.secret_macros.items()
        if value
    ]
    return [*others, *own]
