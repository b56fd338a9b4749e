"""The container: its template, and the CT itself as an unprivileged guest of a Proxmox VE node."""

from typing import Any

import pulumi
import pulumi_proxmoxve as proxmoxve

from vpn.settings import Container as ContainerSettings
from vpn.settings import Settings

NIC = "eth0"
DHCP = "dhcp"


class Container(pulumi.ComponentResource):
    """An unprivileged LXC with SSH for the stack's own key, started at boot.

    Outputs: `vmid` (integer), `address` (IPv4 without prefix length) and `instance`, the MAC
    address that Proxmox VE gave: a CT made anew is another instance.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        ssh_public_key: pulumi.Input[str],
        mark: pulumi.Input[str],
        claim: pulumi.Resource,
        provider: proxmoxve.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Container", name, None, opts)
        template = self._template(name, settings, claim, provider)
        guest = proxmoxve.ContainerLegacy(
            name,
            **_identity(settings.container, settings.proxmox.proxmox_node),
            **_resources(settings.container),
            description=pulumi.Output.concat("WireGuard VPN server\n", mark),
            initialization=_initialization(settings.container, ssh_public_key),
            network_interfaces=[_interface(settings)],
            operating_system={"template_file_id": template.id, "type": "debian"},
            wait_for_ip={"ipv4": True} if settings.container.ip_address == DHCP else None,
            opts=self._guest_options(settings.container, claim, provider),
        )
        self.guest = guest
        self.vmid = guest.vm_id.apply(int)
        self.instance = guest.network_interfaces.apply(lambda nics: nics[0].mac_address)
        self.address = _address(settings.container, guest)
        self.register_outputs({"vmid": self.vmid, "address": self.address})

    def _template(
        self,
        name: str,
        settings: Settings,
        claim: pulumi.Resource,
        provider: proxmoxve.Provider,
    ) -> proxmoxve.download.File:
        """Download the template unless the storage has it; it stays when the stack goes."""
        proxmox = settings.proxmox
        return proxmoxve.download.File(
            f"{name}-template",
            content_type="vztmpl",
            node_name=proxmox.proxmox_node,
            datastore_id=proxmox.template_storage,
            url=proxmox.template_url,
            file_name=proxmox.file_name,
            checksum=proxmox.pinned_checksum,
            checksum_algorithm="sha512",
            overwrite=False,  # a changed upstream size would otherwise replace the file
            opts=pulumi.ResourceOptions(
                parent=self, provider=provider, depends_on=[claim], retain_on_delete=True
            ),
        )

    def _guest_options(
        self, container: ContainerSettings, claim: pulumi.Resource, provider: proxmoxve.Provider
    ) -> pulumi.ResourceOptions:
        """Say how the guest may change: what replaces it would mean an empty disk.

        A newer template and another first SSH key concern only the making of a CT; both would
        force a replacement. The claim removes the CT with itself: Proxmox's provider would fail
        at one that is gone, and delete a stranger's that took its VMID.
        """
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider,
            depends_on=[claim],
            deleted_with=claim,
            protect=container.protect,
            delete_before_replace=True,  # both have one VMID
            ignore_changes=["operatingSystem.templateFileId", "initialization.userAccount"],
        )


def _identity(container: ContainerSettings, node: str) -> dict[str, Any]:
    return {
        "node_name": node,
        "vm_id": container.container_id,
        "pool_id": container.pool,
        "unprivileged": container.unprivileged,
        "start_on_boot": container.onboot,
        "started": True,
        "features": {"nesting": container.nesting},
    }


def _resources(container: ContainerSettings) -> dict[str, Any]:
    return {
        "cpu": {"cores": container.cpu_cores},
        "memory": {"dedicated": container.memory_mb, "swap": container.swap_mb},
        "disk": {"datastore_id": container.storage_pool, "size": container.disk_gb},
    }


def _initialization(
    container: ContainerSettings, ssh_public_key: pulumi.Input[str]
) -> dict[str, Any]:
    gateway = str(container.gateway) if container.gateway else None
    return {
        "hostname": container.hostname,
        "dns": {
            "domain": container.domain,
            "servers": [str(server) for server in container.dns_servers] or None,
        },
        "ip_configs": [{"ipv4": {"address": container.ip_address, "gateway": gateway}}],
        "user_account": {"keys": [ssh_public_key]},
    }


def _interface(settings: Settings) -> dict[str, Any]:
    return {
        "name": NIC,
        "bridge": settings.container.bridge,
        "vlan_id": settings.container.vlan,
        "firewall": settings.firewall.proxmox_firewall,
    }


def _address(container: ContainerSettings, guest: proxmoxve.ContainerLegacy) -> pulumi.Output[str]:
    """Return the CT's address: the configured one, or what DHCP gave."""
    if container.ip_address != DHCP:
        return pulumi.Output.from_input(container.ip_address.partition("/")[0])
    return guest.ipv4.apply(lambda addresses: addresses[NIC])
