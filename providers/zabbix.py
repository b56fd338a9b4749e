"""The server's monitoring in Zabbix: a host, its template, and their groups.

`Reservation` comes before the container: it proves at preview that Zabbix can be reached, that the
token may do what is needed and that the names are free; its removal takes away what carries our
mark. `Registration` comes after the server: it writes host and template, and its removal only
disables the host, so that a destroy in progress alarms nobody.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from clients.tls import Trust
from clients.zabbix import AgentInterface, Host, HostSpec, Template, Zabbix
from clients.zabbix.client import GROUP_METHODS, HOST_METHODS, TEMPLATE_METHODS
from providers.base import Props, Provider
from providers.credentials import setting
from vpn.errors import ConfigError, Conflict, NotFound, OwnershipError, Problem
from vpn.monitoring import BACKUP_TOKEN_MACRO, MARK_TAG, group_uuid

CHANGED_BY_HAND: Final = "changed in Zabbix"
SHOWN_CHANGES: Final = 8
GROUP_WORDS: Final = {"hostgroup.create": "host group", "templategroup.create": "template group"}


class ReservationProps(Props):
    """Whose monitoring it will be, and under which names."""

    mark: str = ""
    host: str
    template_name: str
    host_group: str
    adopt: bool = False


class RegistrationProps(ReservationProps):
    """Host and template as they shall be; after a refresh, as they are.

    `template` is what Zabbix imports, as JSON. `psk` (hexadecimal) and `backup_token` are secrets;
    Zabbix shows neither again, so `psk_identity` carries a digest that changes with the key.
    `template_parts` are digests of Zabbix's own export of the template: what refresh compares.
    """

    address: str = ""
    port: int = 10050
    description: str = ""
    enabled: bool = True
    template: str = ""
    psk_identity: str = ""
    psk: str = ""
    backup_token: str | None = None
    template_parts: dict[str, str] = {}
    url: str = ""


class ReservationProvider(Provider[ReservationProps]):
    """Proves early that monitoring can be set up; its removal takes away what carries our mark."""

    props = ReservationProps

    def on_check(self, old: ReservationProps | None, new: ReservationProps) -> ReservationProps:
        """Look at Zabbix when anything is new; refuse with all problems at once."""
        if new.unknown or (old and not self.on_diff(old, new)):
            return new
        with connect() as zabbix:
            problems = [*_permission_problems(zabbix, new), *_name_problems(zabbix, new)]
        if problems:
            raise ConfigError(problems)
        return new

    def on_create(self, new: ReservationProps) -> tuple[str, ReservationProps]:
        """Nothing is made yet: `check` has proven that it can be."""
        return new.host, new

    def on_delete(self, id_: str, old: ReservationProps) -> None:
        """Remove host, template and groups of ours; groups only when nothing is in them."""
        del id_
        with connect() as zabbix:
            host = zabbix.host_tagged(MARK_TAG, old.mark)
            template = zabbix.template_tagged(MARK_TAG, old.mark)
            if template:
                _refuse_shared(template, host)
            if host:
                zabbix.delete_host(host.id)
            if template:
                zabbix.delete_template(template.id)
            zabbix.delete_empty_groups(group_uuid(old.mark, old.host_group))


class RegistrationProvider(Provider[RegistrationProps]):
    """Writes host and template and keeps them as they shall be."""

    props = RegistrationProps
    computed = frozenset({"template_parts", "url"})

    def on_create(self, new: RegistrationProps) -> tuple[str, RegistrationProps]:
        """Make the host, or bring ours (or an adopted one) to what it shall be."""
        with connect(new) as zabbix:
            return _ensure(zabbix, None, new)

    def on_read(self, id_: str, old: RegistrationProps) -> RegistrationProps | None:
        """Observe host and template; None when the host is gone."""
        with connect(old) as zabbix:
            host = zabbix.host(id_)
            return _observed(zabbix, host, old) if host else None

    def on_update(
        self, id_: str, old: RegistrationProps, new: RegistrationProps
    ) -> RegistrationProps:
        """Bring host and template to what they shall be; a renamed group is left and removed."""
        with connect(new) as zabbix:
            _, outs = _ensure(zabbix, id_, new, left_group=old.host_group)
            if old.host_group != new.host_group:
                zabbix.delete_empty_groups(group_uuid(new.mark, old.host_group))
            return outs

    def on_delete(self, id_: str, old: RegistrationProps) -> None:
        """Disable the host if it is ours; it is removed with the reservation, after the container."""
        with connect(old) as zabbix, suppress(NotFound):
            host = zabbix.host(id_)
            if host and _is_ours(host, old.mark):
                zabbix.disable_host(host.id)


def connect(props: RegistrationProps | None = None) -> Zabbix:
    """Return a connection with the stack's credentials; ConfigError when they are not set.

    The secrets in `props` are struck out of whatever an error says.
    """
    url, token = setting("zabbix_url", "ZABBIX_URL"), setting("zabbix_token", "ZABBIX_TOKEN")
    if not url or not token:
        names = {"zabbix_url": url, "zabbix_token": token}
        rule = "is needed while zabbix_enabled is true; here or in the environment"
        raise ConfigError([Problem(key, None, rule) for key, value in names.items() if not value])
    secrets = (props.psk, props.backup_token or "") if props else ()
    ca_file = setting("zabbix_ca_file")
    trust = Trust(Path(ca_file) if ca_file else None, setting("zabbix_fingerprint"))
    return Zabbix(url, token, trust=trust, secrets=secrets)


def _permission_problems(zabbix: Zabbix, new: ReservationProps) -> list[Problem]:
    kinds = zabbix.group_kinds
    missing = zabbix.forbidden([*HOST_METHODS, *TEMPLATE_METHODS, *(f"{k}.get" for k in kinds)])
    if missing:
        rule = f"the token's role does not allow {', '.join(missing)} (docs/howto-zabbix.md)"
        return [Problem("zabbix_token", None, rule)]
    absent = [kind for kind in kinds if zabbix.group(kind, new.host_group) is None]
    refused = zabbix.forbidden(GROUP_METHODS[kind] for kind in absent)
    if not refused:
        return []
    kind = " and ".join(GROUP_WORDS[method] for method in refused)
    rule = f"there is no {kind} of this name that the token's user may write to, and only a super admin may create it"
    return [Problem("zabbix_host_group", new.host_group, rule)]


def _name_problems(zabbix: Zabbix, new: ReservationProps) -> list[Problem]:
    if new.adopt:
        return []
    found = [
        ("host", new.host, zabbix.host_named(new.host)),
        ("template", new.template_name, zabbix.template_named(new.template_name)),
    ]
    return [
        Problem("zabbix_adopt", None, _foreign(kind, name))
        for kind, name, existing in found
        if existing and not _is_ours(existing, new.mark)
    ]


def _ensure(
    zabbix: Zabbix, id_: str | None, new: RegistrationProps, left_group: str | None = None
) -> tuple[str, RegistrationProps]:
    """Make groups, template and host what they shall be; return the host's id and the outputs."""
    host = (zabbix.host(id_) if id_ else None) or _claimed_host(zabbix, new)
    _claim_template(zabbix, new)
    group_id = [_group_id(zabbix, kind, new) for kind in zabbix.group_kinds][0]
    zabbix.import_template(new.template)
    template = zabbix.template_tagged(MARK_TAG, new.mark)
    if template is None:
        raise NotFound("Zabbix", f"template {new.template_name!r} is not there after its import")
    spec = _spec(new, group_id, template.id)
    if host:
        zabbix.update_host(_without_group(host, left_group, new.host_group), spec)
    host_id = host.id if host else _created(zabbix, spec)
    parts = _parts(zabbix.export_template(template.id))
    url = f"{zabbix.url}/zabbix.php?action=host.dashboard.view&hostid={host_id}"
    return host_id, new.with_(template_parts=parts, url=url)


