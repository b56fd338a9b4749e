"""`backup`, `restore`, `drill` against Proxmox VE's API as the client speaks it: order, refusals, nothing foreign."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import backups, recovery
from cli.configured import Configured
from cli.recovery import Place
from cli.verbs.drill import complete
from clients.pbs import Pbs
from clients.proxmox import Proxmox
from tests.cli.node import OURS, Node, data, entry
from tests.cli.world import MARK
from vpn.errors import OwnershipError, ServerFault, StackError

PBS_TOKEN = "wg@pbs!pulumi:00000000-0000-0000-0000-000000000000"
OWN = Place("pve", 2090, "local-lvm", "wireguard", MARK)
COPY = Place("pve", 2091, "local-lvm", "wireguard", MARK)
VOLUME = "pbs:backup/ct/2090/2026-11-27T02:00:00Z"


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


def test_a_container_left_behind_does_not_start_with_its_node() -> None:
    """It is the same server as the one restored under another VMID."""
    node = Node({2090: (OURS, False)})
    recovery.keep_down(node.api(), OWN)
    assert (node.writes, node.values["PUT lxc/2090/config"]["onboot"]) == (["PUT lxc/2090/config"], "0")
    for stranger in (Node({2090: ("somebody else's\n", False)}), Node()):
        recovery.keep_down(stranger.api(), OWN)
        assert stranger.writes == []


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, at once."""
    found: list[float] = []
    monkeypatch.setattr("cli.recovery.time.sleep", found.append)
    return found


def test_a_restore_that_still_goes_is_waited_for(slept: list[float]) -> None:
    """Of a command that was broken off: until then the container carries no mark."""
    node, said = Node({2090: (OURS, False)}, locked=4), list[str]()
    recovery.in_place(node.api(), OWN, VOLUME, said.append)
    assert (len(slept), "still goes" in said[0]) == (3, True)
    assert node.writes == ["POST lxc", "POST lxc/2090/status/start"]


def test_a_stranger_s_container_is_not_taken_for_ours_after_the_wait(slept: list[float]) -> None:
    node = Node({2090: ("somebody else's\n", True)}, locked=2)
    with pytest.raises(OwnershipError):
        recovery.in_place(node.api(), OWN, VOLUME, silent)
    assert (len(slept), node.writes) == (1, [])


@pytest.mark.parametrize(("seconds", "ends"), [(1700, True), (1900, False)])
def test_a_restore_has_the_time_in_which_the_server_must_be_back(
    monkeypatch: pytest.MonkeyPatch, seconds: int, ends: bool
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr("clients.proxmox.time.monotonic", lambda: float(next(clock)))
    tasks: list[Callable[[Proxmox], str]] = [
        lambda api: api.restore("pve", 2090, VOLUME, "local-lvm"),
        lambda api: api.vzdump("pve", 2090, "pbs"),
    ]
    for task in tasks:
        api = Node({2090: (OURS, True)}, polls=seconds).api()
        if ends:
            task(api)
        else:
            with pytest.raises(ServerFault, match="within 1800 s"):
                task(api)


def test_a_copy_can_reach_nobody_before_it_starts(slept: list[float]) -> None:
    """The node's firewall takes its rules up only so often."""
    node = Node({2090: (OURS, True)})
    nic = recovery.isolated_nic("vmbr0", "192.168.20.91/16", None)
    with recovery.beside(node.api(), COPY, VOLUME, nic, silent):
        writes = [*node.writes]
    assert slept == [recovery.FIREWALL_SECONDS]
    assert writes == [
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


def test_a_free_vmid_is_the_cluster_s_next_one() -> None:
    assert Node({100: (OURS, True), 101: (OURS, True)}).api().next_vmid() == 102


def test_a_copy_that_cannot_be_isolated_is_not_made() -> None:
    node = Node({2090: (OURS, True)}, firewall=0)
    with pytest.raises(StackError, match="firewall is off"):
        recovery.beside(node.api(), COPY, VOLUME, "", silent).__enter__()
    assert node.writes == []


def test_a_copy_never_takes_a_used_vmid() -> None:
    node = Node({2090: (OURS, True), 2091: (OURS, True)})
    with pytest.raises(StackError, match="2091 is taken"):
        recovery.beside(node.api(), COPY, VOLUME, "", silent).__enter__()
    assert node.writes == []


def test_a_copy_that_fails_is_removed_before_it_ever_ran() -> None:
    node = Node({2090: (OURS, True)}, breaks="/firewall/options")
    with pytest.raises(ServerFault):
        recovery.beside(node.api(), COPY, VOLUME, "", silent).__enter__()
    assert node.writes[-1] == "DELETE lxc/2091"
    assert "POST lxc/2091/status/start" not in node.writes


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
        return data([older, running, whole])

    server = Pbs.connect("https://pbs:8007", PBS_TOKEN, transport=httpx.MockTransport(answer))
    monkeypatch.setattr(Configured, "pbs", lambda _: server)
    config = configured(pbs_datastore="backup", pbs_namespace="vpn")
    found = backups.known(config, Node().api(), "pve", "pbs", 2090)
    assert [each.volume for each in found] == [
        "pbs:backup/ct/2090/2026-12-01T02:00:00Z",
        "pbs:backup/ct/2090/2026-11-30T02:00:00Z",
    ]
    assert "ns=vpn" in asked[0]


def test_a_copy_is_removed_when_its_restore_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Node({2090: (OURS, True)})

    def interrupted(*_: object, **__: object) -> None:
        own.writes.append("POST lxc")
        raise KeyboardInterrupt

    monkeypatch.setattr(Proxmox, "restore", interrupted)
    with pytest.raises(KeyboardInterrupt), recovery.beside(own.api(), COPY, VOLUME, "", silent):
        pass
    assert own.writes[-1] == "DELETE lxc/2091"


def configured(**values: Any) -> Configured:
    return Configured(Path(), values, frozenset(), {})


def test_a_drill_s_address_is_completed_and_never_the_server_s_own() -> None:
    static = configured(ip_address="192.168.20.90/16")
    running = "192.168.20.89"
    assert complete("192.168.20.91", static, running) == "192.168.20.91/16"
    assert complete("192.168.20.91/24", configured(ip_address="dhcp"), running) == "192.168.20.91/24"
    for address, config, told in (
        ("192.168.20.90", static, "own address"),
        ("192.168.20.89", static, "own address"),
        ("192.168.20.89/16", configured(ip_address="dhcp"), "own address"),
        ("somewhere", static, "no IP address"),
        ("192.168.20.91", configured(ip_address="dhcp"), "prefix length"),
    ):
        with pytest.raises(StackError, match=told):
            complete(address, config, running)
