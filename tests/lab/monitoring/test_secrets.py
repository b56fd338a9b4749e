"""Every secret of the stack, looked for in what NetBox, Zabbix, Proxmox VE and PBS hold and log."""

import json
import sys
from typing import Any

import pytest

from tests.lab.monitoring.conftest import Watched
from tests.lab.stack.rehearsal import keys_in
from tests.leaks.canaries import Canary, hits, of_stack
from tests.leaks.places import of_lab
from tests.providers.zabbix.dump import dump

HISTORIES = range(5)
"""Types of values of items (history.get, Zabbix API)."""
CHANGES = "core/object-changes"
STATUS = "cat /run/wireguard-vpn-status/*"


def test_no_secret_is_in_any_other_system(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    known, places = canaries(watched), in_netbox(watched) | in_zabbix(watched) | left(watched)
    places["what the agent serves"] = watched.rehearsal.sh(STATUS).encode()
    assert {"zabbix", "server", "ZABBIX_TOKEN", "NETBOX_TOKEN", "PBS_TOKEN"} <= {canary.name for canary in known}
    assert all(places[place] for place in ("Zabbix's values", "NetBox", "NetBox's changes", "what the agent serves"))
    assert hits(known, places) == []
    assert keys_in(places["Zabbix"].decode() + places["Zabbix's values"].decode()) == set()
    with capsys.disabled():
        sys.stdout.write(f"\n{len(known)} canaries, {len(places)} places in and about the other systems: 0 hits\n")


def test_the_search_would_find_one(watched: Watched) -> None:
    known = canaries(watched)
    psk = next(canary for canary in known if canary.name == "zabbix")
    (machine,) = watched.inventory.all("virtualization/virtual-machines")
    path = f"virtualization/virtual-machines/{machine['id']}/"
    watched.inventory.patch(path, {"comments": f"the key is {psk.text}"})
    try:
        assert {"zabbix in NetBox", "zabbix in NetBox's changes"} <= set(hits(known, in_netbox(watched)))
    finally:
        watched.inventory.patch(path, {"comments": machine["comments"]})


def canaries(watched: Watched) -> list[Canary]:
    """Return the stack's whole keyring and the tokens of all systems."""
    exported = watched.stack.run("stack", "export", "--show-secrets").out
    return of_stack(exported, watched.rehearsal.environ)


def in_netbox(watched: Watched) -> dict[str, bytes]:
    """Return what NetBox shows its administrator."""
    found = {"NetBox": watched.inventory.dump(), "NetBox's changes": watched.inventory.all(CHANGES)}
    return {name: json.dumps(content).encode() for name, content in found.items()}


def in_zabbix(watched: Watched) -> dict[str, bytes]:
    """Return what Zabbix shows its administrator."""
    hosts = {"hostids": [watched.host_id()], "output": "extend"}
    values = [watched.api("history.get", {**hosts, "history": kind}) for kind in HISTORIES]
    audit: Any = watched.api("auditlog.get", {"output": "extend"})
    found = {
        "Zabbix": [dump(watched.api), audit, watched.api("event.get", {"output": "extend"})],
        "Zabbix's values": [each for kind in values for each in kind],
    }
    return {name: json.dumps(content).encode() for name, content in found.items()}


def left(watched: Watched) -> dict[str, bytes]:
    """Return state, history and logs of the runs, and the notes, jobs and logs of all systems of the lab."""
    return of_lab(watched.rehearsal.root / ".lab")
