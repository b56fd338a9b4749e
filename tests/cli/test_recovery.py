"""`backup`, `restore`, `drill` against Proxmox VE's API as the client speaks it: order, refusals, nothing foreign."""

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from cli import backups, recovery
from cli.configured import Configured
from cli.recovery import Place
from cli.verbs.drill import complete
from clients.pbs import Pbs
from clients.proxmox import Proxmox
from tests.cli.conftest import Command
from tests.cli.world import MARK
from vpn.errors import OwnershipError, ServerFault, StackError

PBS_TOKEN = "wg@pbs!pulumi:00000000-0000-0000-0000-000000000000"
TOKEN = "wgdeploy@pve!pulumi=11111111-2222-3333-4444-555555555555"
OURS = f"WireGuard VPN server\n{MARK}\n"
OWN = Place("pve", 2090, "local-lvm", "wireguard", MARK)
COPY = Place("pve", 2091, "local-lvm", "wireguard", MARK)
VOLUME = "pbs:backup/ct/2090/2026-11-27T02:00:00Z"
NOW = int(dt.datetime.now(dt.UTC).timestamp())


def no_pause(_: float) -> None:
    """Wait for nothing."""


@dataclass
class Node:
    """One node: containers by VMID with their description and whether they run. Writes are on record in order."""

    guests: dict[int, tuple[str, bool]] = field(default_factory=dict)
    firewall: int = 1
    breaks: str = ""
    backups: list[dict[str, Any]] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def api(self) -> Proxmox:
        """Return a connection to it."""
        return Proxmox("https://pve:8006", TOKEN, transport=httpx.MockTransport(self.answer), sleep=no_pause)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer one call."""
        path = request.url.path.removeprefix("/api2/json")
        if request.method != "GET":
            self.writes.append(f"{request.method} {path.removeprefix('/nodes/pve/')}")
            self.values[self.writes[-1]] = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
            if self.breaks and self.breaks in path:
                return httpx.Response(500, json={"data": None, "message": "broken"})
            return httpx.Response(200, json={"data": "UPID:pve:1:1:1:task:x:u:"})
        if path == "/cluster/nextid":
            taken = int(request.url.params["vmid"]) in self.guests
            return httpx.Response(400, json={"errors": {"vmid": "VM already exists"}}) if taken else _data("2090")
        return self._read(path)

    def _read(self, path: str) -> httpx.Response:
        vmid = next((int(part) for part in path.split("/") if part.isdigit()), 0)
        if path.endswith("/status") and "/tasks/" in path:
            return _data({"status": "stopped", "exitstatus": "OK"})
        if path.endswith("/content"):
            return _data(self.backups)
        if path == "/cluster/firewall/options":
            return _data({"enable": self.firewall})
        if vmid not in self.guests and not self.writes:
            return httpx.Response(500, json={"data": None, "message": f"CT {vmid} does not exist"})
        description, runs = self.guests.get(vmid, (OURS, True))
        return _data({"description": description, "status": "running" if runs else "stopped"})


def _data(value: Any) -> httpx.Response:
    return httpx.Response(200, json={"data": value})


def silent(_: str) -> None:
    """Swallow progress."""


def test_a_running_container_is_halted_restored_and_started() -> None:
    node = Node({2090: (OURS, True)})
    recovery.in_place(node.api(), OWN, VOLUME, silent)
    assert node.writes == ["POST lxc/2090/status/shutdown", "POST lxc", "POST lxc/2090/status/start"]
    values = node.values["POST lxc"]
    assert (values["ostemplate"], values["force"], values["pool"]) == (VOLUME, "1", "wireguard")
    assert "unique" not in values  # the MAC address tells that it is the same container


def test_a_container_that_is_gone_is_made_again() -> None:
    node = Node()
    recovery.in_place(node.api(), OWN, VOLUME, silent)
    assert node.writes == ["POST lxc", "POST lxc/2090/status/start"]
    assert "force" not in node.values["POST lxc"]


def test_a_stranger_s_container_is_left_alone() -> None:
    node = Node({2090: ("somebody else's\n", True)})
    with pytest.raises(OwnershipError, match="2090"):
        recovery.in_place(node.api(), OWN, VOLUME, silent)
    with pytest.raises(OwnershipError):
        recovery.remove(node.api(), OWN)
    assert node.writes == []


def test_a_copy_can_reach_nobody_before_it_starts() -> None:
    node = Node({2090: (OURS, True)})
    nic = recovery.isolated_nic("vmbr0", "192.168.20.91/16", None)
    recovery.beside(node.api(), COPY, VOLUME, nic, silent)
    assert node.writes == [
        "POST lxc",
        "PUT lxc/2091/firewall/options",
        "POST lxc/2091/firewall/rules",
        "POST lxc/2091/status/start",
    ]
    options = node.values["PUT lxc/2091/firewall/options"]
    assert (options["enable"], options["policy_in"], options["policy_out"]) == ("1", "DROP", "DROP")
    net0 = node.values["POST lxc"]["net0"]
    assert "firewall=1" in net0
    assert "gw=" not in net0
    assert node.values["POST lxc"]["onboot"] == "0"


def test_a_copy_that_cannot_be_isolated_is_not_made() -> None:
    node = Node({2090: (OURS, True)}, firewall=0)
    with pytest.raises(StackError, match="firewall is off"):
        recovery.beside(node.api(), COPY, VOLUME, "", silent)
    assert node.writes == []


def test_a_copy_never_takes_a_used_vmid() -> None:
    node = Node({2090: (OURS, True), 2091: (OURS, True)})
    with pytest.raises(StackError, match="2091 is taken"):
        recovery.beside(node.api(), COPY, VOLUME, "", silent)
    assert node.writes == []


def test_a_copy_that_fails_is_removed_before_it_ever_ran() -> None:
    node = Node({2090: (OURS, True)}, breaks="/firewall/options")
    with pytest.raises(ServerFault):
        recovery.beside(node.api(), COPY, VOLUME, "", silent)
    assert node.writes[-1] == "DELETE lxc/2091"
    assert "POST lxc/2091/status/start" not in node.writes


def entry(hours: float, **more: Any) -> dict[str, Any]:
    made = NOW - int(hours * 3600)
    return {"volid": f"pbs:backup/ct/2090/{made}", "ctime": made, "size": 1000, **more}


def test_backups_come_newest_first_and_unfinished_ones_not_at_all() -> None:
    node = Node(backups=[entry(30), entry(1, size=0), entry(2, verification={"state": "ok"}, notes="wireguard\n")])
    found = backups.of_container(node.api(), "pve", "pbs", 2090)
    assert [(each.verified, each.notes) for each in found] == [("ok", "wireguard"), ("not yet", "")]
    assert backups.choose(found, "latest") is found[0]
    assert backups.choose(found, found[1].volume) is found[1]
    assert backups.choose(found, found[1].volume.rpartition("/")[2]) is found[1]
    for wanted, known in (("yesterday", found), ("latest", ())):
        with pytest.raises(StackError, match="no backup"):
            backups.choose(known, wanted)


def test_backups_of_a_container_that_is_gone_are_asked_of_the_backup_server(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["index.json.blob", "root.pxar.didx", "pct.conf.blob"]
    whole = {"backup-time": 1796090400, "size": 9, "files": files, "comment": "wireguard"}
    older = whole | {"backup-time": 1796004000, "verification": {"state": "ok"}}
    running = {"backup-time": 1796094000, "files": []}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return _data([older, running, whole])

    server = Pbs.connect("https://pbs:8007", PBS_TOKEN, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(Configured, "pbs", lambda _: server)
    config = configured(pbs_datastore="backup", pbs_namespace="vpn")
    found = backups.known(config, Node().api(), "pve", "pbs", 2090)
    assert [each.volume for each in found] == [
        "pbs:backup/ct/2090/2026-12-01T02:00:00Z",
        "pbs:backup/ct/2090/2026-11-30T02:00:00Z",
    ]
    assert "ns=vpn" in asked[0]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node that every command talks to."""
    found = Node({2090: (OURS, True)})
    monkeypatch.setattr(Configured, "proxmox", lambda _: found.api())
    return found


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("hours", "options", "code"), [([2.0], (), 0), ([27.0], (), 1), ([27.0], ("--max-hours", "48"), 0), ([], (), 1)]
)
def test_the_age_of_the_last_backup_is_an_exit_code(
    node: Node, wgvpn: Command, hours: list[float], options: tuple[str, ...], code: int
) -> None:
    node.backups = [entry(each) for each in hours]
    done = wgvpn("backup", "age", "--storage", "pbs", "--json", *options)
    assert done.code == code
    assert json.loads(done.out)["fresh"] == (code == 0)


