"""Changes of the running server: named by the preview, felt by the peers as promised."""

from collections.abc import Iterator

import pytest

from tests.lab.stack.rehearsal import SERVER, VMID, Rehearsal
from tests.lab.waiting import eventually

LASTING = (
    "wg show wg0 public-key; wg show wg0 listen-port; wg show wg0 allowed-ips | sort; "
    "wg show wg0 preshared-keys | sort | sha256sum; "
    "stat -c '%a %U' /etc/wireguard/wg0.conf"
)
"""What only a new version changes: without handshakes, counters and endpoints, which move by themselves."""
ROAMING_CLIENT_RETRIES_AFTER = 15
"""Seconds a client needs by itself to find a server that has lost its endpoint (10 + 5 s)."""


@pytest.fixture(scope="module")
def lab(deployed: Rehearsal) -> Iterator[Rehearsal]:
    """The site with all peers connected; the stack is as before afterwards."""
    config = deployed.root / "Pulumi.lab.yaml"
    before = config.read_text()
    connect(deployed)
    yield deployed
    config.write_text(before)
    deployed.stack("lab").up()


def connect(lab: Rehearsal) -> None:
    """Connect every peer from what the stack puts out now."""
    lab.peers.connect_all(lab.stack("lab").clients())


def endpoints(lab: Rehearsal) -> str:
    """Return the endpoints the server knows, by public key."""
    return "\n".join(sorted(lab.sh("wg show wg0 endpoints").splitlines()))


def test_a_new_peer_is_named_and_connects_without_an_interruption(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    stack.set("peers[4].name", "erin-laptop")
    shown = stack.preview().out
    assert "+erin-laptop; without a restart, no interruption" in shown
    assert stack.planned().keys() == {"keyring", "addresses", "server-state", "server"}
    since = lab.sh("systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0")
    stack.up()
    connect(lab)
    assert lab.peers.ping("erin-laptop", SERVER) is not None
    assert lab.sh("systemctl show -p ActiveEnterTimestampMonotonic --value wg-quick@wg0") == since


def test_a_removed_peer_is_named_and_cut_off(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    key = stack.outputs()["peers"]["erin-laptop"]["public_key"]
    stack.unset("peers[4]")
    assert "-erin-laptop; without a restart, no interruption" in stack.preview().out
    stack.up()
    assert key not in lab.sh("wg show wg0 peers")
    assert lab.peers.ping("erin-laptop", SERVER, count=2) is None
    lab.peers.disconnect("erin-laptop")


def test_a_change_of_the_firewall_alone_leaves_the_tunnels_as_they_are(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    stack.set("peer_to_peer", "true")
    assert "firewall rules replaced in one transaction, no interruption" in stack.preview().out
    stack.up()
    other = stack.outputs()["peers"]["bob-phone"]["address"]
    assert lab.peers.ping("alice-laptop", other) is not None
    stack.unset("peer_to_peer")
    stack.up()
    assert lab.peers.ping("alice-laptop", other, count=2) is None


def test_memory_changes_in_place_and_the_tunnel_comes_back(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    stack.set("memory_mb", "1280")
    assert stack.planned() == {"proof-intent": "update", "container": "update", "proof": "update"}
    stack.up()
    assert lab.api("GET", f"/nodes/pve/lxc/{VMID}/config")["memory"] == 1280
    eventually(lambda: lab.peers.ping("alice-laptop", SERVER, count=1))
    stack.preview("--expect-no-changes")


def test_a_new_port_is_a_restart_and_peers_connect_there(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    stack.set_all({"listen_port": "51999", "endpoint": "198.51.100.1:51999"})
    assert "restart, no peer connects before it has its new file" in stack.preview().out
    stack.up()
    assert lab.sh("wg show wg0 listen-port") == "51999"
    connect(lab)
    assert lab.peers.ping("alice-laptop", SERVER) is not None
    stack.preview("--expect-no-changes")


def test_a_new_subnet_gives_every_peer_a_new_address(lab: Rehearsal) -> None:
    stack = lab.stack("lab")
    stack.set("address", "10.77.0.1/24")
    stack.up()
    connect(lab)
    assert lab.peers.ping("alice-laptop", "10.77.0.1") is not None
    assert all(peer["address"].startswith("10.77.0.") for peer in stack.outputs()["peers"].values())
    stack.unset("address")
    stack.up()
    connect(lab)
    assert lab.peers.ping("alice-laptop", SERVER) is not None


def test_a_restart_of_the_service_keeps_the_peers_endpoints(lab: Rehearsal) -> None:
    before = endpoints(lab)
    assert "198.51.100." in before
    lab.sh("systemctl restart wg-quick@wg0")
    assert endpoints(lab) == before
    eventually(lambda: lab.peers.ping("alice-laptop", SERVER, count=1), timeout=ROAMING_CLIENT_RETRIES_AFTER - 5)


def test_a_reboot_brings_the_tunnel_back_by_itself(lab: Rehearsal) -> None:
    before = endpoints(lab)
    lab.task("POST", f"/nodes/pve/lxc/{VMID}/status/reboot", timeout=60)
    eventually(lambda: lab.peers.ping("alice-laptop", SERVER, count=1))
    assert endpoints(lab) == before
    stack = lab.stack("lab")
    stack.up("--refresh")
    stack.run("refresh", "--preview-only", "--expect-no-changes")


def test_wireguard_stays_when_a_change_is_refused_by_the_server(lab: Rehearsal) -> None:
    """A push that fails on the way rolls back: the last good configuration keeps running."""
    stack = lab.stack("lab")
    before = lab.sh(LASTING)
    broken = "case $1 in syncconf|addconf) exit 1 ;; esac"
    lab.sh(
        "mv /usr/bin/wg /usr/bin/wg.real;"
        f" printf '#!/bin/sh\\n%s\\nexec wg.real \"$@\"\\n' '{broken}' >/usr/bin/wg; chmod 755 /usr/bin/wg"
    )
    stack.set("peers[4].name", "frank-laptop")
    try:
        run = stack.up(check=False)
    finally:
        lab.sh("mv /usr/bin/wg.real /usr/bin/wg")
    assert run.code != 0
    assert lab.peers.ping("alice-laptop", SERVER) is not None
    assert lab.sh(LASTING) == before
    stack.up()
    assert lab.sh("wg show wg0 peers | wc -l") == "5"
    stack.unset("peers[4]")
    stack.up()
