"""The whole: keys, container, firewall, server and registrations, in the order of the Create workflow."""

from typing import Any

import pulumi
import pulumi_proxmoxve as pve

from components.backup import Backup, BackupReservation
from components.container import Container
from components.firewall import Firewall
from components.keys import Keys
from components.monitoring import Monitoring, MonitoringReservation
from components.outputs import public, secret
from components.registration import NameReservation, Registration
from components.server import Server
from providers.container_claim import ContainerClaim
from vpn import client_config
from vpn.keyring import OWNER, SSH
from vpn.network import Network
from vpn.settings import Settings


class Vpn(pulumi.ComponentResource):
    """A WireGuard VPN server with everything around it; `outputs` is what a person needs next.

    Each surrounding system has two parts. Its reservation comes before the container, so that
    what is missing there shows before anything is made, and what we wrote goes after the
    container is gone. Its registration comes after the server, in the order of the data model.
    """

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        # All that is inside inherits it: a destroy without a preview would else begin with what is not protected.
        protect = pulumi.ResourceOptions(protect=settings.container.protect)
        super().__init__("wireguard-vpn:index:Vpn", name, None, pulumi.ResourceOptions.merge(protect, opts))
        self.settings = settings
        self.outputs: dict[str, pulumi.Input[Any]] = {}
        self.keys = Keys("keys", settings, opts=self._after())
        self.mark = pulumi.Output.concat(
            f"pulumi: {pulumi.get_project()}/{pulumi.get_stack()}/", self.keys.public(OWNER)
        )
        container = self._container(self._reservations())
        network = self.keys.network()
        server = Server("server", settings, container=container, keys=self.keys, network=network, opts=self._after())
        self.outputs |= described(settings, container, network, server)
        self.outputs |= dialled(self.keys.network(container.address))
        self._registrations(container, network, server)
        self.outputs["warnings"] = self.keys.warnings()
        self.register_outputs(self.outputs)

    def _after(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[*others])

    def _reservations(self) -> list[pulumi.Resource]:
        """Declare a reservation in each enabled system, one after the other; return the last."""
        own, last = self.settings, list[pulumi.Resource]()
        if own.pbs.pbs_enabled:
            last = [BackupReservation("backup-reservation", own, mark=self.mark, opts=self._after())]
        if own.zabbix.zabbix_enabled:
            last = [MonitoringReservation("monitoring-reservation", own, mark=self.mark, opts=self._after(*last))]
        if own.netbox.netbox_enabled:
            last = [NameReservation("name-reservation", own, mark=self.mark, opts=self._after(*last))]
        return last

    def _registrations(self, container: Container, network: pulumi.Output[Network], server: Server) -> None:
        """Declare the entry in each enabled system, one after the other."""
        own, last = self.settings, list[pulumi.Resource]([server])
        where = {"address": container.address, "mark": self.mark}
        if own.netbox.netbox_enabled:
            entry = Registration("registration", own, network, **where, opts=self._after(*last))
            self.outputs["netbox_url"], last = entry.url, [entry]
        if own.zabbix.zabbix_enabled:
            host = Monitoring("monitoring", own, network, **where, opts=self._after(*last))
            self.outputs["zabbix_url"], last = host.url, [host]
        if own.pbs.pbs_enabled:
            jobs = Backup("backup", own, mark=self.mark, opts=self._after(*last))
            self.outputs["backup_jobs"] = jobs.covered_by

    def _container(self, reservations: list[pulumi.Resource]) -> Container:
        """Declare the claim on the VMID, then the container and its firewall."""
        proxmox = proxmox_provider(self.settings, self._after())
        claim = ContainerClaim("claim", **claimed(self.settings), mark=self.mark, opts=self._after(*reservations))
        container = Container(
            "container",
            self.settings,
            ssh_public_key=self.keys.public(SSH),
            mark=self.mark,
            claim=claim,
            provider=proxmox,
            opts=self._after(),
        )
        if self.settings.firewall.proxmox_firewall:
            Firewall("firewall", self.settings, container, provider=proxmox, opts=self._after())
        return container


def proxmox_provider(settings: Settings, opts: pulumi.ResourceOptions) -> pve.Provider:
    """Return the Proxmox provider. A token from the environment it reads itself, so state has none."""
    token = settings.proxmox.proxmox_api_token
    own = pulumi.Config().get("proxmox_api_token")
    return pve.Provider(
        "proxmox",
        endpoint=settings.proxmox.proxmox_endpoint,
        api_token=pulumi.Output.secret(token.get_secret_value()) if token and own else None,
        opts=opts,
    )


def claimed(settings: Settings) -> dict[str, Any]:
    """Return what a container cannot change without being made anew, empty."""
    container = settings.container
    return {
        "endpoint": settings.proxmox.proxmox_endpoint,
        "node": settings.proxmox.proxmox_node,
        "container_id": container.container_id,
        "storage_pool": container.storage_pool,
        "unprivileged": container.unprivileged,
        "pool": container.pool,
        "disk_gb": container.disk_gb,
        "allow_replacement": container.allow_replacement,
    }


def described(
    settings: Settings, container: Container, network: pulumi.Output[Network], server: Server
) -> dict[str, pulumi.Input[Any]]:
    """Return what a person needs next, nothing of it secret."""
    interface = settings.interface.interface_name
    return {
        "public_key": public(network, lambda n: n.interface.public_key),
        "ct_id": container.vmid,
        "ct_address": container.address,
        "interface": interface,
        "server_address": str(settings.interface.address.ip),
        "service": f"wg-quick@{interface}.service",
        "peers": public(network, peers),
        "plan": server.plan,
    }


def dialled(network: pulumi.Output[Network]) -> dict[str, pulumi.Output[Any]]:
    """Return what clients need: where they dial, and their configurations, which are secret."""
    return {
        "endpoint": public(network, lambda n: n.interface.endpoint),
        "client_configs": secret(network.apply(client_config.render_all)),
    }


def peers(network: Network) -> dict[str, dict[str, Any]]:
    """Return what may be shown of each peer, by name."""
    return {
        peer.name: {"address": str(peer.addresses[0]), "public_key": peer.public_key, "status": peer.state}
        for peer in network.peers
    }
