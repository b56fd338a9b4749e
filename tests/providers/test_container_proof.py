"""A change whose answer was lost is found and made good; what others made stays as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest

from clients.proxmox import Proxmox
from lab.pve.seed import TOKEN
from providers.container_proof import ContainerProofProvider, ProofProps, settle
from tests.lab_api.stand_ins import CT, SECRET, Pve
from tests.providers.engine import Managed
from tests.providers.host import Host

BASE = "/api2/json"
WIREGUARD = {"type": "in", "action": "ACCEPT", "enable": "1", "comment": "WireGuard", "proto": "udp", "dport": "51820"}
SSH = {**WIREGUARD, "comment": "SSH", "proto": "tcp", "dport": "22", "source": "192.168.0.0/16"}
ASKED = ProofProps(
    node="pve",
    container_id=2090,
    config={"cores": "2", "memory": "1024", "nameserver": "192.168.10.1 192.168.10.2"},
    firewall={"enable": "1", "policy_in": "DROP"},
    rules=[WIREGUARD, SSH],
)


@pytest.fixture
def pve(tmp_path: Path) -> Pve:
    """A node with the container, of which nothing that was asked is so."""
    stand_in = Pve(tmp_path)
    stand_in.container()
    return stand_in


@pytest.fixture
def written() -> list[str]:
    """What was written, as method and path."""
    return []


@pytest.fixture
def api(pve: Pve, written: list[str]) -> Iterator[Proxmox]:
    """The client, over the stand-in without a socket."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix(BASE)
        if request.method != "GET":
            written.append(f"{request.method} {path.removeprefix(CT)}")
        said = pve.call(request.method, path, **dict(request.url.params), **dict(parse_qsl(request.content.decode())))
        return httpx.Response(said.status, content=said.body)

    with Proxmox("https://pve", f"{TOKEN}={SECRET}", transport=httpx.MockTransport(answer)) as client:
        yield client


def seen(pve: Pve) -> dict[str, Any]:
    """Return what was asked for as the node has it now."""
    config = pve.call("GET", f"{CT}/config").data
    rules = pve.call("GET", f"{CT}/firewall/rules").data
    options = pve.call("GET", f"{CT}/firewall/options").data
    return {
        "config": {name: str(config.get(name)) for name in ASKED.config},
        "firewall": {name: str(options.get(name)) for name in ASKED.firewall},
        "comments": [rule["comment"] for rule in rules],
        "ports": [rule.get("dport") for rule in rules],
    }


def test_what_did_not_arrive_is_set(pve: Pve, api: Proxmox) -> None:
    settle(api, ASKED)
    assert seen(pve) == {
        "config": ASKED.config,
        "firewall": ASKED.firewall,
        "comments": ["WireGuard", "SSH"],
        "ports": ["51820", "22"],
    }


def test_what_arrived_is_only_looked_at(api: Proxmox, written: list[str]) -> None:
    settle(api, ASKED)
    written.clear()
    settle(api, ASKED)
    assert written == []


def test_rules_of_an_old_port_go_and_an_administrator_s_stay(pve: Pve, api: Proxmox) -> None:
    settle(api, ASKED)
    pve.call("POST", f"{CT}/firewall/rules", **{**WIREGUARD, "comment": "by hand", "dport": "161"})
    settle(api, ASKED.with_(rules=[{**WIREGUARD, "dport": "51821"}, SSH]))
    assert seen(pve)["comments"] == ["WireGuard", "SSH", "by hand"]
    assert seen(pve)["ports"] == ["51821", "22", "161"]


def test_without_a_firewall_of_ours_nothing_of_it_is_asked(pve: Pve, api: Proxmox) -> None:
    settle(api, ASKED.with_(firewall={}, rules=[]))
    assert seen(pve)["config"] == ASKED.config
    assert seen(pve)["comments"] == []


def test_without_a_change_no_system_is_called(host: Host) -> None:
    """The plugin has no credentials here: any call would fail."""
    proof = Managed(host, ContainerProofProvider(), id="pve/2090", inputs=ASKED.dump(), outs=ASKED.dump())
    assert proof.up(ASKED.dump()) == "same"
    proof.refresh()
    assert proof.id == "pve/2090"
    proof.destroy()
