"""WireGuard interfaces in network namespaces: the kernel's where it has them, else wireguard-go."""

import threading
import time
from functools import cache
from pathlib import Path
from zlib import crc32

from lab import namespaces
from lab.commands import output, run
from lab.errors import PeerError
from lab.network import batch, links
from lab.processes import Processes
from lab.site import Site

SOCKETS = Path("/run/wireguard")
"""Where wireguard-go keeps its control sockets, for the whole machine."""

FIRST_USER, USERS = 61184, 16
"""User numbers that systemd keeps for passing services: nobody else has them."""


_probing = threading.Lock()


def in_kernel(site: Site) -> bool:
    """Whether the kernel makes WireGuard interfaces (it loads its module if it has one)."""
    with _probing:  # of two probes at once one would find the other's interface in its way
        return _probe(site)


@cache
def _probe(site: Site) -> bool:
    node, name = site.node, "wg-probe"
    if run(["ip", "-n", node, "link", "add", name, "type", "wireguard"], check=False).returncode:
        return False
    batch(node, [f"link del {name}"])
    return True


def add(site: Site, namespace: str, interface: str, cpus: str | None = None) -> None:
    """Make the interface in the namespace; its name must be unique on the machine.

    `cpus`, a list as taskset(1) takes it, bounds wireguard-go.
    """
    if interface in links(namespace):
        return
    if in_kernel(site):
        batch(namespace, [f"link add {interface} type wireguard"])
        return
    (SOCKETS / f"{interface}.sock").unlink(missing_ok=True)
    processes = Processes(site)
    bound = ["taskset", "-c", cpus] if cpus else []
    argv = [*bound, *_as_somebody(interface), "wireguard-go", "-f", interface]
    processes.start(interface, namespaces.inside(namespace, argv))
    deadline = time.monotonic() + 30
    while not ((SOCKETS / f"{interface}.sock").exists() and interface in links(namespace)):
        if processes.pid(interface) is None or time.monotonic() > deadline:
            raise PeerError(f"wireguard-go did not come up: {processes.tail(interface)}")
        time.sleep(0.01)


def _as_somebody(interface: str) -> list[str]:
    """Return how to run the interface's process as one of a few unused users, with what it needs of root's rights.

    Each process watches its control socket by inotify, and the kernel lets one user have 128 of these.
    """
    user = str(FIRST_USER + crc32(interface.encode()) % USERS)
    needed = "+net_admin,+dac_override"
    return ["setpriv", f"--reuid={user}", "--clear-groups", f"--inh-caps={needed}", f"--ambient-caps={needed}"]


def remove(site: Site, interface: str) -> None:
    """End the interface's wireguard-go, if it has one; the interface goes with it."""
    Processes(site).stop(interface)
    (SOCKETS / f"{interface}.sock").unlink(missing_ok=True)


def configure(namespace: str, interface: str, text: str) -> None:
    """Set keys and peers as `wg setconf` does, without the text ever lying in a file."""
    argv = ["wg", "setconf", interface, "/dev/stdin"]
    done = run(namespaces.inside(namespace, argv), stdin=text.encode(), check=False)
    if done.returncode:
        raise PeerError(f"wg refuses the client configuration ({_without_keys(done.stderr)})")


def _without_keys(said: bytes) -> str:
    """Leave out what wg quotes: it may be a key."""
    return said.decode(errors="replace").partition("`")[0].strip()


def raise_interface(namespace: str, interface: str, addresses: list[str], allowed_ips: list[str], mtu: int) -> None:
    """Give the interface addresses and routes, as wg-quick(8) does."""
    lines = [f"addr replace {address} dev {interface}" for address in addresses]
    lines.append(f"link set {interface} mtu {mtu} up")
    lines += [f"route replace {net} dev {interface}" for net in allowed_ips if not net.endswith("/0")]
    batch(namespace, lines)
    for net in allowed_ips:
        if net.endswith("/0"):
            _take_all(namespace, interface, "-6" if ":" in net else "-4")


def _take_all(namespace: str, interface: str, family: str) -> None:
    """Send everything but the tunnel's own packets through it: wg-quick's policy routing."""
    mark = "51820"
    run(namespaces.inside(namespace, ["wg", "set", interface, "fwmark", mark]))
    commands = [
        f"route replace default dev {interface} table {mark}",
        f"rule add not fwmark {mark} table {mark}",
        "rule add table main suppress_prefixlength 0",
    ]
    for words in commands:
        run(["ip", "-n", namespace, family, *words.split()])


def handshake(namespace: str, interface: str) -> int:
    """Return when the interface's first peer last shook hands, in Unix seconds; 0 for never."""
    listing = output(namespaces.inside(namespace, ["wg", "show", interface, "latest-handshakes"]))
    words = listing.split()
    return int(words[1]) if len(words) > 1 else 0


def keys() -> tuple[str, str]:
    """Return a new private key and its public key."""
    private = output(["wg", "genkey"]).strip()
    return private, run(["wg", "pubkey"], stdin=private.encode()).stdout.decode().strip()
