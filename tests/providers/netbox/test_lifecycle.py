"""NetBox through Pulumi's plugin host: made, kept, changed in place, removed without a trace."""

from dataclasses import replace

import pytest

from clients.netbox import Peer
from tests.faults.proxy import FaultyProxy
from tests.providers.engine import CheckFailed
from tests.providers.host import UNKNOWN, Host
from tests.providers.netbox.engine import PEERS, SERVER, Stack
from tests.providers.netbox.server import NetBoxServer
from tests.providers.netbox.test_drift import END, VM, facts, one
from tests.providers.netbox.test_faults import MADE

WRITES = ("POST", "PATCH", "PUT")


def test_a_changed_peer_is_one_write(stack: Stack, proxy: FaultyProxy, clean: NetBoxServer) -> None:
    stack.up()
    proxy.requests.clear()
    changed = (Peer("alice-laptop", PEERS[0].addresses, "disabled"), PEERS[1])
    assert stack.up(replace(SERVER, peers=changed)) == ("same", "update")
    assert [r.method for r in proxy.requests if r.method in WRITES] == ["PATCH"]
    alice = clean.all("ipam/ip-addresses", address="10.8.0.2")[0]
    assert alice["status"]["value"] == "reserved"


def test_peers_come_and_go_in_bulk(stack: Stack, proxy: FaultyProxy, clean: NetBoxServer) -> None:
    stack.up()
    proxy.requests.clear()
    team = tuple(Peer(f"peer-{n}", (f"10.8.0.{n}/32",)) for n in range(10, 60))
    stack.up(replace(SERVER, peers=team))
    written = [(r.method, r.path) for r in proxy.requests if r.method in (*WRITES, "DELETE")]
    assert written == [("POST", "/api/ipam/ip-addresses/"), ("DELETE", "/api/ipam/ip-addresses/")]
    names = {each["description"] for each in clean.all("ipam/ip-addresses", parent="10.8.0.0/24")}
    assert "WireGuard peer peer-59" in names
    assert "WireGuard peer bob" not in names


def test_everything_else_changes_in_place(stack: Stack, clean: NetBoxServer) -> None:
    stack.up()
    ids = {path: {each["id"] for each in clean.all(path)} for path in ("virtualization/interfaces", "vpn/tunnels")}
    machine = clean.all("virtualization/virtual-machines")[0]["id"]
    other = replace(
        SERVER, name="vpn2", cores=2, interface="wg1", port=51821, management=("192.168.20.91/16",), mtu=1400, vmid=2091
    )
    assert stack.up(other) == ("update", "update")
    assert {path: {each["id"] for each in clean.all(path)} for path in ids} == ids
    found = clean.all("virtualization/virtual-machines")[0]
    assert (found["id"], found["name"], found["vcpus"]) == (machine, "vpn2", 2.0)
    assert found["primary_ip4"]["address"] == "192.168.20.91/16"
    assert found["primary_ip6"] is None
    assert clean.all("ipam/ip-addresses", address="192.168.20.90") == []
    assert stack.up(other) == ("same", "same")


def test_destroy_leaves_netbox_exactly_as_it_was(stack: Stack, clean: NetBoxServer) -> None:
    clean.post("ipam/prefixes/", {"prefix": "10.0.0.0/8"})
    clean.post("ipam/ip-addresses/", {"address": "10.8.0.77/32", "description": "a foreign one in our subnet"})
    clean.post("virtualization/virtual-machines/", {"name": "neighbour", "site": {"slug": "main"}})
    before = clean.dump()
    assert [each["name"] for each in before[VM]] == ["neighbour"]
    stack.up()
    stack.destroy()
    assert clean.dump() == before


def test_what_is_left_without_its_machine_goes_with_a_destroy(stack: Stack, clean: NetBoxServer) -> None:
    before = facts(clean, *MADE)
    stack.up()
    for path in (END, VM):
        clean.delete(f"{path}/{one(clean, path)['id']}/")
    stack.refresh()
    stack.refresh()  # of what is known to be gone, too
    stack.destroy()
    assert facts(clean, *MADE) == before


def test_the_registration_alone_shows_that_the_server_is_going(stack: Stack, clean: NetBoxServer) -> None:
    stack.up()
    stack.registration.destroy()
    assert clean.only("virtualization/virtual-machines")["status"]["value"] == "decommissioning"
    assert clean.only("vpn/tunnels")["status"]["value"] == "disabled"
    assert stack.up() == ("same", "create")
    assert clean.only("virtualization/virtual-machines")["status"]["value"] == "active"


def test_destroying_twice_is_as_good_as_once(stack: Stack, host: Host, clean: NetBoxServer) -> None:
    stack.up()
    reservation, registration = stack.reservation, stack.registration
    stored = [(r.provider, r.id, r.outs) for r in (registration, reservation)]
    stack.destroy()
    for provider, id_, outs in stored:
        host.delete(provider, id_, outs)
    assert clean.all("extras/tags") == []


def test_an_address_not_known_yet_is_no_error_at_preview(host: Host, nowhere: FaultyProxy) -> None:
    stack = Stack(host, nowhere.url)
    news = {**stack.records(SERVER), "records": UNKNOWN}
    assert stack.registration.preview(news)[0] == "create"
    assert nowhere.requests == []


def test_what_netbox_would_refuse_stops_at_preview(host: Host, nowhere: FaultyProxy) -> None:
    stack = Stack(host, nowhere.url)
    long = replace(SERVER, domain="x" * 260, peers=(Peer("p" * 200, ("10.8.0.2/32",)),))
    with pytest.raises(CheckFailed, match="at most 200 characters") as failed:
        stack.registration.preview(stack.records(long))
    assert "at most 255 characters" in str(failed.value)
    assert nowhere.requests == []


def test_many_peers_take_few_requests(stack: Stack, proxy: FaultyProxy, clean: NetBoxServer) -> None:
    hosts = [f"10.8.{n // 250}.{n % 250 + 2}/32" for n in range(150)]
    crowd = replace(
        SERVER,
        tunnel=("10.8.0.1/16",),
        peers=tuple(Peer(f"peer-{n}", (each,)) for n, each in enumerate(hosts)),
    )
    stack.up(crowd)
    creations = [r for r in proxy.requests if r.method == "POST" and "ip-addresses" in r.path]
    assert len(creations) <= 2
    assert clean.get("ipam/ip-addresses/?limit=1&parent=10.8.0.0/16")["count"] == 151
    proxy.requests.clear()
    stack.refresh()
    assert len(proxy.requests) <= 8
    assert stack.up(crowd) == ("same", "same")
    stack.destroy()


def test_a_registration_makes_a_tag_that_was_removed(stack: Stack, clean: NetBoxServer) -> None:
    """As after a destroy whose last answer was lost: of the reservation the state knows, of the tag NetBox nothing."""
    stack.up()
    wanted = facts(clean)
    stack.registration.destroy()
    reservation = vars(stack.reservation).copy()
    stack.reservation.destroy()
    vars(stack.reservation).update(reservation)
    assert stack.up() == ("same", "create")
    assert facts(clean) == wanted
