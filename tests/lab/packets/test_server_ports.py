"""The server's own ports, with real packets: who may use them, now and not once, and who is noted."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.packets.crossing import Crossing, crossing
from tests.lab.packets.test_packet_filter import rules

needs = [name for name in ("nft", "ip", "ping") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(needs) or os.geteuid() != 0, reason="needs root, nft, ip and ping")

HOST = "192.168.10.20"
SERVER = "192.168.20.90"
NEAR = ["192.168.10.0/24", "fd00:a::/64"]
ELSEWHERE = ["192.168.99.0/24"]
ECHO = """
import socket, threading
udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
udp.bind(("::", {udp}))
tcp = socket.create_server(("0.0.0.0", {tcp}))
def packets():
    while True:
        try: udp.sendto(*udp.recvfrom(2000))
        except OSError: pass
def stream():
    while True:
        one = tcp.accept()[0]
        try:
            while (data := one.recv(2000)): one.sendall(data)
        except OSError: pass
threading.Thread(target=packets, daemon=True).start()
print("ready")
stream()
"""
SESSION = """
import socket, sys
kind = {kind}
one = socket.socket(socket.AF_INET, kind); one.settimeout(1.5)
one.bind(("{host}", {own})); one.connect(("{server}", {port}))
for line in sys.stdin:
    try: one.send(line.encode()); print("answered" if one.recv(2000) else "closed")
    except OSError: print("silent")
"""
PORTS = {51820: "socket.SOCK_DGRAM", 22: "socket.SOCK_STREAM"}


@pytest.fixture(scope="module")
def place() -> Iterator[Crossing]:
    """The crossing, with a server that says again what it is told on both its ports."""
    with crossing() as made, echoing(made, "srv", udp=51820, tcp=22):
        yield made


@contextmanager
def echoing(place: Crossing, side: str, *, udp: int, tcp: int) -> Iterator[None]:
    """Say again on one side what is told to these ports."""
    with place.program(side, ECHO.format(udp=udp, tcp=tcp)) as server:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        yield


@contextmanager
def session(place: Crossing, port: int) -> Iterator[subprocess.Popen[str]]:
    """Hold one socket open from the management network to the server."""
    with place.program("lan", SESSION.format(kind=PORTS[port], host=HOST, own=0, server=SERVER, port=port)) as client:
        yield client


def ask(client: subprocess.Popen[str]) -> str:
    """Say something on the session and return what came of it."""
    assert client.stdin
    assert client.stdout
    client.stdin.write("hello\n")
    client.stdin.flush()
    return client.stdout.readline().strip()


def tracked(place: Crossing) -> int:
    """Return how many connections the server's kernel keeps track of."""
    return int(place.inside("srv", "cat", "/proc/sys/net/netfilter/nf_conntrack_count"))


@pytest.mark.parametrize("port", PORTS)
def test_who_is_a_source_no_longer_is_cut_off_in_his_session(place: Crossing, port: int) -> None:
    place.load(rules(listen_sources=NEAR, ssh_sources=NEAR))
    with session(place, port) as client:
        assert ask(client) == "answered"
        place.load(rules(listen_sources=ELSEWHERE, ssh_sources=ELSEWHERE))
        assert ask(client) == "silent"


def test_a_full_connection_table_keeps_nobody_out(place: Crossing) -> None:
    """A peer can fill it. The kernel then drops what is new to it, and these two are never told to it."""
    place.load(rules(listen_sources=NEAR, ssh_sources=NEAR))
    before = tracked(place)
    for port in PORTS:
        with session(place, port) as client:
            assert ask(client) == "answered"
            assert tracked(place) <= before
    assert place.passes("10.8.0.2", HOST)
    assert tracked(place) > before, "a peer's own flow is followed"


@pytest.mark.parametrize("port", PORTS)
def test_a_peer_s_own_flow_from_the_same_port_is_answered(place: Crossing, port: int) -> None:
    """Masqueraded it would keep its port, and its answer be taken for the server's, which goes untracked."""
    place.load(rules(listen_sources=NEAR, ssh_sources=NEAR))
    code = SESSION.format(kind=PORTS[port], host="10.8.0.2", own=port, server=HOST, port=7000)
    with echoing(place, "lan", udp=7000, tcp=7000), place.program("wg0", code) as client:
        assert ask(client) == "answered"


