"""Real containers: what boots, what is told of them, what they survive."""

import io
import json
import os
import socket
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from lab import namespaces
from lab.container_spec import ContainerSpec, Nic
from lab.containers import Containers
from lab.errors import ContainerError
from lab.firewall import Accept, Filter
from lab.site import Site
from lab.templates import ensure_template
from tests.lab.bare_site.way_in import (
    ADDRESS,
    MANAGEMENT,
    VMID,
    await_ssh,
    connects,
)
from tests.lab.waiting import eventually

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and containers need root"),
    pytest.mark.usefixtures("container"),
]


def test_the_container_runs_a_whole_debian_unprivileged(containers: Containers) -> None:
    done = containers.execute(VMID, ["systemctl", "is-system-running", "--wait"])
    assert done.stdout.decode().strip() == "running"
    pid = containers.pid(VMID)
    assert pid is not None
    assert Path(f"/proc/{pid}/uid_map").read_text().split() == ["0", "100000", "65536"]


def test_its_addresses_are_told_as_the_api_tells_them(containers: Containers) -> None:
    shown = {item["name"]: item for item in containers.interfaces(VMID) or []}
    assert shown["eth0"]["hwaddr"] == "bc:24:11:00:30:90"
    assert shown["eth0"]["inet"] == f"{ADDRESS}/16"
    assert {"ip-address": ADDRESS, "ip-address-type": "inet", "prefix": 16} in shown["eth0"]["ip-addresses"]


def test_packages_install_inside(containers: Containers) -> None:
    script = "apt-get update && apt-get install -y --no-install-recommends qrencode && qrencode -t ASCII x"
    done = containers.execute(VMID, ["sh", "-c", script], timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_a_reboot_inside_comes_back(site: Site, containers: Containers) -> None:
    before = containers.pid(VMID)
    containers.execute(VMID, ["reboot"])
    eventually(lambda: containers.pid(VMID) not in {before, None}, "init was not started again")
    await_ssh(site)


def test_dhcp_gives_an_address(site: Site, containers: Containers, spec: ContainerSpec) -> None:
    nic = Nic("eth0", "vmbr0", "BC:24:11:00:30:91", "dhcp", None)
    containers.create(replace(spec, vmid=3091, nics=(nic,)), ensure_template(site))
    containers.start(3091)
    try:
        eventually(lambda: "192.168.30." in json.dumps(containers.interfaces(3091)), "no lease")
    finally:
        containers.stop(3091)
        containers.destroy(3091)
    assert not containers.exists(3091)


def test_an_archive_restores_files_owners_and_keys(containers: Containers, spec: ContainerSpec, tmp_path: Path) -> None:
    containers.execute(VMID, ["sh", "-c", "echo kept > /srv/file; chown 1000:1001 /srv/file; chmod 640 /srv/file"])
    key = containers.execute(VMID, ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
    saved = tmp_path / "saved.tar.zst"
    containers.archive(VMID, saved)
    with tarfile.open(fileobj=io.BytesIO(subprocess.check_output(["zstd", "-dc", saved]))) as members:
        assert (members.getmember("./srv/file").uid, members.getmember("./srv/file").gid) == (1000, 1001)
    containers.restore(replace(spec, vmid=3092), saved)
    try:
        root = containers.site.containers / "3092/rootfs"
        assert (root / "srv/file").stat().st_uid == 101000
        assert (root / "etc/ssh/ssh_host_ed25519_key.pub").read_bytes() == key
    finally:
        containers.destroy(3092)


def test_what_cannot_be_is_refused_plainly(site: Site, containers: Containers, spec: ContainerSpec) -> None:
    with pytest.raises(ContainerError, match="already exists"):
        containers.create(spec, ensure_template(site))
    with pytest.raises(ContainerError, match="is running"):
        containers.destroy(VMID)
    with pytest.raises(ContainerError, match="does not exist"):
        containers.start(3999)


def test_the_firewall_lets_in_what_is_accepted(site: Site, containers: Containers) -> None:
    mgmt = site.namespace("mgmt")
    assert connects(mgmt, ADDRESS, 22)
    containers.firewall(VMID, "eth0", Filter((Accept("tcp", "22", ("192.168.10.1/32",)),)))
    try:
        assert not connects(mgmt, ADDRESS, 22)
        assert connects(site.node, ADDRESS, 22)
        assert containers.execute(VMID, ["apt-get", "update"]).returncode == 0
    finally:
        containers.firewall(VMID, "eth0", None)
    assert connects(mgmt, ADDRESS, 22)


def speaks(site: Site, containers: Containers) -> set[str]:
    """Return how a host of the management network can be spoken to from the container."""
    with namespaces.entered(site.namespace("mgmt")):
        inbox = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inbox:
        inbox.bind((MANAGEMENT, 0))
        inbox.settimeout(1)
        ways = {
            "icmp": f"ping -c 1 -W 1 {MANAGEMENT}",
            "tcp": f"timeout 1 bash -c 'echo > /dev/tcp/{MANAGEMENT}/7'",
            "udp": f"echo > /dev/udp/{MANAGEMENT}/{inbox.getsockname()[1]}",
        }
        found = {way for way, how in ways.items() if not containers.execute(VMID, ["bash", "-c", how]).returncode}
        try:
            inbox.recv(64)
        except TimeoutError:
            found.discard("udp")
    return found


def test_a_silent_container_answers_and_begins_nothing(site: Site, containers: Containers) -> None:
    """As the copy of a drill has to be: it has the server's key and knows the peers."""
    assert speaks(site, containers) == {"icmp", "tcp", "udp"}
    containers.firewall(VMID, "eth0", Filter((Accept("tcp", "22"),), silent=True))
    try:
        assert connects(site.namespace("mgmt"), ADDRESS, 22)
        assert speaks(site, containers) == set()
    finally:
        containers.firewall(VMID, "eth0", None)
