"""What NetBox shall say about a server: a pure function of the server."""

from dataclasses import replace

import pytest

from clients.netbox import Mark, Peer, Server, problems, reservation, wanted

SERVER = Server(
    stack="wireguard-vpn/prod",
    name="wireguard",
    domain="Infra.Local",
    site="lab",
    cluster="pve",
    role="",
    vmid=2090,
    node="pve",
    cores=1,
    memory_mb=1024,
    disk_gb=8,
    management=("192.168.20.90/16",),
    dhcp=False,
    interface="wg0",
    tunnel=("10.8.0.1/24",),
    port=51820,
    mtu=None,
    onboot=True,
    peers=(Peer("alice", ("10.8.0.2/32",)), Peer("bob", ("10.8.0.3/32",), "disabled")),
)


def test_the_default_server_has_these_records() -> None:
    assert {kind: list(records) for kind, records in wanted(SERVER).items()} == {
        "virtual_machine": ["wireguard"],
        "interface": ["eth0", "wg0"],
        "prefix": ["10.8.0.0/24"],
        "ip_address": ["192.168.20.90", "10.8.0.1", "10.8.0.2", "10.8.0.3"],
        "service": ["WireGuard"],
        "tunnel": ["wireguard.infra.local wg0"],
        "termination": ["wg0"],
    }


def test_the_machine_tells_where_it_comes_from() -> None:
    machine = wanted(SERVER)["virtual_machine"]["wireguard"]
    assert machine["description"] == "WireGuard VPN server, CT 2090 on pve, Pulumi stack wireguard-vpn/prod"
    assert (machine["primary_ip4"], machine["primary_ip6"]) == ("192.168.20.90", "")
    assert machine["disk"] == 8000


def test_the_tunnel_ends_at_the_interface_and_is_reached_at_the_container() -> None:
    records = wanted(SERVER)
    assert records["tunnel"]["wireguard.infra.local wg0"]["encapsulation"] == "wireguard"
    assert records["termination"]["wg0"] == {
        "tunnel": "wireguard.infra.local wg0",
        "interface": "wg0",
        "role": "hub",
        "outside_ip": "192.168.20.90",
    }
    assert records["service"]["WireGuard"]["ports"] == ["udp/51820"]


@pytest.mark.parametrize(
    ("state", "status"), [("active", "active"), ("disabled", "reserved"), ("expired", "deprecated")]
)
def test_a_peers_state_is_its_addresss_status(state: str, status: str) -> None:
    server = replace(SERVER, peers=(Peer("carol", ("10.8.0.9/32",), state),))
    assert wanted(server)["ip_address"]["10.8.0.9"] == {
        "address": "10.8.0.9/32",
        "interface": "",
        "status": status,
        "dns_name": "",
        "description": "WireGuard peer carol",
    }


def test_ipv6_is_written_as_netbox_writes_it() -> None:
    server = replace(SERVER, management=("FD00:0020::0090/64",), tunnel=("FD00:0008:0::1/64",), dhcp=True, peers=())
    records = wanted(server)
    assert list(records["ip_address"]) == ["fd00:20::90", "fd00:8::1"]
    assert records["ip_address"]["fd00:20::90"]["status"] == "dhcp"
    assert list(records["prefix"]) == ["fd00:8::/64"]
    assert records["virtual_machine"]["wireguard"]["primary_ip6"] == "fd00:20::90"
    assert records["termination"]["wg0"]["outside_ip"] == "fd00:20::90"


def test_the_name_is_kept_by_a_machine_alone() -> None:
    assert reservation("wireguard", "lab", "pve") == {
        "virtual_machine": {"wireguard": {"name": "wireguard", "site": "lab", "cluster": "pve"}}
    }


def test_nothing_is_wrong_with_the_default_server() -> None:
    assert problems(wanted(SERVER)) == []


def test_every_text_too_long_for_netbox_is_named() -> None:
    server = replace(SERVER, name="n" * 65, domain="bad domain", peers=(Peer("p" * 200, ("10.8.0.2/32",)),))
    keys = {problem.key.rpartition(".")[2] for problem in problems(wanted(server))}
    assert keys == {"name", "dns_name", "description"}
    assert all("NetBox takes" in problem.rule for problem in problems(wanted(server)))


def test_the_mark_is_one_tag_per_stack() -> None:
    mark = Mark("pulumi: wireguard-vpn/prod/0a1b2c")
    assert (mark.slug, mark.stack) == ("pulumi-wireguard-vpn-prod-0a1b2c", "wireguard-vpn/prod")
    assert mark.problems() == []
    assert Mark("pulumi: " + "x" * 100).problems()[0].key == "mark"
