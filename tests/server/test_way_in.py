"""The way by which applies come: rules that close it for the next one are undone while this one's session lasts."""

import pytest

from tests.server.machine import RULES, TEAM, Machine

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
