"""The template at work: a real agent with our configuration answers a real server, key and all."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.services.zabbix_api import Api, deploy_token, ensure_groups
from lab.services.zabbix_image import image
from lab.site import Site
from tests.faults.proxy import Fault, FaultyProxy, Reply
from tests.providers.zabbix.conftest import GROUP, PSK, Stack, config, inputs
from tests.providers.zabbix.server import VERSIONS, ZabbixServer
from vpn import agent

SERVICE_DOWN = "WireGuard: WireGuard service is not active"
BACKUP_OLD = "WireGuard: no backup for more than 30h"
INTERFACE_DOWN = "WireGuard: interface wg0 is down"
PATIENCE = 120


@dataclass
class Watched:
    """A pretended WireGuard server, watched for real: its status is what a test says."""

    api: Api
    shared: Path
    host_id: str
    status: dict[str, Any]
    backups: list[dict[str, Any]]
    """What Proxmox Backup Server lists."""

    def say(self, **changes: Any) -> None:
        """Change the status; Zabbix looks every second."""
        self.status |= {"time": int(time.time()), **changes}
        (self.shared / "new").write_text(json.dumps(self.status))
        (self.shared / "new").rename(self.shared / "status.json")

    def values(self) -> dict[str, str]:
        """Return the newest value of every item that has one."""
        wanted = {"hostids": [self.host_id], "output": ["key_", "lastvalue", "lastclock"]}
        return {i["key_"]: i["lastvalue"] for i in self.api("item.get", wanted) if i["lastclock"] != "0"}

    def unsupported(self) -> list[str]:
        """Return what is wrong with items."""
        return [
            i["error"] for i in self.api("item.get", {"hostids": [self.host_id], "output": ["error"]}) if i["error"]
        ]

    def problems(self) -> set[str]:
        """Return the names of present problems."""
        return {p["name"] for p in self.api("problem.get", {"output": ["name"]})}

    def until(self, check: Callable[[], bool], **status: Any) -> None:
        """Repeat the status until the check holds; fail when it does not in time."""
        end = time.monotonic() + PATIENCE
        while not check():
            assert time.monotonic() < end, (self.values(), self.problems(), self.unsupported())
            self.say(**status)
            time.sleep(1)


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[ZabbixServer]:
    """A Zabbix of each release that collects."""
    tree = image(request.param).tree(Site.of())
    with ZabbixServer(request.param, tree, poll=True) as running:
        running.token = deploy_token(running.api, ensure_groups(running.api, GROUP))
        _configure_agent(running)
        yield running


def listing(snapshots: list[dict[str, Any]]) -> Fault:
    """Answer as Proxmox Backup Server lists snapshots, those that are in the list by then."""
    return lambda _: Reply(200, json.dumps({"data": snapshots}).encode())


def hasty(template: str) -> str:
    """Return the template with nothing asked for less often than every second, so that no test waits for Zabbix."""
    for delay in ("30s", "10m"):
        assert f'"delay": "{delay}"' in template
        template = template.replace(f'"delay": "{delay}"', '"delay": "1s"')
    return template


@pytest.fixture(scope="module")
def watched(server: ZabbixServer) -> Iterator[Watched]:
    """One host registered by the provider."""
    backups = [snapshot(age=60)]
    with FaultyProxy("http://127.0.0.1:9") as pbs:
        pbs.fail("GET", "/api2/json/admin/datastore/backup/snapshots", listing(backups), times=10**6)
        here: dict[str, Any] = {"address": "127.0.0.1", "port": server.agent_port}
        wanted = inputs(backup_url=pbs.url, backup_token="watch@pbs!look:0123", **here)
        stack = Stack(server.api, wanted | {"template": hasty(wanted["template"])})
        stack.configure(config(server))
        stack.up()
        stack.host.close()
        yield Watched(server.api, server.shared, stack.id, _status(), backups)


def snapshot(age: float, **more: Any) -> dict[str, Any]:
    """A finished backup, this many seconds old."""
    return {"backup-type": "ct", "backup-id": "2090", "backup-time": int(time.time() - age), "size": 4096, **more}


def _configure_agent(server: ZabbixServer) -> None:
    ours = agent.Agent("wireguard.infra.local", "127.0.0.1", PSK)
    text = agent.config(ours).replace(f"ListenPort={agent.PORT}", f"ListenPort={server.agent_port}")
    (server.shared / "zabbix.psk").write_text(PSK + "\n")
    (server.shared / "zabbix_agent2.conf").write_text(text)


def _status() -> dict[str, Any]:
    peers = [_peer("alice-laptop", 25), _peer("dave.desktop_2", 0)]
    memory = {"memory_total": 1073741824, "memory_used": 268435456, "memory": 25.0}
    return {"service": 1, "up": 1, "port": 1, "active": 2, "cpu": 1000, **memory, "peers": peers}


def _peer(name: str, keepalive: int, age: int = 10) -> dict[str, Any]:
    handshake = int(time.time()) - age
    return {"name": name, "rx": 2**40, "tx": 7, "handshake": handshake, "keepalive": keepalive}


def test_status_becomes_items_of_server_and_peers(watched: Watched) -> None:
    watched.until(lambda: "wireguard.peer.tx[dave.desktop_2]" in watched.values())
    values = watched.values()
    assert watched.unsupported() == []
    assert values["wireguard.peer.rx[alice-laptop]"] == str(2**40)
    assert values["wireguard.peers"] == values["wireguard.peers.active"] == "2"
    assert values["wireguard.memory"] == "25"
    assert int(values["wireguard.handshake"]) == max(p["handshake"] for p in watched.status["peers"])
    assert PSK not in json.dumps(values)


def test_rates_follow_counters(watched: Watched) -> None:
    def flowing() -> bool:
        watched.say(peers=[peer | {"rx": peer["rx"] + 10**9} for peer in watched.status["peers"]])
        return float(watched.values().get("wireguard.rx.rate", "0")) > 0

    watched.until(flowing)


def test_no_peer_at_all_is_no_error(watched: Watched) -> None:
    peers = watched.status["peers"]
    watched.until(lambda: watched.values().get("wireguard.peers") == "0", peers=[], active=0)
    assert watched.values()["wireguard.handshake"] == "0"
    assert watched.unsupported() == []
    watched.until(lambda: watched.values().get("wireguard.peers") == "2", peers=peers, active=2)


def test_outage_raises_one_problem_and_its_end_clears_it(watched: Watched) -> None:
    watched.until(lambda: SERVICE_DOWN in watched.problems(), service=0, up=0, port=0)
    assert INTERFACE_DOWN not in watched.problems()
    watched.until(lambda: not watched.problems(), service=1, up=1, port=1)


def test_lost_interface_is_a_problem_of_its_own(watched: Watched) -> None:
    watched.until(lambda: INTERFACE_DOWN in watched.problems(), up=0, port=0)
    watched.until(lambda: not watched.problems(), up=1, port=1)


def test_only_a_peer_with_keepalive_is_missed(watched: Watched) -> None:
    silent = [_peer("alice-laptop", 25, age=3600), _peer("dave.desktop_2", 0, age=3600)]
    missed = "WireGuard: last handshake of peer alice-laptop is old"
    watched.until(lambda: missed in watched.problems(), peers=silent, active=0)
    assert watched.problems() == {missed}
    back = [_peer("alice-laptop", 25), _peer("dave.desktop_2", 0)]
    watched.until(lambda: not watched.problems(), peers=back, active=2)


def test_a_peer_that_never_came_is_not_missed(watched: Watched) -> None:
    never = [_peer("alice-laptop", 25) | {"handshake": 0}]
    watched.until(lambda: watched.values().get("wireguard.peer.handshake[alice-laptop]") == "0", peers=never)
    assert watched.problems() == set()


def test_a_backup_counts_when_it_is_finished_and_did_not_fail_its_verification(watched: Watched) -> None:
    sound, unfinished = snapshot(age=7200, verification={"state": "ok"}), snapshot(age=60)
    del unfinished["size"]
    broken = snapshot(age=3600, verification={"state": "failed", "upid": "UPID:pbs"})
    ahead = snapshot(age=-3600)  # a node's clock was wrong
    watched.backups[:] = [snapshot(age=9000), broken, sound, unfinished, ahead]
    watched.until(lambda: watched.values().get("wireguard.backup") == str(sound["backup-time"]))
    assert watched.unsupported() == []
    watched.backups[:] = [broken, unfinished, ahead]
    watched.until(lambda: BACKUP_OLD in watched.problems())
    assert watched.values()["wireguard.backup"] == "0"
    watched.backups[:] = [snapshot(age=60)]
    watched.until(lambda: not watched.problems())
