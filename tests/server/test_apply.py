"""What apply does for each kind of change, and what it leaves when a step fails."""

from pathlib import Path

import pytest

from tests.server.machine import PRIVATE, Machine, Version, key

PICKY = """#!/bin/bash
here=$(dirname "$0")
. "$here/lib.sh"
read_settings "$1"
[[ $1 == */last-good ]] || fail "not as expected"
"""
"""A verification that accepts only the last good version."""
TEAM = Version({"alice": key(1), "bob": key(2)})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A fresh server."""
    return Machine(tmp_path)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A server that runs TEAM, to be copied."""
    machine = Machine(tmp_path_factory.mktemp("prepared"))
    assert machine.apply(TEAM).status == 0
    machine.calls()
    return machine


@pytest.fixture
def server(prepared: Machine, tmp_path: Path) -> Machine:
    """A server that runs TEAM."""
    return prepared.copy(tmp_path / "server")


def lasting(calls: list[str]) -> list[str]:
    """Leave out the probe for a kernel implementation."""
    return [call for call in calls if "wgvpn-probe" not in call]


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
    assert lasting(server.calls()) == ["wg syncconf wg0 runtime.conf"]


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


def test_packages_that_cannot_be_installed_are_named_and_nothing_is_changed(machine: Machine) -> None:
    machine.break_("apt-get install")
    outcome = machine.apply(TEAM)
    assert outcome.report["reason"].startswith("packages cannot be installed (nftables qrencode wireguard-tools )")
    assert "nothing was changed" in outcome.said
    assert machine.calls() == [
        "apt-get install nftables qrencode wireguard-tools",
        "dpkg --configure -a",
        "apt-get update",
        "apt-get install nftables qrencode wireguard-tools",
    ]


def test_a_kernel_without_wireguard_is_explained(machine: Machine) -> None:
    machine.break_("ip link add wgvpn-probe")
    outcome = machine.apply(TEAM)
    assert "modprobe wireguard" in outcome.said
    assert not machine.config.exists()


DRIFT = {
    "file edited": lambda m: m.config.write_text(m.config.read_text().replace("10.8.0.2/32", "10.8.0.200/32")),
    "mode": lambda m: m.config.chmod(0o644),
    "owner": lambda m: (m.home / "owners").write_text("wg0.conf"),
    "peer added by hand": lambda m: m.running.write_text(
        m.running.read_text() + f"[Peer]\nPublicKey = {key(66)}\nAllowedIPs = 10.8.0.66/32\n"
    ),
    "service stopped": lambda m: (m.home / "units/wg-quick@wg0.service").write_text("enabled\n"),
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


def test_what_save_config_writes_is_no_drift(server: Machine) -> None:
    clean = server.observe(TEAM)
    roamed = server.running.read_text().replace("AllowedIPs", "Endpoint = 198.51.100.7:40000\nAllowedIPs")
    server.config.write_text(
        roamed.replace("[Interface]", "[Interface]\nAddress = 10.8.0.1/24\nAddress = fe80::1/64\nSaveConfig = true")
    )
    assert server.observe(TEAM) == clean
    assert server.apply(TEAM).report["change"] == "none"
    assert "198.51.100.7" in server.config.read_text()


@pytest.mark.parametrize("broken", ["nft --file", "wg addconf", "systemctl start wireguard-vpn-firewall"])
def test_a_failing_step_rolls_back_and_says_so(server: Machine, broken: str) -> None:
    clean = server.observe(TEAM)
    new = TEAM.but(peers={"alice": key(1)}, rules="table inet wireguard_vpn { chain y { } }\n")
    if "firewall" in broken:
        (server.home / "units/wireguard-vpn-firewall.service").write_text("enabled\n")
    server.break_(broken)
    outcome = server.apply(new)
    server.break_()
    assert outcome.status == 1
    assert outcome.report["ok"] is False
    assert "[key]" in outcome.said or "=" not in outcome.report["reason"]
    server.apply(TEAM)
    assert server.observe(TEAM) == clean


def test_a_refused_start_returns_to_the_last_good_version(server: Machine) -> None:
    clean = server.observe(TEAM)
    outcome = server.apply(TEAM.but(port=52000, address="10.8.0.9/24", public_key=key(5)))
    assert "another key than expected; nothing was changed" in outcome.said
    (server.home / "broken").write_text("")
    bundle = server.bundle(TEAM.but(port=52000))
    (bundle / "verify").write_text(PICKY)
    (bundle / "manifest").write_text("")
    (bundle / "apply").write_text((bundle / "apply").read_text().replace("sha256sum --quiet --check manifest", "true"))
    outcome = server.run(bundle / "apply")
    assert outcome.report["rolled_back"] is True
    assert "not as expected; rolled back to the last good version, which is running" in outcome.said
    assert server.observe(TEAM) == clean


def test_a_failed_first_apply_leaves_nothing_running(machine: Machine) -> None:
    machine.break_("systemctl start wg-quick")
    outcome = machine.apply(TEAM)
    assert "Line unrecognized" in outcome.said
    assert not machine.config.exists()
    assert not machine.running.exists()
    machine.break_()
    assert machine.apply(TEAM).report["change"] == "first"


def test_a_damaged_bundle_changes_nothing(server: Machine) -> None:
    bundle = server.bundle(TEAM.but(peers={}))
    (bundle / "wg0.conf").write_text("")
    outcome = server.run(bundle / "apply")
    assert outcome.report["reason"] == "the bundle arrived damaged"
    assert lasting(server.calls()) == []


def test_an_empty_runtime_file_never_reaches_wg(server: Machine) -> None:
    bundle = server.bundle(TEAM)
    (bundle / "runtime.conf").write_text("")
    (bundle / "apply").write_text((bundle / "apply").read_text().replace("sha256sum --quiet --check manifest", "true"))
    assert server.run(bundle / "apply").status == 1
    assert lasting(server.calls()) == []


def test_retire_leaves_nothing_of_ours(server: Machine) -> None:
    outcome = server.run(server.bundle(TEAM) / "retire")
    left = [path for path in server.root.rglob("*") if path.is_file() and "sys/" not in str(path)]
    assert outcome.report == {"ok": True, "retired": "wg0"}
    assert [path.name for path in left] == ["wireguard-vpn"]
    assert not server.running.exists()
    assert server.run(server.bundle(TEAM) / "retire").status == 0


def test_no_report_or_journal_holds_a_secret(server: Machine) -> None:
    server.break_("wg set")
    said = server.apply(TEAM.but(peers={})).said + "".join(server.journal())
    assert PRIVATE not in said
    assert "AAAA" not in said


def test_ten_thousand_peers_need_no_process_each(server: Machine) -> None:
    many = TEAM.but(peers={f"peer-{number}": key(number) for number in range(10, 10_010)})
    outcome = server.apply(many)
    assert outcome.report == outcome.report | {"change": "peers", "peers": 10_000, "added": 10_000, "removed": 2}
    assert len(lasting(server.calls())) == 2
