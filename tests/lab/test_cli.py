"""The operator's commands on a rehearsal site: real pulumi, real SSH, real tunnels, real backups."""

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.stack.conftest import deployed, rehearsal
from tests.lab.stack.rehearsal import MANAGEMENT, SERVER, VMID, Rehearsal, keys_in
from tests.lab.waiting import eventually

__all__ = ["deployed", "rehearsal"]
STORAGE = ("--storage", "pbs")
CHECKS = (
    "server reachable",
    "wg show lists the peers",
    "service active and enabled",
    "configuration file",
    "as the stack left it",
    "a recent handshake",
    "UDP port answers",
)
"""Every check of the doctor."""


@dataclass(frozen=True)
class Operator:
    """A person at a shell of the checkout."""

    site: Rehearsal

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `wgvpn ARGUMENTS` on the stack `lab`, from another directory."""
        return subprocess.run(
            [str(self.site.root / "wgvpn"), "-s", "lab", *arguments],
            cwd="/",
            env={**self.site.environ, **environ},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        """Run a command that must end well and return what it printed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def via(self) -> tuple[str, str]:
        """Options that make the probe on a host of the internet."""
        host = self.site.peers.get("alice-laptop")
        assert host is not None
        return (
            "--via",
            f"nsenter --net=/run/netns/{host.namespace} {shlex.quote(str(self.site.root / 'wgvpn'))} probe -",
        )

    def tunnels(self) -> dict[str, dict[str, Any]]:
        """Return the tunnels by peer name."""
        return {each["name"]: each for each in json.loads(self.must("show", "--json"))}

    def checks(self) -> tuple[int, dict[str, str]]:
        """Return the doctor's exit code and the state of each check."""
        done = self.run("doctor", "--json", *self.via)
        return done.returncode, {each["name"]: each["state"] for each in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def operator(deployed: Rehearsal) -> Operator:
    """An operator of a site with a peer kept for probes and two peers connected."""
    own = Operator(deployed)
    own.must("peer", "add", "probe", "--keepalive", "0")
    deployed.stack("lab").up()
    clients = {name: own.must("client", name) for name in ("alice-laptop", "bob-phone")}
    deployed.peers.connect_all(clients)
    return own


def unchanged(site: Rehearsal) -> None:
    """Refresh sees nothing, and the next run has nothing to do."""
    assert "unchanged" in site.stack("lab").run("refresh", "--preview-only", "--expect-no-changes").out
    assert "unchanged" in site.stack("lab").preview("--expect-no-changes").out


def test_the_tunnels_are_shown_by_name(operator: Operator) -> None:
    found = operator.tunnels()
    assert found["alice-laptop"]["status"] == found["bob-phone"]["status"] == "connected"
    assert found["alice-laptop"]["endpoint"].startswith("198.51.100.")
    assert found["carol-tablet"]["status"] == "disconnected"
    operator.site.peers.ping("alice-laptop", MANAGEMENT, count=20)
    assert operator.tunnels()["alice-laptop"]["rx"] > found["alice-laptop"]["rx"]


def test_nothing_but_public_keys_leaves_the_server(operator: Operator) -> None:
    public = {each["public_key"] for each in operator.site.stack("lab").outputs()["peers"].values()}
    assert keys_in(operator.must("show", "--json")) <= public
    assert keys_in(operator.must("show")) == set()


def test_a_healthy_server_passes_every_check(operator: Operator) -> None:
    assert operator.checks() == (0, dict.fromkeys(CHECKS, "ok"))


def test_the_probe_takes_nobody_s_packets_away(operator: Operator) -> None:
    before = operator.tunnels()["alice-laptop"]
    assert operator.run("doctor", "--peer", "alice-laptop", *operator.via).returncode == 3
    operator.checks()
    after = operator.tunnels()
    assert after["alice-laptop"]["endpoint"] == before["endpoint"]
    assert after["probe"]["handshake_age"] is None
    assert operator.site.peers.ping("alice-laptop", SERVER) is not None


def test_each_fault_fails_its_check_until_it_is_repaired(operator: Operator) -> None:
    operator.site.sh("systemctl disable --now wg-quick@wg0 && chmod 0644 /etc/wireguard/wg0.conf")
    code, found = operator.checks()
    assert code == 1
    assert {name for name, state in found.items() if state == "failed"} == {
        "service active and enabled",
        "configuration file",
        "wg show lists the peers",
        "as the stack left it",
        "a recent handshake",
        "UDP port answers",
    }
    operator.site.stack("lab").up("--refresh")
    eventually(lambda: operator.checks()[0] == 0)


def test_a_peer_removed_by_hand_is_noticed(operator: Operator) -> None:
    key = operator.site.stack("lab").outputs()["peers"]["carol-tablet"]["public_key"]
    operator.site.sh(f"wg set wg0 peer {key} remove")
    assert operator.checks()[1]["wg show lists the peers"] == "failed"
    operator.site.stack("lab").up("--refresh")
    assert operator.checks()[0] == 0


def test_a_peer_is_added_served_and_removed(operator: Operator) -> None:
    operator.must("peer", "add", "visitor", "--allow", f"{MANAGEMENT}/32,icmp")
    operator.site.stack("lab").up()
    operator.site.peers.connect("visitor", operator.must("client", "visitor"))
    assert operator.site.peers.ping("visitor", MANAGEMENT) is not None
    operator.must("peer", "remove", "visitor")
    operator.site.stack("lab").up()
    assert operator.site.peers.ping("visitor", MANAGEMENT, count=2) is None
    operator.site.peers.disconnect("visitor")


def test_a_drill_proves_the_backup_and_disturbs_nobody(operator: Operator) -> None:
    assert operator.run("backup", "age", *STORAGE).returncode == 1
    operator.must("backup", "now", *STORAGE)
    assert operator.run("backup", "age", *STORAGE).returncode == 0
    before = operator.tunnels()["alice-laptop"]["endpoint"]
    guests = operator.site.containers.vmids()
    found = json.loads(operator.must("drill", "--address", "192.168.20.91", "--json", *STORAGE))
    assert (found["up"], found["findings"]) == (True, [])
    assert operator.site.containers.vmids() == guests
    assert operator.tunnels()["alice-laptop"]["endpoint"] == before
    assert operator.site.peers.ping("alice-laptop", SERVER) is not None


def test_the_server_comes_back_into_its_container(operator: Operator) -> None:
    operator.site.sh("rm -rf /etc/wireguard /usr/local/lib/wireguard-vpn")
    said = operator.must("restore", "--yes", *STORAGE, *operator.via)
    assert "the service came up by itself, with the stack's key and peers" in said
    assert "handshake as probe" in said
    unchanged(operator.site)
    eventually(lambda: operator.site.peers.ping("bob-phone", MANAGEMENT, count=1) is not None)


def test_a_container_that_is_gone_comes_back(operator: Operator) -> None:
    operator.site.task("POST", f"/nodes/pve/lxc/{VMID}/status/stop")
    operator.site.task("DELETE", f"/nodes/pve/lxc/{VMID}")
    operator.must("restore", "--yes", *STORAGE, *operator.via)
    unchanged(operator.site)
    eventually(lambda: operator.site.peers.ping("bob-phone", MANAGEMENT, count=1) is not None)


def test_keys_restore_the_stack_on_another_machine(operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("correct horse battery staple")
    (tmp_path / "new passphrase").write_text("another machine, another passphrase")
    (tmp_path / "backend").mkdir()
    words = (str(tmp_path / "keys"), "--passphrase-file", str(tmp_path / "passphrase"))
    operator.must("keys", "backup", *words)
    config = operator.site.root / "Pulumi.lab.yaml"
    kept = config.read_text()
    there = {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "new passphrase"),
    }
    try:
        config.write_text("".join(line for line in kept.splitlines(keepends=True) if "encryptionsalt" not in line))
        environ = {**operator.site.environ, **there}
        subprocess.run(["pulumi", "stack", "init", "lab"], cwd=operator.site.root, env=environ, check=True)
        done = operator.run("keys", "restore", *words, **there)
        assert done.returncode == 0, done.stderr
        options = ("--refresh", "--expect-no-changes")
        assert "unchanged" in operator.site.stack("lab").preview(*options, check=True, **there).out
    finally:
        config.write_text(kept)


def test_the_login_is_renewed_and_the_old_key_is_shut_out(operator: Operator) -> None:
    """Last of all: the backups of before have the old login."""
    stack = operator.site.stack("lab")
    before = stack.outputs()["ssh_public_key"]
    operator.must("keys", "login")
    stack.up()
    login = stack.outputs()["ssh_public_key"]
    assert login != before
    keys = operator.site.sh("cat /root/.ssh/authorized_keys")
    assert (login in keys, before in keys) == (True, False)
    stack.run("config", "rm", "given_keys")
    unchanged(operator.site)
    assert operator.tunnels()
