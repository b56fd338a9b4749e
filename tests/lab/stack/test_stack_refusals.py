"""What stops a run before anything is made, each with one clear message."""

import json
from collections.abc import Iterator

import pytest

from tests.lab.stack.pulumi_cli import Stack
from tests.lab.stack.rehearsal import VMID, Rehearsal

FOREIGN = 2091
GUEST = "containerLegacy:ContainerLegacy"
"""In the URN of the container itself; its component is called the same."""
BROKEN = {
    "container_id": "99",
    "memory_mb": "511",
    "cpu_cores": "0",
    "unprivileged": "false",
    "nesting": "false",
    "address": "100.64.0.1/24",
    "listen_port": "65536",
    "file_path": "/etc/wireguard/wg1.conf",
    "routes[0].destination_network": "172.16.0.0/12",
    "peers[0].persistent_keepalive": "65536",
}
"""Ten deliberate errors, each breaking one rule of the data model."""


@pytest.fixture
def other(rehearsal: Rehearsal) -> Iterator[Stack]:
    """A second stack with the lab stack's configuration, on a VMID and address of its own."""
    stack = rehearsal.stack("other")
    text = (rehearsal.root / "Pulumi.lab.yaml").read_text()
    (rehearsal.root / "Pulumi.other.yaml").write_text(text)
    place = {"container_id": str(FOREIGN), "ip_address": "192.168.20.92/16"}
    stack.set_all({**place, "pbs_enabled": "false"})  # a namespace has one retention, the lab stack's
    yield stack
    stack.destroy()
    stack.run("stack", "rm", "--yes", "--force")


@pytest.fixture
def stranger(deployed: Rehearsal) -> Iterator[None]:
    """A guest that somebody else made, of the template that is there, holding the VMID."""
    deployed.stranger(FOREIGN)
    yield
    deployed.task("DELETE", f"/nodes/pve/lxc/{FOREIGN}")


def planned(stack: Stack) -> list[str]:
    """Return the URNs of what a preview that fails has come to; the stack's own is among them."""
    text = stack.run("preview", "--json", check=False).out
    urns = [step["urn"] for step in json.loads(text[text.index("{") :])["steps"]]
    assert urns, "the preview looked at nothing"
    return urns


def calls(rehearsal: Rehearsal) -> int:
    """Return how many requests the Proxmox VE API has logged."""
    return len((rehearsal.site.logs / "pve-requests.jsonl").read_text().splitlines())


def test_every_error_of_the_configuration_is_told_at_once_and_nothing_is_called(
    rehearsal: Rehearsal, other: Stack
) -> None:
    other.set_all(BROKEN)
    before = calls(rehearsal)
    run = other.preview(check=False)
    assert run.code != 0
    named = [line.split(":")[0].strip(" -") for line in run.out.splitlines() if line.strip().startswith("- ")]
    assert set(named) >= BROKEN.keys()
    assert "Traceback" not in run.out
    assert calls(rehearsal) == before


def test_a_wrong_token_is_one_clear_message(other: Stack) -> None:
    token = "wgdeploy@pve!pulumi=00000000-0000-0000-0000-000000000000"
    run = other.preview(check=False, PROXMOX_VE_API_TOKEN=token)
    assert run.code != 0
    diagnostics = run.out.partition("Diagnostics:")[2]
    assert diagnostics.count("error:") == 1
    assert "proxmox_api_token" in diagnostics
    assert "is not accepted" in diagnostics
    assert token.partition("=")[2] not in run.out
    assert "Traceback" not in run.out


def test_an_unknown_node_is_one_clear_message(other: Stack) -> None:
    other.set("proxmox_node", "pve9")
    run = other.preview(check=False)
    assert run.code != 0
    assert "there are: pve" in run.out


@pytest.mark.usefixtures("stranger")
def test_a_vmid_that_a_stranger_holds_is_refused_and_the_stranger_stays(rehearsal: Rehearsal, other: Stack) -> None:
    for run in (other.preview(check=False), other.up(check=False)):
        assert run.code != 0
        assert "container_id" in run.out
        assert "'mail'" in run.out
    assert [urn for urn in planned(other) if GUEST in urn] == []
    other.destroy()
    assert rehearsal.api("GET", f"/nodes/pve/lxc/{FOREIGN}/config")["hostname"] == "mail"


def test_what_would_empty_the_container_is_refused_with_the_way_to_do_it(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    stack.set_all({"disk_gb": "7", "storage_pool": "local"})
    try:
        run = stack.preview(check=False)
    finally:
        stack.unset("disk_gb")
        stack.unset("storage_pool")
    assert run.code != 0
    assert "allow_replacement" in run.out
    for key in ("disk_gb", "storage_pool"):
        assert key in run.out
    stack.preview("--expect-no-changes")


def test_a_container_with_another_host_key_stops_the_run(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    deployed.sh("cp -a /etc/ssh /root/ssh.kept && rm /etc/ssh/ssh_host_* && ssh-keygen -A && systemctl restart ssh")
    stack.set("peers[4].name", "mallory-laptop")
    try:
        run = stack.up(check=False)
        refresh = stack.run("refresh", "--yes", "--skip-preview", check=False)
    finally:
        stack.unset("peers[4]")
        deployed.sh("cp -a /root/ssh.kept/. /etc/ssh/ && rm -r /root/ssh.kept && systemctl restart ssh")
    assert run.code != 0
    assert refresh.code != 0
    assert "host key" in refresh.out
    assert "mallory" not in deployed.sh("cat /var/lib/wireguard-vpn/peers.tsv")
    stack.up()
    stack.preview("--expect-no-changes")


def test_a_protected_container_is_not_destroyed(deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    stack.set("protect", "true")
    stack.up()
    try:
        assert stack.destroy(check=False).code != 0
        assert deployed.api("GET", f"/nodes/pve/lxc/{VMID}/status/current")["status"] == "running"
        assert deployed.sh("systemctl is-active wg-quick@wg0") == "active"
        stack.preview("--expect-no-changes")
    finally:
        stack.set("protect", "false")
        stack.up()
