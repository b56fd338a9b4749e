"""Nothing of others is touched: taken names are refused or adopted on purpose, dependents protected."""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.proxy import FaultyProxy
from tests.providers.engine import CheckFailed, Managed, error_of
from tests.providers.netbox.engine import MARK, SERVER, Stack
from tests.providers.netbox.server import NetBoxServer
from tests.providers.netbox.test_faults import writes_of

TAKEN: dict[str, dict[str, Any]] = {
    "virtualization/virtual-machines": {"name": "WireGuard", "cluster": {"name": "pve"}, "comments": "kept"},
    "ipam/prefixes": {"prefix": "10.8.0.0/24", "comments": "kept"},
    "ipam/ip-addresses": {"address": "10.8.0.2/24", "comments": "kept"},
    "vpn/tunnels": {
        "name": "wireguard.infra.local wg0",
        "status": "planned",
        "encapsulation": "gre",
        "comments": "kept",
    },
}
NAMES = {
    "virtualization/virtual-machines": "virtual machine 'wireguard'",
    "ipam/prefixes": "prefix '10.8.0.0/24'",
    "ipam/ip-addresses": "IP address '10.8.0.2'",
    "vpn/tunnels": "tunnel 'wireguard.infra.local wg0'",
}


@pytest.mark.parametrize("path", list(TAKEN))
def test_a_taken_name_is_refused_at_preview_and_named(
    path: str, stack: Stack, clean: NetBoxServer, proxy: FaultyProxy
) -> None:
    clean.post(f"{path}/", TAKEN[path])
    before = clean.all(path)
    said = error_of(stack.up)
    assert f"{NAMES[path]} (id " in said
    assert "netbox_adopt=true" in said
    assert clean.all(path) == before
    made = [r.path for r in proxy.requests if r.method == "POST"]
    assert "/api/ipam/services/" not in made


def test_taken_names_are_adopted_on_purpose(adopting: Stack, clean: NetBoxServer) -> None:
    clean.post("extras/tags/", {"name": "x", "slug": "x"})
    taken = {path: clean.post(f"{path}/", {**body, "tags": [{"slug": "x"}]})["id"] for path, body in TAKEN.items()}
    # The program's own token may not write to what lacks its mark: adopting takes a wider one.
    adopting.reservation.host.configure({"wireguard-vpn:netbox_token": clean.admin_token})
    assert adopting.up() == ("create", "create")
    for path, id_ in taken.items():
        after = clean.get(f"{path}/{id_}/")
        assert after["comments"] == "kept"
        assert {tag["slug"] for tag in after["tags"]} > {"x"}
    assert adopting.up() == ("same", "same")
    adopting.destroy()
    assert not any(clean.all(path) for path in TAKEN)


def test_the_programs_token_cannot_adopt(adopting: Stack, clean: NetBoxServer) -> None:
    clean.post("ipam/prefixes/", TAKEN["ipam/prefixes"])
    before = clean.all("ipam/prefixes", prefix="10.8.0.0/24")
    assert "/api/ipam/prefixes/ was refused" in error_of(adopting.up)
    assert clean.all("ipam/prefixes", prefix="10.8.0.0/24") == before


def test_a_record_whose_tag_was_taken_off_is_no_longer_ours(stack: Stack, clean: NetBoxServer) -> None:
    stack.up()
    machine = clean.all("virtualization/virtual-machines")[0]
    clean.patch(f"virtualization/virtual-machines/{machine['id']}/", {"tags": []})
    stack.refresh()
    assert "does not carry the tag" in error_of(stack.up)


def test_a_copy_with_our_tag_is_not_guessed_about(stack: Stack, clean: NetBoxServer, proxy: FaultyProxy) -> None:
    stack.up()
    machines = "virtualization/virtual-machines"
    tags = [{"name": MARK}]
    copy = clean.post(f"{machines}/", {"name": "copy", "site": {"slug": "main"}, "tags": tags})
    proxy.requests.clear()
    for action in (stack.refresh, stack.registration.destroy, stack.reservation.destroy):
        assert "several virtual machines carry this stack's tag: 'copy' (id " in error_of(action)
    assert proxy.requests
    assert writes_of(proxy.requests) == []
    clean.patch(f"{machines}/{copy['id']}/", {"tags": []})
    stack.destroy()
    assert [each["name"] for each in clean.all(machines)] == ["copy"]


