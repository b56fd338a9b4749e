"""Each kind of drift on a real server: seen by observe, told in a person's words, repaired by apply."""

from itertools import chain

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
    "address added": ("ip address add 192.168.77.1/24 dev wg0", "an unknown address 192.168.77.1/24 is on wg0"),
    "mtu": ("ip link set wg0 mtu 9000", "wg0 has MTU 9000 instead of 1420"),
    "masked": ("systemctl mask wg-quick@wg0", "wg-quick@wg0.service is masked at boot"),
    "watch masked": (
        "systemctl mask --runtime --now wireguard-vpn-watch@wg0",
        "wireguard-vpn-watch@wg0.service is masked-runtime at boot",
    ),
    "enabled until the next boot": (
        "systemctl disable wg-quick@wg0; systemctl enable --runtime wg-quick@wg0",
        "wg-quick@wg0.service is enabled-runtime at boot",
    ),
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
    "drop-in gone": (
        "rm -r /etc/systemd/system/wg-quick@.service.d; systemctl daemon-reload",
        "wg-quick@.service.d/wireguard-vpn.conf is gone",
    ),
    "package gone": ("apt-get -y purge qrencode", "package qrencode is not installed"),
}


ROUNDS = (
    (
        *("config edited", "mode", "owner", "peer removed", "peer added"),
        *("disabled", "forwarding off", "rule added", "package gone", "address added"),
    ),
    (
        *("config deleted", "port changed", "address deleted", "link to it removed"),
        *("unit gone", "rules file", "drop-in gone"),
    ),
    ("mtu", "watch masked"),
    ("link down", "rules flushed", "enabled until the next boot"),
    ("stopped", "masked"),
    ("interface gone",),
    ("rules file gone",),
)
"""Each case once, several together where they do not hide each other."""


@pytest.mark.parametrize("cases", ROUNDS, ids=", ".join)
def test_drift_is_seen_told_and_repaired(server: Live, cases: tuple[str, ...]) -> None:
    server.run("\n".join(DRIFT[case][0] for case in cases))
    findings = server.findings(version())
    assert [case for case in cases if not any(DRIFT[case][1] in each for each in findings)] == [], findings
    server.apply(version(), epoch=2)
    assert server.findings(version()) == ()
    assert server.apply(version(), epoch=2)["change"] == "none"


def test_every_case_is_tried_beside_none_of_the_same_words() -> None:
    assert sorted(chain(*ROUNDS)) == sorted(DRIFT)
    assert all(len({DRIFT[case][1] for case in cases}) == len(cases) for cases in ROUNDS)


def test_what_save_config_writes_is_no_drift(server: Live, site: Site) -> None:
    eventually(lambda: Peers(site).ping("peer0", "10.8.0.1", count=1), "the peer does not connect")
    server.sh("wg-quick save wg0")
    assert "Endpoint" in server.sh("cat /etc/wireguard/wg0.conf")
    assert server.findings(version()) == ()
    server.sh("systemctl restart wg-quick@wg0")
    assert server.findings(version()) == ()
    assert server.apply(version())["change"] == "none"
