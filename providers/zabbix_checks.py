"""What must be true of Zabbix before anything is made: permissions, groups, free names."""

from collections.abc import Iterable
from typing import Final

from clients.zabbix import Host, Template, Zabbix
from clients.zabbix.client import GROUP_METHODS, HOST_METHODS, TEMPLATE_METHODS
from clients.zabbix.records import SYSTEM
from providers.zabbix_props import ReservationProps, foreign, is_ours
from vpn.errors import Forbidden, Problem

GROUP_WORDS: Final = {"hostgroup.create": "host group", "templategroup.create": "template group"}


def problems(zabbix: Zabbix, new: ReservationProps) -> list[Problem]:
    """Return everything that stands in the way; without permission to look, that alone."""
    return permission_problems(zabbix) or [*group_problems(zabbix, new), *name_problems(zabbix, new)]


def permission_problems(zabbix: Zabbix) -> list[Problem]:
    """Return the calls that the token's role forbids."""
    looks = (f"{kind}.get" for kind in zabbix.group_kinds)
    missing = zabbix.forbidden([*HOST_METHODS, *TEMPLATE_METHODS, *looks])
    rule = f"the token's role does not allow {', '.join(missing)} (docs/howto-zabbix.md)"
    return [Problem("zabbix_token", None, rule)] if missing else []


def group_problems(zabbix: Zabbix, new: ReservationProps) -> list[Problem]:
    """Return the groups that the token's user may neither write to nor create."""
    absent = [kind for kind in zabbix.group_kinds if zabbix.group(kind, new.host_group) is None]
    refused = zabbix.forbidden(GROUP_METHODS[kind] for kind in absent)
    words = " and ".join(GROUP_WORDS[method] for method in refused)
    rule = f"there is no {words} of this name that the token's user may write to, and only a super admin may create it"
    return [Problem("zabbix_host_group", new.host_group, rule)] if refused else []


def require_groups(zabbix: Zabbix, kinds: Iterable[str], name: str) -> None:
    """Raise Forbidden for a group that is out of sight: then nothing found in it does not mean that nothing is there.

    Zabbix answers with an empty list for what a token may not see. A super admin, who alone may make groups, sees all.
    `name` is empty of a host that a refresh found outside of its group.
    """
    for kind in kinds:
        method = GROUP_METHODS[kind]
        if name and zabbix.group(kind, name) is None and zabbix.forbidden([method]):
            raise Forbidden(SYSTEM, _out_of_sight(GROUP_WORDS[method], name), 403)


def _out_of_sight(group: str, name: str) -> str:
    return (
        f"the token's user may not write to the {group} {name!r}, or it is gone: whether anything of ours is in it "
        "cannot be seen. Give the user that right again, or make the group again"
    )


def name_problems(zabbix: Zabbix, new: ReservationProps) -> list[Problem]:
    """Return which names are taken by what is not ours, unless it is to be adopted: by its technical name alone."""
    host, template = zabbix.host_named(new.host), zabbix.template_named(new.template_name)
    return [
        *_taken("host", new.host, host, host or zabbix.host_shown(new.host), new),
        *_taken("template", new.template_name, template, template or zabbix.template_shown(new.template_name), new),
    ]


def _taken(
    kind: str, name: str, named: Host | Template | None, shown: Host | Template | None, new: ReservationProps
) -> list[Problem]:
    if named:
        refused = not is_ours(named, new.mark) and not new.adopt
        return [Problem("zabbix_adopt", None, foreign(kind, name))] if refused else []
    rule = f"another {kind} has {name!r} as its visible name, which Zabbix allows once: change it there"
    return [Problem("hostname", new.host, rule)] if shown and not is_ours(shown, new.mark) else []
