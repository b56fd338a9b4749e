"""Each kind of drift on a real server: seen by observe, told in a person's words, repaired by apply."""

import pytest

from lab.peers import Peers
from lab.site import Site
from tests.lab.server.live import Live, version
from tests.lab.waiting import eventually

DRIFT = {
    "config edited": (
        "sed -i 's/10.8.0.101/10.8.0.77/' /etc/wireguard/wg0.conf",
        "configuration file of wg0 was changed",
    ),
    "config deleted": ("rm /etc/wireguard/wg0.conf", "/etc/wireguard/wg0.conf is gone"),
    "mode": ("chmod 644 /etc/wireguard/wg0.conf", "has mode 0644 instead of 0600"),
    "owner": ("chown nobody /etc/wireguard/wg0.conf", "belongs to nobody:root"),
    "peer added": (f"wg set wg0 peer {'B' * 42}0= allowed-ips 10.8.0.66/32", "unknown peer"),
    "peer removed": ("wg set wg0 peer $(wg show wg0 peers | head -n 1) remove", "is missing on the interface"),
    "port changed": ("wg set wg0 listen-port 4444", "listens on port 4444"),
    "stopped": ("systemctl stop wg-quick@wg0", "wg-quick@wg0.service is inactive"),
    "disabled": ("systemctl disable wg-quick@wg0", "wg-quick@wg0.service is disabled at boot"),
    "link to it removed": (
        "rm /etc/systemd/system/multi-user.target.wants/wg-quick@wg0.service",
        "wg-quick@wg0.service is disabled at boot",
    ),
    "unit gone": (
        "systemctl stop wireguard-vpn-watch@wg0; rm /etc/systemd/system/wireguard-vpn-watch@.service",
        "wireguard-vpn-watch@wg0.service is",
    ),
    "interface gone": ("ip link delete wg0", "the interface wg0 is down"),
    "forwarding off": ("sysctl -w net.ipv4.ip_forward=0", "net.ipv4.ip_forward is 0 instead of 1"),
    "link down": ("ip link set wg0 down", "the interface wg0 is down"),
    "address deleted": ("ip address delete 10.8.0.1/24 dev wg0", "wg0 does not have its address 10.8.0.1/24"),
    # The watch would load them again before anybody looks.
    "rules flushed": (
        "systemctl stop wireguard-vpn-watch@wg0; nft flush ruleset",
        "firewall rules are not loaded",
    ),
    "rule added": ("nft insert rule inet wireguard_vpn forward accept", "firewall rules were changed"),
    "rules file": ("echo >> /etc/wireguard-vpn/nftables.conf", "/etc/wireguard-vpn/nftables.conf was changed"),
    "rules file gone": (
        "rm /etc/wireguard-vpn/nftables.conf; systemctl restart wireguard-vpn-firewall",
        "the interface wg0 is down",
    ),
    "drop-in gone": ("rm -r /etc/systemd/system/wg-quick@.service.d; systemctl daemon-reload", "is gone"),
    "package gone": ("apt-get -y purge qrencode", "package qrencode is not installed"),
}


@pytest.mark.parametrize("case", sorted(DRIFT))
def test_drift_is_seen_told_and_repaired(server: Live, case: str) -> None:
    damage, words = DRIFT[case]
    server.run(damage)
    findings = server.findings(version())
    assert any(words in finding for finding in findings), findings
    server.apply(version(), epoch=2)
    assert server.findings(version()) == ()
    assert server.apply(version(), epoch=2)["change"] == "none"


def test_what_save_config_writes_is_no_drift(server: Live, site: Site) -> None:
    eventually(lambda: Peers(site).ping("peer0", "10.8.0.1", count=1), "the peer does not connect")
    server.sh("wg-quick save wg0")
    assert "Endpoint" in server.sh("cat /etc/wireguard/wg0.conf")
    assert server.findings(version()) == ()
    server.sh("systemctl restart wg-quick@wg0")
    assert server.findings(version()) == ()
    assert server.apply(version())["change"] == "none"
