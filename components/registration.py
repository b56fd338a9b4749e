"""The server in NetBox, in two parts around it: its name kept before it is made, its records after."""

from typing import Any

import pulumi

from clients.netbox import Peer, Server, wanted
from components.container import DHCP
from components.intents import epoch
from components.options import child
from components.outputs import public, together
from providers import netbox
from vpn import tables
from vpn.network import Network
from vpn.settings import Settings


class NameReservation(pulumi.ComponentResource):
    """Token, permissions, site and cluster proven, and the server's name kept, before anything is made."""

    def __init__(
        self, name: str, settings: Settings, *, mark: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("wireguard-vpn:index:NameReservation", name, None, opts)
        self.resource = netbox.Reservation(
            "registration-reservation",
            **_common(settings, mark),
            machine=settings.container.hostname,
            site=settings.netbox.netbox_site,
            cluster=settings.netbox.netbox_cluster,
            role=settings.netbox.netbox_role or "",
            opts=child(self, opts),
        )
        self.register_outputs({})


class Registration(pulumi.ComponentResource):
    """Every record of the server and its peers; `url` is the page of the virtual machine."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        network: pulumi.Output[Network],
        *,
        address: pulumi.Input[str],
        mark: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Registration", name, None, opts)
        stack = f"{pulumi.get_project()}/{pulumi.get_stack()}"
        known = together(network, pulumi.Output.from_input(address))
        records = public(known, lambda found: wanted(described(settings, *found, stack=stack)))
        common = _common(settings, mark)
        asked = epoch("registration", {**common, "records": records.apply(tables.dumps)}, child(self, opts))
        entry = netbox.Registration("registration", **common, records=records, epoch=asked, opts=child(self, opts))
        self.url = entry.page
        self.register_outputs({"url": self.url})


def described(settings: Settings, network: Network, address: str, *, stack: str) -> Server:
    """Return the server as NetBox shows it; `address` is the container's, without prefix length."""
    container = settings.container
    return Server(
        stack=stack,
        name=container.hostname,
        domain=container.domain,
        site=settings.netbox.netbox_site or "",
        cluster=settings.netbox.netbox_cluster or "",
        role=settings.netbox.netbox_role or "",
        vmid=container.container_id,
        node=settings.proxmox.proxmox_node,
        cores=container.cpu_cores,
        memory_mb=container.memory_mb,
        disk_gb=container.disk_gb,
        management=(_management(settings, address),),
        dhcp=container.ip_address == DHCP,
        interface=network.interface.name,
        tunnel=tuple(map(str, network.interface.addresses)),
        port=network.interface.listen_port,
        mtu=network.interface.mtu,
        onboot=container.onboot,
        peers=tuple(_peers(network)),
    )


def _peers(network: Network) -> list[Peer]:
    return [
        Peer(peer.name, tuple(f"{each}/{each.max_prefixlen}" for each in peer.addresses), peer.state)
        for peer in network.peers
    ]


def _management(settings: Settings, address: str) -> str:
    """Return the container's address with its network's prefix length; a host's own under DHCP."""
    static = settings.container.ip_address
    return f"{address}/32" if static == DHCP else static


def _common(settings: Settings, mark: pulumi.Input[str]) -> dict[str, Any]:
    return {"url": settings.netbox.netbox_url, "mark": mark, "adopt": settings.netbox.netbox_adopt}
