"""One checkout is one site: its names, its paths and its loopback ports."""

import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

NODE: Final = "pve"
"""Name of the Proxmox VE node."""
BRIDGES: Final = {"vmbr0": "192.168.10.1/16", "vmbr1": "172.16.10.1/24", "wan0": "198.51.100.1/24"}
"""Bridges of the node and its own address on each: management, DMZ and "the internet"."""
MANAGEMENT_HOST: Final = "192.168.10.20/16"
"""A host of the management network that answers ping, TCP echo (7) and HTTP (80)."""
DMZ_HOST: Final = "172.16.10.20/24"
"""A host of the DMZ that answers the same."""
CONTAINER_ADDRESS: Final = "192.168.20.90"
"""The address the router forwards WireGuard's UDP ports to until told otherwise."""
SERVICES: Final = ("ssh", "pve", "pbs", "netbox", "zabbix")
"""What listens on the host's loopback, each on a port of its own."""


@dataclass(frozen=True)
class Site:
    """Where one checkout keeps its lab and how it names what it makes outside of it.

    Every name carries `hash`, so that labs of several checkouts run side by side and the
    remains of one are told from what another uses.
    """

    root: Path
    hash: str

    @classmethod
    def of(cls, checkout: Path | None = None) -> "Site":
        """Return the site of `checkout`; by default the checkout this package lies in."""
        root = (checkout or Path(__file__).parents[1]).resolve()
        return cls(root, hashlib.sha256(os.fsencode(root)).hexdigest()[:6])

    @property
    def state(self) -> Path:
        """Everything the site keeps: `.lab` in the checkout."""
        return self.root / ".lab"

    @property
    def run(self) -> Path:
        """Files that say which process is which (`NAME.pid`)."""
        return self.state / "run"

    @property
    def logs(self) -> Path:
        """One log file per service and per container."""
        return self.state / "logs"

    @property
    def keys(self) -> Path:
        """SSH keys of the node and its jump user."""
        return self.state / "keys"

    @property
    def containers(self) -> Path:
        """The containers, one directory per VMID; seen as /var/lib/lxc by LXC itself."""
        return self.state / "ct"

    @property
    def cache(self) -> Path:
        """Directory shared by every checkout of this user: templates, packages, toolchain."""
        default = Path.home() / ".cache" / "wireguard-vpn"
        return Path(os.environ.get("WIREGUARD_VPN_CACHE") or default)

    @property
    def node(self) -> str:
        """Network namespace of the Proxmox node."""
        return self.namespace("node")

    @property
    def prefix(self) -> str:
        """Beginning of every name of this site that the whole machine sees."""
        return f"wgl-{self.hash}-"

    def namespace(self, role: str) -> str:
        """Name of the network namespace that plays `role`."""
        return self.prefix + role

    def prepare(self) -> None:
        """Make the directories of the site; private, but to be traversed by containers."""
        for path in (self.state, self.run, self.logs, self.keys, self.containers):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.state.chmod(0o755)
        self.keys.chmod(0o700)
        self.run.chmod(0o700)

    @contextmanager
    def lock(self, name: str = "site") -> Iterator[None]:
        """Hold the site's lock `name`: one change at a time, also between processes."""
        self.run.mkdir(parents=True, exist_ok=True)
        with (self.run / f"{name}.lock").open("w") as handle:
            flock(handle, LOCK_EX)
            yield

    def port(self, service: str) -> int:
        """Loopback port of `service` (one of SERVICES), picked at first use and remembered."""
        return self.ports()[service]

    def ports(self) -> dict[str, int]:
        """Loopback port of every service, remembered in `.lab/ports.json`."""
        known = self._known_ports()
        missing = [name for name in SERVICES if name not in known]
        if missing:
            known |= free_ports(missing)
            self._remember_ports(known)
        return known

    def repick(self, service: str) -> int:
        """Give `service` another port, for when a stranger has taken the remembered one."""
        ports = self.ports() | free_ports([service])
        self._remember_ports(ports)
        return ports[service]

    def claim(self, service: str) -> None:
        """Keep the port of `service`, which is about to start, unless a stranger has taken it: then repick."""
        try:
            socket.create_server(("127.0.0.1", self.port(service))).close()
        except OSError:
            self.repick(service)

    def _known_ports(self) -> dict[str, int]:
        try:
            return {str(k): int(v) for k, v in json.loads(self._ports_file.read_text()).items()}
        except (FileNotFoundError, ValueError):
            return {}

    def _remember_ports(self, ports: dict[str, int]) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        write_atomically(self._ports_file, json.dumps(ports, indent=2) + "\n")

    @property
    def _ports_file(self) -> Path:
        return self.state / "ports.json"


def free_ports(names: list[str]) -> dict[str, int]:
    """Return a free loopback TCP port for each of `names`."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: s.getsockname()[1] for name, s in zip(names, sockets, strict=True)}
    for s in sockets:
        s.close()
    return ports


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Write `text` to `path` so that a reader sees the old or the new content, never a part."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.touch(mode=mode)
    partial.chmod(mode)
    partial.write_text(text)
    partial.replace(path)
