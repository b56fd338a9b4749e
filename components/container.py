"""The container: its template, and the CT itself as an unprivileged guest of a Proxmox VE node."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_proxmoxve as pve

from vpn import marks
from vpn.settings import NIC, Settings
from vpn.settings import Container as ContainerSettings

DHCP = "dhcp"


class Container(pulumi.ComponentResource):
    """An unprivileged LXC with SSH for the stack's own key, started at boot.

    `vmid` is its number, `address` its IPv4 address, `instance` the MAC address that Proxmox VE
    gave: a CT made anew is another instance. `mark` is the line of its notes that makes it ours, `guest` the
    resource itself, which waits for `claim` and for `intent`, the one of its proof.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        ssh_public_key: pulumi.Input[str],
        mark: pulumi.Input[str],
        claim: pulumi.Resource,
        intent: pulumi.Resource,
        provider: pve.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Container", name, None, opts)
        own = settings.container
        self.mark = mark
        self.guest = pve.ContainerLegacy(
            name,
            node_name=settings.proxmox.proxmox_node,
            vm_id=own.container_id,
            pool_id=own.pool,
            description=pulumi.Output.concat("WireGuard VPN server\n", mark),
            unprivileged=own.unprivileged,
            start_on_boot=own.onboot,
            started=True,
            features=pve.ContainerLegacyFeaturesArgs(nesting=own.nesting),
            cpu=pve.ContainerLegacyCpuArgs(cores=own.cpu_cores),
            memory=pve.ContainerLegacyMemoryArgs(dedicated=own.memory_mb, swap=own.swap_mb),
            disk=pve.ContainerLegacyDiskArgs(datastore_id=own.storage_pool, size=own.disk_gb),
            initialization=_initialization(own, ssh_public_key),
            network_interfaces=[_interface(settings)],
            operating_system=pve.ContainerLegacyOperatingSystemArgs(
                template_file_id=self._template(name, settings, claim, provider), type="debian"
            ),
            wait_for_ip=pve.ContainerLegacyWaitForIpArgs(ipv4=True) if own.ip_address == DHCP else None,
            opts=self._guest_options(claim, intent, provider),
        )
        self.vmid = pulumi.Output.all(self.guest.vm_id, self.guest.description, mark).apply(
            lambda made: own_vmid(*made)
        )
        self.instance = self.guest.network_interfaces.apply(_mac_address)
        self.address = _address(own, self.guest)
        self.register_outputs({"vmid": self.vmid, "address": self.address})

    def _template(
        self, name: str, settings: Settings, claim: pulumi.Resource, provider: pve.Provider
    ) -> pulumi.Output[str]:
        """Download the template unless the storage has it; it stays when the stack goes."""
        proxmox = settings.proxmox
        template = pve.download.File(
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
                parent=self,
                provider=provider,
                depends_on=[claim],
                retain_on_delete=True,
                protect=False,  # another version is another file, and Pulumi replaces nothing that is protected
            ),
        )
        return template.id

    def _guest_options(
        self, claim: pulumi.Resource, intent: pulumi.Resource, provider: pve.Provider
    ) -> pulumi.ResourceOptions:
        """Say how the guest may change: what replaces it would mean an empty disk.

        A newer template and another first SSH key concern only the making of a CT; both would
        force a replacement, and so would a mount point and the mark of a template that a hand set and a refresh saw.
        A device that root on the node gave the guest (userspace WireGuard needs
        /dev/net/tun) stays: no token may change it. The claim removes the CT with itself: Proxmox's provider would fail
        at one that is gone, and delete a stranger's that took its VMID.
        """
        return pulumi.ResourceOptions(
            parent=self,
            provider=provider,
            depends_on=[claim, intent],
            deleted_with=claim,
            delete_before_replace=True,  # both have one VMID
            ignore_changes=[
                "operatingSystem.templateFileId",
                "initialization.userAccount",
                "devicePassthroughs",
                "mountPoints",
                "template",
            ],
        )


def proven(settings: Settings) -> dict[str, Any]:
    """Return what the container has to be, as Proxmox VE says it: what a change in place can change.

    What it must not have is empty.
    """
    own = settings.container
    config = {
        "hostname": own.hostname,
        "cores": own.cpu_cores,
        "memory": own.memory_mb,
        "swap": own.swap_mb,
        "onboot": int(own.onboot),
        "features": "nesting=1" if own.nesting else None,
        "searchdomain": own.domain,
        "nameserver": " ".join(map(str, own.dns_servers)),
    }
    interface = {
        "bridge": own.bridge,
        "tag": own.vlan,
        "ip": own.ip_address,
        "gw": own.gateway,
        "firewall": 1 if settings.firewall.proxmox_firewall else None,
    }
    return {"config": _said(config), "interface": _said(interface), "disk_gb": own.disk_gb}


def _said(values: Mapping[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _initialization(
    container: ContainerSettings, ssh_public_key: pulumi.Input[str]
) -> pve.ContainerLegacyInitializationArgs:
    ipv4 = pve.ContainerLegacyInitializationIpConfigIpv4Args(
        address=container.ip_address, gateway=str(container.gateway) if container.gateway else None
    )
    return pve.ContainerLegacyInitializationArgs(
        hostname=container.hostname,
        dns=pve.ContainerLegacyInitializationDnsArgs(
            domain=container.domain, servers=[*map(str, container.dns_servers)] or None
        ),
        ip_configs=[pve.ContainerLegacyInitializationIpConfigArgs(ipv4=ipv4)],
        user_account=pve.ContainerLegacyInitializationUserAccountArgs(keys=[ssh_public_key]),
    )


def _interface(settings: Settings) -> pve.ContainerLegacyNetworkInterfaceArgs:
    return pve.ContainerLegacyNetworkInterfaceArgs(
        name=NIC,
        bridge=settings.container.bridge,
        vlan_id=settings.container.vlan,
        firewall=settings.firewall.proxmox_firewall,
    )


def own_vmid(vmid: float, notes: str | None, mark: str) -> int:
    """Return the VMID of the container that was made; RunError when its notes say that another made it.

    Proxmox's plugin asks a second time when a creation was not answered, and takes "already exists" for its success: so
    it does when somebody took the VMID after the claim found it free. What follows would cut that guest off.
    """
    if marks.is_in(notes, mark):
        return int(vmid)
    raise pulumi.RunError(
        f"container_id: {vmid:.0f}: was taken by another guest while this run made the container; nothing of it was "
        "changed. Run pulumi up again: it tells the way out"
    )


def _mac_address(nics: Sequence[pve.outputs.ContainerLegacyNetworkInterface] | None) -> str:
    return (nics[0].mac_address if nics else None) or ""


def _address(container: ContainerSettings, guest: pve.ContainerLegacy) -> pulumi.Output[str]:
    """Return the CT's address: the configured one, or what DHCP gave."""
    if container.ip_address != DHCP:
        return pulumi.Output.from_input(container.ip_address.partition("/")[0])
    return guest.ipv4.apply(leased)


def leased(addresses: Mapping[str, str] | None) -> str:
    """Return the address that DHCP gave, by a container's addresses by interface; RunError when it gave none.

    A preview does not know it then: a container that was seen stopped has none, and the run starts it.
    """
    if addresses and NIC in addresses:
        return addresses[NIC]
    if pulumi.runtime.is_dry_run():
        return pulumi.UNKNOWN  # type: ignore[return-value]
    raise pulumi.RunError(
        "ip_address: dhcp: the container has no IPv4 address: it is stopped, or no DHCP server answers on its bridge. "
        "See to that, then run pulumi up --refresh"
    )
