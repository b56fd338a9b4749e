"""Every class of change, told by name before it happens."""

from typing import Any

import pytest

from tests.pure.support import NOW, ledger, network, private_key, public_key, ring, settings
from vpn.bundle import Fingerprints, fingerprints
from vpn.network import resolve
from vpn.plan import Kind, Plan, classify, concerns_server, renamed

SYNC = "without a restart, no interruption"
RESTART = "restart, sessions are back in about a second"
NEW_FILES = "restart, no peer connects before it has its new file"
FILES = "clients need their new file"
NEEDS, CHANGED = "alice needs its new file", "changed alice (needs its new file)"
RULES = "firewall rules replaced in one transaction, no interruption"
ALICE, BOB = {"name": "alice"}, {"name": "bob"}


BEFORE = settings(peers=[ALICE, BOB])


def prints(**changes: Any) -> Fingerprints:
    """Return the fingerprints after some changes to a team of alice and bob, who keep their addresses."""
    of = settings(**{"peers": [ALICE, BOB], **changes})
    return fingerprints(resolve(of, ring(of), ledger(of, ledger(BEFORE)), NOW))


def peers(*people: dict[str, Any]) -> dict[str, Any]:
    return {"peers": list(people)}


GOLDEN: list[tuple[dict[str, Any], Kind, tuple[str, ...]]] = [
    ({}, "none", ("nothing to do",)),
    (peers(BOB, ALICE), "none", ("nothing to do",)),
    (peers(ALICE, BOB, {"name": "carol"}), "peers", ("+carol", SYNC)),
    (peers(ALICE), "peers", ("-bob", SYNC)),
    (peers(), "peers", ("-alice", "-bob", "no peer is left", SYNC)),
    (peers(BOB, {"name": "carol"}), "peers", ("-alice", "+carol", SYNC)),
    (peers({**ALICE, "private_key": private_key("new")}, BOB), "peers", ("rotated alice (needs its new file)", SYNC)),
    (
        peers({**ALICE, "preshared_key": "generated"}, BOB),
        "peers",
        ("added a preshared key to alice (needs its new file)", SYNC),
    ),
    (peers({**ALICE, "allowed_ips": ["10.8.0.77/32"]}, BOB), "peers", (CHANGED, SYNC)),
    (peers({**ALICE, "allowed_ips": ["10.8.0.2/32", "10.8.0.9/32"]}, BOB), "peers", (CHANGED, SYNC)),
    (peers({**ALICE, "persistent_keepalive": 5}, BOB), "peers", (CHANGED, SYNC)),
    (peers({**ALICE, "tunnel": "full"}, BOB), "peers", (CHANGED, SYNC)),
    (peers({**ALICE, "client_routes": []}, BOB), "clients", (NEEDS, "no interruption")),
    (
        peers({**ALICE, "mtu": 1300}, BOB, {"name": "carol"}),
        "peers",
        ("+carol", NEEDS, SYNC),
    ),
    (peers({**ALICE, "expires_at": "2027-01-01T00:00:00Z"}, BOB), "peers", ("changed alice", SYNC)),
    (peers({**ALICE, "allow": [{"network": "192.168.1.0/24"}]}, BOB), "peers", ("changed alice", SYNC)),
    (peers({**ALICE, "site_networks": ["10.20.0.0/16"]}, BOB), "peers", ("changed alice", SYNC)),
    (peers({**ALICE, "disabled": True}, BOB), "peers", ("disabled alice", SYNC)),
    (peers({**ALICE, "expires_at": "2026-01-01T00:00:00Z"}, BOB), "peers", ("expired alice", SYNC)),
    (peers(ALICE, BOB, {"name": "carol", "disabled": True}), "peers", ("+carol (disabled)", SYNC)),
    (
        peers({**ALICE, "dns": ["192.168.1.1"], "mtu": 1300}, BOB),
        "clients",
        (NEEDS, "no interruption"),
    ),
    (
        {"endpoint": "vpn2.example.org", **peers({**ALICE, "dns": ["192.168.1.1"], "persistent_keepalive": 5}, BOB)},
        "peers",
        ("changed alice", "clients dial another endpoint", FILES, SYNC),
    ),
    ({"endpoint": "vpn2.example.org"}, "clients", ("clients dial another endpoint", FILES, "no interruption")),
    (
        {"listen_port": 443, "endpoint": "vpn.example.com:443"},
        "interface",
        ("clients dial another endpoint", "interface changed", "firewall rules changed", NEW_FILES),
    ),
    (
        {"mtu": 1400},
        "interface",
        (NEEDS, "bob needs its new file", "interface changed", RESTART),
    ),
    ({"save_config": False}, "interface", ("interface changed", RESTART)),
    ({"private_key": private_key("new")}, "interface", ("rotated the server's key", "interface changed", NEW_FILES)),
    ({"dmz_networks": ["172.17.0.0/16"]}, "firewall", ("firewall rules changed", RULES)),
    ({"ssh_sources": ["192.168.10.0/24"]}, "firewall", ("firewall rules changed", RULES)),
    ({"masquerade": False}, "firewall", ("firewall rules changed", RULES)),
    (
        {"masquerade": False, "peers": [ALICE]},
        "peers",
        ("-bob", "firewall rules changed", SYNC),
    ),
    (
        {"implementation": "userspace"},
        "interface",
        ("interface changed", "scripts, units or packages changed", RESTART),
    ),
    (
        {"zabbix_enabled": True, "zabbix_url": "https://z", "zabbix_token": "z", "zabbix_server": "192.168.1.5"},
        "firewall",
        ("firewall rules changed", "scripts, units or packages changed", RULES),
    ),
    ({"hostname": "other", "quarantine_days": 5}, "none", ("nothing to do",)),
]


