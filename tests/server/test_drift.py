"""Drift is observed and repaired; what is not drift is left alone; at the end nothing of ours is left."""

import os

import pytest

from tests.pure.support import network
from tests.server.machine import AGENT, PRIVATE, RULES, TEAM, Machine, key, lasting
from vpn import wgconf

DRIFT = {
    "file edited": lambda m: m.config.write_text(m.config.read_text().replace("10.8.0.2/32", "10.8.0.200/32")),
    "mode": lambda m: m.config.chmod(0o644),
    "owner": lambda m: (m.home / "owners").write_text("wg0.conf"),
    "peer added by hand": lambda m: m.running.write_text(
        m.running.read_text() + f"[Peer]\nPublicKey = {key(66)}\nAllowedIPs = 10.8.0.66/32\n"
    ),
    "service stopped": lambda m: (m.home / "units/wg-quick@wg0.service").write_text("enabled\n"),
    "link down": lambda m: (m.root / "sys/class/net/wg0/flags").write_text("0x90\n"),
    "address deleted": lambda m: (m.home / "addresses").write_text(""),
    "service disabled": lambda m: (m.home / "units/wg-quick@wg0.service").write_text("active\n"),
    "rules flushed": lambda m: (m.home / "table").unlink(),
    "package gone": lambda m: (m.home / "packages").write_text("nftables qrencode"),
    "drop-in edited": lambda m: (m.root / "etc/systemd/system/wg-quick@.service.d/wireguard-vpn.conf").write_text(
        "[Service]\n"
    ),
}


@pytest.mark.parametrize("case", sorted(DRIFT))
def test_drift_is_observed_and_repaired(server: Machine, case: str) -> None:
    clean = server.observe(TEAM)
    DRIFT[case](server)
    assert server.observe(TEAM) != clean
    assert server.apply(TEAM).status == 0
    assert server.observe(TEAM) == clean