def test_ssh_through_the_tunnel_to_a_site_is_followed(place: Crossing) -> None:
    """Only the server's own port 22 is not: the answer from a site passes as part of its flow alone."""
    place.load(rules(ssh_sources=NEAR))
    assert place.connects(HOST, "10.20.0.5", 22, side="lan")


FIRST = "01000000"


@pytest.mark.parametrize(
    ("length", "begin", "noted"),
    [(148, FIRST, True), (148, "04000000", False), (92, "02000000", False), (147, FIRST, False)],
)
def test_who_begins_a_handshake_is_noted(place: Crossing, length: int, begin: str, noted: bool) -> None:
    place.load(rules())
    code = f"""
import socket
for host, family in (("198.51.100.90", socket.AF_INET), ("2001:db8::90", socket.AF_INET6)):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.sendto(bytes.fromhex("{begin}").ljust({length}, b"x"), (host, 51820))
print("sent")
"""
    with place.program("wan", code) as client:
        assert client.stdout
        assert client.stdout.readline() == "sent\n"
    held = place.inside("srv", "nft", "list", "table", "inet", "wireguard_vpn_attempts")
    found = re.findall(r"(\S+) expires", held)
    assert found == (["198.51.100.7", "2001:db8::7"] if noted else [])


def test_ssh_through_the_tunnel_to_the_server_is_open_where_its_sources_say_so(place: Crossing) -> None:
    place.load(rules(ssh_sources=["10.8.0.2/32"]))
    assert place.connects("10.8.0.2", "10.8.0.1", 22)
    assert not place.connects("10.8.0.3", "10.8.0.1", 22)


KNOCK = """
import socket, sys
source, target = sys.stdin.readline().split()
one = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(1); one.bind((source, 0)); one.sendto(b"hello", (target, 51820))
try: print("answered" if one.recv(2000) else "")
except OSError: print("silent")
"""


def knock(place: Crossing, side: str, source: str, target: str) -> str:
    """Send a packet to the listen port and return what came of it."""
    with place.program(side, KNOCK) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write(f"{source} {target}\n")
        client.stdin.flush()
        return client.stdout.readline().strip()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("10.8.0.2", "10.8.0.1"),
        ("10.8.0.2", SERVER),
        ("10.20.0.5", SERVER),
        ("fd00:8::2", "fd00:8::1"),
        ("fd00:8::2", "fd00:a::90"),
    ],
)
def test_the_listen_port_is_closed_to_what_comes_through_the_tunnel(place: Crossing, source: str, target: str) -> None:
    """The server would note an endpoint inside the tunnel, and encrypt what it sends there without end."""
    place.load(rules())
    assert knock(place, "wan", "198.51.100.7", "198.51.100.90") == "answered"
    assert knock(place, "wan", "2001:db8::7", "2001:db8::90") == "answered"
    assert knock(place, "wg0", source, target) == "silent"


INTO_TUNNEL = """
table inet foreign_output {
    counter encrypted { }
    chain leaving { type filter hook postrouting priority 0; oifname "wg0" udp sport 51820 counter name encrypted; }
}
"""


def test_what_the_server_encrypted_does_not_go_into_the_tunnel(place: Crossing) -> None:
    """A peer that speaks from outside with an address of a site has its endpoint inside the tunnel."""
    place.load(rules() + INTO_TUNNEL)
    place.inside("lan", "ip", "address", "add", "10.20.0.9/32", "dev", "eth0")
    try:
        assert knock(place, "lan", "10.20.0.9", SERVER) == "silent"
    finally:
        place.inside("lan", "ip", "address", "delete", "10.20.0.9/32", "dev", "eth0")
    counted = place.inside("srv", "nft", "list", "counter", "inet", "foreign_output", "encrypted")
    assert "packets 0 " in counted


@pytest.mark.parametrize("target", ["10.8.0.1", SERVER])
def test_a_site_reaches_no_ssh_of_the_server_through_the_tunnel(place: Crossing, target: str) -> None:
    """Sources that are wide, as the default's 192.168.0.0/16, hold a site that nobody meant."""
    place.load(rules(ssh_sources=["10.0.0.0/8", *NEAR]))
    assert place.connects("10.8.0.5", target, 22)
    assert not place.connects("10.20.0.5", target, 22)
    assert place.connects(HOST, SERVER, 22, side="lan")
