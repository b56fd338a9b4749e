"""What the tests do on a rehearsal site: run pulumi, connect peers, look into the container."""

import re
import shutil
import ssl
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from lab import namespaces
from lab.commands import run
from lab.containers import Containers
from lab.peers import Peers
from lab.site import DMZ_HOST, MANAGEMENT_HOST, Site
from tests.lab.stack.pulumi_cli import Stack
from tests.lab.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
LEFT_BEHIND = shutil.ignore_patterns(".git", ".lab", ".venv", "__pycache__", ".*_cache", ".hypothesis", "node_modules")
VMID = 2190
SERVER = "10.8.0.1"
TEMPLATE = "local:vztmpl/debian-12-standard_12.12-1_amd64.tar.zst"
MANAGEMENT = MANAGEMENT_HOST.partition("/")[0]
DMZ = DMZ_HOST.partition("/")[0]


@dataclass(frozen=True)
class Rehearsal:
    """One checkout with its lab."""

    root: Path
    site: Site

    def lab(self, *args: str) -> str:
        """Run `python -m lab ARGS` in the checkout and return what it printed; the first start may build images."""
        argv = [sys.executable, "-m", "lab", *args]
        done = subprocess.run(argv, cwd=self.root, capture_output=True, text=True, timeout=1800, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def environ(self) -> dict[str, str]:
        """The environment of a shell that has sourced `lab/env`, from anywhere."""
        script = '. "$0/lab/env" && env -0'
        argv = ["bash", "-c", script, str(self.root)]
        done = subprocess.run(argv, cwd="/", capture_output=True, check=True, text=True)
        return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if "=" in pair)

    def stack(self, name: str) -> Stack:
        """Return a stack by name, made if need be."""
        stack = Stack(name, self.root, self.environ)
        subprocess.run(
            ["pulumi", "stack", "select", "--create", name],
            cwd=self.root,
            env=self.environ,
            check=True,
            capture_output=True,
        )
        return stack

    @property
    def peers(self) -> Peers:
        """The VPN clients of the site."""
        return Peers(self.site)

    @property
    def containers(self) -> Containers:
        """The containers of the site."""
        return Containers(self.site)

    def sh(self, script: str, vmid: int = VMID) -> str:
        """Run a shell script in the container and return what it printed."""
        done = self.containers.execute(vmid, ["/bin/bash", "-c", script])
        assert done.returncode == 0, (done.stdout + done.stderr).decode()
        return done.stdout.decode().strip()

    def echo_requests(self, role: str) -> int:
        """Return how many echo requests the host `role` has received since it exists."""
        shown = run(namespaces.inside(self.site.namespace(role), ["cat", "/proc/net/snmp"])).stdout.decode()
        names, values = (line.split()[1:] for line in shown.splitlines() if line.startswith("Icmp:"))
        return int(dict(zip(names, values, strict=True))["InEchos"])

    def api(self, method: str, path: str, **data: Any) -> Any:
        """Call the Proxmox VE API with the lab's token and return its data."""
        with httpx.Client(
            base_url=self.environ["PROXMOX_VE_ENDPOINT"],
            headers={"Authorization": f"PVEAPIToken={self.environ['PROXMOX_VE_API_TOKEN']}"},
            verify=ssl.create_default_context(cafile=self.environ["SSL_CERT_FILE"]),
        ) as client:
            answer = client.request(method, f"api2/json{path}", data=data or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.reason_phrase}"
        return answer.json()["data"]

    def task(self, method: str, path: str, **data: Any) -> None:
        """Call the API and wait for the task it starts."""
        upid = self.api(method, path, **data)
        status = f"/nodes/pve/tasks/{upid}/status"
        eventually(lambda: self.api("GET", status)["status"] == "stopped")
        assert self.api("GET", status)["exitstatus"] == "OK"

    def stranger(self, vmid: int) -> None:
        """Make a guest as somebody else would, with nothing of ours about it."""
        made = {"hostname": "mail", "storage": "local-lvm", "pool": "wireguard", "unprivileged": 1}
        self.task("POST", "/nodes/pve/lxc", vmid=vmid, ostemplate=TEMPLATE, **made)


def checkout(root: Path) -> Rehearsal:
    """Copy this checkout's files to `root`, with its toolchain; what lies there already is updated."""
    shutil.copytree(ROOT, root, ignore=LEFT_BEHIND, dirs_exist_ok=True)
    if not (root / ".venv").exists():
        (root / ".venv").symlink_to(ROOT / ".venv")
    if not (root / ".lab/toolchain").exists():
        _link_toolchain(root / ".lab")
    return Rehearsal(root, Site.of(root))


def _link_toolchain(state: Path) -> None:
    """Give the copy the toolchain that tools/setup made for this checkout."""
    (state / "pulumi-home").mkdir(parents=True, exist_ok=True)
    for name in ("toolchain", "pulumi-home/plugins"):
        target = (ROOT / ".lab" / name).resolve()
        assert target.exists(), "there is no Pulumi yet: run tools/setup"
        (state / name).symlink_to(target)


def keys_in(text: str) -> set[str]:
    """Return everything in `text` that looks like a WireGuard key."""
    return set(re.findall(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?!=)", text))
