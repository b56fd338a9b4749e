"""Removing the stack: in order, nothing left, nothing foreign touched, a vanished container in nobody's way."""

import re
from collections.abc import Iterator

import pytest

from tests.lab.stack.pulumi_cli import Stack
from tests.lab.stack.rehearsal import Rehearsal

VMID = 2093
TEMPLATES = "/nodes/pve/storage/local/content"


@pytest.fixture
def short(rehearsal: Rehearsal, protect: str) -> Iterator[Stack]:
    """A stack of its own, up; what a test left of it goes afterwards."""
    stack = rehearsal.stack("short")
    (rehearsal.root / "Pulumi.short.yaml").write_text((rehearsal.root / "Pulumi.lab.yaml").read_text())
    place = {"container_id": str(VMID), "ip_address": "192.168.20.93/16", "protect": protect}
    stack.set_all({**place, "pbs_enabled": "false"})  # a namespace has one retention, the lab stack's
    stack.up()
    yield stack
    if protect == "true":
        stack.run("state", "unprotect", "--all", "--yes")
    stack.destroy()
    stack.run("stack", "rm", "--yes", "--force")


@pytest.fixture
def protect() -> str:
    """Whether the stack is protected from its first up on; Pulumi replaces nothing that is."""
    return "false"


def guests(rehearsal: Rehearsal) -> set[int]:
    return {guest["vmid"] for guest in rehearsal.api("GET", "/cluster/resources?type=vm")}


def deletions(text: str) -> list[str]:
    """Return the resources in the order they were deleted."""
    return re.findall(r"^ -\s+\S+ (\S+) deleted", text, re.MULTILINE)


def test_destroy_goes_by_the_data_model_s_steps_and_leaves_nothing(rehearsal: Rehearsal, short: Stack) -> None:
    templates = rehearsal.api("GET", TEMPLATES)
    bystanders = guests(rehearsal) - {VMID}
    order = deletions(short.destroy().out)
    steps = ["server", "server-state", "container", "claim", "keyring"]
    assert [name for name in order if name in steps] == steps
    assert guests(rehearsal) == bystanders
    assert not rehearsal.containers.exists(VMID)
    assert short.resources() == []
    assert rehearsal.api("GET", TEMPLATES) == templates


def test_a_vanished_container_does_not_block_destroy(rehearsal: Rehearsal, short: Stack) -> None:
    rehearsal.task("POST", f"/nodes/pve/lxc/{VMID}/status/stop")
    rehearsal.task("DELETE", f"/nodes/pve/lxc/{VMID}")
    short.destroy()
    assert short.resources() == []


def test_a_stopped_container_does_not_block_destroy(rehearsal: Rehearsal, short: Stack) -> None:
    rehearsal.task("POST", f"/nodes/pve/lxc/{VMID}/status/stop")
    short.destroy()
    assert VMID not in guests(rehearsal)


@pytest.mark.parametrize("protect", ["true"])
def test_a_vanished_container_comes_back_with_its_keys_and_peers_though_protected(
    rehearsal: Rehearsal, short: Stack
) -> None:
    before = short.outputs()
    rehearsal.task("POST", f"/nodes/pve/lxc/{VMID}/status/stop")
    rehearsal.task("DELETE", f"/nodes/pve/lxc/{VMID}")
    short.up("--refresh")
    after = short.outputs()
    assert after["public_key"] == before["public_key"]
    assert after["client_configs"] == before["client_configs"]
    assert rehearsal.sh("wg show wg0 public-key", VMID) == before["public_key"]
    short.run("refresh", "--preview-only", "--expect-no-changes")


def test_a_stranger_s_guest_under_our_vmid_survives_destroy(rehearsal: Rehearsal, short: Stack) -> None:
    rehearsal.task("POST", f"/nodes/pve/lxc/{VMID}/status/stop")
    rehearsal.task("DELETE", f"/nodes/pve/lxc/{VMID}")
    rehearsal.stranger(VMID)
    short.destroy()
    assert VMID in guests(rehearsal)
    rehearsal.task("DELETE", f"/nodes/pve/lxc/{VMID}")
