"""The stack as `make lab` leaves it: real tunnels, the right files, and nothing to do on the next run."""

import json

import pytest

from tests.lab.stack.rehearsal import DMZ, MANAGEMENT, SERVER, VMID, Rehearsal

PEERS = {"alice-laptop", "bob-phone", "carol-tablet", "dave-desktop"}


@pytest.fixture(scope="module")
def connected(deployed: Rehearsal) -> Rehearsal:
    """The site with every peer connected from the client configurations the stack puts out."""
    deployed.peers.connect_all(deployed.stack("lab").clients())
    return deployed


def test_the_next_run_has_nothing_to_do(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    assert "unchanged" in stack.preview("--expect-no-changes").out
    assert "unchanged" in stack.up("--expect-no-changes").out
    assert "unchanged" in stack.run("refresh", "--preview-only", "--expect-no-changes").out
    assert "unchanged" in stack.up("--refresh", "--expect-no-changes").out


def test_the_outputs_say_what_a_person_needs_next(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    shown = json.loads(stack.run("stack", "output", "--json").out)
    assert shown["client_configs"] == "[secret]"
    assert shown["endpoint"] == "198.51.100.1:51820"
    assert shown["ct_id"] == VMID
    assert shown["ct_address"] == "192.168.20.90"
    assert shown["peers"].keys() == PEERS
    assert stack.clients().keys() == PEERS


def test_peers_reach_server_and_management_network_and_nothing_of_the_dmz(connected: Rehearsal) -> None:
    peers, before = connected.peers, connected.echo_requests("dmz")
    assert peers.ping("alice-laptop", SERVER) is not None
    assert peers.ping("alice-laptop", MANAGEMENT) is not None
    assert peers.ping("carol-tablet", DMZ, count=2) is None
    assert connected.echo_requests("dmz") == before


def test_peers_do_not_reach_each_other(connected: Rehearsal) -> None:
    other = connected.stack("lab").outputs()["peers"]["bob-phone"]["address"]
    assert connected.peers.ping("alice-laptop", other, count=2) is None


def test_a_borrowed_source_address_is_dropped(connected: Rehearsal) -> None:
    peers = connected.peers
    alice = peers.get("alice-laptop")
    assert alice is not None
    peers.execute("alice-laptop", ["ip", "address", "add", "10.8.0.77/32", "dev", alice.interface])
    before = connected.echo_requests("mgmt")
    peers.execute("alice-laptop", ["ping", "-c", "3", "-i", "0.2", "-W", "1", "-I", "10.8.0.77", MANAGEMENT])
    assert connected.echo_requests("mgmt") == before
    assert peers.ping("alice-laptop", MANAGEMENT) is not None
    assert connected.echo_requests("mgmt") > before


def test_the_server_is_as_the_data_model_says(deployed: Rehearsal) -> None:
    assert deployed.sh("stat -c '%a %U:%G' /etc/wireguard/wg0.conf") == "600 root:root"
    assert deployed.sh("systemctl is-active wg-quick@wg0") == "active"
    assert deployed.sh("systemctl is-enabled wg-quick@wg0") == "enabled"
    assert deployed.sh("systemctl show -p Restart --value wg-quick@wg0") == "on-failure"
    assert deployed.sh("sysctl -n net.ipv4.ip_forward") == "1"
    assert deployed.sh("grep -c '^SaveConfig = true' /etc/wireguard/wg0.conf") == "1"
    assert deployed.sh("command -v qrencode wg-quick | wc -l") == "2"
    assert deployed.sh("dpkg-query -W -f '${Package}\\n' | grep -c linux-image || true") == "0"


def test_the_container_is_as_the_data_model_says(deployed: Rehearsal) -> None:
    config = deployed.api("GET", f"/nodes/pve/lxc/{VMID}/config")
    assert config["unprivileged"] == 1
    assert config["onboot"] == 1
    assert config["features"] == "nesting=1"
    assert (config["memory"], config["swap"], config["cores"]) == (1024, 512, 1)
    assert "size=8G" in config["rootfs"]
    assert "pulumi: wireguard-vpn/lab/" in config["description"]


def test_the_proxmox_firewall_lets_in_the_vpn_and_ssh_alone(deployed: Rehearsal) -> None:
    rules = deployed.api("GET", f"/nodes/pve/lxc/{VMID}/firewall/rules")
    assert {(r["proto"], r["dport"], r["action"]) for r in rules} == {
        ("udp", "51820", "ACCEPT"),
        ("tcp", "22", "ACCEPT"),
    }
    options = deployed.api("GET", f"/nodes/pve/lxc/{VMID}/firewall/options")
    assert options["enable"] == 1
    assert options["policy_in"] == "DROP"
