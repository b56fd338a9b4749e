"""Ansible against the lab's container: two playbooks, each with a WireGuard interface of its own beside ours."""

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.calls import plain
from bench.figures import Cost, measure
from bench.stack import BenchError, Stack
from lab.containers import Containers
from lab.site import Site
from vpn import keys, tables

FILES = Path(__file__).parent / "ansible"
ROLE = "WIREGUARD_VPN_BENCH_ROLE"
PORTS = {"playbook": 51821, "role": 51822}
INTERFACES = {"playbook": "wg1", "role": "wg2"}
NETWORKS = {"playbook": "10.201", "role": "10.202"}
SETTINGS = {
    "ANSIBLE_PIPELINING": "true",
    "ANSIBLE_FORKS": "20",
    "ANSIBLE_NOCOLOR": "true",
    "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
}
MODPROBE = """#!/usr/bin/python3
print('{"changed": false}')
"""
"""Stands for community.general's module, which the role names, never runs here, and ansible-core has not."""
MASKED = ("wireguard-vpn.conf",)
"""Our drop-ins that apply to every interface; theirs runs as Debian's package has it."""


@dataclass(frozen=True)
class Playbook:
    """One of the yardsticks, `playbook` or `role`, on the lab's container."""

    name: str
    directory: Path
    root: Path

    def write(self, count: int, more: int = 0) -> None:
        """Let it have so many peers, and `more` newcomers."""
        net = NETWORKS[self.name]
        names = [f"bench-{n:05d}" for n in range(count)] + [f"newcomer-{n}" for n in range(more)]
        peers = [_peer(name, f"{net}.{16 + n // 250}.{1 + n % 250}/32") for n, name in enumerate(names)]
        facts = {"interface": INTERFACES[self.name], "listen_port": PORTS[self.name], "address": f"{net}.0.1/16"}
        own = {**facts, "private_key": _key(self.name), "peers": peers}
        (self.directory / f"{self.name}.json").write_text(json.dumps(own))

    def run(self, *options: str) -> Cost:
        """Run it and return what it took; raises BenchError when it fails."""
        return measure(lambda: self._run(*options))

    def _run(self, *options: str) -> None:
        argv = ["ansible-playbook", "-i", "inventory.json", "-e", f"@{self.name}.json", f"{self.name}.yml", *options]
        environ = os.environ | SETTINGS | {"ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections")}
        tool = [str(self.root / ".venv/bin" / argv[0]), *argv[1:]]
        done = subprocess.run(tool, cwd=self.directory, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchError(f"{' '.join(argv)}: {(done.stdout + done.stderr)[-1500:]}")


def _peer(name: str, network: str) -> dict[str, Any]:
    public = keys.public_key(_key(name))
    return {"name": name, "public_key": public, "allowed_ips": network,
            "of": {"public_key": public, "allowed_ips": network}}  # fmt: skip


def _key(name: str) -> str:
    """Return a private key that is the same in every run of a size: these guard nothing."""
    return base64.b64encode(name.encode().ljust(32, b".")).decode()


def prepare(stack: Stack, site: Site) -> dict[str, Playbook]:
    """Give Ansible what it needs on both sides: our way to the container, and Python inside it."""
    directory = stack.directory / "ansible"
    shutil.copytree(FILES, directory, dirs_exist_ok=True)
    modules = directory / "collections/ansible_collections/community/general/plugins/modules"
    modules.mkdir(parents=True, exist_ok=True)
    (modules / "modprobe.py").write_text(MODPROBE)
    _write_way(stack, directory)
    _prepare_container(site, int(stack.outputs()["ct_id"]))
    names = ["playbook", *(["role"] if _link_role(directory) else [])]
    return {name: Playbook(name, directory, stack.root) for name in names}


def _link_role(directory: Path) -> bool:
    """Put the role where the playbook looks for it; say whether there is one."""
    link, place = directory / "roles/wireguard", os.environ.get(ROLE)
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    if place:
        link.symlink_to(Path(place).resolve())
    return bool(place)


def _write_way(stack: Stack, directory: Path) -> None:
    """Write inventory, key and SSH's configuration: the same jump host and pinned keys that our program uses."""
    state = stack.state("--show-secrets")["deployment"]["resources"]
    held = {each["urn"].rpartition("::")[2]: each.get("outputs", {}) for each in state}
    address, host_key = held["host-key"]["address"], held["host-key"]["key"]
    key = directory / "key"
    key.touch(mode=0o600)
    key.write_text(tables.loads(plain(held["keyring"]["keys"]))["ssh"]["secret"])
    jump = {name: os.environ[f"WIREGUARD_VPN_SSH_JUMP_{name}"] for name in ("HOST", "PORT", "USER", "HOST_KEY")}
    identity = os.environ["WIREGUARD_VPN_SSH_JUMP_PRIVATE_KEY_FILE"]
    known = f"{address} {host_key}\n[{jump['HOST']}]:{jump['PORT']} {jump['HOST_KEY']}\n"
    (directory / "known_hosts").write_text(known)
    common = "  UserKnownHostsFile known_hosts\n  StrictHostKeyChecking yes\n  IdentitiesOnly yes\n"
    (directory / "ssh_config").write_text(
        f"Host node\n  HostName {jump['HOST']}\n  Port {jump['PORT']}\n  User {jump['USER']}\n"
        f'  IdentityFile "{identity}"\n{common}'
        f"Host {address}\n  User root\n  ProxyJump node\n  IdentityFile key\n{common}"
    )
    host = {"ansible_host": address, "ansible_user": "root", "ansible_ssh_common_args": "-F ssh_config"}
    (directory / "inventory.json").write_text(json.dumps({"all": {"hosts": {"server": host}}}))


def _prepare_container(site: Site, vmid: int) -> None:
    """Install Python, an empty package for the one the role wants, and masks for our drop-ins."""
    masks = "; ".join(
        f"mkdir -p /etc/systemd/system/wg-quick@{name}.service.d && "
        f"ln -sfn /dev/null /etc/systemd/system/wg-quick@{name}.service.d/{drop}"
        for name in INTERFACES.values()
        for drop in MASKED
    )
    control = "Package: wireguard\\nVersion: 99\\nArchitecture: all\\nMaintainer: bench\\nDescription: empty\\n"
    empty = (
        "d=$(mktemp -d) && mkdir $d/DEBIAN && chmod 755 $d && "
        f"printf '{control}' >$d/DEBIAN/control && dpkg-deb -b $d /tmp/wireguard.deb && dpkg -i /tmp/wireguard.deb"
    )
    install = "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install python3-minimal python3-apt"
    done = Containers(site).execute(vmid, ["sh", "-c", f"{install} && {empty} && {masks} && systemctl daemon-reload"])
    if done.returncode:
        raise BenchError(f"the container could not be prepared: {done.stderr.decode()[-500:]}")


def clean(stack: Stack, site: Site, vmid: int) -> None:
    """Take away what the playbooks and `prepare` left in the container, and the copy of the key that leads to it."""
    (stack.directory / "ansible" / "key").unlink(missing_ok=True)
    services = " ".join(f"wg-quick@{name}" for name in INTERFACES.values())
    files = " ".join(f"/etc/wireguard/{i}.conf /etc/systemd/system/wg-quick@{i}.service.d" for i in INTERFACES.values())
    packages = "apt-get -qq -y purge --autoremove wireguard python3-minimal python3-apt"
    script = f"systemctl disable --now {services}; rm -rf {files} /etc/sysctl.d/60-wireguard.conf; {packages}; true"
    Containers(site).execute(vmid, ["sh", "-c", f"{script}; systemctl daemon-reload"])
