"""The whole: keys, container, firewall, server and registrations, in the order of the Create workflow."""

from itertools import chain
from typing import Any

import pulumi
import pulumi_proxmoxve as pve

from components.backup import Backup, BackupReservation
from components.container import Container
from components.container import proven as proven_container
from components.firewall import Firewall
from components.firewall import proven as proven_firewall
from components.intents import intent
from components.keys import Keys
from components.monitoring import Monitoring, MonitoringReservation
from components.outputs import public, secret, together
from components.registration import NameReservation, Registration
from components.server import Server
from providers.container_claim import ContainerClaim
from providers.container_proof import ContainerProof
from providers.intent import Intent
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
        reserved = self._reservations()
        container, made, proof = self._container([*reserved.values()])
        # Nothing is served without its firewall. What else the proof finds keeps no removed peer in.
        network, before = self.keys.network(), self._after(*made)
        server = Server("server", settings, container=container, keys=self.keys, network=network, opts=before)
        self.outputs |= described(settings, container, network, server)
        self.outputs["ssh_public_key"] = self.keys.public(SSH)
        self.outputs |= dialled(self.keys.network(container.address))
        self._registrations(container, network, [server, proof], reserved)
        warned = [each.warnings for each in reserved.values() if isinstance(each, BackupReservation)]
        self.outputs["warnings"] = together(self.keys.warnings(), *warned).apply(lambda found: [*chain(*found)])
        self.register_outputs({})  # the stack has them: a second copy would be the largest part of a state

    def _after(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[*others])

    def _reservations(self) -> dict[str, pulumi.Resource]:
        """Declare a reservation in each enabled system, one after the other."""
        own, made = self.settings, dict[str, pulumi.Resource]()
        if own.pbs.pbs_enabled:
            made["pbs"] = BackupReservation("backup-reservation", own, mark=self.mark, opts=self._after())
        if own.zabbix.zabbix_enabled:
            before = self._after(*made.values())
            made["zabbix"] = MonitoringReservation("monitoring-reservation", own, mark=self.mark, opts=before)
        if own.netbox.netbox_enabled:
            before = self._after(*made.values())
            made["netbox"] = NameReservation("name-reservation", own, mark=self.mark, opts=before)
        return made

    def _registrations(
        self,
        container: Container,
        network: pulumi.Output[Network],
        last: list[pulumi.Resource],
        reserved: dict[str, pulumi.Resource],
    ) -> None:
        """Declare the entry in each enabled system, one after the other.

        Each names its reservation itself: were it only behind the container, both would go at once when a system is
        left out of a stack that stays.
        """
        own, where = self.settings, {"address": container.address, "mark": self.mark}
        if own.netbox.netbox_enabled:
            before = self._after(*last, reserved["netbox"])
            entry = Registration("registration", own, network, **where, opts=before)
            last = [*last, entry]
            self.outputs["netbox_url"] = entry.url
        if own.zabbix.zabbix_enabled:
            before = self._after(*last, reserved["zabbix"])
            host = Monitoring("monitoring", own, network, **where, opts=before)
            last = [*last, host]
            self.outputs["zabbix_url"] = host.url
        if own.pbs.pbs_enabled:
            jobs = Backup("backup", own, mark=self.mark, opts=self._after(*last, reserved["pbs"]))
            self.outputs["backup_jobs"] = jobs.covered_by

    def _container(
        self, reservations: list[pulumi.Resource]
    ) -> tuple[Container, list[pulumi.Resource], ContainerProof]:
        """Declare the claim on the VMID, then the container and its firewall, then the proof of both."""
        proxmox = proxmox_provider(self.settings, self._after())
        claim = ContainerClaim("claim", **claimed(self.settings), mark=self.mark, opts=self._after(*reservations))
        asked = intent("proof", proven(self.settings), self._after(claim))
        container = Container(
            "container",
            self.settings,
            ssh_public_key=self.keys.public(SSH),
            mark=self.mark,
            claim=claim,
            intent=asked,
            provider=proxmox,
            opts=self._after(),
        )
        made: list[pulumi.Resource] = [container]
        if self.settings.firewall.proxmox_firewall:
            made.append(Firewall("firewall", self.settings, container, provider=proxmox, opts=self._after()))
        return container, made, self._proof(container, asked, made)

    def _proof(self, container: Container, asked: Intent, made: list[pulumi.Resource]) -> ContainerProof:
        """Declare the proof that what was asked of the container and its firewall arrived.

        Its intent is ahead of the container: Proxmox's plugin takes a change that failed for done, so what is taken
        back after that may fail too, and neither shows later.
        """
        return ContainerProof(
            "proof",
            **proven(self.settings),
            container_id=container.vmid,
            epoch=asked.epoch,
            opts=pulumi.ResourceOptions.merge(self._after(*made), pulumi.ResourceOptions(deleted_with=container.guest)),
        )


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


def proven(settings: Settings) -> dict[str, Any]:
    """Return what container and firewall have to be, by the settings alone."""
    return {
        "node": settings.proxmox.proxmox_node,
        **proven_container(settings),
        "firewall": proven_firewall(settings),
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
        | ({"expires_at": peer.expires_at.isoformat()} if peer.expires_at else {})
        for peer in network.peers
    }
