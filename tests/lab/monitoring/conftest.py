"""A checkout of its own whose lab has a real Zabbix, and the stack deployed under its eyes."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.services import zabbix
from lab.services.zabbix_api import Api
from lab.site import Site
from tests.lab.stack.conftest import LEFT_BEHIND, ROOT, link_toolchain
from tests.lab.stack.pulumi_cli import Stack
from tests.lab.stack.rehearsal import Rehearsal
from tests.providers.zabbix.dump import dump

EXECUTE_NOW = "6"
"""Type of the task that asks for an item's value at once (task object, Zabbix API)."""


@dataclass(frozen=True)
class Watched:
    """The deployed stack, Zabbix's API as its administrator, and what Zabbix held before."""

    rehearsal: Rehearsal
    stack: Stack
    api: Api
    before: dict[str, list[Any]]

    def host_id(self) -> str:
        """Return the id of the server's host."""
        return str(self.api("host.get", {"filter": {"host": ["wireguard"]}, "output": ["hostid"]})[0]["hostid"])

    def values(self) -> dict[str, str]:
        """Return the newest value of every item that has one, by key."""
        wanted = {"hostids": [self.host_id()], "output": ["key_", "lastvalue", "lastclock", "error"]}
        return {i["key_"]: i["lastvalue"] for i in self.api("item.get", wanted) if i["lastclock"] != "0"}

    def problems(self) -> set[str]:
        """Return the names of the present problems of the server."""
        return {p["name"] for p in self.api("problem.get", {"hostids": [self.host_id()], "output": ["name"]})}

    def ask_now(self, key: str) -> None:
        """Ask for an item's value at once."""
        item = self.api("item.get", {"hostids": [self.host_id()], "filter": {"key_": key}, "output": ["itemid"]})
        self.api("task.create", [{"type": EXECUTE_NOW, "request": {"itemid": item[0]["itemid"]}}])


@pytest.fixture(scope="package")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The stack `lab` up, with Zabbix watching it and its backups."""
    root = tmp_path_factory.mktemp("a watched checkout") / "wireguard vpn"
    shutil.copytree(ROOT, root, ignore=LEFT_BEHIND)
    (root / ".venv").symlink_to(ROOT / ".venv")
    link_toolchain(root / ".lab")
    own = Rehearsal(root, Site.of(root))
    try:
        own.lab("start", "--services", "zabbix")
        stack = own.stack("lab")
        stack.set("zabbix_enabled", "true")
        stack.set("zabbix_server", zabbix.ADDRESS)
        stack.set("zabbix_backup_url", f"https://{zabbix.PBS_NAME}:{zabbix.PBS_PORT}")
        api = zabbix.admin(own.site)
        before = dump(api)
        stack.up()
        yield Watched(own, stack, api, before)
    finally:
        own.lab("down")
