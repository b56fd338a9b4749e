"""Everything a bundle places on the server: which file, where, with which mode (templates/server/README.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from vpn import agent, keys, nftables, rendering, wgconf
from vpn.network import Network
from vpn.settings import NIC

SCRIPTS: Final = "server"
NOT_CARRIED: Final = ("README.md", "bootstrap", "placement")
STATE: Final = "/var/lib/wireguard-vpn"
LIBRARY: Final = "/usr/local/lib/wireguard-vpn"
NFTABLES_FILE: Final = "/etc/wireguard-vpn/nftables.conf"
SYSCTL_FILE: Final = "/etc/sysctl.d/90-wireguard-vpn.conf"
PEERS_FILE: Final = f"{STATE}/peers.tsv"
WATCH_UNIT_FILE: Final = "/etc/systemd/system/wireguard-vpn-watch@.service"
FIREWALL_UNIT: Final = "wireguard-vpn-firewall.service"
PACKAGES: Final = ("iproute2", "nftables", "qrencode", "wireguard-tools")


@dataclass(frozen=True)
class Placement:
    """One file on the server: octal mode (`0640:zabbix` names a group), path, and the member that holds its content."""

    mode: str
    target: str
    member: str

    @property
    def permissions(self) -> tuple[str, str]:
        """Mode and `owner:group` as `stat` tells them."""
        mode, _, group = self.mode.partition(":")
        return mode, f"root:{group or 'root'}"


@dataclass(frozen=True)
class Files:
    """The members of a bundle by name, and where which of them go."""

    members: dict[str, bytes] = field(repr=False)
    placements: tuple[Placement, ...]
    config_digest: str
    runtime_digest: str


@lru_cache(maxsize=4)
def collect(network: Network) -> Files:
    """Return the scripts and the rendered files of the server, and the digests of its configuration's canonical form.

    Some members hold secrets.
    """
    conf = wgconf.of_network(network)
    config, runtime = wgconf.render(conf), wgconf.render(wgconf.strip(conf))
    rendered = {f"{network.interface.name}.conf": config, "runtime.conf": runtime, **_rendered(network)}
    carried = {name: rendering.static(f"{SCRIPTS}/{name}") for name in scripts()}
    watched = agent.files(network.agent) if network.agent else ()
    return Files(
        members={
            **carried,
            **{name: text.encode() for name, text in rendered.items()},
            **{each.member: each.content for each in watched},
        },
        placements=(
            *static_placements(network.interface.implementation),
            *_rendered_placements(network),
            *(Placement(each.mode, each.target, each.member) for each in watched),
        ),
        config_digest=wgconf.digest(config),
        runtime_digest=wgconf.digest(runtime),
    )


@cache
def scripts() -> tuple[str, ...]:
    """Return the names of the server's scripts and units, which are carried as they are."""
    return tuple(name for name in rendering.names(SCRIPTS) if name not in NOT_CARRIED)


@cache
def static_placements(implementation: str) -> tuple[Placement, ...]:
    """Return where scripts and units go; lines with a fourth word are for that implementation only."""
    lines = (line.split() for line in rendering.static(f"{SCRIPTS}/placement").decode().splitlines())
    return tuple(Placement(*line[:3]) for line in lines if line and line[3:] in ([], [implementation]))


def settings(network: Network, *, epoch: int, instance: str) -> dict[str, str]:
    """Return the `settings` member: what the scripts need to know, as key=value lines."""
    own = network.interface
    return {
        "config": own.file_path,
        "epoch": str(epoch),
        "implementation": own.implementation,
        "instance": instance,
        "interface": own.name,
        "listen_port": str(own.listen_port),
        "packages": " ".join(packages(network)),
        "public_key": own.public_key,
        "restarts": " ".join(f"{path}:{unit}" for path, unit in restarts(network)),
        "routes": " ".join(str(each) for each in wgconf.routes(network)),
        "static_routes": ",".join(wgconf.static_routes(network)),
        "runtime_digest": collect(network).runtime_digest,
        "sysctls": " ".join(f"{name}={value}" for name, value in sysctls(network).items()),
        "units": " ".join(units(network)),
    }


def packages(network: Network) -> tuple[str, ...]:
    """Return the Debian packages the server needs. `wireguard` would pull a whole kernel into the container."""
    userspace = ("wireguard-go",) if network.interface.implementation == "userspace" else ()
    return (*PACKAGES, *userspace, *((agent.PACKAGE,) if network.agent else ()))


def sysctls(network: Network) -> dict[str, str]:
    """Return the kernel settings the server needs (data model 7: IP forwarding), for the families it routes, in order.

    A kernel that forwards IPv6 ignores router advertisements and drops the default route it has of them, unless
    `accept_ra` is 2 (Linux, networking/ip-sysctl): so that comes first.
    """
    found = {"net.ipv4.ip_forward": "1"}
    if any(address.version == 6 for address in network.interface.addresses):
        found[f"net.ipv6.conf.{NIC}.accept_ra"] = "2"
        found["net.ipv6.conf.all.forwarding"] = "1"
    return found


def units(network: Network) -> tuple[str, ...]:
    """Return the units that are enabled and active, in the order they start."""
    name = network.interface.name
    own = (f"wg-quick@{name}.service", FIREWALL_UNIT, f"wireguard-vpn-watch@{name}.service")
    return (*own, *(agent.units(name) if network.agent else ()))


def restarts(network: Network) -> tuple[tuple[str, str], ...]:
    """Return which changed file restarts which unit."""
    name = network.interface.name
    watch = [(path, f"wireguard-vpn-watch@{name}.service") for path in (f"{LIBRARY}/watch", WATCH_UNIT_FILE)]
    return (*watch, *(agent.restarts(name) if network.agent else ()))


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some content in hex."""
    return hashlib.sha256(content).hexdigest()


def _rendered(network: Network) -> dict[str, str]:
    return {
        "nftables.conf": nftables.render(network),
        "sysctl.conf": "".join(f"{name} = {value}\n" for name, value in sysctls(network).items()),
        "peers.tsv": _peer_names(network),
        "routes": wgconf.render_routes(network),
    }


def _rendered_placements(network: Network) -> tuple[Placement, ...]:
    return (
        Placement("0600", network.interface.file_path, f"{network.interface.name}.conf"),
        Placement("0600", NFTABLES_FILE, "nftables.conf"),
        Placement("0644", SYSCTL_FILE, "sysctl.conf"),
        Placement("0600", PEERS_FILE, "peers.tsv"),
        Placement("0600", wgconf.ROUTES_FILE, "routes"),
    )


def _peer_names(network: Network) -> str:
    """Return one line for each active peer, so that journal and monitoring can speak of names, and know their end."""
    rows = ((each.name, each.public_key, keys.fingerprint(each.public_key), each.deadline) for each in network.active)
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)
