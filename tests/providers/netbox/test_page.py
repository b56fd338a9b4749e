"""NetBox's pages as a person sees them, in a real browser, with the lab's read-only login."""

from pathlib import Path

import requests

from lab.services.netbox import LOGIN
from tests.browser import browse, picture
from tests.faults.proxy import FaultyProxy
from tests.providers.netbox.engine import Stack
from tests.providers.netbox.server import NetBoxServer

SHOWN = ("WireGuard VPN server, CT 2090 on pve", "192.168.20.90", "VPN server", "pulumi: wireguard-vpn/test/")
PEERS_SHOWN = ("WireGuard peer alice-laptop", "WireGuard peer bob", "WireGuard VPN gateway wireguard")


def test_the_virtual_machine_has_a_page(stack: Stack, proxy: FaultyProxy, clean: NetBoxServer, tmp_path: Path) -> None:
    stack.up()
    proxy.added["Cookie"] = logged_in(clean)
    page = str(stack.registration.outs["page"])
    text = browse(page, tmp_path, "--dump-dom")
    assert [words for words in SHOWN if words not in text] == []
    assert picture(page, tmp_path, "netbox-virtual-machine.png").stat().st_size > 20_000


def test_the_prefix_lists_the_peers(stack: Stack, proxy: FaultyProxy, clean: NetBoxServer, tmp_path: Path) -> None:
    stack.up()
    proxy.added["Cookie"] = logged_in(clean)
    prefix = clean.all("ipam/prefixes", prefix="10.8.0.0/24")[0]["id"]
    page = f"{proxy.url}/ipam/prefixes/{prefix}/ip-addresses/"
    text = browse(page, tmp_path, "--dump-dom")
    assert [words for words in PEERS_SHOWN if words not in text] == []
    assert picture(page, tmp_path, "netbox-peers.png").stat().st_size > 20_000


def logged_in(netbox: NetBoxServer) -> str:
    """Return the cookies of the read-only login."""
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
