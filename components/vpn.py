"""The whole: keys, container, firewall and server, in the order of the Create workflow."""

from typing import Any

import pulumi
import pulumi_proxmoxve as proxmoxve

from components.container import Container
from components.firewall import Firewall
from components.keys import Keys
from components.outputs import public
from components.server import Server
from providers.container_claim import ContainerClaim
from vpn import client_config
from vpn.keyring import OWNER, SSH
from vpn.network import Network
from vpn.settings import Settings


class Vpn(pulumi.ComponentResource):
    """A WireGuard VPN server with everything around it; `outputs` is what a person needs next."""

    def __init__(self, name: str, settings: Settings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("wireguard-vpn:index:Vpn", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.keys = Keys("keys", settings, opts=child)
        self.container = self._container(settings, child)
        network = self.keys.network(self.container.address)
        server = Server("server", settings, container=self.container, keys=self.keys, network=network, opts=child)
        self.outputs = outputs(settings, self.container, network, server)
        self.register_outputs(self.outputs)

    def _container(self, settings: Settings, child: pulumi.ResourceOptions) -> Container:
        """Declare the claim on the VMID, then the container and its firewall."""
        mark = pulumi.Output.concat(f"pulumi: {pulumi.get_project()}/{pulumi.get_stack()}/", self.keys.public(OWNER))
        proxmox = proxmox_provider(settings, child)
        claim = ContainerClaim("claim", **claimed(settings), mark=mark, opts=child)
        container = Container(
            "container",
            settings,
            ssh_public_key=self.keys.public(SSH),
            mark=mark,
            claim=claim,
            provider=proxmox,
            opts=child,
        )
        if settings.firewall.proxmox_firewall:
            Firewall("firewall", settings, container, provider=proxmox, opts=child)
        return container


def proxmox_provider(settings: Settings, opts: pulumi.ResourceOptions) -> proxmoxve.Provider:
    """Return the Proxmox provider. A token from the environment it reads itself, so state has none."""
    token = settings.proxmox.proxmox_api_token
    own = pulumi.Config().get("proxmox_api_token")
    return proxmoxve.Provider(
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


def outputs(
    settings: Settings, container: Container, network: pulumi.Output[Network], server: Server
) -> dict[str, pulumi.Input[Any]]:
    """Return the stack's outputs; the client configurations alone are secret."""
    interface = settings.interface.interface_name
    return {
        "endpoint": public(network, lambda n: n.interface.endpoint),
        "public_key": public(network, lambda n: n.interface.public_key),
        "ct_id": container.vmid,
        "ct_address": container.address,
        "interface": interface,
        "server_address": str(settings.interface.address.ip),
        "service": f"wg-quick@{interface}.service",
        "peers": public(network, described),
        "client_configs": pulumi.Output.secret(network.apply(client_config.render_all)),
        "plan": server.plan,
    }


def described(network: Network) -> dict[str, dict[str, Any]]:
    """Return what may be shown of each peer, by name."""
    return {
        peer.name: {
            "address": str(peer.addresses[0]),
            "public_key": peer.public_key,
            "status": peer.state,
        }
        for peer in network.peers
    }
