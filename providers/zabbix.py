"""The server's monitoring in Zabbix: a host, its template, and their groups.

`Reservation` comes before the container: it proves at preview that Zabbix can be reached, that the
token may do what is needed and that the names are free; its removal takes away what carries our
mark. `Registration` comes after the server: it writes host and template, and its removal only
disables the host, so that a destroy in progress alarms nobody.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.zabbix import AgentInterface, Group, Host, HostSpec, Template, Zabbix
from providers import connections
from providers.base import Provider, anew
from providers.zabbix_checks import problems, require_groups
from providers.zabbix_observed import observed, parts
from providers.zabbix_props import RegistrationProps, ReservationProps, foreign, is_ours, made_by_us
from vpn.errors import ConfigError, Conflict, NotFound, OwnershipError
from vpn.monitoring import BACKUP_TOKEN_MACRO, MARK_TAG, group_uuid


class ReservationProvider(Provider[ReservationProps]):
    """Proves early that monitoring can be set up; its removal takes away what carries our mark."""

    props = ReservationProps

    def on_check(self, old: ReservationProps | None, new: ReservationProps) -> ReservationProps:
        """Look at Zabbix when anything is new; refuse with all problems at once."""
        if new.unknown or (old and not self.on_diff(old, new)):
            return new
        with connections.zabbix() as zabbix:
            found = problems(zabbix, new)
            if not (found or old or new.adopt) and zabbix.host_tagged(MARK_TAG, new.mark):
                found = [anew("zabbix_adopt", "this stack's host is in Zabbix")]
        if found:
            raise ConfigError(found)
        return new

    def on_create(self, new: ReservationProps) -> tuple[str, ReservationProps]:
        """Nothing is made yet: `check` has proven that it can be."""
        return new.host, new

    def on_delete(self, id_: str, old: ReservationProps) -> None:
        """Remove host, template and groups of ours; groups only when nothing is in them.

        Raises Forbidden when one is not found and the token would not see it.
        """
        del id_
        with connections.zabbix() as zabbix:
            host = zabbix.host_tagged(MARK_TAG, old.mark)
            template = zabbix.template_tagged(MARK_TAG, old.mark)
            if template:
                _refuse_shared(template, host)
            kinds = {zabbix.group_kinds[0]: host, zabbix.group_kinds[-1]: host and template}
            require_groups(zabbix, [kind for kind, found in kinds.items() if not found], old.host_group)
            if host:
                zabbix.delete_host(host.id)
            if template:
                zabbix.delete_template(template.id)
            renamed = group_uuid(old.mark, old.host_group)
            zabbix.delete_empty_groups(lambda group: group.uuid == renamed or made_by_us(group, old.mark))


class RegistrationProvider(Provider[RegistrationProps]):
    """Writes host and template and keeps them as they shall be."""

    props = RegistrationProps
    computed = frozenset({"template_parts", "url"})

    def on_check(self, old: RegistrationProps | None, new: RegistrationProps) -> RegistrationProps:
        """Keep what the last run found out, so that a preview shows only what changes."""
        return new.with_(template_parts=old.template_parts, url=old.url) if old else new

    def on_create(self, new: RegistrationProps) -> tuple[str, RegistrationProps]:
        """Make the host, or bring ours (or an adopted one) to what it shall be."""
        with connections.zabbix(new.secrets) as zabbix:
            return _ensure(zabbix, None, new)

    def on_read(self, id_: str, old: RegistrationProps) -> RegistrationProps | None:
        """Observe host and template; None when the host is gone. Raises Forbidden when that cannot be seen."""
        with connections.zabbix(old.secrets) as zabbix:
            host = _host_in_sight(zabbix, id_, old)
            return observed(zabbix, host, old) if host else None

    def on_update(self, id_: str, old: RegistrationProps, new: RegistrationProps) -> RegistrationProps:
        """Bring host and template to what they shall be; a renamed group is left and removed."""
        with connections.zabbix(new.secrets) as zabbix:
            known = _known_host(zabbix, id_, new.mark, old.host)
            return _ensure(zabbix, known, new, left_group=old.host_group)[1]

    def on_delete(self, id_: str, old: RegistrationProps) -> None:
        """Disable the host if it is ours; it is removed with the reservation, after the container.

        Raises Forbidden when there is none and the token would not see it.
        """
        with connections.zabbix(old.secrets) as zabbix, suppress(NotFound):
            host = _host_in_sight(zabbix, id_, old)
            if host and is_ours(host, old.mark):
                zabbix.disable_host(host.id)


class Reservation(Resource, module="zabbix", name="Reservation"):
    """Proof, before the container is made, that the server can be watched."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ReservationProvider(), name, props, opts)


class Registration(Resource, module="zabbix", name="Registration"):
    """Host and template; `url` is the page of the host's dashboard."""

    url: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(RegistrationProvider(), name, {"url": None, "template_parts": None, **props}, opts)