@pytest.mark.parametrize(("changes", "kind", "summary"), GOLDEN)
def test_changes_are_told_apart(changes: dict[str, Any], kind: Kind, summary: tuple[str, ...]) -> None:
    assert classify(prints(), prints(**changes)) == Plan(kind, summary)
    assert concerns_server(prints(), prints(**changes)) == (kind not in ("none", "clients"))


def test_an_interface_keeps_its_name_on_a_server_that_stays() -> None:
    assert not [*renamed("wg0", "wg0")]
    (problem,) = renamed("wg0", "wg1")
    assert str(problem).startswith("interface_name: wg1: is wg0 on the running server, which would go on beside wg1: ")


def test_a_second_address_family_is_an_interface_change() -> None:
    plan = classify(prints(), prints(address_ipv6="fd00:8::1/64"))
    assert plan.kind == "interface"
    assert plan.summary[:3] == ("changed alice", "changed bob", "other addresses in the tunnel")
    assert plan.summary[-1] == NEW_FILES


@pytest.mark.parametrize(
    ("state", "told"),
    [({"disabled": True}, "enabled alice"), ({"expires_at": "2026-01-01T00:00:00Z"}, "renewed alice")],
)
def test_coming_back_is_told(state: dict[str, Any], told: str) -> None:
    assert classify(prints(**peers({**ALICE, **state}, BOB)), prints()) == Plan(
        "peers", (f"{told} (needs its new file if that changed meanwhile)", SYNC)
    )


def test_leaving_while_off_is_told() -> None:
    assert (
        classify(prints(**peers({**ALICE, "disabled": True}, BOB)), prints(**peers(BOB))).summary[0]
        == "-alice (disabled)"
    )


def test_the_first_version() -> None:
    assert classify(None, prints()) == Plan("first", ("2 peers", "first configuration of this server"))
    one = fingerprints(network(peers=[ALICE, {"name": "b", "disabled": True}]))
    assert classify(None, one).summary[0] == "1 peer"


def test_a_new_script_is_a_change_of_service() -> None:
    old = Fingerprints(**{**prints().to_dict(), "service": "older"})
    told = ("scripts, units or packages changed", "scripts and units replaced, no interruption")
    assert classify(old, prints()) == Plan("service", told)


@pytest.mark.parametrize("known", [3, 4])
def test_a_state_that_knows_nothing_of_client_files_tells_no_change_of_them(known: int) -> None:
    def older(own: Fingerprints) -> Fingerprints:
        parts = {name: ":".join(state.split(":")[:known]) for name, state in own.peers.items()}
        return Fingerprints(own.interface, own.firewall, own.service, parts)

    assert classify(older(prints()), prints()).kind == "none"
    keepalive = prints(**peers({**ALICE, "persistent_keepalive": 5}, BOB))
    assert classify(older(prints()), keepalive) == Plan("peers", ("changed alice", SYNC))
    dns = prints(**peers({**ALICE, "dns": ["192.168.1.1"]}, BOB))
    assert classify(older(prints()), dns).summary[0] == ("nothing to do" if known == 3 else NEEDS)


def test_a_peer_that_is_dialled_at_another_port_needs_its_file_to_listen_there() -> None:
    def dialled(endpoint: str) -> Fingerprints:
        return prints(**peers({**ALICE, "endpoint": endpoint}, BOB))

    before = dialled("a.example:51820")
    assert classify(before, dialled("b.example:51820")).summary[0] == "changed alice"
    assert classify(before, dialled("a.example:4500")).summary[0] == "changed alice (needs its new file)"


def test_a_peer_that_keeps_its_key_needs_no_file_for_another() -> None:
    def keyed(name: str, **more: Any) -> Fingerprints:
        return prints(**peers({**ALICE, "public_key": public_key(name), **more}, BOB))

    assert classify(keyed("one"), keyed("two")) == Plan("peers", ("rotated alice", SYNC))
    without, one, other = (keyed("one", preshared_key=key) for key in ("none", private_key("a"), private_key("b")))
    changes = ((without, one), (one, other), (other, without))
    assert [classify(*each).summary[0].removesuffix(" (needs its new file)") for each in changes] == [
        "added a preshared key to alice",
        "rotated the preshared key of alice",
        "removed the preshared key of alice",
    ]


def test_drift_alone_is_a_repair_and_else_comes_along() -> None:
    """Nobody can say then that nothing is interrupted."""
    finding = ("wg-quick@wg0.service is failed",)
    repair = "repair: wg-quick@wg0.service is failed"
    assert classify(prints(), prints(), finding) == Plan("repair", (repair, "repair of what differs"))
    both = classify(prints(), prints(**peers(ALICE)), finding)
    assert both == Plan("peers", ("-bob", repair, "repair of what differs"))
    restart = classify(prints(), prints(mtu=1300), finding)
    assert restart.summary[-2:] == (repair, RESTART)


def test_many_names_are_counted() -> None:
    many = [{"name": f"p{number:03}"} for number in range(100)]
    plan = classify(prints(), prints(**peers(ALICE, BOB, *many)))
    assert len(plan.summary) == 22
    assert plan.summary[-2:] == ("and 80 more peers", SYNC)


@pytest.mark.parametrize(("number", "last"), [(20, "+p019"), (21, "and 1 more peer")])
def test_names_are_counted_from_the_twenty_first_on(number: int, last: str) -> None:
    plan = classify(prints(), prints(**peers(ALICE, BOB, *({"name": f"p{each:03}"} for each in range(number)))))
    assert plan.summary[-2:] == (last, SYNC)
