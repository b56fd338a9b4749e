"""A checkout of its own whose lab has a real Zabbix and a real NetBox, and the stack deployed under their eyes."""

import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.services import netbox, zabbix
from lab.services.zabbix_api import Api
from tests.lab.stack.pulumi_cli import Stack
from tests.lab.stack.rehearsal import Rehearsal, checkout
from tests.providers.netbox.admin import Admin
from tests.providers.zabbix.dump import dump

EXISTS = "4"
"""Operator of a tag filter: whatever its value (host.get, Zabbix API)."""
EXECUTE_NOW = "6"
"""Type of the task that asks for an item's value at once (task object, Zabbix API)."""


@dataclass(frozen=True)
class Watched:
    """The deployed stack, both APIs as their administrators, and what the systems held before."""

    rehearsal: Rehearsal
    stack: Stack
    api: Api
    before: dict[str, list[Any]]
    inventory: Admin
    inventory_before: dict[str, list[dict[str, Any]]]

    def host_ids(self) -> list[str]:
        """Return the ids of the hosts with the tag of a stack."""
        tagged = {"tags": [{"tag": "pulumi", "operator": EXISTS}], "output": ["hostid"]}
        return [str(host["hostid"]) for host in self.api("host.get", tagged)]

    def host_id(self) -> str:
        """Return the id of the server's host."""
        return self.host_ids()[0]

    def values(self) -> dict[str, str]:
        """Return the newest value of every item that has one, by key."""
        wanted = {"hostids": [self.host_id()], "output": ["key_", "lastvalue", "lastclock", "error"]}
        return {i["key_"]: i["lastvalue"] for i in self.api("item.get", wanted) if i["lastclock"] != "0"}

    def problems(self) -> set[str]:
        """Return the names of the present problems of the server."""
        return {p["name"] for p in self.api("problem.get", {"hostids": [self.host_id()], "output": ["name"]})}

    def until(self, check: Callable[[], bool], timeout: float = 150) -> None:
        """Let Zabbix ask for the server's status until the check holds."""
        end = time.monotonic() + timeout
        while not check():
            assert time.monotonic() < end, (self.values(), self.problems())
            self.ask_now("wireguard.status")
            time.sleep(2)

    def ask_now(self, key: str) -> None:
        """Ask for an item's value at once."""
        item = self.api("item.get", {"hostids": [self.host_id()], "filter": {"key_": key}, "output": ["itemid"]})
        self.api("task.create", [{"type": EXECUTE_NOW, "request": {"itemid": item[0]["itemid"]}}])


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The stack `lab` up, registered in NetBox, with Zabbix watching it and its backups."""
    root = tmp_path_factory.mktemp("a watched checkout") / "wireguard vpn"
    own = checkout(root)
    try:
        own.lab("start", "--services", "netbox,zabbix")
        stack = own.stack("lab")
        backups = f"https://{zabbix.PBS_NAME}:{zabbix.PBS_PORT}"
        stack.set_all({"zabbix_enabled": "true", "zabbix_server": zabbix.ADDRESS, "zabbix_backup_url": backups})
        api = zabbix.admin(own.site)
        trust = ssl.create_default_context(cafile=str(own.site.state / "ca.pem"))
        inventory = Admin(netbox.url(own.site), netbox.admin_token(own.site), trust)
        before = dump(api), inventory.dump()
        stack.up()
        yield Watched(own, stack, api, before[0], inventory, before[1])
    finally:
        own.lab("down")
