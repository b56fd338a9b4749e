"""The kinds of NetBox objects that describe a VPN server, with the fields we write of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from clients.netbox.fields import (
    Attached,
    Choice,
    Existing,
    Field,
    NewerChoice,
    Number,
    Plain,
    Ports,
    Reference,
    References,
    Scope,
)


@dataclass(frozen=True, eq=False)
class Kind:
    """One kind of NetBox object: where the API has it and what we write of it.

    `natural` is the field that NetBox itself keeps unique (within the VM or globally): by it an
    object is found that is in the way. `late` fields can be set only when all records exist.
    `told` names what NetBox is asked to tell of each object: of a kind with thousands, and of a virtual machine with
    its rendered context and counts, all would take it long.
    """

    name: str
    words: str
    path: str
    model: str
    natural: str
    fields: Mapping[str, Field]
    late: frozenset[str] = frozenset()
    told: tuple[str, ...] = ()


_MACHINE: Mapping[str, Field] = {
    "name": Plain("name"),
    "site": Existing("site"),
    "cluster": Existing("cluster"),
    "role": Existing("role"),
    "status": Choice("status"),
    "start_on_boot": NewerChoice("start_on_boot"),
    "vcpus": Number("vcpus"),
    "memory": Number("memory"),
    "disk": Number("disk"),
    "description": Plain("description"),
    "primary_ip4": Reference("primary_ip4", "ip_address"),
    "primary_ip6": Reference("primary_ip6", "ip_address"),
}
"""Called as NetBox calls them, all of them."""
VIRTUAL_MACHINE = Kind(
    "virtual_machine",
    "virtual machine",
    "virtualization/virtual-machines",
    "virtualization.virtualmachine",
    "name",
    _MACHINE,
    late=frozenset({"primary_ip4", "primary_ip6"}),
    told=("id", "tags", *_MACHINE, "virtual_disk_count"),
)
INTERFACE = Kind(
    "interface",
    "interface",
    "virtualization/interfaces",
    "virtualization.vminterface",
    "name",
    {
        "virtual_machine": Reference("virtual_machine", "virtual_machine"),
        "name": Plain("name"),
        "enabled": Plain("enabled"),
        "mtu": Number("mtu"),
        "description": Plain("description"),
    },
)
PREFIX = Kind(
    "prefix",
    "prefix",
    "ipam/prefixes",
    "ipam.prefix",
    "prefix",
    {
        "prefix": Plain("prefix"),
        "site": Scope(),
        "status": Choice("status"),
        "description": Plain("description"),
    },
)
IP_ADDRESS = Kind(
    "ip_address",
    "IP address",
    "ipam/ip-addresses",
    "ipam.ipaddress",
    "address",
    {
        "address": Plain("address"),
        "interface": Attached("assigned_object", "virtualization.vminterface", "interface"),
        "status": Choice("status"),
        "dns_name": Plain("dns_name"),
        "description": Plain("description"),
    },
    told=("id", "tags", "address", "assigned_object_type", "assigned_object_id", "status", "dns_name", "description"),
)
SERVICE = Kind(
    "service",
    "service",
    "ipam/services",
    "ipam.service",
    "name",
    {
        "virtual_machine": Attached("parent_object", "virtualization.virtualmachine", "virtual_machine"),
        "name": Plain("name"),
        "ports": Ports(),
        "addresses": References("ipaddresses", "ip_address"),
        "description": Plain("description"),
    },
)
TUNNEL = Kind(
    "tunnel",
    "tunnel",
    "vpn/tunnels",
    "vpn.tunnel",
    "name",
    {
        "name": Plain("name"),
        "status": Choice("status"),
        "encapsulation": Choice("encapsulation"),
        "description": Plain("description"),
    },
)
TERMINATION = Kind(
    "termination",
    "tunnel termination",
    "vpn/tunnel-terminations",
    "vpn.tunneltermination",
    "interface",
    {
        "tunnel": Reference("tunnel", "tunnel"),
        "interface": Attached("termination", "virtualization.vminterface", "interface"),
        "role": Choice("role"),
        "outside_ip": Reference("outside_ip", "ip_address"),
    },
)
KINDS = (VIRTUAL_MACHINE, INTERFACE, PREFIX, IP_ADDRESS, SERVICE, TUNNEL, TERMINATION)
"""Every kind, in the order in which they can be made; the reverse is the order of removal."""
BY_NAME = {kind.name: kind for kind in KINDS}
FEW = frozenset({VIRTUAL_MACHINE, INTERFACE, SERVICE, TUNNEL, TERMINATION})
"""Kinds in which a record is still recognised when its name was edited by hand."""
