"""Real unprivileged LXC containers, driven as a Proxmox VE node drives its own."""

from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from lab.site import Site


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


@dataclass(frozen=True)
class Accept:
    """One accepted kind of incoming packet, everything else being dropped.

    `proto` is "udp", "tcp" or "icmp"; `dport` a port, a range "a:b" or None for any;
    `sources` are addresses or networks, empty for any source.
    """

    proto: str
    dport: str | None = None
    sources: tuple[str, ...] = ()


class Containers:
    """The containers of one site. Every method raises ContainerError with a plain message."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def create(self, spec: ContainerSpec, template: Path) -> None:
        """Unpack `template` into a new container with `spec` and its SSH keys; not started."""
        raise NotImplementedError

    def restore(self, spec: ContainerSpec, archive: Path) -> None:
        """Make a container with `spec` from an archive, leaving keys and owners as in it."""
        raise NotImplementedError

    def reconfigure(self, spec: ContainerSpec) -> None:
        """Write the configuration of `spec`; it takes effect at the next start."""
        raise NotImplementedError

    def start(self, vmid: int) -> None:
        """Start the container; returns when its init runs."""
        raise NotImplementedError

    def shutdown(self, vmid: int, timeout: float = 60) -> None:
        """Ask init to halt and wait up to `timeout` seconds; ContainerError if it still runs."""
        raise NotImplementedError

    def stop(self, vmid: int) -> None:
        """Kill the container at once; nothing to do for a stopped one."""
        raise NotImplementedError

    def destroy(self, vmid: int) -> None:
        """Remove a stopped container with everything in it."""
        raise NotImplementedError

    def exists(self, vmid: int) -> bool:
        """Whether the site has the container."""
        raise NotImplementedError

    def running(self, vmid: int) -> bool:
        """Whether the container's init lives."""
        raise NotImplementedError

    def pid(self, vmid: int) -> int | None:
        """Process id of the container's init on this machine; None when stopped."""
        raise NotImplementedError

    def vmids(self) -> list[int]:
        """Every container of the site, running or not, in ascending order."""
        raise NotImplementedError

    def interfaces(self, vmid: int) -> list[dict[str, Any]] | None:
        """Interfaces as GET …/lxc/{vmid}/interfaces lists them; None when stopped."""
        raise NotImplementedError

    def usage(self, vmid: int) -> dict[str, float]:
        """Return cpu (share of one core), mem, swap, disk, netin, netout (bytes), uptime (s)."""
        raise NotImplementedError

    def execute(
        self, vmid: int, argv: list[str], stdin: bytes = b"", timeout: float = 120
    ) -> CompletedProcess[bytes]:
        """Run `argv` as root inside the running container and return what it did."""
        raise NotImplementedError

    def archive(self, vmid: int, target: Path) -> None:
        """Save the root file system as tar.zst with 0-based owners, frozen while it is read."""
        raise NotImplementedError

    def firewall(self, vmid: int, nic: str, rules: tuple[Accept, ...] | None) -> None:
        """Let only `rules` in through interface `nic` (replies always); None lets all in."""
        raise NotImplementedError
