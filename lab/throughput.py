"""How much goes through a tunnel, and through two bare WireGuard ends on the same machine."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab import namespaces, wireguard
from lab.commands import environment, run
from lab.errors import LabError
from lab.network import batch
from lab.processes import MARK
from lab.site import Site

PORT = 5201
_ENDS = {"bare1": ("10.99.0.1", "10.98.0.1"), "bare2": ("10.99.0.2", "10.98.0.2")}
"""Two hosts on one wire: role to outer and inner address."""


@contextmanager
def server(site: Site, namespace: str, address: str) -> Iterator[None]:
    """Run an iperf3 server at `address` of the namespace (a path or a name of ours)."""
    where = namespaces.inside(namespace, ["iperf3", "-s", "-B", address, "-p", str(PORT)])
    process = subprocess.Popen(  # noqa: S603
        where,
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


def measure(namespace: str, address: str, seconds: float = 3) -> float:
    """Return what a TCP stream from the namespace to the server at `address` gets, in Mbit/s.

    The first half second does not count: the stream is still finding its speed.
    """
    argv = ["iperf3", "-c", address, "-p", str(PORT), "-t", str(seconds), "-O", "0.5", "-J"]
    argv += ["--connect-timeout", "3000"]
    done = run(namespaces.inside(namespace, argv), timeout=seconds + 30, check=False)
    result = json.loads(done.stdout or b"{}")
    if "error" in result or done.returncode:
        raise LabError(f"iperf3: {result.get('error', 'no answer')}")
    return round(result["end"]["sum_received"]["bits_per_second"] / 1e6, 1)


@contextmanager
def bare_ends(site: Site) -> Iterator[tuple[str, str]]:
    """Connect two bare WireGuard ends; yields one end's namespace and the other's address."""
    one, two = (site.namespace(role) for role in _ENDS)
    try:
        _wire(one, two)
        _tunnel(site)
        with server(site, two, _ENDS["bare2"][1]):
            yield one, _ENDS["bare2"][1]
    finally:
        for number, role in enumerate(_ENDS, start=1):
            wireguard.remove(site, f"wg{site.hash}b{number}")
            namespaces.remove(site.namespace(role))


def _wire(one: str, two: str) -> None:
    for name in (one, two):
        namespaces.remove(name)
        namespaces.ensure(name)
    batch(one, [f"link add eth0 type veth peer name eth0 netns {two}"])
    for name, (outer, _) in zip((one, two), _ENDS.values(), strict=True):
        batch(name, [f"addr add {outer}/24 dev eth0", "link set eth0 up"])


def _tunnel(site: Site) -> None:
    keys = {role: wireguard.keys() for role in _ENDS}
    for number, (role, (_, inner)) in enumerate(_ENDS.items(), start=1):
        other = next(name for name in _ENDS if name != role)
        space, interface = site.namespace(role), f"wg{site.hash}b{number}"
        wireguard.add(site, space, interface)
        text = (
            f"[Interface]\nPrivateKey = {keys[role][0]}\nListenPort = 51820\n"
            f"[Peer]\nPublicKey = {keys[other][1]}\nAllowedIPs = {_ENDS[other][1]}/32\n"
            f"Endpoint = {_ENDS[other][0]}:51820\n"
        )
        wireguard.configure(space, interface, text)
        wireguard.raise_interface(space, interface, [f"{inner}/24"], [], 1420)