def test_another_time_zone_is_no_drift_of_the_rules(server: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """nft shows the end of a peer's time in the container's zone."""
    expiring = TEAM.but(rules=RULES.replace("{ }", "{\n chain until { meta time >= 1801418400 drop; }\n}"))
    monkeypatch.setenv("TZ", "UTC")
    assert server.apply(expiring).report["ok"]
    clean = server.observe(expiring)
    monkeypatch.setenv("TZ", "JST-9")
    assert server.observe(expiring) == clean
    assert server.apply(expiring).report["change"] == "none"


def test_flushed_rules_are_back_before_anything_is_waited_for(server: Machine) -> None:
    """The watch loads none while a run has the lock."""
    (server.home / "table").unlink()
    (server.home / "packages").write_text("nftables wireguard-tools")
    outcome = server.apply(TEAM)
    assert outcome.report["change"] == "firewall"
    assert lasting(server.calls()) == ["nft --file nftables.conf", "apt-get install qrencode"]


@pytest.mark.parametrize("active", ["enabled", "active\nenabled"])
def test_a_run_that_changes_nothing_brings_no_rules_of_a_stopped_firewall(server: Machine, active: str) -> None:
    (server.home / "table").unlink()
    (server.home / "units/wireguard-vpn-firewall.service").write_text(f"{active}\n")
    server.break_("ip link add wgvpn-probe")
    assert "nothing was changed" in server.apply(TEAM).said
    assert (server.home / "table").exists() == ("active" in active)


def test_a_deleted_route_of_a_site_is_observed_and_repaired(server: Machine) -> None:
    site = TEAM.but(routes="10.77.0.0/16")
    assert server.apply(site).report["ok"]
    clean = server.observe(site)
    assert (clean["runtime"]["addresses"], clean["runtime"]["routes"]) == (["10.8.0.1/24"], ["10.77.0.0/16"])
    (server.home / "routes").write_text("")
    assert server.observe(site)["runtime"]["routes"] == []
    assert server.apply(site).status == 0
    assert server.observe(site) == clean


ROUTERS = "10.30.0.0/16 via 192.168.10.1 metric 5,10.31.0.5/32 via 192.168.10.1,fd09::/64 via fe80::1 dev eth0"


def test_a_lost_route_through_a_router_is_observed_and_repaired_without_a_restart(server: Machine) -> None:
    """A DHCP client that flushes its interface takes them all; wg-quick sets them at a start alone."""
    distant = TEAM.but(static_routes=ROUTERS)
    assert server.apply(distant).report["change"] == "repair"
    clean = server.observe(distant)
    assert clean["runtime"]["static_routes"] == ROUTERS.split(",")
    (server.home / "routers").write_text(
        "default via 192.168.10.1 dev eth0\nfd09::/64 via fe80::2 dev eth0 metric 1024\n"
    )
    assert server.observe(distant)["runtime"]["static_routes"] == [
        "0.0.0.0/0 via 192.168.10.1",
        "fd09::/64 via fe80::2 dev eth0",
    ]
    server.calls()
    assert server.apply(distant).report["change"] == "repair"
    assert lasting(server.calls()) == [f"ip route replace {each}" for each in ROUTERS.split(",")]
    assert {*ROUTERS.split(",")} < {*server.observe(distant)["runtime"]["static_routes"]}
    server.apply(distant)
    assert lasting(server.calls()) == []


def test_a_router_that_is_away_lets_nobody_in_again(server: Machine) -> None:
    (server.home / "unreachable").write_text("192.168.10.9\n")
    routes = "10.30.0.0/16 via 192.168.10.9,10.31.0.0/16 via 192.168.10.1"
    outcome = server.apply(TEAM.but(static_routes=routes, peers={"alice": key(1)}))
    assert outcome.report["reason"] == "the route to 10.30.0.0/16 via 192.168.10.9 cannot be set"
    assert outcome.report["rolled_back"] is False
    assert key(2) not in server.running.read_text()
    assert "10.31.0.0/16" in (server.home / "routers").read_text()


def test_a_router_that_is_away_takes_nobodys_tunnel_down(server: Machine) -> None:
    """A PostUp that fails has wg-quick delete the interface again."""
    routes = [{"destination_network": "10.30.0.0/16", "gateway": "192.168.10.9"}]
    distant = wgconf.of_network(network(routes=routes))
    version = TEAM.but(static_routes="10.30.0.0/16 via 192.168.10.9", post_up=distant.post_up[1:])
    (server.home / "unreachable").write_text("192.168.10.9\n")
    outcome = server.apply(version)
    assert outcome.report["reason"] == "the route to 10.30.0.0/16 via 192.168.10.9 cannot be set"
    assert (outcome.report["change"], outcome.report["rolled_back"]) == ("interface", False)
    assert server.observe(version)["runtime"]["static_routes"] == []
    (server.home / "unreachable").unlink()
    assert server.apply(version).report["change"] == "repair"
    assert server.observe(version)["runtime"]["static_routes"] == ["10.30.0.0/16 via 192.168.10.9"]


def test_what_else_leads_into_the_tunnel_is_observed_and_removed(server: Machine) -> None:
    (server.home / "routes").write_text(
        "default scope link\n10.8.0.0/24 proto kernel scope link src 10.8.0.1\n172.20.0.0/16 proto static scope link\n"
    )
    assert server.observe(TEAM)["runtime"]["routes"] == ["0.0.0.0/0", "172.20.0.0/16"]
    outcome = server.apply(TEAM)
    assert (outcome.status, outcome.report["change"]) == (0, "repair")
    assert lasting(server.calls()) == [f"ip route delete {each} dev wg0" for each in ("0.0.0.0/0", "172.20.0.0/16")]


def test_a_link_that_is_down_is_told_as_such_and_does_not_pass_as_applied(server: Machine) -> None:
    down = server.root / "sys/class/net/wg0/flags"
    down.write_text("0x90\n")
    assert server.observe(TEAM)["runtime"] is None
    (server.bin / "systemctl").rename(server.home / "systemctl")
    (server.bin / "systemctl").write_text(f'#!/bin/sh\n"$MACHINE/systemctl" "$@"; r=$?; echo 0x90 >{down}; exit $r\n')
    (server.bin / "systemctl").chmod(0o755)
    assert server.apply(TEAM).report["reason"].startswith("wg0 is not up after the change")


def test_what_save_config_writes_is_no_drift(server: Machine) -> None:
    clean = server.observe(TEAM)
    roamed = server.running.read_text().replace("AllowedIPs", "Endpoint = 198.51.100.7:40000\nAllowedIPs")
    server.config.write_text(
        roamed.replace("[Interface]", "[Interface]\nAddress = 10.8.0.1/24\nAddress = fe80::1/64\nSaveConfig = true")
    )
    assert server.observe(TEAM) == clean
    assert server.apply(TEAM).report["change"] == "none"
    assert "198.51.100.7" in server.config.read_text()


def test_retire_leaves_nothing_of_ours(server: Machine) -> None:
    for name in ("merged", "settled", "wireguard-vpn", "tmp"):  # by a kill between the writing and the move
        (server.root / f"etc/wireguard/wg0.conf.{name}").write_text(PRIVATE)
    killed = server.root / "run/wireguard-vpn.aB3xYz"
    killed.mkdir()
    (killed / "wg0.conf").write_text(PRIVATE)
    os.utime(killed, times=(0, 0))
    outcome = server.run(server.bundle(TEAM) / "retire")
    left = [path for path in server.root.rglob("*") if path.is_file() and "sys/" not in str(path)]
    assert outcome.report == {"ok": True, "retired": "wg0"}
    assert [path.name for path in left] == ["wireguard-vpn.lock"]
    assert not server.running.exists()
    assert server.run(server.bundle(TEAM) / "retire").status == 0


def test_retire_stops_what_a_later_version_started(server: Machine) -> None:
    assert server.apply(TEAM.but(agent=True)).report["ok"]
    assert server.run(server.bundle(TEAM) / "retire").report["ok"]
    assert server.unit(AGENT) == []
