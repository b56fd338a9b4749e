"""What somebody changed on the server is seen by refresh, named, and put right by the same `up`."""

import pytest

from tests.lab.stack.rehearsal import SERVER, Rehearsal

STRANGER = "wg genkey | wg pubkey"
DAMAGE = {
    "an edited wg0.conf": (
        "sed -i 's/^ListenPort.*/ListenPort = 1/' /etc/wireguard/wg0.conf",
        "configuration file of wg0",
    ),
    "a deleted wg0.conf": ("rm /etc/wireguard/wg0.conf", "wg0.conf is gone"),
    "a readable wg0.conf": ("chmod 644 /etc/wireguard/wg0.conf", "mode 0644 instead of 0600"),
    "another owner of wg0.conf": ("chown nobody /etc/wireguard/wg0.conf", "belongs to nobody"),
    "a peer added by hand": (f"wg set wg0 peer $({STRANGER}) allowed-ips 10.8.0.99/32", "unknown peer"),
    "a peer removed by hand": (
        "wg set wg0 peer $(wg show wg0 peers | head -n 1) remove",
        "is missing on the interface",
    ),
    "a stopped service": ("systemctl stop wg-quick@wg0", "wg-quick@wg0.service is inactive"),
    "a disabled service": ("systemctl disable -q wg-quick@wg0", "is disabled at boot"),
    "a failed service": (
        "systemctl kill -s KILL wg-quick@wg0; ip link del wg0; systemctl stop wg-quick@wg0",
        "wg0 is down",
    ),
    "forwarding switched off": ("sysctl -qw net.ipv4.ip_forward=0", "net.ipv4.ip_forward is 0 instead of 1"),
    "flushed rules": ("nft flush ruleset", "firewall rules"),
    "a rule more": ("nft insert rule inet wireguard_vpn forward accept", "firewall rules were changed"),
    "a missing package": ("apt-get -qq remove qrencode >/dev/null", "package qrencode is not installed"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_drift_is_seen_named_and_repaired(deployed: Rehearsal, case: str) -> None:
    damage, finding = DAMAGE[case]
    stack = deployed.stack("lab")
    deployed.peers.connect_all(stack.clients())
    deployed.sh(damage)
    seen = stack.run("refresh", "--preview-only", "--expect-no-changes", "--diff", check=False)
    assert seen.code != 0
    assert finding in seen.out
    assert "repair" in stack.up("--refresh").out
    stack.run("refresh", "--preview-only", "--expect-no-changes")
    assert deployed.peers.ping("alice-laptop", SERVER) is not None


def test_clean_stays_clean_after_what_saveconfig_writes(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    deployed.peers.connect_all(stack.clients())
    deployed.sh("wg-quick save wg0 && systemctl restart wg-quick@wg0")
    stack.run("refresh", "--preview-only", "--expect-no-changes")


def test_refresh_then_up_repairs_as_well(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    deployed.sh("systemctl stop wg-quick@wg0")
    stack.run("refresh", "--yes", "--skip-preview")
    assert stack.planned() == {"server-state": "update", "server": "update"}
    stack.up()
    assert deployed.sh("systemctl is-active wg-quick@wg0") == "active"
    stack.preview("--expect-no-changes")
