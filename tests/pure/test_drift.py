"""Each way a server can differ from what it should be, and the words for it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.pure.support import TEAM, network
from vpn.bundle import expectation
from vpn.drift import compare
from vpn.expectation import Expectation

ROUTE = {"destination_network": "10.30.0.0/16", "gateway": "192.168.10.1", "metric": 5}
EXPECTED = expectation(network(**TEAM, routes=[{"destination_network": "192.168.0.0/16"}, ROUTE]))
Facts = dict[str, Any]


def healthy() -> Facts:
    """Return what `observe` prints of a server that is as expected."""
    return {
        "interface": "wg0",
        "boot_id": "0e1c",
        "config": {"digest": EXPECTED.config_digest},
        "runtime": {
            "digest": EXPECTED.runtime_digest,
            "public_key": EXPECTED.public_key,
            "listen_port": 51820.0,
            "peers": [{"public_key": p.public_key, "allowed_ips": list(p.allowed_ips)} for p in EXPECTED.peers],
            "addresses": [*EXPECTED.addresses, "fe80::1/64"],
            "mtu": 1420.0,
            "routes": list(EXPECTED.routes or ()),
            "static_routes": ["0.0.0.0/0 via 192.168.20.1", *EXPECTED.static_routes],
        },
        "files": {
            path: {"mode": each.mode, "owner": each.owner, "digest": each.digest}
            for path, each in EXPECTED.files.items()
        },
        "units": {unit: {"active": "active", "enabled": "enabled"} for unit in EXPECTED.units},
        "sysctl": dict(EXPECTED.sysctls),
        "firewall": {"digest": "f1", "recorded": "f1"},
        "packages": dict.fromkeys(EXPECTED.packages, "1.0"),
    }


def change(*way: Any, to: Any = ...) -> Callable[[Facts], None]:
    """Return a change of the facts: what stands at the end of the way becomes `to`, or goes."""

    def apply(facts: Facts) -> None:
        place: Any = facts
        for step in way[:-1]:
            place = place[step]
        if to is ...:
            del place[way[-1]]
        else:
            place[way[-1]] = to

    return apply


def add_peer(facts: Facts) -> None:
    facts["runtime"]["peers"].append({"public_key": "MALLORY", "allowed_ips": []})
    facts["runtime"]["digest"] = "other"


def remove_peer(facts: Facts) -> None:
    facts["runtime"]["peers"] = [
        p for p in facts["runtime"]["peers"] if p["public_key"] != EXPECTED.peers[1].public_key
    ]
    facts["runtime"]["digest"] = "other"


def spoil_two_files(facts: Facts) -> None:
    del facts["files"][CONF]
    facts["files"]["/etc/wireguard-vpn/nftables.conf"]["digest"] = "x"


CONF = "/etc/wireguard/wg0.conf"
CASES: list[tuple[Callable[[Facts], None], tuple[str, ...]]] = [
    (lambda _: None, ()),
    (change("boot_id", to="another boot"), ()),
    (change("config", "digest", to="edited"), ("the configuration file of wg0 was changed",)),
    (change("config", "digest"), ()),
    (change("files", CONF), (f"{CONF} is gone",)),
    (change("files", CONF, "digest"), ()),
    (change("files", CONF, "mode", to="0644"), (f"{CONF} has mode 0644 instead of 0600",)),
    (change("files", CONF, "owner", to="nobody:root"), (f"{CONF} belongs to nobody:root instead of root:root",)),
    (
        change("files", "/etc/wireguard-vpn/nftables.conf", "digest", to="x"),
        ("/etc/wireguard-vpn/nftables.conf was changed",),
    ),
    (spoil_two_files, (f"{CONF} is gone", "/etc/wireguard-vpn/nftables.conf was changed")),
    (add_peer, ("unknown peer MALLORY is on the interface",)),
    (remove_peer, ("peer bob is missing on the interface",)),
    (
        change("runtime", "peers", 0, "allowed_ips", to=["10.8.0.99/32"]),
        ("peer alice-laptop has other allowed IPs on the interface: 10.8.0.99/32",),
    ),
    (
        change("runtime", "peers", 0, "allowed_ips", to=[]),
        ("peer alice-laptop has other allowed IPs on the interface: none",),
    ),
    (
        change("runtime", "digest", to="x"),
        ("wg0 runs with other settings than configured (preshared key, keepalive or port)",),
    ),
    (change("runtime", "public_key", to="x"), ("wg0 runs with another key",)),
    (change("runtime", "listen_port", to=1.0), ("wg0 listens on port 1 instead of 51820",)),
    (change("runtime", "addresses", 0, to="fe80::1/64"), ("wg0 does not have its address 10.8.0.1/24",)),
    (change("runtime", "addresses"), ()),
    (
        change("runtime", "addresses", to=[*EXPECTED.addresses, "192.168.77.1/24", "fd00:77::1/64"]),
        ("an unknown address 192.168.77.1/24 is on wg0", "an unknown address fd00:77::1/64 is on wg0"),
    ),
    (change("runtime", "mtu", to=9000.0), ("wg0 has MTU 9000 instead of 1420",)),
    (change("runtime", "mtu"), ()),
    (change("runtime", "routes", to=[]), ("the route to 10.20.0.0/16 through wg0 is gone",)),
    (
        change("runtime", "routes", to=["10.20.0.0/16", "172.20.0.0/16"]),
        ("an unknown route to 172.20.0.0/16 leads into wg0",),
    ),
    (change("runtime", "routes"), ()),
    (
        change("runtime", "static_routes", to=["10.30.0.0/16 via 192.168.10.1 metric 6"]),
        ("the route to 10.30.0.0/16 via 192.168.10.1 metric 5 is gone",),
    ),
    (change("runtime", "static_routes"), ()),
    (change("runtime", to=None), ("the interface wg0 is down",)),
    (change("units", "wg-quick@wg0.service", "active", to="failed"), ("wg-quick@wg0.service is failed",)),
    (change("units", "wg-quick@wg0.service", "enabled", to="disabled"), ("wg-quick@wg0.service is disabled at boot",)),
    (
        change("units", "wg-quick@wg0.service"),
        ("wg-quick@wg0.service is unknown", "wg-quick@wg0.service is unknown at boot"),
    ),
    (change("sysctl", "net.ipv4.ip_forward", to="0"), ("net.ipv4.ip_forward is 0 instead of 1",)),
    (change("sysctl", "net.ipv4.ip_forward"), ("net.ipv4.ip_forward is unknown instead of 1",)),
    (change("firewall", "digest", to=None), ("the firewall rules are not loaded",)),
    (change("firewall", "digest", to="f2"), ("the firewall rules were changed",)),
    (change("firewall", "recorded", to=None), ("the firewall rules were changed",)),
    (change("packages", "nftables"), ("package nftables is not installed",)),
]


@pytest.mark.parametrize(("spoil", "findings"), CASES)
def test_what_differs_is_told(spoil: Callable[[Facts], None], findings: tuple[str, ...]) -> None:
    facts = copy.deepcopy(healthy())
    spoil(facts)
    assert compare(EXPECTED, facts) == findings


LATER = {"addresses", "routes", "static_routes", "mtu"}


def test_what_an_older_version_expected_is_still_read() -> None:
    known = {name: value for name, value in EXPECTED.to_dict().items() if name not in LATER}
    assert compare(Expectation.from_dict(known), healthy()) == ()
    assert Expectation.from_dict(EXPECTED.to_dict()) == EXPECTED


def test_a_server_out_of_reach_is_a_finding() -> None:
    assert compare(EXPECTED, {"unreachable": "no route to host"}) == (
        "the server cannot be observed: no route to host",
    )
