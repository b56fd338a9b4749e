"""What a failed apply leaves: nothing changed, or the last good version."""

import os
from fcntl import LOCK_EX, flock

import pytest

from tests.server.machine import AGENT, AGENT_FILES, PRIVATE, TEAM, Machine, Outcome, Version, key, lasting

PICKY = """#!/bin/bash
here=$(dirname "$0")
. "$here/lib.sh"
read_settings "$1"
[[ $1 == */last-good ]] || fail "not as expected"
! flock -n "$root/run/wireguard-vpn.lock" true || fail "another apply may run meanwhile"
"""
"""A verification that accepts only the last good version, and nobody else at work."""


def tampered(machine: Machine, version: Version, files: dict[str, str | None]) -> Outcome:
    """Apply a version some of whose files have another text or are missing, unseen by the check of the bundle."""
    bundle = machine.bundle(version)
    for name, text in files.items():
        (bundle / name).unlink()
        if text is not None:
            (bundle / name).write_text(text)
    (bundle / "apply").write_text((bundle / "apply").read_text().replace("sha256sum --quiet --check manifest", "true"))
    return machine.run(bundle / "apply")


def test_packages_that_cannot_be_installed_are_named_and_nothing_is_changed(machine: Machine) -> None:
    machine.break_("apt-get install")
    outcome = machine.apply(TEAM)
    assert outcome.report["reason"].startswith("packages cannot be installed (nftables qrencode wireguard-tools)")
    assert "nothing was changed" in outcome.said
    assert machine.calls() == [
        "apt-get install nftables qrencode wireguard-tools",
        "dpkg --configure -a",
        "apt-get update",
        "apt-get install nftables qrencode wireguard-tools",
    ]
    assert (machine.home / "patience").read_text().split() == ["Timeout=300", "Retries=2", "Timeout=30"]


@pytest.mark.parametrize("missing", ["nftables", "wireguard-tools", "iproute2", "wireguard-go"])
def test_without_a_package_the_tunnel_needs_nothing_is_changed(server: Machine, missing: str) -> None:
    (server.home / "packages").write_text("qrencode")
    server.break_("apt-get")
    outcome = server.apply(TEAM.but(peers={}, packages=f"qrencode {missing}"))
    assert outcome.report["reason"].startswith("package lists cannot be fetched")
    assert "nothing was changed" in outcome.said


def test_a_kernel_without_wireguard_is_explained(machine: Machine) -> None:
    machine.break_("ip link add wgvpn-probe")
    outcome = machine.apply(TEAM)
    assert "modprobe wireguard" in outcome.said
    assert not machine.config.exists()


@pytest.mark.parametrize("broken", ["nft --file", "wg addconf", "systemctl start wireguard-vpn-firewall"])
def test_a_failing_step_rolls_back_and_says_so(server: Machine, broken: str) -> None:
    clean = server.observe(TEAM)
    new = TEAM.but(peers={"alice": key(1)}, rules="table inet wireguard_vpn { chain y { } }\n")
    if "firewall" in broken:
        (server.home / "units/wireguard-vpn-firewall.service").write_text("enabled\n")
    server.break_(f"once {broken}")
    outcome = server.apply(new)
    assert outcome.status == 1
    assert outcome.report["ok"] is False
    assert outcome.report["rolled_back"] is True
    assert "rolled back to the last good version, which is running" in outcome.said
    assert "AAAA" not in outcome.said
    assert server.observe(TEAM) == clean


def test_a_rollback_that_fails_as_well_is_told_and_the_next_apply_repairs(server: Machine) -> None:
    clean = server.observe(TEAM)
    server.break_("wg addconf")
    outcome = server.apply(TEAM.but(peers={"alice": key(1)}))
    assert outcome.report["rolled_back"] is False
    assert "the service is not in order" in outcome.said
    server.break_()
    server.apply(TEAM)
    assert server.observe(TEAM) == clean


def test_a_refused_start_returns_to_the_last_good_version(server: Machine) -> None:
    clean = server.observe(TEAM)
    outcome = server.apply(TEAM.but(port=52000, address="10.8.0.9/24", public_key=key(5)))
    assert "another key than expected; nothing was changed" in outcome.said
    (server.home / "broken").write_text("")
    outcome = tampered(server, TEAM.but(port=52000), {"verify": PICKY})
    assert outcome.report["rolled_back"] is True
    assert "not as expected; rolled back to the last good version, which is running" in outcome.said
    assert server.observe(TEAM) == clean


def test_an_undo_that_fails_is_told_after_what_it_should_undo(server: Machine) -> None:
    outcome = tampered(server, TEAM.but(port=52000), {"verify": PICKY.replace("*/last-good", "/nowhere")})
    assert outcome.report["rolled_back"] is False
    assert outcome.report["reason"] == "not as expected; rolling back failed: not as expected"


def test_an_undo_gives_a_peer_its_configured_endpoint_back(server: Machine) -> None:
    assert server.apply(TEAM.but(endpoints={"bob": "203.0.113.1:51820"})).report["ok"]
    outcome = tampered(server, TEAM.but(endpoints={"bob": "203.0.113.9:51820"}), {"verify": PICKY})
    assert outcome.report["rolled_back"] is True
    for path in (server.running, server.config):
        assert "Endpoint = 203.0.113.1:51820" in path.read_text()
        assert "203.0.113.9" not in path.read_text()


