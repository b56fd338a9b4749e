"""The watch: what it tells of handshakes, each once. Tools are stand-ins."""

import time
from fcntl import LOCK_EX, flock

import pytest

from tests.server.machine import SCRIPTS, TEAM, Machine, key


def look(server: Machine, *, age: float) -> list[str]:
    """Let the watch look once at alice's handshake of some seconds ago; returns what it tells."""
    (server.home / "endpoints").write_text(f"{key(1)}\t198.51.100.1:4001\n")
    (server.home / "handshakes").write_text(f"{key(1)}\t{int(time.time() - age)}\n")
    before = len(server.journal())
    outcome = server.run(server.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "1")
    assert (outcome.status, outcome.said) == (0, "")
    return [line.partition(" SHA256:")[0] for line in server.journal()[before:]]


def test_a_session_is_told_when_it_begins_and_ends(server: Machine) -> None:
    assert look(server, age=5) == ["<6>handshake: alice"]
    assert look(server, age=2) == ["<7>handshake renewed: alice"]
    assert look(server, age=200) == ["<6>session ended: alice"]
    assert look(server, age=215) == []
    assert look(server, age=1) == ["<6>handshake: alice"]


def test_a_session_that_was_over_before_the_watch_began_is_no_news(server: Machine) -> None:
    assert look(server, age=3 * 86400) == []
    assert look(server, age=3 * 86400) == []
    assert look(server, age=5) == ["<6>handshake: alice"]


def attempt(server: Machine, *sources: str, endpoint: str = "") -> list[str]:
    """Let the watch look once at who has begun a handshake; returns whom it tells of."""
    (server.home / "endpoints").write_text(f"{key(1)}\t{endpoint or '(none)'}\n")
    (server.home / "handshakes").write_text("")
    elements = ", ".join(f"{each} expires {left}" for each, left in (source.split() for source in sources))
    (server.home / "attempts").write_text(f"table inet wireguard_vpn_attempts {{\n\telements = {{ {elements} }}\n}}\n")
    before = len(server.journal())
    server.run(server.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "1")
    return [line.rpartition(" ")[2] for line in server.journal()[before:]]


NOW, PAST = "9m58s", "8m2s"


def test_who_tries_in_vain_is_told_once(server: Machine) -> None:
    assert attempt(server, f"203.0.113.9 {NOW}") == []
    assert attempt(server, f"203.0.113.9 {PAST}", f"203.0.113.10 {NOW}") == ["203.0.113.9"]
    assert attempt(server, f"203.0.113.9 {NOW}", f"203.0.113.10 {NOW}") == ["203.0.113.10"]
    assert attempt(server) == []
    assert attempt(server, f"203.0.113.9 {NOW}") == []
    assert attempt(server, f"203.0.113.9 {NOW}") == ["203.0.113.9"]


def test_a_handshake_that_went_well_is_no_vain_attempt(server: Machine) -> None:
    assert attempt(server, f"203.0.113.9 {NOW}") == []
    assert attempt(server, f"203.0.113.9 {NOW}", endpoint="203.0.113.9:4001") == []
    assert attempt(server, f"203.0.113.9 {PAST}", endpoint="198.51.100.4:4001") == [], "the peer has moved on"
    assert attempt(server, f"203.0.113.9 {NOW}") == []
    assert attempt(server, f"203.0.113.9 {NOW}") == ["203.0.113.9"], "the peer is none any more"


