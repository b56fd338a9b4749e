"""How the tests of the site reach it and look at it."""

import re
import shlex
import shutil
import socket
import subprocess
from pathlib import Path

import lab
from lab import namespaces, node
from lab.site import Site
from tests.lab.waiting import eventually

VMID = 3090
ADDRESS = "192.168.20.90"
LIFETIMES = re.compile(r" *(valid_lft|preferred_lft|expires) \w+")
"""Seconds that an address or a route is good for, as ip(8) shows them."""
MANAGEMENT, DMZ = "192.168.10.20", "172.16.10.20"


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


def checkout(directory: Path) -> Site:
    """The site of a checkout in `directory`, of which there is only the lab."""
    shutil.copytree(Path(lab.__file__).parent, directory / "lab", ignore=shutil.ignore_patterns("__pycache__"))
    return Site.of(directory)


def host_network() -> str:
    """Everything the machine's own network consists of; what only counts down is left out."""
    commands = ("ip -o address", "ip route show table all", "ip rule", "nft list ruleset", "sysctl net.ipv4.ip_forward")
    shown = [subprocess.run(c.split(), capture_output=True, text=True, check=False).stdout for c in commands]
    shown = [LIFETIMES.sub("", text) for text in shown]
    return "\n".join([*shown, *(Path("/etc", name).read_text() for name in ("resolv.conf", "hosts", "passwd"))])
