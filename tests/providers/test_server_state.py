"""Observing, planning and retiring the server: what refresh sees becomes what the next change repairs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from providers.server_state import ServerStateProvider
from tests.providers.host import UNKNOWN, Host, HostError
from tests.providers.pve import TOKEN, Pve, guest
from tests.providers.sshd import Sshd, new_key, public

STATE = ServerStateProvider()
LOGIN = new_key()
MAC = "BC:24:11:00:00:01"
MARK = "pulumi: wireguard-vpn/prod/0123456789abcdef"
PEER = {"name": "alice", "public_key": "A" * 43 + "=", "allowed_ips": ["10.8.0.2/32"]}
EXPECTATION: dict[str, Any] = {
    "interface": "wg0",
    "config_digest": "c",
    "runtime_digest": "r",
    "public_key": "S" * 43 + "=",
    "listen_port": 51820,
    "peers": [PEER],
    "files": {"/etc/wireguard/wg0.conf": {"mode": "0600", "owner": "root:root", "digest": None}},
    "units": ["wg-quick@wg0.service"],
    "sysctls": {"net.ipv4.ip_forward": "1"},
    "packages": ["wireguard-tools"],
}
FACTS: dict[str, Any] = {
    "config": {"digest": "c"},
    "runtime": {
        "digest": "r",
        "public_key": "S" * 43 + "=",
        "listen_port": 51820,
        "peers": [{"public_key": "A" * 43 + "=", "allowed_ips": ["10.8.0.2/32"]}],
    },
    "files": {"/etc/wireguard/wg0.conf": {"mode": "0600", "owner": "root:root", "digest": None}},
    "units": {"wg-quick@wg0.service": {"active": "active", "enabled": "enabled"}},
    "sysctl": {"net.ipv4.ip_forward": "1"},
    "firewall": {"digest": "f", "recorded": "f"},
    "packages": {"wireguard-tools": "1.0"},
}


class Server:
    """A container behind SSH that tells `facts` of itself."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = FACTS
        self.status = 0
        self.sshd = Sshd(public(LOGIN), self.answer)

    def answer(self, command: str, stdin: bytes) -> tuple[int, str, str]:
        """Run `observe` or `retire`."""
        assert stdin
        said = json.dumps(self.facts) if command.endswith('"$d/observe"') else '{"ok":true}'
        return self.status, said, "broken" if self.status else ""

    def props(self, **more: Any) -> dict[str, Any]:
        """Return the inputs of the resource."""
        way = {"host": "127.0.0.1", "port": self.sshd.port, "private_key": LOGIN, "host_key": self.sshd.pinned}
        return {
            "fingerprints": fingerprints(alice="k:p:r"),
            "expectation": EXPECTATION,
            "instance": "one",
            "connection": way,
            "drift": [],
            **more,
        }


def fingerprints(interface: str = "i", **peers: str) -> dict[str, Any]:
    """Return the fingerprints of a version."""
    return {"interface": interface, "firewall": "f", "service": "s", "peers": peers}


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in good order."""
    made = Server()
    with made.sshd.running():
        yield made


def checked(host: Host, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    """Return checked inputs."""
    inputs, failures = host.check(STATE, olds, news)
    assert not failures
    return inputs


def test_the_first_version_is_planned_as_such(host: Host, server: Server) -> None:
    inputs = checked(host, {}, server.props())
    assert inputs["plan"]["kind"] == "first"


def test_a_state_that_is_made_anew_has_an_epoch_that_its_former_never_had(host: Host, server: Server) -> None:
    """Else the command would find nothing to do after the former's end has retired the service."""
    first = checked(host, {}, server.props())
    changed = checked(host, first, server.props(expectation=EXPECTATION | {"peers": []}))
    assert first["epoch"] < changed["epoch"] < checked(host, {}, server.props())["epoch"]


