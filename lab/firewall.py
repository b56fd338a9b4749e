"""Proxmox VE's firewall of a container's interface, enforced on the node.

The rules of all containers are one nftables table of the bridge family in the node's
network namespace. They go by the name of the node's end of the interface, so they outlive
the container's restarts. Replies are told by a set of the flows that guests began, because
many kernels cannot track connections on a bridge (nf_conntrack_bridge).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab import namespaces
from lab.commands import run
from lab.lxc import veth
from lab.site import Site

_FILE = "firewall.json"


@dataclass(frozen=True)
class Accept:
    """One accepted kind of incoming packet, everything else being dropped.

    `proto` is "udp", "tcp" or "icmp"; `dport` a port, a range "a:b" or None for any;
    `sources` are IPv4 or IPv6 addresses or networks, empty for any source.
    """

    proto: str
    dport: str | None = None
    sources: tuple[str, ...] = ()


def remember(container: Path, number: int, rules: tuple[Accept, ...] | None) -> None:
    """Keep the rules of the interface `netN` in the container's directory; None forgets them."""
    path = container / _FILE
    known: dict[str, list[dict[str, object]]] = json.loads(path.read_text()) if path.exists() else {}
    known.pop(str(number), None)
    if rules is not None:
        known[str(number)] = [asdict(rule) for rule in rules]
    path.write_text(json.dumps(known, indent=2) + "\n")


def apply(site: Site) -> None:
    """Make the node enforce the remembered rules of every container."""
    chains: list[str] = []
    guests: list[str] = []
    for path in sorted(site.containers.glob(f"*/{_FILE}")):
        for number, rules in json.loads(path.read_text()).items():
            guests.append(veth(int(path.parent.name), int(number)))
            chains += _chain(guests[-1], (line for rule in rules for line in _accept(rule)))
    table = "\n".join([_TRACKING, *chains, *_hooks(guests), "}\n"])
    run(namespaces.inside(site.node, ["nft", "-f", "-"]), stdin=table.encode())


_TRACKING = """table bridge firewall
delete table bridge firewall
table bridge firewall {
  set flows {
    type inet_proto . ipv4_addr . inet_service . ipv4_addr . inet_service
    flags dynamic, timeout
    timeout 3m
    size 65535
  }
  set flows6 {
    type inet_proto . ipv6_addr . inet_service . ipv6_addr . inet_service
    flags dynamic, timeout
    timeout 3m
    size 65535
  }
  chain note-flow {
    meta l4proto { tcp, udp } update @flows { meta l4proto . ip daddr . th dport . ip saddr . th sport }
    meta l4proto { tcp, udp } update @flows6 { meta l4proto . ip6 daddr . th dport . ip6 saddr . th sport }
  }
  chain replies {
    ether type arp accept
    meta l4proto . ip saddr . th sport . ip daddr . th dport @flows accept
    meta l4proto . ip6 saddr . th sport . ip6 daddr . th dport @flows6 accept
    icmp type { echo-reply, destination-unreachable, time-exceeded } accept
    icmpv6 type { echo-reply, destination-unreachable, packet-too-big, time-exceeded } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept
    udp sport 67 udp dport 68 accept
  }"""


def _hooks(guests: list[str]) -> list[str]:
    """Return the chains the kernel calls: between guests and hosts, and to and from the node."""
    noting = [f'    iifname "{name}" jump note-flow' for name in guests]
    filtering = [f'    oifname "{name}" jump {name}' for name in guests]
    lines = []
    for hook, rules in (("forward", noting + filtering), ("input", noting), ("output", filtering)):
        lines += [f"  chain {hook} {{", f"    type filter hook {hook} priority filter", *rules, "  }"]
    return lines


def _chain(name: str, accepted: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", "    jump replies", *(f"    {rule}" for rule in accepted), "    drop", "  }"]


def _accept(rule: dict[str, Any]) -> Iterator[str]:
    """Yield a rule for each family the sources belong to; for both when there are none."""
    families = {"ip": [x for x in rule["sources"] if ":" not in x], "ip6": [x for x in rule["sources"] if ":" in x]}
    if not rule["sources"]:
        yield f"{_service(rule, 'ip')} accept"
        return
    for family, sources in families.items():
        for source in sources:
            yield f"{family} saddr {source} {_service(rule, family)} accept"


def _service(rule: dict[str, Any], family: str) -> str:
    proto = "icmpv6" if rule["proto"] == "icmp" and family == "ip6" else rule["proto"]
    if rule["dport"]:
        return f"{proto} dport {str(rule['dport']).replace(':', '-')}"
    return f"meta l4proto {proto}"
