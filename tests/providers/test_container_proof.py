"""A change whose answer was lost is found and made good; what others made stays as it is."""

from collections.abc import Callable
from typing import Any

import pytest

from clients import property_string
from clients.proxmox import Proxmox
from components.intents import digest
from providers import connections
from providers.container_proof import ContainerProofProvider, ProofProps, settle
from providers.intent import IntentProvider
from tests.lab_api.stand_ins import CT, Pve
from tests.providers.engine import Managed
from tests.providers.host import Host
from vpn.errors import ClientError, StackError

ASKED = ProofProps(
    node="pve",
    container_id=2090,
    config={"cores": "2", "memory": "1024", "nameserver": "192.168.10.1 192.168.10.2"},
    interface={"bridge": "vmbr0", "ip": "192.168.20.90/16", "gw": "192.168.10.1", "firewall": "1", "tag": ""},
    firewall={"enable": "1", "policy_in": "DROP"},
)


def seen(node: Pve) -> dict[str, Any]:
    """Return what was asked for as the node has it now."""
    config = node.call("GET", f"{CT}/config").data
    options = node.call("GET", f"{CT}/firewall/options").data
    return {
        "config": {name: str(config.get(name)) for name in ASKED.config},
        "firewall": {name: str(options.get(name)) for name in ASKED.firewall},
    }


def test_what_did_not_arrive_is_set(node: Pve, api: Proxmox) -> None:
    settle(api, ASKED)
    assert seen(node) == {"config": ASKED.config, "firewall": ASKED.firewall}


def nic(node: Pve) -> dict[str, str]:
    """Return the parts of the container's interface."""
    return property_string.parse(node.call("GET", f"{CT}/config").data["net0"])


def test_a_firewall_switch_of_the_interface_that_did_not_arrive_is_set(node: Pve, api: Proxmox) -> None:
    whole = nic(node)
    without = {name: value for name, value in whole.items() if name != "firewall"} | {"firewall": "0", "tag": "7"}
    assert node.call("PUT", f"{CT}/config", net0=property_string.render(without)).status == 200
    settle(api, ASKED)
    assert nic(node) == whole, "also the MAC address, which we do not set"


def test_a_disk_that_did_not_grow_grows(node: Pve, api: Proxmox, written: list[str]) -> None:
    settle(api, ASKED.with_(disk_gb=16))
    assert "size=16G" in node.call("GET", f"{CT}/config").data["rootfs"]
    written.clear()
    for size in (16, 8, 0):
        settle(api, ASKED.with_(disk_gb=size))
    assert written == []


def test_a_disk_that_cannot_grow_is_no_success(node: Pve, api: Proxmox) -> None:
    settle(api, ASKED)
    node.cluster.lock(2090, "backup")
    with pytest.raises(ClientError, match="locked"):
        settle(api, ASKED.with_(disk_gb=16))


def test_a_state_that_knows_no_disk_yet_is_brought_up_to_date_in_place(host: Host) -> None:
    before = {name: value for name, value in ASKED.dump().items() if name != "disk_gb"}
    proof = Managed(host, ContainerProofProvider(), id="pve/2090", inputs=before, outs=before)
    assert proof.preview(before)[0] == "same"
    assert proof.preview({**before, "disk_gb": 8})[0] == "update"


def test_a_state_that_knows_no_intent_yet_needs_no_change(host: Host) -> None:
    before = {name: value for name, value in ASKED.dump().items() if name != "epoch"}
    proof = Managed(host, ContainerProofProvider(), id="pve/2090", inputs=before, outs=before)
    assert proof.preview({**before, "epoch": 0})[0] == "same"


def test_what_was_taken_back_after_a_change_that_failed_is_looked_up(host: Host) -> None:
    """The container's own failure keeps the proof from being reached; to it nothing has changed since."""
    more = ASKED.with_(config=ASKED.config | {"memory": "2048"})
    intent = Managed(host, IntentProvider())
    intent.up({"asked": digest(ASKED.dump())})
    made = ASKED.dump() | {"epoch": intent.outs["epoch"]}
    proof = Managed(host, ContainerProofProvider(), id="pve/2090", inputs=made, outs=made)
    for asked in (more, ASKED):
        intent.up({"asked": digest(asked.dump())})
    assert proof.preview(ASKED.dump() | {"epoch": intent.outs["epoch"]})[0] == "update"


