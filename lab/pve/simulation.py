"""Containers that exist only as files: the driver for tests that need neither root nor LXC."""

import ipaddress
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.api.store import write_private
from lab.container_spec import ContainerSpec
from lab.errors import ContainerError
from lab.firewall import Filter


class SimulatedContainers:
    """Keeps each container as one JSON file under `root`, so that a restarted server finds it again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.filters: dict[tuple[int, str], Filter | None] = {}

    def _file(self, vmid: int) -> Path:
        return self.root / f"{vmid}.json"

    def _load(self, vmid: int) -> dict[str, Any]:
        if not self.exists(vmid):
            raise ContainerError(f"container {vmid} does not exist")
        return dict(json.loads(self._file(vmid).read_text()))

    def _save(self, vmid: int, record: dict[str, Any]) -> None:
        write_private(self._file(vmid), json.dumps(record))

    def create(self, spec: ContainerSpec, template: Path) -> None:
        """Remember the container and which template it came from."""
        if not template.exists():
            raise ContainerError(f"{template} is missing")
        self._save(spec.vmid, {"spec": asdict(spec), "running": False, "content": template.name})

    def restore(self, spec: ContainerSpec, archive: Path) -> None:
        """Remember the container with what the archive holds."""
        self._save(spec.vmid, {"spec": asdict(spec), "running": False, "content": archive.read_text()})

    def reconfigure(self, spec: ContainerSpec) -> None:
        """Replace what is known of it."""
        self._save(spec.vmid, self._load(spec.vmid) | {"spec": asdict(spec)})

    def start(self, vmid: int) -> None:
        """Say that it runs."""
        self._save(vmid, self._load(vmid) | {"running": True, "since": time.time()})

    def shutdown(self, vmid: int, timeout: float = 60) -> None:  # noqa: ARG002 - it halts at once
        """Say that it does not run."""
        self.stop(vmid)

    def stop(self, vmid: int) -> None:
        """Say that it does not run."""
        self._save(vmid, self._load(vmid) | {"running": False})

    def destroy(self, vmid: int) -> None:
        """Forget it."""
        self._file(vmid).unlink(missing_ok=True)

    def exists(self, vmid: int) -> bool:
        """Whether it is remembered."""
        return self._file(vmid).exists()

    def running(self, vmid: int) -> bool:
        """Whether it was started."""
        return self.exists(vmid) and bool(self._load(vmid)["running"])

    def pid(self, vmid: int) -> int | None:
        """Return a made-up process id."""
        return 4000 + vmid if self.running(vmid) else None

    def interfaces(self, vmid: int) -> list[dict[str, Any]] | None:
        """Loopback, and each NIC with its configured address."""
        if not self.running(vmid):
            return None
        shown = [
            {
                "name": "lo",
                "hwaddr": "00:00:00:00:00:00",
                "hardware-address": "00:00:00:00:00:00",
                "inet": "127.0.0.1/8",
                "ip-addresses": [{"ip-address": "127.0.0.1", "prefix": 8, "ip-address-type": "inet"}],
            }
        ]
        return shown + [self._interface(nic) for nic in self._load(vmid)["spec"]["nics"]]

    def _interface(self, nic: dict[str, Any]) -> dict[str, Any]:
        hardware = str(nic["hwaddr"]).lower()
        given = nic["ip"] if nic["ip"] != "dhcp" else "192.168.30.100/16"
        if not given:
            return {"name": nic["name"], "hwaddr": hardware, "hardware-address": hardware, "ip-addresses": []}
        address = ipaddress.ip_interface(given)
        return {
            "name": nic["name"],
            "hwaddr": hardware,
            "hardware-address": hardware,
            "inet": given,
            "ip-addresses": [
                {"ip-address": str(address.ip), "prefix": address.network.prefixlen, "ip-address-type": "inet"}
            ],
        }

    def usage(self, vmid: int) -> dict[str, float]:
        """Figures of an idle container."""
        return {
            "cpu": 0.0,
            "mem": 64 << 20,
            "swap": 0,
            "disk": 400 << 20,
            "netin": 0,
            "netout": 0,
            "uptime": time.time() - self._load(vmid).get("since", time.time()),
        }

    def archive(self, vmid: int, target: Path) -> None:
        """Write what it holds."""
        target.write_text(self._load(vmid)["content"])

    def firewall(self, vmid: int, nic: str, rules: Filter | None) -> None:
        """Remember the filter of one interface."""
        self.filters[vmid, nic] = rules
