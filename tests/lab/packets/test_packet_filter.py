"""Who reaches what, with real packets in both families."""

import datetime as dt
import os
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.packets.crossing import Crossing, crossing
from tests.pure.support import network
from vpn import nftables

needs = [name for name in ("nft", "ip", "ping") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(needs) or os.geteuid() != 0, reason="needs root, nft, ip and ping")

SITE: dict[str, Any] = {
    "address_ipv6": "fd00:8::1/64",
    "routes": [{"destination_network": "192.168.0.0/16"}, {"destination_network": "fd00:a::/64"}],
    "dmz_networks": ["172.16.10.0/24", "fd00:d::/64"],
    "groups": {"web": {"allow": [{"network": "192.168.40.0/24", "protocol": "tcp", "ports": [80, "8000-8010"]}]}},
}


def people(**changes: Any) -> list[dict[str, Any]]:
    """Return a team with fixed addresses: 2 open, 3 full tunnel, 4 web only, 5 a site, 6 off, 7 one host by icmp."""
    team: dict[str, dict[str, Any]] = {
        "open": {"allowed_ips": ["10.8.0.2/32", "fd00:8::2/128"]},
        "full": {"allowed_ips": ["10.8.0.3/32", "fd00:8::3/128"], "tunnel": "full"},
        "web": {"allowed_ips": ["10.8.0.4/32", "fd00:8::4/128"], "group": "web"},
        "site": {"allowed_ips": ["10.8.0.5/32", "fd00:8::5/128"], "site_networks": ["10.20.0.0/16"]},
        "off": {"allowed_ips": ["10.8.0.6/32", "fd00:8::6/128"], "disabled": True},
        "host": {
            "allowed_ips": ["10.8.0.7/32", "fd00:8::7/128"],
            "allow": [{"network": "192.168.10.20/32", "protocol": "icmp"}, {"network": "fd00:a::20/128"}],
        },
    }
    return [{"name": name, **each, **changes.get(name, {})} for name, each in team.items()]


def rules(members: list[dict[str, Any]] | None = None, **changes: Any) -> str:
    return nftables.render(network(**{**SITE, "peers": members or people(), **changes}))


@pytest.fixture(scope="module")
def place() -> Iterator[Crossing]:
    with crossing() as made:
        yield made


@pytest.fixture
def loaded(place: Crossing) -> Crossing:
    place.load(rules())
    return place


@pytest.mark.parametrize(
    ("source", "target", "passes"),
    [
        ("10.8.0.2", "192.168.10.20", True),
        ("fd00:8::2", "fd00:a::20", True),
        ("10.8.0.2", "10.8.0.1", True),
        ("10.8.0.2", "172.16.10.20", False),
        ("fd00:8::2", "fd00:d::20", False),
        ("10.8.0.2", "198.51.100.7", False),
        ("fd00:8::2", "2001:db8::7", False),
        ("10.8.0.3", "198.51.100.7", True),
        ("fd00:8::3", "2001:db8::7", True),
        ("10.8.0.3", "192.168.10.20", True),
        ("10.8.0.3", "172.16.10.20", False),
        ("fd00:8::3", "fd00:d::20", False),
        ("10.8.0.4", "192.168.40.9", False),
        ("10.8.0.5", "192.168.10.20", True),
        ("10.20.0.5", "192.168.10.20", True),
        ("10.8.0.6", "192.168.10.20", False),
        ("fd00:8::6", "fd00:a::20", False),
        ("10.8.0.7", "192.168.10.20", True),
        ("10.8.0.7", "192.168.40.9", False),
        ("fd00:8::7", "fd00:a::20", True),
        ("10.8.0.8", "192.168.10.20", False),
        ("10.8.0.8", "10.8.0.1", False),
    ],
)
def test_who_reaches_what(loaded: Crossing, source: str, target: str, passes: bool) -> None:
    assert loaded.passes(source, target) is passes


@pytest.mark.parametrize(("port", "passes"), [(80, True), (8005, True), (81, False), (22, False)])
def test_ports_are_told_apart(loaded: Crossing, port: int, passes: bool) -> None:
    assert loaded.connects("10.8.0.4", "192.168.40.9", port) is passes


def test_peers_reach_each_other_only_where_configured(place: Crossing) -> None:
    place.inside("srv", "nft", "-f", "-", text=COUNTER)
    place.inside("srv", "ip", "neigh", "replace", "10.8.0.9", "lladdr", "02:00:00:00:00:09", "dev", "wg0")
    place.inside("wg0", "ip", "route", "replace", "10.8.0.9/32", "via", "10.8.0.1")
    sent = []
    for members in ({}, {"peer_to_peer": True}, {"members": people(open={"allow": [{"network": "10.8.0.9/32"}]})}):
        place.load(rules(**members))
        assert not place.passes("10.8.0.2", "10.8.0.9"), "nobody is there to answer"
        sent.append("packets 0 " not in place.inside("srv", "nft", "list", "counter", "ip", "foreign", "to_peer"))
        place.inside("srv", "nft", "reset", "counter", "ip", "foreign", "to_peer")
    assert sent == [False, True, True]


