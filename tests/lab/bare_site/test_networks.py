"""The site's networks: the way in, the hosts that answer, and no way to the machine."""

import os
import subprocess

import pytest

from lab import node
from lab.containers import Containers
from lab.site import Site
from tests.lab.bare_site.way_in import DMZ, MANAGEMENT, VMID, connects, host_network, ssh

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and containers need root"),
    pytest.mark.usefixtures("container"),
]


def test_the_node_is_a_way_in_and_no_more(site: Site) -> None:
    assert ssh(site, "hostname").stdout == "rehearsal\n"
    assert "Permission denied" in ssh(site, "true", jump="root@127.0.0.1").stderr
    direct = [
        "ssh",
        "-F",
        "/dev/null",
        "-i",
        str(node.jump_key(site)),
        "-o",
        f'UserKnownHostsFile="{site.state}/known_hosts"',
    ]
    direct += ["-p", str(site.port("ssh")), "jump@127.0.0.1", "id"]
    shell = subprocess.run(direct, capture_output=True, text=True, check=False, timeout=60)
    assert shell.returncode != 0
    assert "uid=" not in shell.stdout


def test_hosts_of_both_networks_answer(site: Site, containers: Containers) -> None:
    for address, role in ((MANAGEMENT, b"mgmt"), (DMZ, b"dmz")):
        assert containers.execute(VMID, ["ping", "-c", "1", "-W", "5", address]).returncode == 0
        fetch = f"exec 3<>/dev/tcp/{address}/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
        assert role + b" host" in containers.execute(VMID, ["bash", "-c", fetch]).stdout
    assert connects(site.namespace("mgmt"), DMZ, 7)


def test_nothing_leads_from_the_lab_to_the_machine_or_back(
    site: Site, containers: Containers, host_before: str
) -> None:
    assert host_network() == host_before
    uplink = subprocess.run(["ip", "-n", site.node, "route", "get", "192.0.2.1"], capture_output=True, check=False)
    assert uplink.returncode != 0
    assert containers.execute(VMID, ["ping", "-c", "1", "-W", "1", "192.0.2.1"]).returncode != 0