def test_rules_that_were_flushed_are_loaded_again(server: Machine) -> None:
    table, watch = server.home / "table", server.root / "usr/local/lib/wireguard-vpn/watch"
    for name in ("endpoints", "handshakes"):
        (server.home / name).write_text("")
    before = server.observe(TEAM)
    table.unlink()
    with (server.root / "run/wireguard-vpn.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        assert server.run(watch, "wg0", "1").said == ""
    assert not table.exists()
    assert "the firewall rules are gone; loading them again" in server.run(watch, "wg0", "1").said
    assert server.observe(TEAM) == before
    assert server.run(watch, "wg0", "1").said == ""


def test_a_file_without_rules_is_told_as_what_it_is(server: Machine) -> None:
    """To nft an empty file is in order."""
    (server.root / "etc/wireguard-vpn/nftables.conf").write_text("")
    (server.home / "table").unlink()
    told = "the firewall rules cannot be loaded: the tunnel is open until the next apply puts their file right"
    assert told in server.run(server.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "1").said
    assert server.apply(TEAM).report["ok"]
    assert "wireguard_vpn" in (server.home / "table").read_text()


def test_rules_of_a_firewall_that_was_stopped_stay_away(server: Machine) -> None:
    (server.home / "table").unlink()
    (server.home / "units/wireguard-vpn-firewall.service").write_text("enabled\n")
    server.run(server.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "1")
    assert not (server.home / "table").exists()


FIREWALL, TUNNEL = "wireguard-vpn-firewall.service", "wg-quick@wg0.service"


def stopped(server: Machine, firewall: str, tunnel: str) -> None:
    """Stop the tunnel, and leave the units in these states."""
    server.run(server.bin / "systemctl", "stop", TUNNEL)
    for unit, words in ((FIREWALL, firewall), (TUNNEL, tunnel)):
        (server.home / "units" / unit).write_text(f"{words}\n")
    server.calls()


def test_a_tunnel_whose_firewall_failed_at_boot_is_started_again(server: Machine) -> None:
    """To systemd a failed dependency is no failure that Restart= is for."""
    stopped(server, "failed enabled", "enabled")
    with (server.root / "run/wireguard-vpn.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        assert watch(server) == ""
    assert watch(server) == "the firewall rules were not loaded; starting the tunnel with them again\n"
    assert server.calls() == [f"systemctl start {TUNNEL}"]
    assert server.running.exists()
    assert watch(server) == ""


@pytest.mark.parametrize(("firewall", "tunnel"), [("enabled", "enabled"), ("failed enabled", "")])
def test_what_an_operator_stopped_or_disabled_stays_down(server: Machine, firewall: str, tunnel: str) -> None:
    stopped(server, firewall, tunnel)
    assert watch(server) == ""
    assert server.calls() == []


def test_static_routes_that_were_lost_are_set_again(server: Machine) -> None:
    """A DHCP client that flushes its interface takes them; one whose router is away comes back later, in silence."""
    here, away = "10.30.0.0/16 via 192.168.10.1 metric 5", "10.31.0.0/16 via 192.168.10.9"
    assert server.apply(TEAM.but(static_routes=f"{here},{away}")).report["ok"]
    (server.home / "routers").write_text("")
    (server.home / "unreachable").write_text("192.168.10.9\n")
    with (server.root / "run/wireguard-vpn.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        assert watch(server) == ""
    assert watch(server) == f"static routes were lost and are set again: {here}\n"
    assert watch(server) == ""
    (server.home / "unreachable").unlink()
    assert watch(server) == f"static routes were lost and are set again: {away}\n"
    server.calls()
    assert watch(server) == ""
    assert server.calls() == []


def test_static_routes_of_a_tunnel_that_was_stopped_stay_away(server: Machine) -> None:
    assert server.apply(TEAM.but(static_routes="10.30.0.0/16 via 192.168.10.1")).report["ok"]
    (server.home / "routers").write_text("")
    server.run(server.bin / "systemctl", "stop", "wg-quick@wg0.service")
    assert watch(server) == ""
    assert (server.home / "routers").read_text() == ""


def watch(server: Machine) -> str:
    """Let the watch look once; returns what it says."""
    for name in ("endpoints", "handshakes"):
        (server.home / name).write_text("")
    return server.run(server.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "1").said


def test_what_was_told_outlasts_a_restart_of_the_watch() -> None:
    assert "RuntimeDirectoryPreserve=restart\n" in (SCRIPTS / "units/watch.service").read_text()