def test_another_stack_is_another_owner(stack: Stack, clean: NetBoxServer, proxy: FaultyProxy) -> None:
    stack.up()
    other = Stack(stack.reservation.host, proxy.url, mark="pulumi: wireguard-vpn/other/ffffffffffff")
    assert "virtual machine 'wireguard'" in error_of(other.up)
    elsewhere = replace(
        SERVER,
        stack="wireguard-vpn/other",
        name="vpn2",
        tunnel=("10.9.0.1/24",),
        management=("192.168.20.92/16",),
        peers=(),
    )
    other.up(elsewhere)
    stack.destroy()
    assert [each["name"] for each in clean.all("virtualization/virtual-machines")] == ["vpn2"]
    other.destroy()
    assert clean.all("extras/tags") == []


def test_what_hangs_on_ours_stops_destroy_before_it_begins(stack: Stack, clean: NetBoxServer) -> None:
    stack.up()
    machine = clean.all("virtualization/virtual-machines")[0]["id"]
    interface = clean.all("virtualization/interfaces", name="wg0")[0]["id"]
    bound = {"assigned_object_type": "virtualization.vminterface", "assigned_object_id": interface}
    foreign = {
        "virtualization/interfaces": {"virtual_machine": machine, "name": "eth1"},
        "virtualization/virtual-disks": {"virtual_machine": machine, "name": "data", "size": 1},
        "ipam/ip-addresses": {"address": "10.8.0.99/24", **bound},
    }
    made = {path: clean.post(f"{path}/", body)["id"] for path, body in foreign.items()}
    stack.registration.destroy()
    said = error_of(stack.reservation.destroy)
    assert "interface 'eth1'" in said
    assert "virtual disks of 'wireguard'" in said
    assert "IP address '10.8.0.99/24'" in said
    assert len(clean.all("ipam/services")) == 1
    for path, id_ in made.items():
        clean.delete(f"{path}/{id_}/")
    stack.reservation.destroy()
    assert clean.all("virtualization/virtual-machines") == []


def test_an_address_in_use_elsewhere_stops_destroy(stack: Stack, clean: NetBoxServer) -> None:
    stack.up()
    address = clean.all("ipam/ip-addresses", address="192.168.20.90")[0]["id"]
    machine = clean.post("virtualization/virtual-machines/", {"name": "far end", "site": {"slug": "main"}})["id"]
    end = clean.post("virtualization/interfaces/", {"virtual_machine": machine, "name": "gre0"})["id"]
    tunnel = clean.post("vpn/tunnels/", {"name": "foreign", "status": "active", "encapsulation": "gre"})["id"]
    clean.post(
        "vpn/tunnel-terminations/",
        {
            "tunnel": tunnel,
            "role": "peer",
            "termination_type": "virtualization.vminterface",
            "termination_id": end,
            "outside_ip": address,
        },
    )
    said = error_of(stack.destroy)
    assert "tunnel termination" in said
    assert "destroy again" in said
    clean.delete(f"vpn/tunnels/{tunnel}/")
    stack.destroy()
    assert clean.all("extras/tags") == []


@pytest.mark.usefixtures("clean")
def test_a_reservation_is_not_replaced_while_its_server_is_registered(stack: Stack) -> None:
    """The engine asks for a replacement as for a first one, and ends the former afterwards: with all records."""
    stack.reservation.up(stack.place(SERVER))
    replacement = Managed(stack.reservation.host, stack.reservation.provider)
    assert replacement.preview(stack.place(SERVER))[0] == "create"  # as after a first run that broke
    stack.up()
    with pytest.raises(CheckFailed, match=r"netbox_adopt: .*--replace"):
        replacement.preview(stack.place(SERVER))
    assert replacement.preview({**stack.place(SERVER), "adopt": True})[0] == "create"
