"""How much goes through a tunnel, and through two bare WireGuard ends on the same machine."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab import lxc, namespaces, wireguard
from lab.commands import environment, run
from lab.errors import LabError
from lab.network import BARE_ADDRESS, BARE_WAN_ADDRESS, WAN_ADDRESS, Network
from lab.processes import MARK, Processes
from lab.site import BRIDGES, MANAGEMENT_HOST, Site

PORT = 5201
TARGET = MANAGEMENT_HOST.partition("/")[0]
"""The host behind the tunnel that takes the streams: what a VPN is there for."""
_CLIENT, _SERVER = "10.98.0.1", "10.98.0.2"
"""The bare ends' addresses inside their tunnel."""


@contextmanager
def server(site: Site) -> Iterator[None]:
    """Run an iperf3 server on the management host."""
    argv = ["iperf3", "-s", "-B", TARGET, "-p", str(PORT)]
    process = subprocess.Popen(
        namespaces.inside(site.namespace("mgmt"), argv),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment({MARK: site.hash}),
    )
    try:
        time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def measure(namespace: str, seconds: int = 2) -> float:
    """Return what a TCP stream from the namespace to the management host gets, in Mbit/s.

    `seconds` is whole: iperf3 cuts off the rest, and 0 would be for ever. Raises LabError.
    """
    argv = ["iperf3", "-c", TARGET, "-p", str(PORT), "-t", str(seconds), "-J", "--connect-timeout", "3000"]
    done = run(namespaces.inside(namespace, argv), timeout=seconds + 30, check=False)
    result = json.loads(done.stdout or b"{}")
    if "error" in result or done.returncode:
        raise LabError(f"iperf3 to {TARGET}: {result.get('error', 'no answer')}")
    time.sleep(0.2)  # The server needs a moment before it takes the next test.
    return float(round(result["end"]["sum_received"]["bits_per_second"] / 1e6, 1))


@contextmanager
def bare_ends(site: Site, cpus: str | None = None) -> Iterator[str]:
    """Connect two bare WireGuard ends; yields the namespace of the one that plays the client.

    They lie where a peer and the container lie, one on the internet and one on the
    management network behind the router, and the server end forwards to the management
    network as the VPN server does, but filters nothing. It is bound to `cpus` and has a
    control group's share of them, as the VPN server has its container's.
    """
    client, serving = site.namespace("bare1"), site.namespace("bare2")
    interfaces = f"wg{site.hash}b1", f"wg{site.hash}b2"
    try:
        _place(site, client, serving)
        _let_forward(serving)
        _tunnel(site, client, serving, interfaces, cpus)
        lxc.confine(site, Processes(site).pid(interfaces[1]))
        yield client
    finally:
        for name, interface in zip((client, serving), interfaces, strict=True):
            wireguard.remove(site, interface)
            namespaces.remove(name)


def _let_forward(namespace: str) -> None:
    run(namespaces.inside(namespace, ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]))
    rules = b"table ip bare { chain out { type nat hook postrouting priority srcnat; masquerade; }; }"
    run(namespaces.inside(namespace, ["nft", "-f", "-"]), stdin=rules)


def _place(site: Site, client: str, serving: str) -> None:
    network = Network(site)
    for name in (client, serving):
        namespaces.remove(name)
    network.add_host(client, "bare1", "wan0", "198.51.100.3/24", WAN_ADDRESS)
    gateway = BRIDGES["vmbr0"].partition("/")[0]
    network.add_host(serving, "bare2", "vmbr0", f"{BARE_ADDRESS}/16", gateway)


def _tunnel(site: Site, client: str, serving: str, interfaces: tuple[str, str], cpus: str | None) -> None:
    (client_private, client_public), (private, public) = wireguard.keys(), wireguard.keys()
    wireguard.add(site, client, interfaces[0])
    wireguard.add(site, serving, interfaces[1], cpus)
    dial = f"Endpoint = {BARE_WAN_ADDRESS}:51820\nPersistentKeepalive = 25\n"
    ends = (
        (serving, interfaces[1], _SERVER, private, client_public, _CLIENT, ""),
        (client, interfaces[0], _CLIENT, client_private, public, TARGET, dial),
    )
    for name, interface, address, own, other, allowed, endpoint in ends:
        text = f"[Interface]\nPrivateKey = {own}\nListenPort = 51820\n[Peer]\nPublicKey = {other}\n"
        wireguard.raise_interface(name, interface, [f"{address}/24"], [f"{allowed}/32"], 1420)
        wireguard.configure(name, interface, f"{text}AllowedIPs = {allowed}/32\n{endpoint}")
    _await_handshake(client, interfaces[0])


def _await_handshake(namespace: str, interface: str, timeout: float = 20) -> None:
    deadline = time.monotonic() + timeout
    while not wireguard.handshake(namespace, interface):
        if time.monotonic() > deadline:
            raise LabError("the two bare WireGuard ends do not connect")
        time.sleep(0.02)