def _ensure(
    zabbix: Zabbix, known: Host | None, new: RegistrationProps, left_group: str | None = None
) -> tuple[str, RegistrationProps]:
    """Make groups, template and host what they shall be; return the host's id and the outputs."""
    host = known or _claimed_host(zabbix, new)
    _claim_template(zabbix, new)
    groups = {kind: zabbix.groups(kind) for kind in zabbix.group_kinds}
    group_ids = [_group_id(zabbix, kind, found, new) for kind, found in groups.items()]
    template = _imported(zabbix, new)
    spec = _spec(new, group_ids[0], template.id)
    if host:
        zabbix.update_host(_without_groups(host, left_group, new), spec)
    host_id = host.id if host else _created(zabbix, spec)
    if any(_is_left(group, new) for found in groups.values() for group in found):
        zabbix.delete_empty_groups(lambda group: _is_left(group, new))
    digests = parts(zabbix.export_template(template.id))
    url = f"{zabbix.url}/zabbix.php?action=host.dashboard.view&hostid={host_id}"
    return host_id, new.with_(template_parts=digests, url=url)


def _imported(zabbix: Zabbix, new: RegistrationProps) -> Template:
    """Import the template and return it; one of ours that is in the way and that nothing uses is made anew.

    Zabbix 6.0 hides the dashboard of an unused template from all but super admins, and then cannot update it.
    """
    try:
        zabbix.import_template(new.template)
    except Conflict:
        left = zabbix.template_tagged(MARK_TAG, new.mark)
        if left is None or left.users:
            raise
        zabbix.delete_template(left.id)
        zabbix.import_template(new.template)
    found = zabbix.template_tagged(MARK_TAG, new.mark)
    if found is None:
        raise NotFound("Zabbix", f"template {new.template_name!r} is not there after its import")
    return found


def _created(zabbix: Zabbix, spec: HostSpec) -> str:
    try:
        return zabbix.create_host(spec)
    except Conflict as error:
        raise OwnershipError(f"{error}; the name is taken, perhaps by a host that this token may not see") from None


def _known_host(zabbix: Zabbix, id_: str, mark: str, name: str) -> Host | None:
    """Return the host with our id if it carries our mark; else another that does; else the first if it has our name.

    In another Zabbix than the one that gave the id, it may be anybody's; a clone made by hand carries the mark too.
    """
    found = zabbix.host(id_)
    if found and is_ours(found, mark):
        return found
    marked = zabbix.host_tagged(MARK_TAG, mark) if mark else None
    return marked or (found if found and found.name == name else None)


def _host_in_sight(zabbix: Zabbix, id_: str, old: RegistrationProps) -> Host | None:
    """Return the known host, None when it is gone; Forbidden when that cannot be seen."""
    host = _known_host(zabbix, id_, old.mark, old.host)
    if host is None:
        require_groups(zabbix, zabbix.group_kinds[:1], old.host_group)
    return host


def _claimed_host(zabbix: Zabbix, new: RegistrationProps) -> Host | None:
    """Return the host that is ours by mark, or by name if adopted; OwnershipError if it is foreign."""
    found = zabbix.host_tagged(MARK_TAG, new.mark) or zabbix.host_named(new.host)
    if found and not is_ours(found, new.mark) and not new.adopt:
        raise OwnershipError(foreign("host", new.host))
    return found


def _claim_template(zabbix: Zabbix, new: RegistrationProps) -> None:
    found = zabbix.template_named(new.template_name)
    if found and not is_ours(found, new.mark) and not new.adopt:
        raise OwnershipError(foreign("template", new.template_name))


def _group_id(zabbix: Zabbix, kind: str, groups: list[Group], new: RegistrationProps) -> str:
    name = new.host_group
    found = next((group for group in groups if group.name == name), None)
    return (found or zabbix.create_group(kind, name, group_uuid(new.mark, name))).id


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


def _is_left(group: Group, new: RegistrationProps) -> bool:
    """Whether it is a group of ours besides the one wanted, as a change leaves that failed and was taken back."""
    return group.name != new.host_group and made_by_us(group, new.mark)


def _without_groups(host: Host, left: str | None, new: RegistrationProps) -> Host:
    """Return the host as it is in what others put it into, and in the group that is wanted."""
    kept = (g for g in host.groups if g.name == new.host_group or not (g.name == left or _is_left(g, new)))
    return replace(host, groups=tuple(kept))


def _refuse_shared(template: Template, host: Host | None) -> None:
    """Refuse to delete a template that others use: their items would go with it, without a word."""
    others = sorted(name for id_, name in template.users.items() if host is None or id_ != host.id)
    if others:
        words = ", ".join(others)
        raise OwnershipError(f"template {template.name!r} is also linked to {words}; unlink it there first")
