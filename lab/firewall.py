"""Proxmox VE's firewall of a container's interface, enforced on the node.

The rules of all containers are one nftables table of the bridge family in the node's
network namespace. They go by the name of the node's end of the interface, so they outlive
the container's restarts. Many kernels cannot track connections on a bridge
(nf_conntrack_bridge), so replies are told otherwise: TCP's by not opening a connection,
UDP's by a set of the flows that guests began.
"""

import json
from collections.abc import Iterator
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


@dataclass(frozen=True)
class Filter:
    """What passes an interface: `accepted` comes in, replies always; `silent` lets out replies alone."""

    accepted: tuple[Accept, ...]
    silent: bool = False


def remember(container: Path, number: int, rules: Filter | None) -> None:
    """Keep the filter of the interface `netN` in the container's directory; None forgets it."""
    path = container / _FILE
    known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    known.pop(str(number), None)
    if rules is not None:
        known[str(number)] = asdict(rules)
    path.write_text(json.dumps(known, indent=2) + "\n")


def apply(site: Site) -> None:
    """Make the node enforce the remembered rules of every container."""
    chains: list[str] = []
    guests: list[str] = []
    for path in sorted(site.containers.glob(f"*/{_FILE}")):
        for number, rules in json.loads(path.read_text()).items():
            guests.append(veth(int(path.parent.name), int(number)))
            accepted = rules["accepted"]
            chains += _chain_in(guests[-1], [line for rule in accepted for line in _accept(rule)])
            chains += _chain_out(guests[-1], _open_ports(accepted), silent=rules["silent"])
    table = "\n".join([_TRACKING, *chains, *_hooks(guests), "}\n"])
    run(namespaces.inside(site.node, ["nft", "-f", "-"]), stdin=table.encode())


_TRACKING = """table bridge firewall
delete table bridge firewall
table bridge firewall {
  set flows {
    type ipv4_addr . inet_service . ipv4_addr . inet_service
    flags dynamic, timeout
    timeout 3m
    size 65535
  }
  set flows6 {
    type ipv6_addr . inet_service . ipv6_addr . inet_service
    flags dynamic, timeout
    timeout 3m
    size 65535
  }
  chain note-flow {
    ip protocol udp update @flows { ip daddr . udp dport . ip saddr . udp sport }
    ip6 nexthdr udp update @flows6 { ip6 daddr . udp dport . ip6 saddr . udp sport }
  }
  chain answers {
    tcp flags & (syn | ack) != syn accept
    ether type arp accept
    icmp type { echo-reply, destination-unreachable, time-exceeded } accept
    icmpv6 type { echo-reply, destination-unreachable, packet-too-big, time-exceeded } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain replies {
    jump answers
    ip saddr . udp sport . ip daddr . udp dport @flows accept
    ip6 saddr . udp sport . ip6 daddr . udp dport @flows6 accept
    icmpv6 type nd-router-advert accept
    udp sport 67 udp dport 68 accept
  }"""


def _hooks(guests: list[str]) -> list[str]:
    """Return the chains the kernel calls: between guests and hosts, and to and from the node."""
    noting = [f'    iifname "{name}" jump from-{name}' for name in guests]
    filtering = [f'    oifname "{name}" jump {name}' for name in guests]
    lines = []
    for hook, rules in (("forward", noting + filtering), ("input", noting), ("output", filtering)):
        lines += [f"  chain {hook} {{", f"    type filter hook {hook} priority filter", *rules, "  }"]
    return lines


def _chain_in(name: str, accepted: list[str]) -> list[str]:
    return [f"  chain {name} {{", *(f"    {rule}" for rule in accepted), "    jump replies", "    drop", "  }"]


def _chain_out(name: str, open_ports: list[str], *, silent: bool) -> list[str]:
    """Return the chain that notes what the guest sends, or that of a silent one, which sends answers alone."""
    if silent:
        return [f"  chain from-{name} {{", "    jump answers", "    drop", "  }"]
    # What everybody may send to needs no memory of who was spoken to: that would cost every packet of a tunnel.
    known = [f"    udp sport {port} return" for port in open_ports]
    return [f"  chain from-{name} {{", "    ether type arp return", *known, "    jump note-flow", "  }"]


def _open_ports(rules: list[dict[str, Any]]) -> list[str]:
    """Return the UDP ports that every IPv4 address may send to."""
    everybody = [r for r in rules if r["proto"] == "udp" and r["dport"] and {*r["sources"]} <= {"0.0.0.0/0", "::/0"}]
    return sorted({str(rule["dport"]).replace(":", "-") for rule in everybody if rule["sources"] != ["::/0"]})


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
