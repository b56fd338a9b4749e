"""What NetBox shows of a server that is up, and that to look again changes nothing."""

from pathlib import Path

import pytest
import requests

from lab.services.netbox import LOGIN
from tests.browser import browse, picture
from tests.faults.proxy import FaultyProxy
from tests.providers.netbox.engine import MARK, Stack
from tests.providers.netbox.server import NetBoxServer

SHOWN = ("WireGuard VPN server, CT 2090 on pve", "192.168.20.90", "VPN server", "pulumi: wireguard-vpn/test/")
PEERS_SHOWN = ("WireGuard peer alice-laptop", "WireGuard peer bob", "WireGuard VPN gateway wireguard")
pytestmark = pytest.mark.usefixtures("standing")


def test_up_registers_the_whole_server(netbox: NetBoxServer) -> None:
    machine = netbox.only("virtualization/virtual-machines")
    assert machine["status"]["value"] == "active"
    assert (machine["vcpus"], machine["memory"], machine["disk"]) == (1.0, 1024, 8000)
    assert (machine["cluster"]["name"], machine["site"]["name"]) == ("pve", "Main")
    assert machine["role"]["name"] == "VPN server"
    assert machine["primary_ip4"]["address"] == "192.168.20.90/16"
    assert machine["primary_ip6"]["address"] == "fd00:20::90/64"
    assert [tag["name"] for tag in machine["tags"]] == [MARK]
    assert "wireguard-vpn/test" in machine["description"]


def test_up_registers_service_and_tunnel(netbox: NetBoxServer) -> None:
    service = netbox.only("ipam/services")
    assert service["port_mappings"] == ["udp/51820"]
    assert {ip["address"] for ip in service["ipaddresses"]} == {"192.168.20.90/16", "fd00:20::90/64"}
    assert netbox.only("vpn/tunnels")["encapsulation"]["value"] == "wireguard"
    termination = netbox.only("vpn/tunnel-terminations")
    assert termination["termination"]["name"] == "wg0"
    assert termination["outside_ip"]["address"] == "192.168.20.90/16"
    assert {each["prefix"] for each in netbox.all("ipam/prefixes")} == {"10.8.0.0/24", "fd00:8::/64"}


def test_peers_are_addresses_of_the_prefix_with_their_names(netbox: NetBoxServer) -> None:
    addresses = {each["address"]: each["description"] for each in netbox.all("ipam/ip-addresses", parent="10.8.0.0/24")}
    assert addresses["10.8.0.2/32"] == "WireGuard peer alice-laptop"
    assert addresses["10.8.0.3/32"] == "WireGuard peer bob"
    assert len(addresses) == 3


def test_a_second_run_asks_nothing_and_writes_nothing(standing: Stack, between: FaultyProxy) -> None:
    between.requests.clear()
    assert standing.up() == ("same", "same")
    assert between.requests == []


def test_a_refresh_without_changes_finds_none_in_eight_requests(standing: Stack, between: FaultyProxy) -> None:
    between.requests.clear()
    before = standing.registration.outs
    standing.refresh()
    assert [request.method for request in between.requests] == ["GET"] * len(between.requests)
    assert len(between.requests) <= 8
    assert standing.registration.outs == before
    assert standing.up() == ("same", "same")


# ── as a person sees it, in a real browser, with the lab's read-only login ───────────────────────


@pytest.fixture
def signed_in(between: FaultyProxy, netbox: NetBoxServer, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """The proxy, adding the reader's cookies to what the browser asks."""
    monkeypatch.setitem(between.added, "Cookie", _cookies(netbox))
    return between


def _cookies(netbox: NetBoxServer) -> str:
    with requests.Session() as session:
        session.get(f"{netbox.url}/login/", timeout=60)
        form = {
            "username": LOGIN[0],
            "password": LOGIN[1],
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        }
        answer = session.post(f"{netbox.url}/login/", form, headers={"Referer": netbox.url}, timeout=60)
        assert "Log Out" in answer.text
        return "; ".join(f"{name}={value}" for name, value in session.cookies.items())


@pytest.mark.usefixtures("signed_in")
def test_the_virtual_machine_has_a_page(standing: Stack, tmp_path: Path) -> None:
    page = str(standing.registration.outs["page"])
    text = browse(page, tmp_path, "--dump-dom")
    assert [words for words in SHOWN if words not in text] == []
    assert picture(page, tmp_path, "netbox-virtual-machine.png").stat().st_size > 20_000


def test_the_prefix_lists_the_peers(signed_in: FaultyProxy, netbox: NetBoxServer, tmp_path: Path) -> None:
    prefix = netbox.only("ipam/prefixes", prefix="10.8.0.0/24")
    page = f"{signed_in.url}/ipam/prefixes/{prefix['id']}/ip-addresses/"
    text = browse(page, tmp_path, "--dump-dom")
    assert [words for words in PEERS_SHOWN if words not in text] == []
    assert picture(page, tmp_path, "netbox-peers.png").stat().st_size > 20_000
