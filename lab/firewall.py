"""Proxmox VE's firewall of a container's interface, enforced on the node.

The rules of all containers are one nftables table of the bridge family in the node's
network namespace. They go by the name of the node's end of the interface, so they outlive
the container's restarts.
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
    verdicts: list[str] = []
    for path in sorted(site.containers.glob(f"*/{_FILE}")):
        for number, rules in json.loads(path.read_text()).items():
            name = veth(int(path.parent.name), int(number))
            verdicts.append(f'    oifname "{name}" jump {name}')
            chains += _chain(name, (line for rule in rules for line in _accept(rule)))
    table = ["table bridge firewall", "delete table bridge firewall", "table bridge firewall {", *chains]
    table += ["  chain to-guests {", "    type filter hook forward priority filter", *verdicts, "  }"]
    # What the node itself sends to a guest does not pass the forward hook.
    table += ["  chain from-node {", "    type filter hook output priority filter", *verdicts, "  }"]
    rules_text = "\n".join([*table, "}\n"]).encode()
    run(namespaces.inside(site.node, ["nft", "-f", "-"]), stdin=rules_text)


def _chain(name: str, accepted: Iterable[str]) -> list[str]:
    return [
        f"  chain {name} {{",
        "    ether type arp accept",
        "    udp sport 67 udp dport 68 accept",
        "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept",
        "    ct state established,related accept",
        *(f"    {rule}" for rule in accepted),
        "    drop",
        "  }",
    ]


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
