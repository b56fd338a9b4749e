"""What the node sees of a container from outside: processes, addresses and consumption."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.commands import output
from lab.lxc import CGROUPS, group, unified, veth
from lab.site import Site

DISK_SECONDS = 10.0
"""How long a measured disk stays true; pvestatd has the same interval."""


def init_pid(site: Site, vmid: int) -> int | None:
    """Return the pid of the container's init, None when the container is stopped.

    The init is the process in the container's control group whose pid in its own namespace
    is 1; an init that dies has left the group.
    """
    for pid in _members(site, vmid):
        with suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text()
            ids = _field(status, "NSpid").split()
            if len(ids) == 2 and ids[1] == "1" and not _field(status, "State").startswith("Z"):
                return pid
    return None


def _members(site: Site, vmid: int) -> list[int]:
    base = CGROUPS if unified() else CGROUPS / "pids"
    pids = []
    # os.walk passes over groups that vanish while it looks; Path.glob does not.
    for directory, _, _ in os.walk(base / group(site, vmid)):
        with suppress(OSError):
            pids += [int(line) for line in Path(directory, "cgroup.procs").read_text().split()]
    return sorted(pids)


def _field(status: str, name: str) -> str:
    return next((ln.partition(":")[2].strip() for ln in status.splitlines() if ln.startswith(name + ":")), "")


def interfaces(pid: int) -> list[dict[str, Any]]:
    """Return the interfaces of the process's network in the shape of Proxmox VE's API."""
    listing = ["nsenter", f"--net=/proc/{pid}/ns/net", "--", "ip", "-j", "address", "show"]
    return [_interface(link) for link in json.loads(output(listing))]


def _interface(link: dict[str, Any]) -> dict[str, Any]:
    hwaddr = link.get("address", "")
    addresses = [a for a in link.get("addr_info", []) if "local" in a]
    item: dict[str, Any] = {
        "name": link["ifname"],
        "hwaddr": hwaddr,
        "hardware-address": hwaddr,
        "ip-addresses": [
            {"ip-address": a["local"], "ip-address-type": a["family"], "prefix": a["prefixlen"]} for a in addresses
        ],
    }
    for address in addresses:
        item.setdefault(address["family"], f"{address['local']}/{address['prefixlen']}")
    return item


class Meter:
    """Reads what containers consume; the processor's share since the reading before."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._before: dict[int, tuple[float, float]] = {}
        self._disk: dict[int, tuple[float, int]] = {}

    def read(self, vmid: int, pid: int | None, root: Path) -> dict[str, float]:
        """Return cpu (share of one core), mem, swap, disk, netin, netout (bytes), uptime (s)."""
        usage = {"cpu": 0.0, "mem": 0, "swap": 0, "netin": 0, "netout": 0, "uptime": 0}
        if pid is not None:
            with suppress(OSError, ValueError):
                usage |= {"mem": self._memory(vmid), "cpu": self._cpu(vmid)}
                usage |= {"uptime": int(_age(pid)), **self._traffic(vmid)}
        return {**usage, "disk": self._disk_use(vmid, root)}

    def _disk_use(self, vmid: int, root: Path) -> int:
        """Measure the disk now and then, as the node does (pvestatd): all its files are looked at."""
        measured, size = self._disk.get(vmid, (-DISK_SECONDS, 0))
        if time.monotonic() - measured >= DISK_SECONDS:
            size = _size(root)
            self._disk[vmid] = time.monotonic(), size
        return size

    def _memory(self, vmid: int) -> int:
        if unified():
            return int((CGROUPS / group(self.site, vmid) / "memory.current").read_text())
        return int((CGROUPS / "memory" / group(self.site, vmid) / "memory.usage_in_bytes").read_text())

    def _cpu(self, vmid: int) -> float:
        used, now = self._cpu_seconds(vmid), time.monotonic()
        used_before, then = self._before.get(vmid, (used, now - 1))
        self._before[vmid] = used, now
        return max(0.0, (used - used_before) / max(now - then, 0.01))

    def _cpu_seconds(self, vmid: int) -> float:
        if unified():
            text = (CGROUPS / group(self.site, vmid) / "cpu.stat").read_text()
            return int(text.split()[1]) / 1e6
        return int((CGROUPS / "cpuacct" / group(self.site, vmid) / "cpuacct.usage").read_text()) / 1e9

    def _traffic(self, vmid: int) -> dict[str, int]:
        listing = json.loads(output(["ip", "-n", self.site.node, "-j", "-s", "link"]))
        mine = [x for x in listing if x["ifname"].startswith(veth(vmid, 0)[:-1])]
        # What the node's end sends is what the container gets.
        received = sum(x["stats64"]["tx"]["bytes"] for x in mine)
        return {"netin": received, "netout": sum(x["stats64"]["rx"]["bytes"] for x in mine)}


def _age(pid: int) -> float:
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19])
    return float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")


def _size(root: Path) -> int:
    size = 0
    for directory, _, names in os.walk(root):
        for name in names:
            with suppress(OSError):
                size += os.lstat(f"{directory}/{name}").st_blocks * 512
    return size
