"""The networks of the site: the node's bridges, the router and the answering hosts.

All of it lives in network namespaces without an uplink. The node's namespace is also the
site's router, as on a small real site: it forwards between management network and DMZ, and
from "the internet" only what NAT lets through.
"""

import json
import time
from dataclasses import dataclass
from ipaddress import ip_interface

from lab import namespaces
from lab.commands import output, run
from lab.site import BRIDGES, CONTAINER_ADDRESS, DMZ_HOST, MANAGEMENT_HOST, Site

HOSTS = {"mgmt": ("vmbr0", MANAGEMENT_HOST), "dmz": ("vmbr1", DMZ_HOST)}
"""Answering hosts: role to bridge and address."""
WAN_ADDRESS = str(ip_interface(BRIDGES["wan0"]).ip)
"""The router's address on "the internet": what clients have as their endpoint."""
BARE_WAN_ADDRESS, BARE_ADDRESS = "198.51.100.2", "192.168.20.91"
"""The same for the bare WireGuard end that throughput is compared with."""

_ROUTER = """
table ip router
delete table ip router
table ip router {{
  chain prerouting {{
    type nat hook prerouting priority dstnat
    iifname "wan0" ip daddr {wan} udp dport 1024-65535 dnat to {target}
    iifname "wan0" ip daddr {bare} udp dport 1024-65535 dnat to {bare_target}
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat
    oifname "wan0" masquerade
  }}
  chain forward {{
    type filter hook forward priority filter
    iifname "wan0" ct status dnat accept
    iifname "wan0" ct state established,related accept
    iifname "wan0" drop
  }}
}}
"""
_SYSCTLS = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    # Bridged frames are none of the router's business; there only with br_netfilter.
    "net.bridge.bridge-nf-call-iptables": 0,
    "net.bridge.bridge-nf-call-ip6tables": 0,
}


@dataclass(frozen=True)
class Network:
    """The networks of one site."""

    site: Site

    def up(self) -> None:
        """Make what is missing of the networks; what is there and in use stays."""
        if namespaces.ensure(self.site.node):
            settings = [f"{key}={value}" for key, value in _SYSCTLS.items()]
            run(namespaces.inside(self.site.node, ["sysctl", "-q", "-e", "-w", *settings]))
        self._add_bridges()
        for role, (bridge, address) in HOSTS.items():
            gateway = str(ip_interface(BRIDGES[bridge]).ip)
            self.add_host(self.site.namespace(role), f"h-{role}", bridge, address, gateway)
        if not self._routes():
            batch(self.site.node, [f"addr replace {BARE_WAN_ADDRESS}/24 dev wan0"])
            self.forward(CONTAINER_ADDRESS)

    def down(self) -> None:
        """Remove every namespace of the site, and with them what they hold."""
        for name in namespaces.named(self.site.prefix):
            namespaces.remove(name)

    def alive(self) -> bool:
        """Whether the node's namespace and bridges are there."""
        return namespaces.alive(self.site.node) and set(BRIDGES) <= links(self.site.node)

    def forward(self, target: str) -> None:
        """Let the router hand UDP that reaches its internet address to `target`."""
        names = {"wan": WAN_ADDRESS, "target": target, "bare": BARE_WAN_ADDRESS, "bare_target": BARE_ADDRESS}
        rules = _ROUTER.format(**names).encode()
        run(namespaces.inside(self.site.node, ["nft", "-f", "-"]), stdin=rules)
        # Without this, flows that are already tracked keep going to the old target.
        run(namespaces.inside(self.site.node, ["conntrack", "-F"]), check=False)

    def add_host(self, name: str, port: str, bridge: str, address: str, gateway: str) -> None:
        """Make the namespace `name` a host at `port` of `bridge` with `address` on its eth0."""
        namespaces.ensure(name)
        if port in links(self.site.node) and "eth0" in links(name):
            return
        self._free(port)
        mac = _mac(address)
        add = f"link add {port} type veth peer name eth0 address {mac} netns {name}"
        batch(self.site.node, [add, f"link set {port} master {bridge} up"])
        batch(
            name,
            [f"addr replace {address} dev eth0", "link set eth0 up", f"route replace default via {gateway}"],
        )

    def _free(self, port: str, timeout: float = 10) -> None:
        """Remove what holds the name `port`. A removed host's end goes a moment after its namespace, by itself."""
        deadline = time.monotonic() + timeout
        while port in links(self.site.node) and time.monotonic() < deadline:
            run(["ip", "-n", self.site.node, "link", "del", port], check=False)
            time.sleep(0.02)

    def _add_bridges(self) -> None:
        present = links(self.site.node)
        for number, (name, address) in enumerate(BRIDGES.items()):
            # A fixed address: else the bridge takes its ports' lowest, and hosts lose it.
            mac = f"02:00:00:{self.site.hash[0:2]}:{self.site.hash[2:4]}:{number:02x}"
            lines = [f"link add {name} address {mac} type bridge"] if name not in present else []
            lines += [f"addr replace {address} dev {name}", f"link set {name} up"]
            batch(self.site.node, lines)

    def _routes(self) -> bool:
        list_table = namespaces.inside(self.site.node, ["nft", "list", "table", "ip", "router"])
        return run(list_table, check=False).returncode == 0


def _mac(address: str) -> str:
    """Return an address of the card that follows from the host's, so that neighbours may keep it."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in ip_interface(address).ip.packed[-4:])


def links(namespace: str) -> set[str]:
    """Return the names of the interfaces in the namespace."""
    return {link["ifname"] for link in json.loads(output(["ip", "-n", namespace, "-j", "link"]))}


def batch(namespace: str, lines: list[str]) -> None:
    """Run lines of ip(8) in the namespace, stopping at the first that fails."""
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines).encode() + b"\n")
