"""The configuration: one frozen, validated model. `parse` reports every broken rule at once.

Sections are grouped by what they are about; a field's name is its config key:
`settings.container.memory_mb`, `settings.interface.listen_port`, `settings.netbox.netbox_url`.
"""

from __future__ import annotations

from vpn.settings.ip import IPAddress, IPInterface, IPNetwork
from vpn.settings.names import join_endpoint, split_endpoint
from vpn.settings.networks import in_any, touches
from vpn.settings.parse import KNOWN_KEYS, parse
from vpn.settings.peers import AllowRule, GroupSettings, PeerSettings
from vpn.settings.sections import NIC, Container, Firewall, Interface, Keys, Proxmox, Route, Routing, Ssh
from vpn.settings.settings import Settings
from vpn.settings.systems import NetBox, Pbs, Zabbix

__all__ = [
    "KNOWN_KEYS",
    "NIC",
    "AllowRule",
    "Container",
    "Firewall",
    "GroupSettings",
    "IPAddress",
    "IPInterface",
    "IPNetwork",
    "Interface",
    "Keys",
    "NetBox",
    "Pbs",
    "PeerSettings",
    "Proxmox",
    "Route",
    "Routing",
    "Settings",
    "Ssh",
    "Zabbix",
    "in_any",
    "join_endpoint",
    "parse",
    "split_endpoint",
    "touches",
]
