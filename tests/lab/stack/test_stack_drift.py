"""What somebody changed on the server is seen by refresh, named, and put right by the same `up`."""

import pytest

from tests.lab.stack.rehearsal import SERVER, Rehearsal
from tests.lab.waiting import eventually

STRANGER = "wg genkey | wg pubkey"
OFF = "systemctl kill -s KILL wg-quick@wg0; ip link delete wg0; systemctl stop wg-quick@wg0"
DAMAGES = {
    "edited": {
        "sed -i 's/^ListenPort.*/ListenPort = 1/' /etc/wireguard/wg0.conf": "configuration file of wg0",
        "chmod 644 /etc/wireguard/wg0.conf": "mode 0644 instead of 0600",
        "chown nobody /etc/wireguard/wg0.conf": "belongs to nobody",
        f"wg set wg0 peer $({STRANGER}) allowed-ips 10.8.0.99/32": "unknown peer",
        "systemctl disable -q wg-quick@wg0": "is disabled at boot",
        "sysctl -qw net.ipv4.ip_forward=0": "net.ipv4.ip_forward is 0 instead of 1",
        "nft insert rule inet wireguard_vpn forward accept": "firewall rules were changed",
    },
    "removed": {
        "rm /etc/wireguard/wg0.conf": "wg0.conf is gone",
        "wg set wg0 peer $(wg show wg0 peers | head -n 1) remove": "is missing on the interface",
        # The watch would load them again before anybody looks.
        "systemctl stop wireguard-vpn-watch@wg0; nft flush ruleset": "firewall rules are not loaded",
        "apt-get -qq remove qrencode >/dev/null": "package qrencode is not installed",
    },
    "stopped": {"systemctl stop wg-quick@wg0": "wg-quick@wg0.service is inactive"},
    "failed": {OFF: "wg0 is down"},
}
"""What somebody does to the server in one go: command to the finding that names it."""


@pytest.mark.parametrize("kind", DAMAGES)
def test_drift_is_seen_named_and_repaired(deployed: Rehearsal, kind: str) -> None:
    stack = deployed.stack("lab")
    deployed.peers.connect_all(stack.clients())
    for command in DAMAGES[kind]:
        deployed.sh(command)
    seen = stack.run("refresh", "--preview-only", "--expect-no-changes", "--diff", check=False)
    assert seen.code != 0
    assert [finding for finding in DAMAGES[kind].values() if finding not in seen.out] == []
    stack.up("--refresh")
    told = stack.outputs()["plan"]
    assert [finding for finding in DAMAGES[kind].values() if finding not in told] == []
    stack.run("refresh", "--preview-only", "--expect-no-changes")
    eventually(lambda: deployed.peers.ping("alice-laptop", SERVER, count=1))


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
