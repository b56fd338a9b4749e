"""Zabbix sees what happens to a real server."""

import re
import time

from tests.lab.monitoring.conftest import Watched
from tests.lab.stack.rehearsal import VMID
from tests.lab.waiting import eventually

KEEPALIVE_PEERS = ("alice-laptop", "bob-phone", "carol-tablet")
SERVICE_DOWN = "WireGuard: WireGuard service is not active"
BACKUP_OLD = "WireGuard: no backup for more than 30h"


def test_items_have_values_within_two_minutes(watched: Watched) -> None:
    watched.rehearsal.peers.connect_all(watched.stack.clients())
    values = eventually(lambda: _complete(watched.values()), timeout=120)
    assert values["wireguard.service"] == values["wireguard.interface"] == values["wireguard.port"] == "1"
    assert int(values["wireguard.memory.total"]) == 1024**3
    assert 0 < float(values["wireguard.memory"]) < 100
    assert 0 < float(values["wireguard.cpu"]) < 100
    assert time.time() - int(values["wireguard.handshake"]) < 300


def _complete(values: dict[str, str]) -> dict[str, str]:
    """Return the values once all four peers have been active and each has its own items."""
    handshakes = [values.get(f"wireguard.peer.handshake[{name}]", "0") for name in (*KEEPALIVE_PEERS, "dave-desktop")]
    done = values.get("wireguard.peers.active") == "4" and "0" not in handshakes and "wireguard.cpu" in values
    return values if done else {}


def test_a_peer_without_keepalive_has_no_handshake_trigger(watched: Watched) -> None:
    wanted = {"hostids": [watched.host_id()], "output": ["description"], "search": {"description": "handshake"}}
    names = eventually(lambda: {t["description"] for t in watched.api("trigger.get", wanted)})
    assert names == {f"WireGuard: last handshake of peer {name} is old" for name in KEEPALIVE_PEERS}


def test_a_peer_that_is_told_of_no_more_sets_off_no_alarm(watched: Watched) -> None:
    """Zabbix goes on judging the last value of an item: by its age alone, a removed peer's handshake is old at last."""
    wanted = {"hostids": [watched.host_id()], "output": ["expression"], "search": {"description": "handshake"}}
    for trigger in eventually(lambda: watched.api("trigger.get", wanted | {"expandExpression": True})):
        assert re.search(r" and nodata\(/[^/]+/wireguard\.peer\.handshake\[[^\]]+\],2m\)=0$", trigger["expression"])


def test_agent_answers_nothing_but_its_item(watched: Watched) -> None:
    test = "zabbix_agent2 -c /etc/wireguard-vpn/zabbix_agent2.conf -t"
    sh = watched.rehearsal.sh
    assert '"peers"' in sh(f"{test} wireguard.status")
    assert "ZBX_NOTSUPPORTED" in sh(f"{test} 'system.run[id]'")
    assert "ZBX_NOTSUPPORTED" in sh(f"{test} 'vfs.file.contents[/etc/passwd]'")
    assert sh("ps -o user= -C zabbix_agent2") == "zabbix"


def test_stopped_service_raises_its_trigger_alone_and_a_started_one_clears_it(watched: Watched) -> None:
    watched.rehearsal.sh("systemctl stop wg-quick@wg0")
    watched.until(lambda: SERVICE_DOWN in watched.problems())
    assert not {p for p in watched.problems() if "interface" in p or "port" in p}
    watched.rehearsal.sh("systemctl start wg-quick@wg0")
    watched.until(lambda: SERVICE_DOWN not in watched.problems())


def test_another_preshared_key_lets_the_values_come_on(watched: Watched) -> None:
    digest = "sha256sum /etc/wireguard-vpn/zabbix.psk"
    before = watched.rehearsal.sh(digest)
    watched.stack.set("zabbix_psk_generation", "2")
    watched.stack.up()
    assert watched.rehearsal.sh(digest) != before
    changed = time.time()
    watched.until(lambda: float(watched.values().get("wireguard.status.time", "0")) > changed)


def test_missing_backup_is_a_problem_until_there_is_one(watched: Watched) -> None:
    watched.ask_now("wireguard.backup")
    eventually(lambda: BACKUP_OLD in watched.problems(), timeout=120)
    started = time.time()
    watched.rehearsal.task("POST", "/nodes/pve/vzdump", vmid=VMID, storage=_storage(watched), mode="snapshot")
    watched.ask_now("wireguard.backup")
    eventually(lambda: int(watched.values().get("wireguard.backup", "0")) >= int(started), timeout=120)
    eventually(lambda: BACKUP_OLD not in watched.problems(), timeout=120)


def _storage(watched: Watched) -> str:
    return watched.stack.run("config", "get", "wireguard-vpn:pbs_storage").out.strip()


def test_edit_by_hand_is_seen_by_refresh_and_undone(watched: Watched) -> None:
    watched.api("host.update", {"hostid": watched.host_id(), "status": 1})
    assert "enabled" in watched.stack.run("refresh", "--yes", "--diff").out
    watched.stack.up()
    assert watched.api("host.get", {"hostids": [watched.host_id()], "output": ["status"]})[0]["status"] == "0"
    watched.stack.preview("--expect-no-changes")
