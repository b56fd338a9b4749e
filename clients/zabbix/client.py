"""The client: hosts, templates and groups of one Zabbix, by name, by id or by a tag."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Self, TypeVar

from packaging.version import Version

from clients.tls import Trust
from clients.zabbix.body import host_body
from clients.zabbix.records import SYSTEM, Group, Host, HostSpec, Template
from vpn.errors import BadAnswer, Forbidden, NotFound, Rejected

T = TypeVar("T")
GROUP_FIELDS: Final = ["groupid", "name", "uuid"]
TEMPLATE_GROUPS_SINCE: Final = Version("6.2")
EQUAL: Final = 1
"""Operator of a tag filter: the value is exactly this one."""
HOST_METHODS: Final = ("host.get", "host.create", "host.update", "host.delete")
TEMPLATE_METHODS: Final = (
    "template.get",
    "template.delete",
    "configuration.import",
    "configuration.export",
)
GROUP_METHODS: Final = {"hostgroup": "hostgroup.create", "templategroup": "templategroup.create"}
GROUP_MEMBERS: Final = {"hostgroup": ("hosts",), "templategroup": ("templates",)}
"""What is in groups of each kind where both exist; before 6.2 a host group holds both."""
IMPORTED: Final = ("items", "triggers", "discoveryRules", "graphs", "templateDashboards", "valueMaps")
TEMPLATE_ALONE: Final = {"createMissing": True, "updateExisting": True}
WHOLLY: Final = {**TEMPLATE_ALONE, "deleteMissing": True}
NEVER: Final = {"createMissing": False, "updateExisting": False}


class Zabbix:
    """A connection to one Zabbix; the first call asks for its version.

    `url` is the frontend's address. Every method raises a ClientError when Zabbix refuses or fails.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        trust: Trust | None = None,
        secrets: Iterable[str] = (),
        **transport: Any,
    ) -> None:
        from clients.zabbix.rpc import Rpc  # noqa: PLC0415 - pyzabbix and requests, only when Zabbix is asked

        self._rpc = Rpc(url, token, trust=trust, secrets=secrets, **transport)
        self.url = self._rpc.http.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rpc.http.close()

    @cached_property
    def version(self) -> Version:
        """Zabbix's version; Rejected when it is older than 6.0."""
        return self._rpc.login()

    @property
    def has_template_groups(self) -> bool:
        """Whether templates have groups of their own (6.2 and newer), apart from hosts'."""
        return self.version >= TEMPLATE_GROUPS_SINCE

    def forbidden(self, methods: Iterable[str]) -> tuple[str, ...]:
        """Return those of `methods` that the token's role may not call. Nothing is changed.

        Zabbix looks at the role before it looks at the parameters, so a call that names no object
        tells: refused for its emptiness, it was allowed.
        """
        return tuple(method for method in methods if self._is_forbidden(method))

    def _is_forbidden(self, method: str) -> bool:
        nothing: Any = {"output": [], "limit": 1} if method.endswith(".get") else []
        try:
            self._call(method, nothing)
        except Forbidden:
            return True
        except (Rejected, NotFound):
            pass
        return False

    def host(self, host_id: str) -> Host | None:
        """Return the host with this id."""
        return _first(self._hosts(hostids=[host_id]))

    def host_named(self, name: str) -> Host | None:
        """Return the host with this technical name."""
        return _first(self._hosts(filter={"host": [name]}))

    def host_shown(self, name: str) -> Host | None:
        """Return the host with this visible name, which is as unique as the technical one."""
        return _first(self._hosts(filter={"name": [name]}))

    def host_tagged(self, tag: str, value: str) -> Host | None:
        """Return the host that carries the tag with exactly this value."""
        return _first(self._hosts(tags=[{"tag": tag, "value": value, "operator": EQUAL}]))

    def _hosts(self, **wanted: Any) -> list[Host]:
        groups = "selectHostGroups" if self.has_template_groups else "selectGroups"
        found = self._call(
            "host.get",
            {
                "output": ["hostid", "host", "status", "description", "tls_connect", "tls_accept"],
                "selectInterfaces": ["interfaceid", "type", "main", "useip", "ip", "dns", "port"],
                "selectMacros": ["hostmacroid", "macro"],
                "selectParentTemplates": ["templateid"],
                "selectTags": ["tag", "value"],
                groups: GROUP_FIELDS,
                **wanted,
            },
        )
        return _each(found, Host.of)

    def create_host(self, spec: HostSpec) -> str:
        """Create the host and return its id; Conflict when its name is taken."""
        answer = self._call("host.create", host_body(spec, None))
        return str(answer["hostids"][0])

    def update_host(self, host: Host, spec: HostSpec) -> None:
        """Make the host as `spec` says and enable it; what others added to it stays."""
        self._call("host.update", {"hostid": host.id, **host_body(spec, host)})

    def disable_host(self, host_id: str) -> None:
        """Stop collecting from the host; its configuration and history stay."""
        self._call("host.update", {"hostid": host_id, "status": 1})

    def delete_host(self, host_id: str) -> None:
        """Delete the host with its history."""
        self._call("host.delete", [host_id])

    def template_named(self, name: str) -> Template | None:
        """Return the template with this technical name."""
        return _first(self._templates(filter={"host": [name]}))

    def template_shown(self, name: str) -> Template | None:
        """Return the template with this visible name, which is as unique as the technical one."""
        return _first(self._templates(filter={"name": [name]}))

    def template_tagged(self, tag: str, value: str) -> Template | None:
        """Return the template that carries the tag with exactly this value."""
        return _first(self._templates(tags=[{"tag": tag, "value": value, "operator": EQUAL}]))

    def _templates(self, **wanted: Any) -> list[Template]:
        found = self._call(
            "template.get",
            {
                "output": ["templateid", "name"],
                "selectTags": ["tag", "value"],
                "selectHosts": ["hostid", "name"],
                "selectTemplates": ["templateid", "name"],
                **wanted,
            },
        )
        return _each(found, Template.of)

    def import_template(self, source: str) -> None:
        """Import the template in `source` (JSON); what it has beyond the source is removed.

        Groups are never made by an import: they must exist.
        """
        groups = ("template_groups", "host_groups") if self.has_template_groups else ("groups",)
        rules = {"templates": TEMPLATE_ALONE, **dict.fromkeys(IMPORTED, WHOLLY)}
        self._call(
            "configuration.import",
            {"format": "json", "source": source, "rules": rules | dict.fromkeys(groups, NEVER)},
        )

    def export_template(self, template_id: str) -> dict[str, Any]:
        """Return the template as Zabbix exports it, without version and date."""
        wanted = {"format": "json", "options": {"templates": [template_id]}}
        exported = json.loads(self._call("configuration.export", wanted))["zabbix_export"]
        return {k: v for k, v in exported.items() if k not in ("version", "date")}

    def delete_template(self, template_id: str) -> None:
        """Delete the template, and with it its items on every host it is linked to."""
        self._call("template.delete", [template_id])

    @property
    def group_kinds(self) -> tuple[str, ...]:
        """API objects of the groups a host and its template need, the host's first."""
        return ("hostgroup", "templategroup") if self.has_template_groups else ("hostgroup",)

    def group(self, kind: str, name: str) -> Group | None:
        """Return the group of this kind if the token's user may write to it."""
        return _first(self.groups(kind, filter={"name": [name]}))

    def groups(self, kind: str, **wanted: Any) -> list[Group]:
        """Return the groups of this kind that the token's user may write to."""
        return _each(self._call(f"{kind}.get", {"output": GROUP_FIELDS, "editable": True, **wanted}), Group.of)

    def create_group(self, kind: str, name: str, uuid: str) -> Group:
        """Create the group with a UUID of ours; only a super admin may."""
        answer = self._call(GROUP_METHODS[kind], {"name": name, "uuid": uuid})
        return Group(str(answer["groupids"][0]), name, uuid)

    def delete_empty_groups(self, chosen: Callable[[Group], bool]) -> None:
        """Delete the chosen groups in which nothing is."""
        for kind in self.group_kinds:
            members = GROUP_MEMBERS[kind] if self.has_template_groups else ("hosts", "templates")
            selects = {f"select{member.capitalize()}": "count" for member in members}
            for raw in self._call(f"{kind}.get", {"output": GROUP_FIELDS, **selects}):
                if chosen(Group.of(raw)) and not any(int(raw[member]) for member in members):
                    self._call(f"{kind}.delete", [raw["groupid"]])

    def _call(self, method: str, params: Mapping[str, Any] | list[Any]) -> Any:
        self._log_in_once()
        return self._rpc.call(method, params)

    def _log_in_once(self) -> None:
        """Learn the version before the first call: it decides how the token travels."""
        _ = self.version


def _each(found: Any, read: Callable[[dict[str, Any]], T]) -> list[T]:
    """Return what was found as records; BadAnswer when it is not what the API promises."""
    try:
        return [read(raw) for raw in found]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadAnswer(SYSTEM, "an object lacks what the API promises") from None


def _first(found: list[T]) -> T | None:
    return found[0] if found else None