@pytest.mark.usefixtures("world")
def test_without_a_storage_nothing_is_looked_for(node: Node, wgvpn: Command) -> None:
    done = wgvpn("backup", "list")
    assert (done.code, "pbs_storage" in done.err) == (3, True)
    assert node.writes == []


@pytest.mark.usefixtures("world")
def test_a_restore_asks_before_anything_is_lost(node: Node, wgvpn: Command) -> None:
    node.backups = [entry(2)]
    done = wgvpn("restore", "--storage", "pbs")
    assert (done.code, "--yes" in done.err) == (3, True)
    assert node.writes == []


@pytest.mark.usefixtures("world")
def test_a_second_server_is_not_started_beside_a_running_one(node: Node, wgvpn: Command) -> None:
    node.backups = [entry(2)]
    done = wgvpn("restore", "--storage", "pbs", "--yes", "--to", "2095")
    assert (done.code, "CT 2090 runs" in done.err) == (3, True)
    assert node.writes == []


def configured(**values: Any) -> Configured:
    from pathlib import Path

    return Configured(Path(), values, frozenset(), {})


def test_a_drill_s_address_is_completed_and_never_the_server_s_own() -> None:
    static = configured(ip_address="192.168.20.90/16")
    assert complete("192.168.20.91", static) == "192.168.20.91/16"
    assert complete("192.168.20.91/24", configured(ip_address="dhcp")) == "192.168.20.91/24"
    for address, config, told in (
        ("192.168.20.90", static, "own address"),
        ("somewhere", static, "no IP address"),
        ("192.168.20.91", configured(ip_address="dhcp"), "prefix length"),
    ):
        with pytest.raises(StackError, match=told):
            complete(address, config)
