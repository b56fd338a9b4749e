"""What apply does for each kind of change: as little as needed."""

import pytest

from tests.server.machine import AGENT, TEAM, Machine, key, lasting


def test_a_fresh_server_is_installed_started_and_enabled(machine: Machine) -> None:
    outcome = machine.apply(TEAM)
    calls = machine.calls()
    assert outcome.report["change"] == "first"
    assert outcome.report["added"] == 2
    assert "apt-get install nftables qrencode wireguard-tools" in calls
    assert calls.index("nft --file nftables.conf") < calls.index("systemctl start wg-quick@wg0.service")
    assert machine.config.stat().st_mode & 0o777 == 0o600


def test_the_same_bundle_changes_nothing(server: Machine) -> None:
    outcome = server.apply(TEAM)
    assert (outcome.status, outcome.report["change"], lasting(server.calls())) == (0, "none", [])


@pytest.mark.parametrize(
    ("peers", "calls", "journal"),
    [
        ({"alice": key(1), "bob": key(2), "carol": key(3)}, ["addconf wg0 changed.conf"], "<5>peer added: carol "),
        ({"alice": key(1)}, ["set wg0 remove", "addconf wg0 changed.conf"], "<5>peer removed: bob "),
        ({"alice": key(1), "bob": key(9)}, ["set wg0 remove", "addconf wg0 changed.conf"], "<5>peer rotated: bob "),
    ],
)
def test_only_the_peers_that_differ_are_touched(
    server: Machine, peers: dict[str, str], calls: list[str], journal: str
) -> None:
    outcome = server.apply(TEAM.but(peers=peers))
    assert outcome.report["change"] == "peers"
    assert lasting(server.calls()) == [f"wg {call}" for call in calls]
    assert server.journal()[-1].startswith(journal)
    assert all(value in server.config.read_text() for value in peers.values())


def test_another_preshared_key_is_told_but_not_shown(server: Machine) -> None:
    server.apply(TEAM.but(preshared={"bob": key(77)}))
    assert lasting(server.calls()) == ["wg addconf wg0 changed.conf"]
    assert server.journal()[-1].startswith("<5>preshared key of peer rotated: bob SHA256:")
    assert key(77) not in "".join(server.journal())
    server.apply(TEAM)
    assert "PresharedKey" not in server.running.read_text()


def test_another_configured_endpoint_is_a_change_of_its_peer(server: Machine) -> None:
    outcome = server.apply(TEAM.but(endpoints={"bob": "203.0.113.9:51820"}))
    assert outcome.report["change"] == "peers"
    assert lasting(server.calls()) == ["wg addconf wg0 changed.conf"]
    assert "Endpoint = 203.0.113.9:51820" in server.config.read_text()
    assert server.running.read_text().count("[Peer]") == 2


def test_an_interface_changed_by_hand_is_synchronised_as_a_whole(server: Machine) -> None:
    server.running.write_text(server.running.read_text().replace("51820", "4444"))
    assert server.apply(TEAM).report["change"] == "peers"
    assert lasting(server.calls()) == ["wg syncconf wg0 settled.conf"]


def test_a_port_restarts_and_the_pushed_file_beats_save_config(server: Machine) -> None:
    outcome = server.apply(TEAM.but(port=51999))
    assert outcome.report["change"] == "interface"
    assert "systemctl stop wg-quick@wg0.service" in server.calls()
    assert "ListenPort = 51999" in server.config.read_text()


def test_firewall_rules_alone_touch_only_the_firewall(server: Machine) -> None:
    outcome = server.apply(TEAM.but(rules="table inet wireguard_vpn { chain input { } }\n"))
    assert outcome.report["change"] == "firewall"
    assert lasting(server.calls()) == ["nft --file nftables.conf"]


def test_routes_of_sites_follow_the_peers(server: Machine) -> None:
    (server.home / "routes").write_text("10.9.0.0/24 proto boot scope link\n")
    server.apply(TEAM.but(routes="10.77.0.0/16"))
    assert lasting(server.calls()) == ["ip route replace 10.77.0.0/16 dev wg0", "ip route delete 10.9.0.0/24 dev wg0"]


def test_a_site_of_one_address_keeps_its_route(server: Machine) -> None:
    site = TEAM.but(routes="10.77.0.0/16 192.168.77.5/32 fd00:77::5/128")
    for _ in range(2):
        assert server.apply(site).report["ok"]
        assert (server.home / "routes").read_text().split() == [
            *("10.77.0.0/16", "scope", "link"),
            *("192.168.77.5", "scope", "link"),
            *("fd00:77::5", "scope", "link"),
        ]
    server.calls()
    server.apply(site)
    assert lasting(server.calls()) == []


def test_a_route_that_does_not_come_is_told(server: Machine) -> None:
    bundle = server.bundle(TEAM.but(routes="10.77.0.0/16"))
    (server.bin / "ip").rename(server.home / "ip")
    (server.bin / "ip").write_text('#!/bin/sh\n[ "$1" = -batch ] || exec "$MACHINE/ip" "$@"\n')
    (server.bin / "ip").chmod(0o755)
    outcome = server.run(bundle / "apply")
    assert outcome.report["reason"] == "wg0 does not have the routes of its site networks"
    assert outcome.report["rolled_back"] is True


def test_userspace_takes_its_drop_in_and_tun(server: Machine) -> None:
    userspace = TEAM.but(implementation="userspace")
    refused = server.apply(userspace)
    assert "pct set ID --dev0" in refused.said
    assert "nothing was changed" in refused.said
    (server.root / "dev/net/tun").write_text("")
    assert server.apply(userspace).report["change"] == "interface"
    drop_in = server.root / "etc/systemd/system/wg-quick@.service.d/userspace.conf"
    assert drop_in.exists()
    server.apply(TEAM)
    assert not drop_in.exists()


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "before units were listed"])
def test_a_unit_that_is_no_longer_wanted_is_stopped_and_disabled(server: Machine, *, listed: bool) -> None:
    assert server.apply(TEAM.but(agent=True)).report["ok"]
    assert {*server.unit(AGENT)} == {"active", "enabled"}
    if not listed:
        (server.state / "units").unlink()
    assert server.apply(TEAM).report["ok"]
    assert server.unit(AGENT) == []
    assert server.unit("wireguard-vpn-watch@wg0.service") == ["enabled", "active"]
    server.calls()
    server.apply(TEAM)
    assert lasting(server.calls()) == []


def test_an_interface_of_another_name_takes_the_place_of_the_former(server: Machine) -> None:
    assert server.apply(TEAM.but(interface="wg1")).report["ok"]
    assert [path.name for path in (server.home / "running").iterdir()] == ["wg1"]
    assert server.unit("wg-quick@wg0.service") == server.unit("wireguard-vpn-watch@wg0.service") == []
    assert not server.config.exists()


def test_ten_thousand_peers_need_no_process_each(server: Machine) -> None:
    many = TEAM.but(peers={f"peer-{number}": key(number) for number in range(10, 10_010)})
    outcome = server.apply(many)
    assert outcome.report == outcome.report | {"change": "peers", "peers": 10_000, "added": 10_000, "removed": 2}
    assert len(lasting(server.calls())) == 2
