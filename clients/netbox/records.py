"""What NetBox shall say about a VPN server: a pure function from the server to its records."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_interface

from clients.netbox.fields import Fields, Records
from vpn.errors import Problem

MANAGEMENT_INTERFACE = "eth0"
SERVICE = "WireGuard"
PEER_STATUS = {"active": "active", "disabled": "reserved", "expired": "deprecated"}
"""A peer's condition in NetBox's terms: both a disabled and an expired peer keep their addresses."""
DISK_UNIT = 1000
"""NetBox keeps megabytes and shows them by its DISK_BASE_UNIT, 1000: 8 GB reads "8 GB"."""
LIMITS = {
    ("virtual_machine", "name"): 64,
    ("interface", "name"): 64,
    ("tunnel", "name"): 100,
    ("ip_address", "dns_name"): 255,
}
"""Longest texts NetBox takes, in characters (its OpenAPI document, maxLength)."""
DESCRIPTION_LIMIT = 200
DNS_NAME = re.compile(r"([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*\.?)?")


@dataclass(frozen=True)
class Peer:
    """A peer as NetBox shows it: `addresses` in CIDR notation, `status` a key of PEER_STATUS."""

    name: str
    addresses: tuple[str, ...]
    status: str = "active"


@dataclass(frozen=True)
class Server:
    """A VPN server as NetBox shows it.

    `stack` is `project/stack`; `management` and `tunnel` are the addresses of eth0 and of the
    WireGuard interface in CIDR notation; `site`, `cluster` and `role` are names or slugs.
    """

    stack: str
    name: str
    domain: str
    site: str
    cluster: str
    role: str
    vmid: int
    node: str
    cores: int
    memory_mb: int
    disk_gb: int
    management: tuple[str, ...]
    dhcp: bool
    interface: str
    tunnel: tuple[str, ...]
    port: int
    mtu: int | None
    onboot: bool
    peers: tuple[Peer, ...]

    @property
    def fqdn(self) -> str:
        """Name with domain, as a DNS name."""
        return f"{self.name}.{self.domain}".strip(".").lower()


def wanted(server: Server) -> Records:
    """Return every record of `server`; each peer's address is one."""
    tunnel = f"{server.fqdn} {server.interface}"
    return {
        "virtual_machine": {server.name: _virtual_machine(server)},
        "interface": _interfaces(server),
        "prefix": {key: _prefix(server, key) for key in map(_network, server.tunnel)},
        "ip_address": _own_addresses(server) | _peer_addresses(server),
        "service": {SERVICE: _service(server)},
        "tunnel": {tunnel: _tunnel(server, tunnel)},
        "termination": {server.interface: _termination(server, tunnel)},
    }


def reservation(server_name: str, site: str, cluster: str) -> Records:
    """Return the record that keeps the server's name before the server exists."""
    return {"virtual_machine": {server_name: {"name": server_name, "site": site, "cluster": cluster}}}


def problems(records: Records) -> list[Problem]:
    """Return what NetBox would refuse, before it is asked."""
    return [
        Problem(f"records.{kind}.{key}.{field}", str(value), rule)
        for kind, by_key in records.items()
        for key, fields in by_key.items()
        for field, value in fields.items()
        for rule in _broken(kind, field, str(value))
    ]


def _broken(kind: str, field: str, value: str) -> Iterator[str]:
    limit = DESCRIPTION_LIMIT if field == "description" else LIMITS.get((kind, field))
    if limit and len(value) > limit:
        yield f"NetBox takes at most {limit} characters"
    if field == "dns_name" and not DNS_NAME.fullmatch(value):
        yield "NetBox takes letters, digits, hyphens, underscores and dots in a DNS name"


def _virtual_machine(server: Server) -> Fields:
    about = f"WireGuard VPN server, CT {server.vmid} on {server.node}, Pulumi stack {server.stack}"
    return {
        "name": server.name,
        "site": server.site,
        "cluster": server.cluster,
        "role": server.role,
        "status": "active",
        "start_on_boot": "on" if server.onboot else "off",
        "vcpus": server.cores,
        "memory": server.memory_mb,
        "disk": server.disk_gb * DISK_UNIT,
        "description": about,
        "primary_ip4": _first_host(server.management, 4),
        "primary_ip6": _first_host(server.management, 6),
    }


def _interfaces(server: Server) -> dict[str, Fields]:
    about = {
        MANAGEMENT_INTERFACE: ("", "Management network"),
        server.interface: (server.mtu or "", f"WireGuard, UDP {server.port}"),
    }
    return {
        name: {
            "virtual_machine": server.name,
            "name": name,
            "enabled": True,
            "mtu": mtu,
            "description": description,
        }
        for name, (mtu, description) in about.items()
    }


def _prefix(server: Server, network: str) -> Fields:
    return {
        "prefix": network,
        "site": server.site,
        "status": "active",
        "description": f"WireGuard VPN {server.interface} of {server.fqdn}",
    }


def _own_addresses(server: Server) -> dict[str, Fields]:
    status = "dhcp" if server.dhcp else "active"
    management = {
        _host(cidr): _address(cidr, MANAGEMENT_INTERFACE, status, "WireGuard VPN server", server.fqdn)
        for cidr in server.management
    }
    tunnel = {
        _host(cidr): _address(cidr, server.interface, "active", f"WireGuard VPN gateway {server.name}")
        for cidr in server.tunnel
    }
    return management | tunnel


def _peer_addresses(server: Server) -> dict[str, Fields]:
    return {
        _host(cidr): _address(cidr, "", PEER_STATUS[peer.status], f"WireGuard peer {peer.name}")
        for peer in server.peers
        for cidr in peer.addresses
    }


def _address(cidr: str, interface: str, status: str, about: str, dns_name: str = "") -> Fields:
    return {
        "address": str(ip_interface(cidr)),
        "interface": interface,
        "status": status,
        "dns_name": dns_name,
        "description": about,
    }


def _service(server: Server) -> Fields:
    return {
        "virtual_machine": server.name,
        "name": SERVICE,
        "ports": [f"udp/{server.port}"],
        "addresses": sorted(map(_host, server.management)),
        "description": "",
    }


def _tunnel(server: Server, name: str) -> Fields:
    about = f"WireGuard VPN, Pulumi stack {server.stack}"
    return {"name": name, "status": "active", "encapsulation": "wireguard", "description": about}


def _termination(server: Server, tunnel: str) -> Fields:
    outside = _first_host(server.management, 4) or _first_host(server.management, 6)
    return {"tunnel": tunnel, "interface": server.interface, "role": "hub", "outside_ip": outside}


def _first_host(cidrs: tuple[str, ...], version: int) -> str:
    return next((_host(cidr) for cidr in cidrs if ip_interface(cidr).version == version), "")


def _host(cidr: str) -> str:
    return str(ip_interface(cidr).ip)


def _network(cidr: str) -> str:
    return str(ip_interface(cidr).network)
