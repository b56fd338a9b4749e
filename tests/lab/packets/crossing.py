"""A crossing of four networks around a server that runs our ruleset: peers, management, DMZ, internet.

The ruleset knows the tunnel by its interface name, so a veth pair named wg0 stands for it: what is tested is the
filter alone, and packets with any source can be sent.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SIDES = {
    "wg0": ("10.8.0.1/24", "fd00:8::1/64"),
    "lan": ("192.168.20.90/16", "fd00:a::90/64"),
    "dmz": ("172.16.10.90/24", "fd00:d::90/64"),
    "wan": ("198.51.100.90/24", "2001:db8::90/64"),
}
HOSTS = {
    "wg0": [f"10.8.0.{n}/24" for n in range(2, 9)] + ["10.20.0.5/16"] + [f"fd00:8::{n}/64" for n in range(2, 9)],
    "lan": ["192.168.10.20/16", "192.168.40.9/16", "fd00:a::20/64"],
    "dmz": ["172.16.10.20/24", "fd00:d::20/64"],
    "wan": ["198.51.100.7/24", "2001:db8::7/64"],
}


def run(*words: str, text: str = "") -> str:
    """Run a program that must succeed and return what it prints."""
    told = subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=30)
    assert told.returncode == 0, (words, told.stderr)
    return told.stdout


@dataclass(frozen=True)
class Crossing:
    """Namespaces `<name>-srv` and one for each side."""

    name: str

    def inside(self, side: str, *words: str, text: str = "") -> str:
        """Run a program in a namespace."""
        return run("ip", "netns", "exec", f"{self.name}-{side}", *words, text=text)

    def load(self, rules: str) -> None:
        """Load a ruleset into the server."""
        self.inside("srv", "nft", "-f", "-", text=rules)

    def passes(self, source: str, target: str, side: str = "wg0") -> bool:
        """Tell whether a ping from a source address on one side is answered."""
        words = ["ping", "-q", "-c", "3", "-i", "0.2", "-W", "1", "-I", source, target]
        told = subprocess.run(["ip", "netns", "exec", f"{self.name}-{side}", *words], capture_output=True, check=False)
        return told.returncode == 0

    def connects(self, source: str, target: str, port: int, side: str = "wg0") -> bool:
        """Tell whether a TCP connection from an address on one side is answered, be it refused by the host itself."""
        code = (
            "import socket, sys\n"
            f"s = socket.socket(socket.AF_INET6 if ':' in {target!r} else socket.AF_INET); s.settimeout(1.5)\n"
            f"s.bind(({source!r}, 0))\n"
            f"try: s.connect(({target!r}, {port}))\n"
            "except ConnectionRefusedError: pass\n"
            "except OSError: sys.exit(1)\n"
        )
        words = ["ip", "netns", "exec", f"{self.name}-{side}", "python3", "-c", code]
        return subprocess.run(words, capture_output=True, check=False).returncode == 0

    @contextmanager
    def program(self, side: str, code: str) -> Iterator[subprocess.Popen[str]]:
        """Run Python code on one side, to talk to by lines."""
        words = ["ip", "netns", "exec", f"{self.name}-{side}", "python3", "-uc", code]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    @contextmanager
    def flow(self, source: str, target: str) -> Iterator[subprocess.Popen[str]]:
        """Ping twenty times a second in the background."""
        words = ["ping", "-n", "-i", "0.05", "-W", "0.4", "-I", source, target]
        command = ["ip", "netns", "exec", f"{self.name}-wg0", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()


@contextmanager
def crossing() -> Iterator[Crossing]:
    """Make the crossing, and take it down whatever happens."""
    place = Crossing(f"wgx{os.getpid()}")
    names = [f"{place.name}-{side}" for side in ("srv", *SIDES)]
    try:
        for name in names:
            run("ip", "netns", "add", name)
        for side in SIDES:
            _join(place, side)
        place.inside("srv", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        yield place
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def _join(place: Crossing, side: str) -> None:
    """Join a side to the server, with all its addresses and a way back for the others."""
    here, there = f"{place.name}-srv", f"{place.name}-{side}"
    run("ip", "link", "add", side, "netns", here, "type", "veth", "peer", "name", "eth0", "netns", there)
    for namespace, device, addresses in ((here, side, SIDES[side]), (there, "eth0", HOSTS[side])):
        for address in addresses:
            run("ip", "-n", namespace, "address", "add", address, "dev", device, *_at_once(address))
        run("ip", "-n", namespace, "link", "set", device, "up")
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    for address in SIDES[side]:
        run("ip", "-n", there, "route", "add", "default", "via", address.split("/")[0])
    if side == "wg0":
        run("ip", "-n", here, "route", "add", "10.20.0.0/16", "dev", side)


def _at_once(address: str) -> tuple[str, ...]:
    return ("nodad",) if ":" in address else ()