def _created(zabbix: Zabbix, spec: HostSpec) -> str:
    try:
        return zabbix.create_host(spec)
    except Conflict as error:
        raise OwnershipError(f"{error}; it appeared meanwhile: run again") from None


def _claimed_host(zabbix: Zabbix, new: RegistrationProps) -> Host | None:
    """Return the host that is ours by mark, or by name if adopted; OwnershipError if it is foreign."""
    found = zabbix.host_tagged(MARK_TAG, new.mark) or zabbix.host_named(new.host)
    if found and not _is_ours(found, new.mark) and not new.adopt:
        raise OwnershipError(_foreign("host", new.host))
    return found


def _claim_template(zabbix: Zabbix, new: RegistrationProps) -> None:
    found = zabbix.template_named(new.template_name)
    if found and not _is_ours(found, new.mark) and not new.adopt:
        raise OwnershipError(_foreign("template", new.template_name))


def _group_id(zabbix: Zabbix, kind: str, new: RegistrationProps) -> str:
    found = zabbix.group(kind, new.host_group)
    uuid = group_uuid(new.mark, new.host_group)
    return found.id if found else zabbix.create_group(kind, new.host_group, uuid).id


def _spec(new: RegistrationProps, group_id: str, template_id: str) -> HostSpec:
    return HostSpec(
        name=new.host,
        interface=AgentInterface(new.address, new.port),
        group_id=group_id,
        template_id=template_id,
        description=new.description,
        tags={MARK_TAG: new.mark},
        psk_identity=new.psk_identity,
        psk=new.psk,
        secret_macros={BACKUP_TOKEN_MACRO: new.backup_token},
    )


