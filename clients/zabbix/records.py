"""What the client gives and takes: Zabbix's objects with their types, ids apart from names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

SYSTEM: Final = "Zabbix"
"""Its name in errors."""
AGENT = "1"
"""Type of an agent interface (host interface object, Zabbix API)."""
PSK = 2
"""Encryption by preshared key, for `tls_connect` and `tls_accept` (host object, Zabbix API)."""


@dataclass(frozen=True)
class Group:
    """A host group, or a template group of Zabbix 6.2 and newer."""

    id: str
    name: str
    uuid: str

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the group that hostgroup.get and templategroup.get describe."""
        return cls(raw["groupid"], raw["name"], raw["uuid"])


@dataclass(frozen=True)
class AgentInterface:
    """Where the server finds the host's agent: an IP address and a TCP port."""

    address: str
    port: int


@dataclass(frozen=True)
class HostSpec:
    """A host as it shall be. Groups, templates, tags and macros of others stay beside these.

    `psk` is a secret of at least 32 hexadecimal digits, `psk_identity` its public name;
    `secret_macros` maps full macro names to values that Zabbix never shows again, None for none.
    """

    name: str
    interface: AgentInterface
    group_id: str
    template_id: str
    description: str
    tags: Mapping[str, str]
    psk_identity: str
    psk: str = field(repr=False)
    secret_macros: Mapping[str, str | None] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Host:
    """A host as it is. `interface` is its main agent interface; `macros` maps names to ids."""

    id: str
    name: str
    description: str
    enabled: bool
    encrypted: bool
    interface: AgentInterface | None
    interface_id: str | None
    other_interface_ids: tuple[str, ...]
    groups: tuple[Group, ...]
    template_ids: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    macros: Mapping[str, str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the host that host.get describes."""
        groups = raw.get("hostgroups", raw.get("groups", []))
        main = next((i for i in raw["interfaces"] if _is_main_agent(i)), None)
        others = [i["interfaceid"] for i in raw["interfaces"] if i is not main]
        return cls(
            id=raw["hostid"],
            name=raw["host"],
            description=raw["description"].replace("\r\n", "\n"),
            enabled=raw["status"] == "0",
            encrypted=raw["tls_connect"] == str(PSK) and raw["tls_accept"] == str(PSK),
            interface=_interface(main) if main else None,
            interface_id=main["interfaceid"] if main else None,
            other_interface_ids=tuple(others),
            groups=tuple(map(Group.of, groups)),
            template_ids=tuple(t["templateid"] for t in raw["parentTemplates"]),
            tags=_tags(raw),
            macros={macro["macro"]: macro["hostmacroid"] for macro in raw["macros"]},
        )


@dataclass(frozen=True)
class Template:
    """A template. `users` maps the ids of the hosts and templates it is linked to, of one kind, to visible names."""

    id: str
    name: str
    tags: tuple[tuple[str, str], ...]
    users: Mapping[str, str]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the template that template.get describes."""
        return cls(
            id=raw["templateid"],
            name=raw["name"],
            tags=_tags(raw),
            users={
                **{host["hostid"]: host["name"] for host in raw["hosts"]},
                **{template["templateid"]: template["name"] for template in raw["templates"]},
            },
        )


def _is_main_agent(raw: Mapping[str, Any]) -> bool:
    return bool(raw["type"] == AGENT and raw["main"] == "1")


def _interface(raw: Mapping[str, Any]) -> AgentInterface:
    """Return the interface; a port that is a macro counts as 0: it is none of ours."""
    address = raw["ip"] if raw["useip"] == "1" else raw["dns"]
    return AgentInterface(address, int(raw["port"]) if str(raw["port"]).isdigit() else 0)


def _tags(raw: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((tag["tag"], tag["value"]) for tag in raw["tags"])
