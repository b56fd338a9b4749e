"""The deployed stack in the lab's real NetBox."""

from tests.lab.monitoring.conftest import Watched


def test_netbox_has_the_server_as_it_runs(watched: Watched) -> None:
    (machine,) = watched.inventory.all("virtualization/virtual-machines")
    assert machine["name"] == "wireguard-lab"
    assert machine["status"]["value"] == "active"
    assert machine["primary_ip4"]["address"] == "192.168.20.90/16"
    assert machine["tags"][0]["name"].startswith("pulumi: wireguard-vpn/lab/")
    page = watched.stack.outputs()["netbox_url"]
    assert page == f"{watched.inventory.url}/virtualization/virtual-machines/{machine['id']}/"


def test_netbox_has_every_peer_by_name(watched: Watched) -> None:
    addresses = watched.inventory.all("ipam/ip-addresses", parent="10.8.0.0/24")
    named = {each["description"].removeprefix("WireGuard peer "): each["address"] for each in addresses}
    peers = watched.stack.outputs()["peers"]
    assert {name: named.get(name) for name in peers} == {name: f"{peer['address']}/32" for name, peer in peers.items()}


def test_what_is_edited_in_netbox_is_seen_and_put_back(watched: Watched) -> None:
    (tunnel,) = watched.inventory.all("vpn/tunnels")
    watched.inventory.patch(f"vpn/tunnels/{tunnel['id']}/", {"encapsulation": "gre"})
    watched.stack.up("--refresh")
    assert watched.inventory.get(f"vpn/tunnels/{tunnel['id']}/")["encapsulation"]["value"] == "wireguard"
    assert watched.stack.preview("--refresh", "--expect-no-changes").code == 0
