"""From Proxmox firewall rules to what passes a container's interfaces.

All three switches must be on, as on the real node: the cluster's `enable`, the guest's `enable` and `firewall=1` of the
interface. The driver knows only "let in these, drop the rest", so of the rules for incoming packets those that accept
count, up to the first that drops or rejects everything. Of what goes out, `policy_out` counts and no rule.
"""

import sys
from typing import Any

from lab.errors import ContainerError
from lab.firewall import Accept, Filter
from lab.pve import formats as f
from lab.pve.cluster import Cluster

MACROS: dict[str, tuple[tuple[str, str | None], ...]] = {
    "DNS": (("udp", "53"), ("tcp", "53")),
    "HTTP": (("tcp", "80"),),
    "HTTPS": (("tcp", "443"),),
    "NTP": (("udp", "123"),),
    "Ping": (("icmp", None),),
    "SSH": (("tcp", "22"),),
    "Syslog": (("udp", "514"), ("tcp", "514")),
    "Web": (("tcp", "80"), ("tcp", "443")),
    "SNMP": (("udp", "161:162"), ("tcp", "161")),
    "MySQL": (("tcp", "3306"),),
    "PostgreSQL": (("tcp", "5432"),),
    "RDP": (("tcp", "3389"),),
    "SMTP": (("tcp", "25"),),
    "Trcrt": (("udp", "33434:33524"),),
    "OpenVPN": (("udp", "1194"),),
    "ZabbixAgent": (("tcp", "10050"),),
    "ZabbixServer": (("tcp", "10051"),),
}
"""Macros this stand-in knows, with protocol and destination port of each part."""


def macro_name(given: str) -> str | None:
    """Return the macro's own spelling, None for an unknown one (case does not matter)."""
    return next((name for name in MACROS if name.lower() == given.lower()), None)


def _parts(rule: dict[str, Any]) -> tuple[tuple[str, str | None], ...]:
    if rule.get("macro"):
        return MACROS[rule["macro"]]
    if "proto" not in rule:
        return (("udp", None), ("tcp", None), ("icmp", None))
    return ((rule["proto"], rule.get("dport")),)


def _catches_all(rule: dict[str, Any]) -> bool:
    return rule["action"] != "ACCEPT" and not any(
        key in rule for key in ("source", "dest", "proto", "dport", "sport", "macro", "iface")
    )


def wanted(firewall: dict[str, Any], nic: str) -> Filter | None:
    """Return what a guest's firewall lets pass interface `nic` (`net0`); None when it lets everything in."""
    options = firewall["options"]
    accepted, closed = _accepted(firewall["rules"], nic)
    if options.get("policy_in", "DROP") == "ACCEPT" and not closed:
        return None
    return Filter(accepted, silent=options.get("policy_out", "ACCEPT") != "ACCEPT")


def _accepted(rules: list[dict[str, Any]], nic: str) -> tuple[tuple[Accept, ...], bool]:
    """Return what the rules let in, and whether one of them shuts out the rest."""
    found: list[Accept] = []
    for rule in rules:
        if not rule.get("enable") or rule["type"] != "in" or rule.get("iface", nic) != nic:
            continue
        if _catches_all(rule):
            return tuple(found), True
        if rule["action"] == "ACCEPT":
            sources = tuple(f.split_list(rule.get("source", "")))
            for proto, dport in _parts(rule):
                found += [Accept(proto, port, sources) for port in (f.split_list(dport) if dport else [None])]
    return tuple(found), False


def apply(cluster: Cluster, vmid: int) -> None:
    """Put a running container's filters in force."""
    guest = cluster.guests().get(vmid)
    if guest is None or not cluster.driver.running(vmid):
        return
    firewall = cluster.firewall(vmid)
    switched_on = cluster.data["firewall"]["options"].get("enable") and firewall["options"].get("enable")
    for option, value in guest["config"].items():
        if option.startswith("net"):
            net = f.NET.parse(value)
            on = switched_on and net.get("firewall") == "1"
            _filter(cluster, vmid, net["name"], wanted(firewall, option) if on else None)


def _filter(cluster: Cluster, vmid: int, nic: str, rules: Filter | None) -> None:
    try:
        cluster.driver.firewall(vmid, nic, rules)
    except ContainerError as error:
        print(f"firewall of CT {vmid}: {error}", file=sys.stderr, flush=True)


def apply_all(cluster: Cluster) -> None:
    """Put every container's filters in force."""
    for vmid in cluster.guests():
        apply(cluster, vmid)
