"""What a container shall be, before there is one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Nic:
    """A network interface of a container.

    `ip` and `ip6` are an address in CIDR notation, "dhcp" or None; `hwaddr` is a MAC address.
    """

    name: str
    bridge: str
    hwaddr: str
    ip: str | None
    gateway: str | None
    ip6: str | None = None
    gateway6: str | None = None
    mtu: int | None = None


@dataclass(frozen=True)
class ContainerSpec:
    """What a container shall be; sizes in MiB and GiB as in Proxmox VE's configuration."""

    vmid: int
    hostname: str
    memory_mb: int
    swap_mb: int
    cores: int
    disk_gb: int
    nics: tuple[Nic, ...]
    nameservers: tuple[str, ...] = ()
    searchdomain: str = ""
    ssh_public_keys: tuple[str, ...] = ()
    nesting: bool = True
