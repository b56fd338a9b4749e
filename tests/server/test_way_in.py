"""The way by which applies come: rules that close it for the next one are undone while this one's session lasts."""

import pytest

from tests.server.machine import RULES, TEAM, Machine, lasting

OPEN = RULES.replace("{ }", "{\n set ssh4 { 192.0.2.7, 127.0.0.1 }\n set ssh6 { 2001:db8::7, fe80::7 }\n}")
CLOSED = OPEN.replace("192.0.2.7, ", "")


@pytest.mark.parametrize(
    "session",
    [
        "",
        "192.0.2.7 40000 10.0.0.2 22",
        "::ffff:192.0.2.7 40000 ::ffff:10.0.0.2 22",
        "2001:db8::7 40000 2001:db8::2 22",
        "fe80::7%eth0 40000 fe80::2%eth0 22",
        "::1 40000 ::1 22",
    ],
)
def test_rules_that_hold_the_way_in_are_accepted(server: Machine, session: str) -> None:
    server.session = session
    assert server.apply(TEAM.but(rules=OPEN)).report["ok"]


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::9"])
def test_rules_that_lack_the_way_in_are_undone(server: Machine, address: str) -> None:
    assert server.apply(TEAM.but(rules=OPEN.replace("fe80::7", "2001:db8::9"))).report["ok"]
    server.session = f"{address} 40000 10.0.0.2 22"
    outcome = server.apply(TEAM.but(rules=CLOSED))
    assert outcome.report["reason"] == f"ssh_sources does not hold {address}, from where this apply came"
    assert outcome.report["rolled_back"] is True
    assert "192.0.2.7" in (server.home / "table").read_text()


def test_the_first_rules_that_lack_the_way_in_go_as_well(machine: Machine) -> None:
    machine.session = "192.0.2.7 40000 10.0.0.2 22"
    outcome = machine.apply(TEAM.but(rules=CLOSED))
    assert "the service is not in order" in outcome.said
    assert not (machine.home / "table").exists()
    assert machine.unit("wireguard-vpn-firewall.service") == []
    assert machine.apply(TEAM.but(rules=OPEN)).report["ok"]


def test_networks_over_one_that_the_server_is_in_are_refused_before_anything_is_changed(server: Machine) -> None:
    """The connected route would go: with DHCP nobody knows that network before."""
    (server.home / "connected").write_text(
        "default via 192.168.30.1 dev eth0\n"
        "192.168.30.0/24 dev eth0 proto kernel scope link src 192.168.30.7\n"
        "10.8.0.0/24 dev wg0 proto kernel scope link src 10.8.0.1\n"
        "192.168.40.0/24 via 192.168.30.1 dev eth0\n"
    )
    server.calls()
    for version in (TEAM.but(routes="192.168.30.0/25"), TEAM.but(address="192.168.30.1/24")):
        outcome = server.apply(version)
        assert "the server itself is in 192.168.30.0/24 (eth0), which the VPN subnet or a site" in outcome.said
        assert "nothing was changed" in outcome.said
    assert lasting(server.calls()) == []
    assert server.apply(TEAM.but(routes="10.20.0.0/16")).report["ok"]


def test_a_route_that_takes_the_way_back_is_undone(server: Machine) -> None:
    """The router's network need not be one that the server is in."""
    rules = OPEN.replace("192.0.2.7", "192.168.77.5")
    assert server.apply(TEAM.but(rules=rules)).report["ok"]
    server.session = "192.168.77.5 40000 10.0.0.2 22"
    outcome = server.apply(TEAM.but(rules=rules, routes="192.168.77.0/24"))
    assert outcome.report["reason"] == "answers to 192.168.77.5, from where this apply came, would go into wg0"
    assert outcome.report["rolled_back"] is True
    assert (server.home / "routes").read_text() == ""


def test_who_came_through_the_tunnel_may_go_on_to(server: Machine) -> None:
    """As a peer: from a site, for which `routes` stands here too, the new rules would let nobody follow."""
    as_peer = OPEN.replace("192.0.2.7", "192.168.77.5")
    version = TEAM.but(rules=as_peer, routes="192.168.77.0/24")
    assert server.apply(version).report["ok"]
    server.session = "192.168.77.5 40000 10.0.0.2 22"
    assert server.apply(version.but(port=52000)).report["ok"]
    in_site = as_peer.replace(" set ssh6", " set sites4 { 192.168.77.5 }\n set ssh6")
    outcome = server.apply(version.but(rules=in_site))
    assert outcome.report["reason"].startswith("192.168.77.5, from where this apply came, is in a peer's site network")
    assert "sites4" not in (server.home / "table").read_text()