def _without_group(host: Host, left: str | None, now: str) -> Host:
    kept = [
        (group_id, name)
        for group_id, name in zip(host.group_ids, host.group_names, strict=True)
        if name == now or name != left
    ]
    return replace(host, group_ids=tuple(i for i, _ in kept), group_names=tuple(n for _, n in kept))


def _observed(zabbix: Zabbix, host: Host, old: RegistrationProps) -> RegistrationProps:
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
        host_group=old.host_group if old.host_group in host.group_names else "",
        template_name=template.name if template and linked else "",
        template=_observed_template(zabbix, template, old),
        psk_identity=old.psk_identity if host.encrypted else "",
        backup_token=old.backup_token if BACKUP_TOKEN_MACRO in host.macros else None,
    )


def _observed_template(zabbix: Zabbix, template: Template | None, old: RegistrationProps) -> str:
    """Return the template's source while nobody has changed it, else what has changed."""
    if template is None:
        return f"{CHANGED_BY_HAND}: deleted"
    parts = _parts(zabbix.export_template(template.id))
    names = sorted(k for k in parts.keys() | old.template_parts.keys() if parts.get(k) != old.template_parts.get(k))
    shown = [*names[:SHOWN_CHANGES], *(["…"] if len(names) > SHOWN_CHANGES else [])]
    return f"{CHANGED_BY_HAND}: {', '.join(shown)}" if names else old.template


def _parts(exported: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest for each part of an exported template, by kind and name."""
    template = exported["templates"][0]
    lists = {kind: each for kind, each in [*template.items(), *exported.items()] if _is_parts(kind, each)}
    alone = {kind: value for kind, value in template.items() if kind not in lists}
    named = {f"{kind} {_label(part)}": part for kind, parts in lists.items() for part in parts}
    return {name: _digest(part) for name, part in sorted([("template", alone), *named.items()])}


def _is_parts(kind: str, value: object) -> bool:
    apart = ("templates", "groups", "template_groups", "tags")
    return isinstance(value, list) and kind not in apart


def _label(part: Mapping[str, str]) -> str:
    return part.get("key") or part.get("macro") or part["name"]


def _digest(part: object) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:12]


def _refuse_shared(template: Template, host: Host | None) -> None:
    """Refuse to delete a template that others use: their items would go with it, without a word."""
    own = {host.name} if host else set()
    others = sorted(set(template.users) - own)
    if others:
        words = ", ".join(others)
        raise OwnershipError(f"template {template.name!r} is also linked to {words}; unlink it there first")


def _is_ours(existing: Host | Template, mark: str) -> bool:
    return bool(mark) and (MARK_TAG, mark) in existing.tags


def _mark_of(host: Host) -> str:
    return next((value for tag, value in host.tags if tag == MARK_TAG), "")


def _foreign(kind: str, name: str) -> str:
    return f"the {kind} {name!r} exists in Zabbix and is not ours; rename or remove it, or set zabbix_adopt to take it over"