def test_an_undo_takes_away_what_was_placed_before_the_failure(server: Machine) -> None:
    outcome = tampered(server, TEAM.but(agent=True), {"agent2.psk": None})
    assert outcome.report["rolled_back"] is True
    assert not any((server.root / target[1:]).exists() for target in AGENT_FILES.values())
    assert server.unit(AGENT) == []


def test_an_undo_is_recorded_when_the_client_is_gone(server: Machine) -> None:
    """Its report would go nowhere, and writing it ends the script (SIGPIPE)."""
    server.break_("once wg addconf")
    bundle = server.bundle(TEAM.but(peers={"alice": key(1)}))
    gone = server.place / "gone"
    gone.write_text(f'exec > >(exec true) 2>&1; sleep 1; exec bash "{bundle}/apply"\n')
    assert server.run(gone).status != 0
    assert "rolled back to the last good version, which is running" in server.journal()[-1]


def test_a_power_cut_leaves_no_file_half_written(server: Machine) -> None:
    """What is not on the disk before the old file goes may come back empty, and nft takes an empty file for rules."""
    (server.bin / "sync").write_text('#!/bin/sh\nwc -c "$@" >>"$MACHINE/synced" 2>/dev/null; true\n')
    (server.bin / "sync").chmod(0o755)
    new = TEAM.but(rules="table inet wireguard_vpn { chain y { } }\n", peers={})
    assert server.apply(new).report["ok"]
    synced = (server.home / "synced").read_text().split()
    for path in (server.root / "etc/wireguard-vpn/nftables.conf", server.config):
        assert synced[synced.index(f"{path}.wireguard-vpn") - 1] == str(path.stat().st_size)


def test_what_killed_runs_left_in_memory_goes_with_the_next(server: Machine) -> None:
    names = ("wireguard-vpn.aB3xYz", "wireguard-vpn.123456", "other")
    killed, waiting, other = (server.root / "run" / name for name in names)
    for directory in (killed, waiting, other):
        directory.mkdir()
        (directory / "wg0.conf").write_text(PRIVATE)
    for directory in (killed, other):
        os.utime(directory, times=(0, 0))
    assert server.apply(TEAM).report["ok"]
    assert [each.exists() for each in (killed, waiting, other)] == [False, True, True]


def test_an_undo_knows_the_last_good_version_after_a_kill_while_it_was_kept(server: Machine) -> None:
    good = server.state / "last-good"
    good.rename(good.with_name("last-good.new"))
    assert tampered(server, TEAM.but(port=52000), {"verify": PICKY}).report["rolled_back"] is True


def test_half_of_a_version_is_not_returned_to(server: Machine) -> None:
    good = server.state / "last-good"
    (good / "runtime.conf").unlink()
    good.rename(good.with_name("last-good.new"))
    server.break_("nft --file")
    outcome = server.apply(TEAM.but(rules="table inet wireguard_vpn { chain y { } }\n"))
    assert outcome.report["rolled_back"] is False
    assert "the service is not in order" in outcome.said


@pytest.mark.parametrize("broken", ["nft --file", "systemctl start wg-quick"])
def test_what_a_failed_apply_placed_has_its_effect_with_the_next(machine: Machine, broken: str) -> None:
    (machine.home / "units" / AGENT).write_text("active\n")  # with the configuration of its package
    machine.break_(broken)
    assert machine.apply(TEAM.but(agent=True)).status == 1
    machine.break_()
    machine.calls()
    assert machine.apply(TEAM.but(agent=True)).report["ok"]
    assert {"systemctl daemon-reload", f"systemctl restart {AGENT}"} <= {*machine.calls()}


@pytest.mark.parametrize("directory", ["var/lib/wireguard-vpn", "etc/wireguard"])
def test_without_room_nothing_is_begun(server: Machine, directory: str) -> None:
    (server.root / directory / "room").symlink_to("/dev/full")
    outcome = server.apply(TEAM.but(peers={}))
    assert outcome.report["reason"] == f"there is no room in /{directory}"
    assert "nothing was changed" in outcome.said
    assert lasting(server.calls()) == []


def test_an_apply_that_does_not_end_is_not_waited_for_for_ever(server: Machine) -> None:
    bundle = server.bundle(TEAM)
    (bundle / "apply").write_text((bundle / "apply").read_text().replace("flock -w 600", "flock -w 0"))
    with (server.root / "run/wireguard-vpn.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        outcome = server.run(bundle / "apply")
    assert outcome.report["reason"] == "another apply has been running for ten minutes"
    assert "nothing was changed" in outcome.said


def test_a_probe_that_a_kill_left_does_not_deny_the_kernels_wireguard(machine: Machine) -> None:
    (machine.root / "sys/class/net/wgvpn-probe").mkdir()
    assert machine.apply(TEAM).report["ok"]


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
    assert tampered(server, TEAM, {"runtime.conf": ""}).status == 1
    assert lasting(server.calls()) == []


def test_no_report_or_journal_holds_a_secret(server: Machine) -> None:
    server.break_("wg set")
    said = server.apply(TEAM.but(peers={})).said + "".join(server.journal())
    assert PRIVATE not in said
    assert "AAAA" not in said
