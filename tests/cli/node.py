"""A Proxmox VE node as its API's client speaks to it: containers, backups, and every write on record."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx

from clients.proxmox import Proxmox
from tests.cli.world import MARK

TOKEN = "wgdeploy@pve!pulumi=11111111-2222-3333-4444-555555555555"
OURS = f"WireGuard VPN server\n{MARK}\n"
NOW = int(dt.datetime.now(dt.UTC).timestamp())


def no_pause(_: float) -> None:
    """Wait for nothing."""


@dataclass
class Node:
    """One node: containers by VMID with their description and whether they run. Writes are on record in order."""

    guests: dict[int, tuple[str, bool]] = field(default_factory=dict)
    firewall: int = 1
    breaks: str = ""
    backups: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    locked: int = 0
    """For how many looks at a configuration a restore still holds it: until then it carries no mark."""
    polls: int = 1
    """After how many looks a task has ended."""

    def api(self) -> Proxmox:
        """Return a connection to it."""
        return Proxmox("https://pve:8006", TOKEN, transport=httpx.MockTransport(self.answer), sleep=no_pause)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one call."""
        path = request.url.path.removeprefix("/api2/json")
        if request.method != "GET":
            self.writes.append(f"{request.method} {path.removeprefix('/nodes/pve/')}")
            self.values[self.writes[-1]] = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
            if self.breaks and self.breaks in path:
                return httpx.Response(500, json={"data": None, "message": "broken"})
            return httpx.Response(200, json={"data": "UPID:pve:1:1:1:task:x:u:"})
        if path == "/cluster/nextid":
            if "vmid" not in request.url.params:
                return data(str(next(vmid for vmid in range(100, 10000) if vmid not in self.guests)))
            taken = int(request.url.params["vmid"]) in self.guests
            return httpx.Response(400, json={"errors": {"vmid": "VM already exists"}}) if taken else data("2090")
        return self._read(path)

    def _read(self, path: str) -> httpx.Response:
        vmid = next((int(part) for part in path.split("/") if part.isdigit()), 0)
        if path.endswith("/status") and "/tasks/" in path:
            self.polls -= 1
            return data({"status": "running"} if self.polls > 0 else {"status": "stopped", "exitstatus": "OK"})
        if path.endswith("/content"):
            return data(self.backups)
        if path == "/cluster/firewall/options":
            return data({"enable": self.firewall})
        if vmid not in self.guests and not self.writes:
            return httpx.Response(500, json={"data": None, "message": f"CT {vmid} does not exist"})
        if path.endswith("/config") and self.locked:
            self.locked -= 1
            return data({"lock": "create"})
        description, runs = self.guests.get(vmid, (OURS, True))
        return data({"description": description, "status": "running" if runs else "stopped"})


def data(value: Any) -> httpx.Response:
    """Return an answer of the API."""
    return httpx.Response(200, json={"data": value})


def entry(hours: float, **more: Any) -> dict[str, Any]:
    """Return a backup made so many hours ago, as Proxmox VE lists it."""
    made = NOW - int(hours * 3600)
    return {"volid": f"pbs:backup/ct/2090/{made}", "ctime": made, "size": 1000, **more}
