"""The lab's site alone: networks, containers, the way in, packages, peers, healing, and what it leaves behind."""

import io
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import lab
from lab import lifecycle, namespaces, node, peers, wireguard
from lab.containers import Accept, Containers, ContainerSpec, Nic
from lab.errors import ContainerError, LabError, PeerError
from lab.lxc import CGROUPS
from lab.peers import Peers
from lab.processes import Processes
from lab.site import Site
from lab.templates import ensure_template

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and containers need root"),
    pytest.mark.usefixtures("container"),
]
VMID = 3090
ADDRESS = "192.168.20.90"
MANAGEMENT, DMZ = "192.168.10.20", "172.16.10.20"


def host_network() -> str:
    """Everything the machine's own network consists of."""
    commands = ("ip -o address", "ip route show table all", "ip rule", "nft list ruleset", "sysctl net.ipv4.ip_forward")
    shown = [subprocess.run(c.split(), capture_output=True, text=True, check=False).stdout for c in commands]
    return "\n".join([*shown, *(Path("/etc", name).read_text() for name in ("resolv.conf", "hosts", "passwd"))])


@pytest.fixture(scope="module")
def host_before() -> str:
    return host_network()


def checkout(directory: Path) -> Site:
    """The site of a checkout in `directory`, of which there is only the lab."""
    shutil.copytree(Path(lab.__file__).parent, directory / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    return Site.of(directory)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, host_before: str) -> Iterator[Site]:  # noqa: ARG001 - order matters
    """A checkout of its own, at a path with a space, whose site is gone afterwards."""
    one = checkout(tmp_path_factory.mktemp("a checkout"))
    try:
        lifecycle.start(one)
        yield one
    finally:
        lifecycle.down(one)


@pytest.fixture(scope="module")
def containers(site: Site) -> Containers:
    return Containers(site)


@pytest.fixture(scope="module")
def spec(site: Site) -> ContainerSpec:
    nic = Nic("eth0", "vmbr0", "BC:24:11:00:30:90", f"{ADDRESS}/16", "192.168.10.1")
    keys = ((site.keys / "jump.pub").read_text(),)
    return ContainerSpec(VMID, "rehearsal", 512, 512, 1, 8, (nic,), ssh_public_keys=keys)


@pytest.fixture(scope="module")
def container(site: Site, containers: Containers, spec: ContainerSpec) -> int:
    containers.create(spec, ensure_template(site))
    containers.start(VMID)
    await_ssh(site)
    return VMID


def eventually(condition: Callable[[], object], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def connects(namespace: str, address: str, port: int) -> bool:
    with namespaces.entered(namespace):
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            return False
    return True


def await_ssh(site: Site) -> None:
    eventually(lambda: connects(site.node, ADDRESS, 22), "sshd does not answer")


def ssh_options(site: Site) -> list[str]:
    known = site.state / "known_hosts"
    known.write_text(f"[127.0.0.1]:{site.port('ssh')} {node.host_key(site)}\n")
    return ["-F", "none", "-i", str(node.jump_key(site)), "-o", f'UserKnownHostsFile="{known}"', "-o", "BatchMode=yes"]


def ssh(site: Site, *command: str, jump: str = "jump@127.0.0.1") -> subprocess.CompletedProcess[str]:
    """Reach the container as the product does: through the node, whose host key is pinned."""
    options = ssh_options(site)
    way = ["ssh", *options, "-p", str(site.port("ssh")), "-W", "%h:%p", jump]
    proxy = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"ProxyCommand={shlex.join(way)}"]
    argv = ["ssh", *options, *proxy, f"root@{ADDRESS}", *command]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)


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


def test_packages_install_inside(containers: Containers) -> None:
    script = "apt-get update && apt-get install -y --no-install-recommends qrencode && qrencode -t ASCII x"
    done = containers.execute(VMID, ["sh", "-c", script], timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-500:]


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
    assert not connects(str(os.getpid()), ADDRESS, 22)


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
    containers.firewall(VMID, "eth0", (Accept("tcp", "22", ("192.168.10.1/32",)),))
    try:
        assert not connects(mgmt, ADDRESS, 22)
        assert connects(site.node, ADDRESS, 22)
        assert containers.execute(VMID, ["apt-get", "update"]).returncode == 0
    finally:
        containers.firewall(VMID, "eth0", None)
    assert connects(mgmt, ADDRESS, 22)


def vpn(containers: Containers, count: int) -> dict[str, str]:
    """Make the container a VPN server by hand; returns the clients' configurations."""
    private, public = wireguard.keys()
    server, clients = f"[Interface]\nPrivateKey={private}\nAddress=10.8.0.1/24\nListenPort=51820\n", {}
    for number in range(10, 10 + count):
        own, other = wireguard.keys()
        server += f"[Peer]\nPublicKey={other}\nAllowedIPs=10.8.0.{number}/32\n"
        clients[f"peer {number}"] = (
            f"[Interface]\nPrivateKey = {own}\nAddress = 10.8.0.{number}/32\nDNS = 192.168.10.1\n"
            f"[Peer]\nPublicKey = {public}\nAllowedIPs = 10.8.0.0/24, 192.168.0.0/16\nEndpoint = 198.51.100.1:51820\n"
        )
    script = (
        "set -e; apt-get update; apt-get install -y --no-install-recommends wireguard-tools wireguard-go\n"
        "cat > /etc/wireguard/wg0.conf; sysctl -w net.ipv4.ip_forward=1\n"
        "nft 'add table ip m; add chain ip m p { type nat hook postrouting priority 100; }'\n"
        "nft add rule ip m p masquerade\n"
        "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up wg0 >/dev/null 2>&1"
    )
    done = containers.execute(VMID, ["sh", "-c", script], server.encode(), timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-500:]
    return clients


def test_peers_connect_from_their_configuration_alone(
    site: Site, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, connected = vpn(containers, 4), Peers(site)
    first = connected.connect_all(clients)
    assert all(peer.handshake_ms > 0 for peer in first.values())
    assert all((connected.ping(name, MANAGEMENT) or 0) > 0 for name in clients)
    assert connected.connect_all(clients) == first
    stranger = clients["peer 10"].replace(clients["peer 10"].split()[3], wireguard.keys()[0])
    monkeypatch.setattr(peers, "PATIENCE", 2.0)
    with pytest.raises(PeerError, match="no handshake"):
        connected.connect("peer 10", stranger)
    for name in clients:
        connected.disconnect(name)
    assert connected.names() == []


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


def test_two_sites_side_by_side_and_nothing_left_of_one(site: Site, tmp_path: Path) -> None:
    other = checkout(tmp_path)
    mounts = Path("/proc/self/mountinfo").read_text()
    lifecycle.start(other)
    assert set(other.ports().values()).isdisjoint(site.ports().values())
    lifecycle.down(other)
    assert not other.state.exists()
    assert namespaces.named(other.prefix) == []
    assert Processes(other).orphans() == []
    assert list(CGROUPS.glob(f"*/wgl-{other.hash}")) == []
    assert Path("/proc/self/mountinfo").read_text() == mounts
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
