"""The servers of a site, in the order they start."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_interface
from pathlib import Path

from lab import namespaces, node
from lab.certificates import ensure_certificates
from lab.credentials import PBS_PROGRAM, PVE_PROGRAM
from lab.processes import Processes
from lab.site import BRIDGES, Site

DHCP_RANGE = "192.168.30.10,192.168.30.250,255.255.0.0,1h"
"""What the management network's DHCP server gives out."""


@dataclass(frozen=True)
class Server:
    """A server: its name, what runs it, its loopback port's name, and what clients need."""

    name: str
    module: str | None = None
    argv: Callable[[Site], list[str]] | None = None
    port: str | None = None
    variables: Callable[[Site], dict[str, str]] = lambda _: {}

    def exists(self) -> bool:
        """Whether this checkout has the server."""
        return self.module is None or _runnable(self.module)

    def command(self, site: Site) -> list[str]:
        """Return what starts it."""
        return self.argv(site) if self.argv else [sys.executable, "-m", str(self.module)]


def _runnable(module: str) -> bool:
    spec = find_spec(module)
    if spec is None:
        return False
    return not spec.submodule_search_locations or find_spec(f"{module}.__main__") is not None


def _dhcp(site: Site) -> list[str]:
    gateway = ip_interface(BRIDGES["vmbr0"]).ip
    options = [
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=vmbr0",
        "--bind-interfaces",
        "--no-ping",
        "--user=root",
        "--group=root",
        "--pid-file",
        "--log-facility=-",
        f"--dhcp-leasefile={site.state / 'dhcp.leases'}",
        f"--dhcp-range={DHCP_RANGE}",
        f"--dhcp-option=option:router,{gateway}",
    ]
    return namespaces.inside(site.node, ["dnsmasq", *options])


def _pve(site: Site) -> dict[str, str]:
    return {
        "PROXMOX_VE_ENDPOINT": f"https://localhost:{site.port('pve')}/",
        "PROXMOX_VE_API_TOKEN": f"{PVE_PROGRAM.id}={PVE_PROGRAM.secret(site)}",
    }


def _pbs(site: Site) -> dict[str, str]:
    return {
        "PBS_URL": f"https://localhost:{site.port('pbs')}",
        "PBS_TOKEN": f"{PBS_PROGRAM.id}:{PBS_PROGRAM.secret(site)}",
    }


def _ssh(site: Site) -> dict[str, str]:
    return {
        "WIREGUARD_VPN_SSH_JUMP_HOST": "127.0.0.1",
        "WIREGUARD_VPN_SSH_JUMP_PORT": str(site.port("ssh")),
        "WIREGUARD_VPN_SSH_JUMP_USER": node.USER,
        "WIREGUARD_VPN_SSH_JUMP_PRIVATE_KEY_FILE": str(node.jump_key(site)),
        "WIREGUARD_VPN_SSH_JUMP_HOST_KEY": node.host_key(site),
    }


SERVERS = (
    Server("hosts", "lab.hosts"),
    Server("aptcache", "lab.aptcache"),
    Server("dhcp", argv=_dhcp),
    Server("ssh", "lab.node", port="ssh", variables=_ssh),
    Server("pbs", "lab.pbs", port="pbs", variables=_pbs),
    Server("pve", "lab.pve", port="pve", variables=_pve),
)


def present() -> list[Server]:
    """Return the servers this checkout has."""
    return [server for server in SERVERS if server.exists()]


def start_all(site: Site) -> None:
    """Start what does not run and wait until all serve; raises LabError for one that does not."""
    node.ensure_keys(site)
    ensure_certificates(site)
    processes = Processes(site)
    for server in present():
        _start(site, processes, server)
    for server in present():
        if server.module:
            processes.wait(server.name)


def _start(site: Site, processes: Processes, server: Server) -> None:
    """Start the server unless it runs; one that runs the code of before an update starts again."""
    known, version = site.run / f"{server.name}.version", _version(server)
    if processes.pid(server.name) and known.exists() and known.read_text() != version:
        processes.stop(server.name)
    if processes.pid(server.name) is None:
        if server.port:
            site.claim(server.port)
        processes.start(server.name, server.command(site))
        known.write_text(version)


def _version(server: Server) -> str:
    """Tell the code of a server from that of another state of the checkout."""
    own = Path(__file__).parent
    folders = [own, own / "api", *([own / server.module.rpartition(".")[2]] if server.module else [])]
    files = sorted(path for folder in folders for path in folder.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()
