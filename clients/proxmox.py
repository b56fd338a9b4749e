"""The Proxmox VE API as far as the program itself speaks it; its resources go through Pulumi's plugin.

Source of calls and answers: the API viewer of Proxmox VE (api2/json); what it answers outside of it
(a missing guest is `500 … does not exist`, a taken VMID a 400 of /cluster/nextid) is translated here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from clients.http import REASON_LENGTH, Http
from clients.tls import Trust
from vpn.errors import BadAnswer, ClientError, NotFound, Rejected, ServerFault, Unreachable

if TYPE_CHECKING:
    import httpx

SYSTEM = "Proxmox VE"
GONE = ("does not exist", "no such resource", "no such file or directory")
NODE_AWAY = range(595, 600)
POLL_SECONDS = 1.0
TASK_SECONDS = 600.0
BACKUP_SECONDS = 1800.0
"""How long a backup or a restore may take: the time in which the server must be back."""


@dataclass(frozen=True)
class Guest:
    """A guest of the cluster; `kind` is `lxc` or `qemu`, `status` `running` or `stopped`, `pool` None without one."""

    vmid: int
    name: str
    node: str
    kind: str
    status: str
    pool: str | None = None


class Proxmox:
    """A connection to a Proxmox VE cluster with an API token (`USER@REALM!TOKENID=SECRET`).

    Every method raises a ClientError; a guest that is not there is NotFound.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        trust: Trust | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sleep = sleep
        self._http = Http(
            SYSTEM,
            endpoint.rstrip("/").removesuffix("/api2/json") + "/api2/json",
            headers={"Authorization": f"PVEAPIToken={token}"},
            trust=trust,
            secrets=(token, token.partition("=")[2]),
            transport=transport,
            sleep=sleep,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def version(self) -> str:
        """Return the version of Proxmox VE: any valid token may ask."""
        return str(self._get("/version")["version"])

    def nodes(self) -> dict[str, str]:
        """Return the status of every node by name."""
        return {item["node"]: str(item.get("status", "")) for item in self._get("/nodes")}

    def vmid_is_free(self, vmid: int) -> bool:
        """Whether no guest of the cluster has the VMID, seen or unseen by this token."""
        try:
            self._get("/cluster/nextid", {"vmid": vmid})
        except Rejected as error:
            if "already exists" in str(error):
                return False
            raise
        return True

    def next_vmid(self) -> int:
        """Return a VMID that no guest of the cluster has."""
        return int(self._get("/cluster/nextid"))

    def guests(self) -> list[Guest]:
        """Return the guests this token may see."""
        return [
            Guest(
                int(item["vmid"]),
                str(item.get("name", "")),
                str(item["node"]),
                str(item["type"]),
                str(item.get("status", "")),
                str(item.get("pool", "")) or None,
            )
            for item in self._get("/cluster/resources", {"type": "vm"})
        ]

    def permissions(self, path: str) -> set[str]:
        """Return the privileges of this token on an access path, as `/vms/2090`."""
        return set(self._get("/access/permissions", {"path": path}).get(path, {}))

    def config(self, node: str, vmid: int) -> dict[str, Any]:
        """Return a container's configuration."""
        return dict(self._get(f"/nodes/{node}/lxc/{vmid}/config"))

    def status(self, node: str, vmid: int) -> dict[str, Any]:
        """Return a container's present state; `status` is `running` or `stopped`."""
        return dict(self._get(f"/nodes/{node}/lxc/{vmid}/status/current"))

    def interfaces(self, node: str, vmid: int) -> list[dict[str, Any]]:
        """Return a running container's network interfaces, nothing for a stopped one."""
        return list(self._get(f"/nodes/{node}/lxc/{vmid}/interfaces") or [])

    def running(self, node: str, vmid: int) -> bool:
        """Whether the container exists and runs.

        A token that sees only its pool may ask: of a guest that is gone Proxmox VE tells such a token no more
        than that it is forbidden.
        """
        return not self.vmid_is_free(vmid) and self.status(node, vmid).get("status") == "running"

    def firewall_options(self, node: str, vmid: int) -> dict[str, Any]:
        """Return a container's firewall options."""
        return dict(self._get(f"/nodes/{node}/lxc/{vmid}/firewall/options"))

    def set_firewall_options(self, node: str, vmid: int, options: Mapping[str, str]) -> None:
        """Change a container's firewall options."""
        self.call("PUT", f"/nodes/{node}/lxc/{vmid}/firewall/options", options)

    def firewall_rules(self, node: str, vmid: int) -> list[dict[str, Any]]:
        """Return a container's firewall rules in their order, each with its position `pos` and the list's `digest`."""
        return list(self._get(f"/nodes/{node}/lxc/{vmid}/firewall/rules"))

    def add_firewall_rule(self, node: str, vmid: int, rule: Mapping[str, str]) -> None:
        """Add a rule to a container's firewall; it becomes the first."""
        self.call("POST", f"/nodes/{node}/lxc/{vmid}/firewall/rules", rule)

    def delete_firewall_rule(self, node: str, vmid: int, position: int, digest: str) -> None:
        """Remove the rule at a position of a container's firewall; refused where the list's digest is another now."""
        self.call("DELETE", f"/nodes/{node}/lxc/{vmid}/firewall/rules/{position}", {"digest": digest})

    def cluster_firewall_options(self) -> dict[str, Any]:
        """Return the cluster's firewall options; without `enable` 1 no guest has a firewall."""
        return dict(self._get("/cluster/firewall/options"))

    def storages(self, node: str) -> list[dict[str, Any]]:
        """Return a node's storages."""
        return list(self._get(f"/nodes/{node}/storage"))

    def backups(self, node: str, storage: str, vmid: int) -> list[dict[str, Any]]:
        """Return a container's backups on a storage, newest first."""
        found = self._get(f"/nodes/{node}/storage/{storage}/content", {"content": "backup", "vmid": vmid})
        return sorted(found, key=lambda item: int(item.get("ctime", 0)), reverse=True)

    def start(self, node: str, vmid: int) -> None:
        """Start a container and wait for it."""
        self._ended(node, self.call("POST", f"/nodes/{node}/lxc/{vmid}/status/start"))

    def shutdown(self, node: str, vmid: int, seconds: int = 60) -> None:
        """Shut a container down, by force after `seconds`, and wait for it."""
        force = {"forceStop": 1, "timeout": seconds}
        self._ended(node, self.call("POST", f"/nodes/{node}/lxc/{vmid}/status/shutdown", force))

    def vzdump(self, node: str, vmid: int, storage: str, **options: str | int) -> str:
        """Back a container up now and wait; returns the task's id."""
        data = {"vmid": vmid, "storage": storage, "mode": "snapshot", **options}
        return self._ended(node, self.call("POST", f"/nodes/{node}/vzdump", data), BACKUP_SECONDS)

    def restore(self, node: str, vmid: int, archive: str, storage: str, **options: str | int) -> str:
        """Make a container from a backup (a volume id) and wait; returns the task's id.

        `options` are further parameters of POST /nodes/{node}/lxc, as `force` or `unique`.
        """
        data = {"vmid": vmid, "ostemplate": archive, "storage": storage, "restore": 1, **options}
        return self._ended(node, self.call("POST", f"/nodes/{node}/lxc", data), BACKUP_SECONDS)

    def configure(self, node: str, vmid: int, **options: str | int) -> None:
        """Change a container's configuration."""
        self.call("PUT", f"/nodes/{node}/lxc/{vmid}/config", options)

    def grow(self, node: str, vmid: int, gib: int) -> None:
        """Grow a container's root disk to `gib` and wait."""
        self._ended(node, self.call("PUT", f"/nodes/{node}/lxc/{vmid}/resize", {"disk": "rootfs", "size": f"{gib}G"}))

    def destroy(self, node: str, vmid: int) -> None:
        """Remove a stopped container with its disks and wait."""
        self._ended(node, self.call("DELETE", f"/nodes/{node}/lxc/{vmid}"))

    def wait(self, node: str, upid: str, seconds: float = TASK_SECONDS) -> None:
        """Wait for a task; ServerFault with the end of its log when it fails or takes too long."""
        path = f"/nodes/{node}/tasks/{quote(upid, safe='')}"
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            task = self._get(f"{path}/status")
            if task.get("status") == "stopped":
                return self._judge(path, str(task.get("type", "task")), str(task.get("exitstatus", "")))
            self._sleep(POLL_SECONDS)
        raise ServerFault(SYSTEM, f"a task has not ended within {seconds:.0f} s")

    def _judge(self, path: str, kind: str, outcome: str) -> None:
        if outcome == "OK" or outcome.startswith("WARNINGS"):
            return
        lines = [str(item.get("t", "")) for item in self._get(f"{path}/log", {"limit": 500})]
        said = "; ".join(line for line in lines[-3:] if line)
        raise ServerFault(SYSTEM, self._http.redact(f"{kind} failed: {outcome or said}")[:REASON_LENGTH])

    def _ended(self, node: str, upid: Any, seconds: float = TASK_SECONDS) -> str:
        self.wait(node, str(upid), seconds)
        return str(upid)

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        return self.call("GET", path, params)

    def call(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> Any:
        """Return the data that one call answers; values go in the body of POST and PUT, else in the query."""
        body, params = (values, None) if method in ("POST", "PUT") else (None, values)
        try:
            answer = self._http.request(method, path, params=params, data=body).json()
        except ServerFault as error:
            raise _meant(error) from None
        if not isinstance(answer, dict) or "data" not in answer:
            raise BadAnswer(SYSTEM, "the answer has no data; is this the URL of a Proxmox VE API?")
        return answer["data"]


def _meant(error: ServerFault) -> ClientError:
    """Return what a status of 500 and above means."""
    words = str(error).removeprefix(f"{SYSTEM}: ")
    if error.status in NODE_AWAY:
        return Unreachable(SYSTEM, words, error.status)
    if any(sign in words.lower() for sign in GONE):
        return NotFound(SYSTEM, words, error.status)
    return error
