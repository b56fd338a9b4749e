"""What people change or delete by hand in NetBox is seen by refresh and put back by up."""

import json
from itertools import zip_longest
from typing import Any

import pytest

from clients.netbox.kinds import KINDS
from tests.providers.netbox.engine import Stack
from tests.providers.netbox.server import NetBoxServer

VM, INTERFACE, PREFIX = "virtualization/virtual-machines", "virtualization/interfaces", "ipam/prefixes"
IP, SERVICE, TUNNEL, END = "ipam/ip-addresses", "ipam/services", "vpn/tunnels", "vpn/tunnel-terminations"
ONE = {
    VM: {},
    INTERFACE: {"name": "wg0"},
    PREFIX: {"prefix": "10.8.0.0/24"},
    IP: {"address": "10.8.0.2"},
    SERVICE: {},
    TUNNEL: {},
    END: {},
}
"""Which object of a kind is edited, where there are several."""
EDITS: list[tuple[str, dict[str, Any]]] = [
    (VM, {"name": "renamed"}),
    (VM, {"status": "offline", "vcpus": 4}),
    (VM, {"role": None, "memory": 2048}),
    (VM, {"start_on_boot": "laststate", "disk": 1}),
    (VM, {"description": "by hand", "primary_ip4": None, "primary_ip6": None}),
    (INTERFACE, {"name": "wg9"}),
    (INTERFACE, {"enabled": False}),
    (INTERFACE, {"mtu": 9000}),
    (INTERFACE, {"mtu": None}),
    (INTERFACE, {"description": "by hand"}),
    (PREFIX, {"prefix": "10.8.0.0/25"}),
    (PREFIX, {"status": "deprecated"}),
    (PREFIX, {"description": "by hand"}),
    (PREFIX, {"scope_type": None, "scope_id": None}),
    (IP, {"address": "10.8.0.2/24"}),
    (IP, {"address": "10.8.0.200/32"}),
    (IP, {"status": "deprecated"}),
    (IP, {"dns_name": "by.hand"}),
    (IP, {"description": "by hand"}),
    (SERVICE, {"name": "by hand"}),
    (SERVICE, {"port_mappings": ["udp/51821"]}),
    (SERVICE, {"port_mappings": ["udp/51820", "tcp/51820"]}),
    (SERVICE, {"ipaddresses": []}),
    (SERVICE, {"description": "by hand"}),
    (TUNNEL, {"name": "by hand"}),
    (TUNNEL, {"status": "planned"}),
    (TUNNEL, {"encapsulation": "gre"}),
    (TUNNEL, {"description": "by hand"}),
    (END, {"role": "spoke"}),
    (END, {"outside_ip": None}),
]


def one(netbox: NetBoxServer, path: str) -> dict[str, Any]:
    return netbox.all(path, **ONE[path])[0]


def facts(netbox: NetBoxServer, *paths: str) -> dict[str, list[str]]:
    """What NetBox shows of these lists (by default all of ours), without ids and times."""
    return {path: sorted(str(_essence(each)) for each in netbox.all(path)) for path in paths or ONE}


def _essence(value: Any) -> Any:
    volatile = (
        "id",
        "url",
        "display",
        "display_url",
        "created",
        "last_updated",
        "termination_id",
        "assigned_object_id",
    )
    if isinstance(value, dict):
        return {k: _essence(v) for k, v in value.items() if k not in (*volatile, "parent_object_id", "scope_id")}
    return sorted(map(str, map(_essence, value))) if isinstance(value, list) else value


def rounds() -> list[dict[str, dict[str, Any]]]:
    """The edits, one of each kind of object at the same time."""
    kinds = [[(path, edit) for kind, edit in EDITS if kind == path] for path in ONE]
    return [dict(filter(None, together)) for together in zip_longest(*kinds)]


@pytest.mark.parametrize("edits", rounds(), ids=lambda edits: str([*edits.values()])[:70])
def test_edits_by_hand_are_seen_and_put_back(
    edits: dict[str, dict[str, Any]], standing: Stack, netbox: NetBoxServer
) -> None:
    before, known = facts(netbox), records(standing)
    ids = {path: one(netbox, path)["id"] for path in edits}
    for path, edit in edits.items():
        netbox.patch(f"{path}/{ids[path]}/", edit)
    edited = facts(netbox)
    assert {path for path in ONE if edited[path] != before[path]} >= edits.keys()
    standing.refresh()
    seen = records(standing)
    assert {path for path in ONE if seen[path] != known[path]} >= edits.keys()
    (was,), (now,) = known[VM].values(), seen[VM].values()
    assert {field for field in was if now[field] != was[field]} >= edits.get(VM, {}).keys()
    assert "update" in standing.up()
    assert facts(netbox) == before


def records(stack: Stack) -> dict[str, Any]:
    """What the stack's state says of NetBox, by the path of each kind."""
    known = json.loads(stack.registration.outs["records"])
    return {kind.path: known.get(kind.name) for kind in KINDS}


@pytest.mark.parametrize("path", list(ONE))
def test_a_deletion_by_hand_is_seen_and_made_good(path: str, standing: Stack, netbox: NetBoxServer) -> None:
    before = facts(netbox)
    if path == VM:  # NetBox does not let go of an address that a tunnel ends at
        netbox.delete(f"{END}/{one(netbox, END)['id']}/")
    netbox.delete(f"{path}/{one(netbox, path)['id']}/")
    standing.refresh()
    assert standing.up() != ("same", "same")
    assert facts(netbox) == before
    standing.refresh()
    assert standing.up() == ("same", "same")


def test_all_deleted_by_hand_is_made_anew(standing: Stack, netbox: NetBoxServer) -> None:
    """The reservation stays in the state: it cannot tell that nothing else of ours is left to be removed."""
    before = facts(netbox)
    for path in (END, TUNNEL, SERVICE, IP, PREFIX, INTERFACE, VM, "extras/tags"):
        for each in netbox.all(path):
            netbox.delete(f"{path}/{each['id']}/")
    standing.refresh()
    assert standing.registration.id == ""
    assert standing.up() == ("update", "create")
    assert facts(netbox) == before


def test_moved_to_another_machine_or_tunnel_by_hand_comes_back(standing: Stack, netbox: NetBoxServer) -> None:
    before = facts(netbox)
    machine = netbox.post(f"{VM}/", {"name": "other", "site": {"slug": "main"}})
    tunnel = netbox.post(f"{TUNNEL}/", {"name": "other", "status": "active", "encapsulation": "gre"})
    netbox.patch(f"{SERVICE}/{one(netbox, SERVICE)['id']}/", {"ipaddresses": [], "parent_object_id": machine["id"]})
    netbox.patch(f"{END}/{one(netbox, END)['id']}/", {"tunnel": tunnel["id"]})
    eth0 = netbox.all(INTERFACE, name="eth0")[0]["id"]
    gateway = netbox.all(IP, address="10.8.0.1")[0]["id"]
    netbox.patch(f"{IP}/{gateway}/", {"assigned_object_id": eth0})
    standing.refresh()
    assert standing.up() == ("same", "update")
    netbox.delete(f"{VM}/{machine['id']}/")
    netbox.delete(f"{TUNNEL}/{tunnel['id']}/")
    assert facts(netbox) == before
