"""What the stand-in needs of real containers; `lab.containers.Containers` has it, and so has the simulation."""

from pathlib import Path
from typing import Any, Protocol

from lab.container_spec import ContainerSpec
from lab.firewall import Filter


class Driver(Protocol):
    """Containers by VMID; failures raise `lab.errors.ContainerError` with a plain message."""

    def create(self, spec: ContainerSpec, template: Path) -> None:
        """Unpack a template, write the configuration and keys; do not start."""
        ...

    def restore(self, spec: ContainerSpec, archive: Path) -> None:
        """Like create, from an archive."""
        ...

    def reconfigure(self, spec: ContainerSpec) -> None:
        """Write a new configuration, effective at the next start."""
        ...

    def start(self, vmid: int) -> None:
        """Boot."""
        ...

    def shutdown(self, vmid: int, timeout: float = 60) -> None:
        """Ask to halt; ContainerError when it still runs after `timeout` seconds."""
        ...

    def stop(self, vmid: int) -> None:
        """Kill."""
        ...

    def destroy(self, vmid: int) -> None:
        """Remove with all it holds."""
        ...

    def exists(self, vmid: int) -> bool:
        """Whether it is there."""
        ...

    def running(self, vmid: int) -> bool:
        """Whether its init lives."""
        ...

    def pid(self, vmid: int) -> int | None:
        """Process id of its init."""
        ...

    def interfaces(self, vmid: int) -> list[dict[str, Any]] | None:
        """Its interfaces and addresses in the API's shape; None when stopped."""
        ...

    def usage(self, vmid: int) -> dict[str, float]:
        """cpu, mem, swap, disk, netin, netout, uptime."""
        ...

    def archive(self, vmid: int, target: Path) -> None:
        """Save its root file system."""
        ...

    def firewall(self, vmid: int, nic: str, rules: Filter | None) -> None:
        """Let in only what `rules` say through an interface; None lets all in."""
        ...