def test_a_run_without_change_changes_nothing_and_keeps_the_plan(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    _, outs = host.create(STATE, first)
    second = checked(host, first, server.props())
    assert second == first
    assert host.diff(STATE, outs, second).changes is False


def test_the_plan_names_peers_and_tells_a_restart_from_none(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    peers = checked(host, first, server.props(fingerprints=fingerprints(alice="k:p:r", bob="k:p:r")))
    port = checked(host, first, server.props(fingerprints=fingerprints("j", alice="k:p:r")))
    assert peers["plan"] == {"kind": "peers", "summary": ["+bob", "without a restart, no interruption"]}
    assert port["plan"]["kind"] == "interface"
    assert "restart" in port["plan"]["summary"][-1]
    assert peers["epoch"] == port["epoch"] == first["epoch"] + 1


def test_what_only_clients_files_say_sends_nothing_to_the_server(host: Host, server: Server) -> None:
    """A change of their DNS has to go through while the server cannot be reached."""
    first = checked(host, {}, server.props(fingerprints=fingerprints("key:here:nets:i", alice="k:p:r:dns:f")))
    news = fingerprints("key:there:nets:i", alice="k:p:r:dns2:f")
    second = checked(host, first, server.props(fingerprints=news))
    assert second["plan"]["kind"] == "clients"
    assert second["epoch"] == first["epoch"]


def test_what_failed_and_was_taken_back_is_carried_out(host: Host, server: Server) -> None:
    """A failed run may have changed the server; the command itself still knows the bundle before it."""
    first = checked(host, {}, server.props())
    other = checked(host, first, server.props(expectation=EXPECTATION | {"peers": []}))
    back = checked(host, other, server.props())
    assert back["epoch"] not in (first["epoch"], other["epoch"])


def test_an_interface_keeps_its_name_while_the_server_is_the_same(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    other = EXPECTATION | {"interface": "wg1"}
    _, failures = host.check(STATE, first, server.props(expectation=other))
    assert failures.keys() == {"interface_name"}
    assert "'wg1': is wg0 on the running server" in failures["interface_name"]
    assert checked(host, first, server.props(expectation=other, instance="two"))["plan"]["kind"] == "first"
    assert checked(host, first, server.props(expectation=other, instance=UNKNOWN))["instance"] == UNKNOWN


def test_an_update_of_something_else_is_not_told_as_the_last_change(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    way = {**first["connection"], "host": "localhost"}
    moved = checked(host, first, server.props(connection=way))
    assert moved["plan"] == {"kind": "none", "summary": ["nothing to do"]}


def test_refresh_of_a_clean_server_changes_nothing(host: Host, server: Server) -> None:
    _, outs = host.create(STATE, checked(host, {}, server.props()))
    id_, read, inputs = host.read(STATE, "one", outs)
    assert (id_, read, inputs) == ("one", outs, outs)


def test_drift_is_observed_then_planned_then_repaired_once(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    _, outs = host.create(STATE, first)
    server.facts = FACTS | {"sysctl": {"net.ipv4.ip_forward": "0"}, "firewall": {"digest": None, "recorded": "f"}}
    _, read, inputs = host.read(STATE, "one", outs)
    assert inputs["drift"] == [
        "net.ipv4.ip_forward is 0 instead of 1",
        "the firewall rules are not loaded",
    ]
    repair = checked(host, inputs, server.props())
    assert (repair["epoch"], repair["drift"], repair["plan"]["kind"]) == (first["epoch"] + 1, [], "repair")
    assert host.diff(STATE, read, repair).changes is True
    after = checked(host, repair, server.props())
    assert after == repair


def test_another_container_is_another_server(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    second = checked(host, first, server.props(instance="two"))
    assert (second["epoch"], second["plan"]["kind"]) == (first["epoch"] + 1, "first")


def test_what_preview_does_not_know_raises_no_epoch(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    news = server.props(instance=UNKNOWN, connection={"host": UNKNOWN})
    second = checked(host, first, news)
    assert (second["epoch"], second["instance"]) == (first["epoch"], UNKNOWN)
    assert checked(host, first, server.props(fingerprints=UNKNOWN))["epoch"] == first["epoch"]


def test_a_container_that_may_be_made_anew_is_told_as_such(host: Host, server: Server) -> None:
    first = checked(host, {}, server.props())
    told = checked(host, first, server.props(instance=UNKNOWN))["plan"]["summary"]
    assert told == ["nothing to do", "if the container is made anew: first configuration of it"]
    assert checked(host, first, server.props())["plan"] == first["plan"]
    assert "anew" not in str(checked(host, {}, server.props(instance=UNKNOWN))["plan"])


def test_an_unreachable_server_is_a_finding_and_another_host_key_stops(host: Host, server: Server) -> None:
    _, outs = host.create(STATE, checked(host, {}, server.props()))
    lost = {**outs, "connection": {**outs["connection"], "port": 1}}
    assert "cannot be observed" in host.read(STATE, "one", lost)[2]["drift"][0]
    changed = {**outs, "connection": {**outs["connection"], "host_key": public(new_key())}}
    with pytest.raises(HostError, match="another host key"):
        host.read(STATE, "one", changed)


def test_a_server_that_cannot_say_how_it_is_can_still_be_repaired(host: Host, server: Server) -> None:
    _, outs = host.create(STATE, checked(host, {}, server.props()))
    server.status = 1
    _, _, inputs = host.read(STATE, "one", outs)
    assert inputs["drift"] == ["the server cannot be observed: on 127.0.0.1: broken"]
    assert checked(host, inputs, server.props())["epoch"] == outs["epoch"] + 1


def test_delete_retires_the_service(host: Host, server: Server) -> None:
    host.delete(STATE, "one", server.props())
    assert server.sshd.commands[-1][0].endswith('"$d/retire"')


@contextmanager
def cluster(**ours: Any) -> Iterator[Host]:
    """Have a cluster with one guest, or none, and a plugin with its credentials."""
    with Pve({2090: guest(**ours)} if ours else {}).running() as pve, Host() as host:
        host.configure({"wireguard-vpn:proxmox_endpoint": pve.url, "wireguard-vpn:proxmox_api_token": TOKEN})
        yield host


NET = {"net0": f"name=eth0,bridge=vmbr0,hwaddr={MAC},ip=dhcp,type=veth"}
OURS: dict[str, Any] = {"name": "wireguard", "description": MARK, "config": NET}
NAMED = {"node": "pve", "container_id": 2090, "instance": MAC, "mark": MARK}


@pytest.mark.parametrize(
    "there",
    [
        {},
        {**OURS, "status": "stopped"},
        {"name": "mail", "config": {"net0": NET["net0"].replace(MAC, "BC:24:11:00:00:99")}},
        {"name": "win", "kind": "qemu"},
    ],
    ids=["gone", "stopped", "a stranger's", "a VM"],
)
def test_without_our_container_running_there_is_nothing_to_retire(server: Server, there: dict[str, Any]) -> None:
    props = server.props(**NAMED)
    props["connection"]["port"] = 1
    with cluster(**there) as host:
        host.delete(STATE, "one", props)
    assert not server.sshd.commands


def test_our_running_container_is_retired(server: Server) -> None:
    with cluster(**OURS) as host:
        host.delete(STATE, "one", server.props(**NAMED))
    assert server.sshd.commands[-1][0].endswith('"$d/retire"')


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"description": "WireGuard VPN server"}, f"notes have no line `{MARK}`.*put that line back"),
        ({"description": "gone", "status": "stopped"}, "put that line back"),
        ({"node": "pve2"}, "is not on node pve: it is CT 'wireguard' on node pve2. Migrate it back"),
        ({"config": {**NET, "protection": 1}}, "has protection: 1 in Proxmox VE.*pct set 2090 --protection 0 first"),
        ({"config": {**NET, "lock": "backup"}}, "has lock: backup in Proxmox VE.*Wait for what holds it"),
    ],
)
def test_a_destroy_that_could_not_end_does_not_begin(server: Server, changed: dict[str, Any], words: str) -> None:
    """Without its mark the claim would leave the container, running, and forget it."""
    with cluster(**OURS | changed) as host, pytest.raises(HostError, match=words):
        host.delete(STATE, "one", server.props(**NAMED))
    assert not server.sshd.commands


def test_a_running_container_that_cannot_be_reached_says_how_to_go_on(server: Server) -> None:
    props = server.props(**NAMED)
    props["connection"]["port"] = 1
    stuck = r"CT 2090 runs, but .* Stop the container to go on without"
    with cluster(**OURS) as host, pytest.raises(HostError, match=stuck):
        host.delete(STATE, "one", props)


def test_no_failure_shows_a_private_key(host: Host, server: Server) -> None:
    server.status = 1
    with pytest.raises(HostError) as failed:
        host.delete(STATE, "one", server.props())
    assert LOGIN.splitlines()[1] not in str(failed.value)
    assert "broken" in str(failed.value)
