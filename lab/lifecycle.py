"""Starting, healing, stopping and removing a site."""

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import environment, firewall, lxc, namespaces, servers, services, wireguard
from lab.commands import progress
from lab.containers import Containers
from lab.errors import ContainerError, LabError
from lab.network import Network
from lab.peers import Peers
from lab.processes import Processes, end
from lab.site import Site
from lab.templates import ensure_template

TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "lxc-start": "lxc",
    "lxc-usernsexec": "lxc",
    "mmdebstrap": "mmdebstrap",
    "wg": "wireguard-tools",
    "wireguard-go": "wireguard-go",
    "/usr/sbin/sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "dnsmasq": "dnsmasq-base",
    "iperf3": "iperf3",
    "ping": "iputils-ping",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "zstd": "zstd",
    "sysctl": "procps",
}
"""Commands the lab uses, and the Debian packages they come in."""
GRACE = 30.0
"""How long containers have to halt, in seconds."""


def start(site: Site, asked: Iterable[str] = ()) -> None:
    """Bring the site up, whatever state it is in; quick and without effect when it runs.

    `asked` names services (lab.services) it shall have; those it has already start in any case.
    Raises LabError when a command of TOOLS is missing or a server does not come up.
    """
    _check_tools()
    site.prepare()
    with site.lock("lifecycle"):
        network = Network(site)
        if not (_marker(site).exists() and network.alive()):
            sweep(site)
        progress("Networks: management, DMZ and internet, in namespaces of their own")
        network.up()
        firewall.apply(site)
        _marker(site).touch()
        ensure_template(site)
        progress("Servers: " + ", ".join(server.name for server in servers.present()))
        servers.start_all(site)
        services.start(site, asked)
        environment.write(site)


def stop(site: Site) -> None:
    """Halt containers and end servers; what they keep under `.lab` stays."""
    if not site.state.exists():
        sweep(site)
        return
    with site.lock("lifecycle"):
        Processes(site).stop("pve")
        _halt_containers(site)
        for name in Peers(site).names():
            Peers(site).disconnect(name)
        for name in reversed(Processes(site).names()):
            Processes(site).stop(name)
        sweep(site)
        _marker(site).unlink(missing_ok=True)


def down(site: Site) -> None:
    """Remove the site with everything in it."""
    stop(site)
    if mounted_below(site.state):
        raise LabError(f"something is mounted below {site.state}: unmount it first")
    shutil.rmtree(site.state, ignore_errors=True)
    if site.state.exists():
        raise LabError(f"{site.state} could not be removed wholly")


def mounted_below(path: Path) -> bool:
    """Whether anything is mounted on `path` or below it: what is removed there would be removed elsewhere."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return any(Path(mount.replace("\\040", " ")).is_relative_to(path) for mount in mounts)


def sweep(site: Site) -> None:
    """End every process of the site and remove its namespaces, control groups and sockets.

    All of them carry the site's hash, or live in a namespace that does: nothing of another
    checkout is touched.
    """
    end(Processes(site).orphans(), timeout=1)
    Network(site).down()
    lxc.remove_groups(site)
    Peers(site).forget()
    for socket in wireguard.SOCKETS.glob(f"wg{site.hash}*.sock"):
        socket.unlink(missing_ok=True)


def _halt_containers(site: Site) -> None:
    containers = Containers(site)
    running = [vmid for vmid in containers.vmids() if containers.running(vmid)]
    if running:
        progress(f"Halting CT {', '.join(map(str, running))}")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda vmid: _halt(containers, vmid), running))


def _halt(containers: Containers, vmid: int) -> None:
    try:
        containers.shutdown(vmid, GRACE)
    except ContainerError:
        containers.stop(vmid)


def _check_tools() -> None:
    search = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool, path=search)})
    if missing:
        raise LabError(f"the lab needs packages: apt-get install {' '.join(missing)}")


def _marker(site: Site) -> Path:
    """Say that the site was brought up and not stopped since."""
    return site.run / "up"


def describe(site: Site) -> list[tuple[str, str, str]]:
    """Return what the site consists of: kind, name, state."""
    processes, containers = Processes(site), Containers(site)
    rows = [("network", name, "up") for name in namespaces.named(site.prefix)]
    for server in servers.present():
        pid = processes.pid(server.name)
        where = f", 127.0.0.1:{site.port(server.port)}" if server.port else ""
        rows.append(("server", server.name, f"runs, pid {pid}{where}" if pid else "stopped"))
    for vmid in containers.vmids():
        pid = containers.pid(vmid)
        rows.append(("CT", str(vmid), f"runs, init is {pid}" if pid else "stopped"))
    return rows + [("peer", name, _age(Peers(site), name)) for name in Peers(site).names()]


def _age(peers: Peers, name: str) -> str:
    try:
        seconds = peers.handshake_age(name)
    except LabError:
        return "down"
    return "no handshake yet" if seconds is None else f"last handshake {seconds:.0f} s ago"