def test_what_was_taken_out_of_the_configuration_goes(node: Pve, api: Proxmox, written: list[str]) -> None:
    settle(api, ASKED)
    none = ASKED.with_(config=ASKED.config | {"nameserver": "", "searchdomain": ""}, interface={"gw": ""})
    settle(api, none)
    assert "nameserver" not in node.call("GET", f"{CT}/config").data
    assert "gw" not in nic(node)
    written.clear()
    settle(api, none)
    assert written == []


def test_what_arrived_is_only_looked_at(api: Proxmox, written: list[str]) -> None:
    settle(api, ASKED)
    written.clear()
    settle(api, ASKED)
    assert written == []


def test_without_a_firewall_of_ours_nothing_of_it_is_asked(node: Pve, api: Proxmox) -> None:
    before = seen(node)["firewall"]
    settle(api, ASKED.with_(firewall={}))
    assert seen(node) == {"config": ASKED.config, "firewall": before}


def test_without_a_change_no_system_is_called(host: Host) -> None:
    """The plugin has no credentials here: any call would fail."""
    proof = Managed(host, ContainerProofProvider(), id="pve/2090", inputs=ASKED.dump(), outs=ASKED.dump())
    assert proof.up(ASKED.dump()) == "same"
    proof.destroy()


PROOF = ContainerProofProvider()
WHOLE = ASKED.with_(config=ASKED.config | {"features": "nesting=1"}, disk_gb=8)


@pytest.fixture
def connected(connect: Callable[[], Proxmox], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider talk to the stand-in."""
    monkeypatch.setattr(connections, "proxmox", connect)


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("asked", [WHOLE, ASKED, ASKED.with_(firewall={})])
def test_a_refresh_sees_no_change_where_there_is_none(asked: ProofProps) -> None:
    """Also in the state of a version that asked for less."""
    id_, made = PROOF.on_create(asked)
    assert PROOF.on_read(id_, made) == made


EDITS: list[tuple[str, dict[str, Any]]] = [
    ("config", {"cores": 1}),
    ("config", {"delete": "nameserver"}),
    ("config", {"net0": "name=eth0,bridge=vmbr0,firewall=0,ip=192.168.20.90/16,gw=192.168.10.1,type=veth"}),
    ("firewall/options", {"policy_in": "ACCEPT"}),
]


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(("where", "edit"), EDITS)
def test_what_a_hand_changed_is_drift_and_set_though_the_plugin_s_repair_failed(
    node: Pve, where: str, edit: dict[str, Any]
) -> None:
    id_, made = PROOF.on_create(WHOLE)
    assert node.call("PUT", f"{CT}/{where}", **edit).status == 200
    refreshed = PROOF.on_read(id_, made)
    assert refreshed
    assert PROOF.on_diff(refreshed, WHOLE)
    PROOF.on_update(id_, refreshed, WHOLE)
    assert PROOF.on_read(id_, WHOLE) == WHOLE


@pytest.mark.usefixtures("connected")
def test_a_proof_goes_with_its_container_so_that_the_next_one_is_proven(node: Pve) -> None:
    id_, made = PROOF.on_create(WHOLE)
    assert node.done(node.call("DELETE", CT)) == "OK"
    assert PROOF.on_read(id_, made) is None


@pytest.mark.usefixtures("connected")
def test_features_that_no_token_may_change_are_told_with_the_way_and_all_else_is_set(node: Pve) -> None:
    id_, made = PROOF.on_create(WHOLE)
    by_root = {"features": "keyctl=1,nesting=0", "cores": 1}
    assert node.call("PUT", f"{CT}/config", node.root_ticket(), **by_root).status == 200
    refreshed = PROOF.on_read(id_, made)
    assert refreshed
    assert refreshed.config["features"] == "keyctl=1"
    with pytest.raises(StackError, match="only root@pam may change them: pct set 2090 --features nesting=1"):
        PROOF.on_update(id_, refreshed, WHOLE)
    assert node.call("GET", f"{CT}/config").data["cores"] == 2


@pytest.mark.usefixtures("connected")
def test_nesting_is_a_feature_that_a_token_sets(node: Pve) -> None:
    id_, made = PROOF.on_create(WHOLE)
    assert node.call("PUT", f"{CT}/config", delete="features").status == 200
    refreshed = PROOF.on_read(id_, made)
    assert refreshed
    PROOF.on_update(id_, refreshed, WHOLE)
    assert PROOF.on_read(id_, WHOLE) == WHOLE