@pytest.mark.parametrize(("version", "everywhere"), [(4, "0.0.0.0/0"), (6, "::/0")])
def test_a_wildcard_opens_no_other_peers_public_site(place: Crossing, version: int, everywhere: str) -> None:
    host, network, via = PUBLIC_SITE[version]
    place.inside("srv", "ip", "route", "replace", network, "dev", "wg0")
    place.inside("wg0", "ip", "route", "replace", host, "via", via)
    sent = []
    for allow, peer_to_peer in ((everywhere, False), (everywhere, True), (network, False)):
        team = people(open={"allow": [{"network": allow}]}, site={"site_networks": ["10.20.0.0/16", network]})
        place.load(rules(team, peer_to_peer=peer_to_peer) + PUBLIC_COUNTER)
        assert not place.passes("10.8.0.2" if version == 4 else "fd00:8::2", host), "nobody is there to answer"
        counted = place.inside("srv", "nft", "list", "counter", "inet", "foreign_site", "to_site")
        sent.append("packets 0 " not in counted)
    place.inside("srv", "ip", "route", "delete", network, "dev", "wg0")
    assert sent == [False, True, True]


PUBLIC_SITE = {
    4: ("203.0.113.9", "203.0.113.0/24", "10.8.0.1"),
    6: ("2001:db8:7::9", "2001:db8:7::/64", "fd00:8::1"),
}
PUBLIC_COUNTER = """
table inet foreign_site
delete table inet foreign_site
table inet foreign_site {
    counter to_site { }
    chain leaving {
        type filter hook postrouting priority 0;
        oifname "wg0" ip daddr 203.0.113.9 counter name to_site
        oifname "wg0" ip6 daddr 2001:db8:7::9 counter name to_site
    }
}
"""


# A table of somebody else's, which ours must leave alone: it counts what leaves for the peer 10.8.0.9.
COUNTER = """
table ip foreign {
    counter to_peer { }
    chain leaving { type filter hook postrouting priority 0; oifname "wg0" ip daddr 10.8.0.9 counter name to_peer; }
}
"""


def test_the_management_network_reaches_sites_and_no_other_peer(loaded: Crossing) -> None:
    assert loaded.passes("192.168.10.20", "10.20.0.5", side="lan")
    assert not loaded.passes("192.168.10.20", "10.8.0.2", side="lan")
    assert not loaded.passes("172.16.10.20", "10.20.0.5", side="dmz")


def test_the_vpns_addresses_do_not_come_from_outside(loaded: Crossing) -> None:
    loaded.inside("lan", "ip", "address", "replace", "10.8.0.2/32", "dev", "eth0")
    try:
        assert not loaded.passes("10.8.0.2", "192.168.20.90", side="lan")
        assert loaded.passes("192.168.10.20", "192.168.20.90", side="lan")
    finally:
        loaded.inside("lan", "ip", "address", "delete", "10.8.0.2/32", "dev", "eth0")


@pytest.mark.parametrize(
    "change",
    [
        {"open": {"disabled": True}},
        {"open": {"allow": []}},
        {"open": {"allow": [{"network": "192.168.40.0/24"}]}},
        {"open": {"expires_at": "2020-01-01T00:00:00Z"}},
    ],
)
def test_what_is_taken_away_ends_flows_that_run(place: Crossing, change: dict[str, Any]) -> None:
    place.load(rules())
    with place.flow("10.8.0.2", "192.168.10.20") as process, place.flow("10.8.0.3", "192.168.10.20") as other:
        time.sleep(0.5)
        place.load(rules(people(**change)))
        time.sleep(0.5)
        process.send_signal(2)
        other.send_signal(2)
        cut, kept = process.communicate()[0], other.communicate()[0]
    answered = _answered(cut)
    assert answered, cut
    assert _counts(cut)[0] - max(answered) >= SEVERAL, cut
    assert _lost(kept) <= 1, kept


SEVERAL = 3
"""Packets at the end without an answer: more than the one that may still be on its way."""


def _answered(report: str) -> list[int]:
    return [int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", report)]


def _lost(report: str) -> int:
    sent, received = _counts(report)
    return sent - received


def _counts(report: str) -> tuple[int, int]:
    words = report.rsplit("---\n", 1)[-1].split()
    return int(words[0]), int(words[3])


def test_the_kernel_cuts_a_peer_when_its_time_comes(place: Crossing) -> None:
    end = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=6)
    of = network(**{**SITE, "peers": people(open={"expires_at": end.isoformat()})})
    place.load(nftables.render(of))
    assert place.passes("10.8.0.2", "192.168.10.20")
    assert place.passes("fd00:8::2", "fd00:a::20")
    time.sleep(max(0.0, (end - dt.datetime.now(dt.UTC)).total_seconds()) + 0.1)
    assert not place.passes("10.8.0.2", "192.168.10.20")
    assert not place.passes("fd00:8::2", "fd00:a::20")
    assert place.passes("10.8.0.3", "192.168.10.20")
