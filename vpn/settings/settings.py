"""The whole configuration as one frozen model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from vpn.errors import Problem
from vpn.settings import names
from vpn.settings import types as t
from vpn.settings.ip import IPNetwork
from vpn.settings.peers import GroupSettings, PeerSettings
from vpn.settings.sections import Container, Firewall, Interface, Keys, Proxmox, Routing, Section, Ssh
from vpn.settings.systems import NetBox, Pbs, Zabbix

PEERS_FILE: Final = "peers.yaml"
"""The peers file where the configuration names none."""


class People(Section):
    """The peers, their groups, and how long a released address rests before another peer gets it."""

    peers: Annotated[tuple[PeerSettings, ...], BeforeValidator(t.as_list)] = ()
    groups: Annotated[dict[names.PeerName, GroupSettings], BeforeValidator(t.as_mapping)] = Field(default_factory=dict)
    quarantine_days: Annotated[int, t.integer(0, 3650, "days")] = 30
    peers_file: names.LocalPath = PEERS_FILE


_NO_GROUP = GroupSettings.model_construct()


class Settings(Section):
    """Everything the configuration says, validated. Secrets are SecretStr, addresses `ipaddress` objects.

    `peers_file` names the file that peers and groups were read from, "" when there was none.
    """

    container: Container
    proxmox: Proxmox
    interface: Interface
    routing: Routing
    firewall: Firewall
    ssh: Ssh
    keys: Keys
    netbox: NetBox
    zabbix: Zabbix
    pbs: Pbs
    peers: tuple[PeerSettings, ...]
    groups: dict[str, GroupSettings]
    quarantine_days: int
    peers_file: str

    @property
    def vpn_networks(self) -> tuple[IPNetwork, ...]:
        """The VPN subnet, and its IPv6 twin when there is one."""
        second = self.interface.address_ipv6
        first = self.interface.address.network
        return (first, second.network) if second else (first,)

    @property
    def destinations(self) -> tuple[IPNetwork, ...]:
        """The networks that VPN clients reach through the server."""
        return tuple(route.destination_network for route in self.routing.routes)

    def group_of(self, peer: PeerSettings) -> GroupSettings:
        """Return the peer's group, an empty one when it has none."""
        return self.groups.get(peer.group or "", _NO_GROUP)


Check = Callable[[Settings], Iterator[Problem]]
"""A rule: yields every problem that the settings have with it."""
