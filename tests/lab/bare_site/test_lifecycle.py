"""Starting, healing and removing a site; several beside each other."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lab import lifecycle, lxc, namespaces
from lab.containers import Containers
from lab.errors import LabError
from lab.peers import Peers
from lab.processes import Processes
from lab.site import SERVICES, Site
from tests.lab.bare_site.way_in import ADDRESS, VMID, await_ssh, checkout, ssh

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and containers need root"),
    pytest.mark.usefixtures("container"),
]


def test_it_heals_when_everything_was_killed(site: Site, containers: Containers) -> None:
    for pid in Processes(site).orphans():
        os.kill(pid, signal.SIGKILL)
    lifecycle.start(site)
    assert not containers.running(VMID)
    containers.start(VMID)
    await_ssh(site)
    assert ssh(site, "hostname").stdout == "rehearsal\n"


def test_starting_what_runs_changes_nothing(site: Site) -> None:
    before = [(name, Processes(site).pid(name)) for name in Processes(site).names()]
    lifecycle.start(site)
    assert [(name, Processes(site).pid(name)) for name in Processes(site).names()] == before
    assert all(pid for _, pid in before)


def mounts_of(site: Site) -> list[str]:
    """Return what of the site is mounted; other sites of this machine come and go meanwhile."""
    mounted = Path("/proc/self/mountinfo").read_text().replace("\\040", " ").splitlines()
    return [line for line in mounted if site.prefix in line or str(site.root) in line]


def test_two_sites_side_by_side_and_nothing_left_of_one(site: Site, tmp_path: Path) -> None:
    other = checkout(tmp_path)
    lifecycle.start(other)
    Processes(other).start("guest", ["sleep", "600"])
    lxc.confine(other, Processes(other).pid("guest"))
    assert mounts_of(other)
    assert lxc.groups(other)
    assert set(other.ports().values()).isdisjoint(site.ports().values())
    lifecycle.down(other)
    assert not other.state.exists()
    assert namespaces.named(other.prefix) == []
    assert Processes(other).orphans() == []
    assert lxc.groups(other) == []
    assert mounts_of(other) == []
    assert ssh(site, "hostname").stdout == "rehearsal\n"


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_environment_is_sourced_from_anywhere(site: Site, shell: str) -> None:
    script = f". '{site.root}/lab/env' && printf '%s\\n' \"$PROXMOX_VE_ENDPOINT\" \"$WIREGUARD_VPN_SSH_JUMP_PORT\""
    done = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.split() == [f"https://localhost:{site.port('pve')}/", str(site.port("ssh"))]
    assert (site.state / "env.sh").stat().st_mode & 0o077 == 0


def test_a_failing_command_says_why(site: Site) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab", "shell", "nobody"], capture_output=True, text=True, cwd=site.root, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "lab: there is no container, host or peer nobody\n"
    with pytest.raises(LabError):
        Peers(site).ping("nobody", ADDRESS)


def test_ports_are_remembered_and_differ(tmp_path: Path) -> None:
    ports = Site.of(tmp_path).ports()
    assert set(ports) == set(SERVICES)
    assert len(set(ports.values())) == len(SERVICES)
    assert Site.of(tmp_path).ports() == ports
    with socket.create_server(("127.0.0.1", ports["pve"])):
        Site.of(tmp_path).claim("pve")
    assert Site.of(tmp_path).port("pve") != ports["pve"]
    assert Site.of(tmp_path).port("ssh") == ports["ssh"]


def test_broken_port_memory_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".lab").mkdir()
    (tmp_path / ".lab/ports.json").write_text("{")
    assert set(Site.of(tmp_path).ports()) == set(SERVICES)
