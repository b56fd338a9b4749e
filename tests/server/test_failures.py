"""What a failed apply leaves: nothing changed, or the last good version."""

import pytest

from tests.server.machine import PRIVATE, TEAM, Machine, key, lasting

PICKY = """#!/bin/bash
here=$(dirname "$0")
. "$here/lib.sh"
read_settings "$1"
[[ $1 == */last-good ]] || fail "not as expected"
"""
"""A verification that accepts only the last good version."""


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


def test_no_report_or_journal_holds_a_secret(server: Machine) -> None:
    server.break_("wg set")
    said = server.apply(TEAM.but(peers={})).said + "".join(server.journal())
    assert PRIVATE not in said
    assert "AAAA" not in said
