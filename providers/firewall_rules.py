"""The rules of the container's Proxmox VE firewall, as one list.

Proxmox's plugin has a resource for them, but one that never recovers from a creation that broke between two rules: it
refuses to begin while there are any. Here the list is brought to what it should be from wherever it is.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.proxmox import Proxmox
from providers import connections
from providers.base import Provider
from providers.props import Props
from vpn.errors import Forbidden, NotFound

Rule = dict[str, str]
SHOWN = (
    "type",
    "action",
    "enable",
    "macro",
    "proto",
    "icmp-type",
    "source",
    "sport",
    "dest",
    "dport",
    "iface",
    "log",
    "comment",
)
"""What of a rule counts; its position is its place in the list."""
UNSAID = {"log": "nolog"}
"""Values that mean the same as none: Proxmox VE's own interface writes them out."""
VPN, SSH, AGENT = "WireGuard VPN", "WireGuard VPN: SSH", "WireGuard VPN: Zabbix agent"
COMMENTS = frozenset({VPN, SSH, AGENT})
"""What makes a rule ours, also one of a change that failed and was taken back: none that another would choose."""


class RulesProps(Props):
    """The rules in Proxmox VE's own names; `instance` tells a container made anew, whose firewall is empty.

    `epoch` is that of their intent.
    """

    node: str
    container_id: int
    rules: list[Rule]
    instance: str = ""
    epoch: int = 0


class FirewallRulesProvider(Provider[RulesProps]):
    """Owns the rules that bear our comments, and those that are as a refresh has shown them."""

    props = RulesProps

    def on_create(self, new: RulesProps) -> tuple[str, RulesProps]:
        """Make the rules; what an earlier attempt left of them is taken away."""
        with connections.proxmox() as api:
            _write(api, new, known=[])
        return f"{new.node}/{new.container_id}", new

    def on_read(self, id_: str, old: RulesProps) -> RulesProps | None:
        """Observe all rules there are, also those added by hand."""
        del id_
        with connections.proxmox() as api:
            found = present(api, old)
        return None if found is None else old.with_(rules=found)

    def on_update(self, id_: str, old: RulesProps, new: RulesProps) -> RulesProps:
        """Bring the rules to what they should be; one that was added by hand and never shown stays."""
        del id_
        with connections.proxmox() as api:
            _write(api, new, known=old.rules)
        return new

    def on_delete(self, id_: str, old: RulesProps) -> None:
        """Remove our rules; nothing to do when the container is gone."""
        del id_
        with connections.proxmox() as api:
            _remove(api, old, _ours(present(api, old) or [], old.rules, []))


def present(api: Proxmox, where: RulesProps) -> list[Rule] | None:
    """Return the rules there are, in their order; None without the container. Raises ClientError."""
    try:
        found = api.firewall_rules(where.node, where.container_id)
    except (NotFound, Forbidden):  # of a guest that is gone, a token that sees only its pool learns no more
        if not api.vmid_is_free(where.container_id):
            raise
        return None
    if not found and api.vmid_is_free(where.container_id):  # Proxmox VE has empty lists for guests that are none
        return None
    return [_shown(rule) for rule in found]


def _shown(rule: Mapping[str, Any]) -> Rule:
    return {name: str(rule[name]) for name in SHOWN if rule.get(name) and rule[name] != UNSAID.get(name)}


def _write(api: Proxmox, new: RulesProps, known: list[Rule]) -> None:
    """Make the rules that are ours the wanted ones, in their order, and touch nothing if they are."""
    ours = _ours(present(api, new) or [], new.rules, known)
    if ours == new.rules:
        return
    for rule in reversed(new.rules):  # a new one goes in at the top
        api.add_firewall_rule(new.node, new.container_id, rule)
    _remove(api, new, ours)  # the old ones last: between the two nothing that is let in may be dropped


def _remove(api: Proxmox, where: RulesProps, rules: list[Rule]) -> None:
    """Remove these rules, of those that are alike the last ones.

    Each is looked up anew and goes only if the list is still as it was seen: a rule has no name but its position, and
    another hand's rule moves all of them.
    """
    for rule in rules:
        found = api.firewall_rules(where.node, where.container_id)
        if alike := [each for each in found if _shown(each) == rule]:
            last = max(alike, key=lambda each: int(each["pos"]))
            api.delete_firewall_rule(where.node, where.container_id, int(last["pos"]), str(last["digest"]))


def _ours(found: list[Rule], own: list[Rule], shown: list[Rule]) -> list[Rule]:
    """Return the rules with a comment of ours, and those that are in `own` or `shown` as they are.

    A comment says nothing of a rule that was shown: an administrator's may have none at all, as all others of his.
    """
    comments = COMMENTS | {rule["comment"] for rule in own if rule.get("comment")}
    return [rule for rule in found if rule in own or rule in shown or rule.get("comment") in comments]


class FirewallRules(Resource, module="vpn", name="FirewallRules"):
    """What the container's firewall lets in."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(FirewallRulesProvider(), name, props, opts)
