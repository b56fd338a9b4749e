"""`backup`, `restore` and `drill` as they are called: refusals before anything is lost, and what a signal leaves."""

import datetime as dt
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from cli import backups
from cli.configured import Configured
from cli.deployed import Deployed
from cli.pulumi import Pulumi
from cli.recovery import Place
from tests.cli.conftest import Command
from tests.cli.node import OURS, Node, entry
from tests.cli.world import make
from tests.pure import support
from vpn import login_key
from vpn.errors import StackError


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("hours", "options", "code"),
    [
        ([2.0], (), 0),
        ([27.0], (), 1),
        ([27.0], ("--max-hours", "48"), 0),
        ([], (), 1),
        ([-8760.0], (), 1),  # a clock that was wrong when the backup was made
        ([-8760.0, 2.0], (), 0),
        ([-8760.0, 27.0], (), 1),
        ([-0.05], (), 0),  # clocks differ a little
    ],
)
def test_the_age_of_the_last_backup_is_an_exit_code(
    node: Node, wgvpn: Command, hours: list[float], options: tuple[str, ...], code: int
) -> None:
    node.backups = [entry(each) for each in hours]
    done = wgvpn("backup", "age", "--storage", "pbs", "--json", *options)
    assert done.code == code
    found = json.loads(done.out)
    assert found["fresh"] == (code == 0)
    assert found["seconds"] is None or found["seconds"] >= 0


@pytest.mark.usefixtures("world")
def test_a_backup_whose_verification_failed_is_the_latest_of_none_and_found_by_its_name(
    node: Node, wgvpn: Command
) -> None:
    node.backups = [entry(2, verification={"state": "failed"}), entry(30)]
    found = backups.of_container(node.api(), "pve", "pbs", 2090)
    assert backups.choose(found, "latest") is found[1]
    assert backups.choose(found, found[0].volume) is found[0]
    with pytest.raises(StackError, match="verification of every backup"):
        backups.choose(found[:1], "latest")
    assert wgvpn("backup", "age", "--storage", "pbs").code == 1
    assert found[0].volume in wgvpn("backup", "list", "--storage", "pbs").out


@pytest.mark.usefixtures("world")
def test_without_a_storage_nothing_is_looked_for(node: Node, wgvpn: Command) -> None:
    done = wgvpn("backup", "list")
    assert (done.code, "pbs_storage" in done.err) == (3, True)
    assert node.writes == []


@pytest.mark.usefixtures("world")
def test_a_restore_asks_before_anything_is_lost(node: Node, wgvpn: Command) -> None:
    node.backups = [entry(2)]
    done = wgvpn("restore", "--storage", "pbs")
    assert (done.code, "--yes" in done.err) == (3, True)
    assert node.writes == []


@pytest.mark.parametrize(("renewed", "days"), [(True, 400), (True, 0), (False, 400)])
def test_a_restore_tells_of_a_login_that_the_stack_no_longer_has(
    home: Path, node: Node, wgvpn: Command, renewed: bool, days: int
) -> None:
    make(home, given_keys={"ssh": login_key.generate()} if renewed else {})
    made = dt.datetime.now(dt.UTC) - support.NOW + dt.timedelta(days=days or -1)
    node.backups = [entry(made.total_seconds() / 3600)]
    done = wgvpn("restore", "--storage", "pbs")
    assert ("from before wgvpn keys login" in done.err) == (renewed and days > 0)
    assert node.writes == []


@pytest.mark.usefixtures("world")
def test_a_second_server_is_not_started_beside_a_running_one(node: Node, wgvpn: Command) -> None:
    node.backups = [entry(2)]
    done = wgvpn("restore", "--storage", "pbs", "--yes", "--to", "2095")
    assert (done.code, "CT 2090 runs" in done.err) == (3, True)
    assert node.writes == []


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("options", "told"),
    [(("--peer", "nobody"), "nobody"), (("--via", ""), "--via"), (("--via", "no-such-program x"), "no-such-program")],
)
def test_a_proof_that_cannot_be_made_is_refused_before_anything_is_lost(
    node: Node, wgvpn: Command, options: tuple[str, ...], told: str
) -> None:
    node.backups = [entry(2)]
    done = wgvpn("restore", "--storage", "pbs", "--yes", *options)
    assert (done.code, told in done.err, node.writes) == (3, True, [])


@pytest.mark.usefixtures("world")
def test_a_container_that_is_not_there_loses_nothing(node: Node, wgvpn: Command) -> None:
    node.backups, node.guests = [entry(2)], {2090: (OURS, False)}
    done = wgvpn("restore", "--storage", "pbs", "--to", "2095")
    assert (done.code, "CT 2095 is made" in done.err, "is lost" in done.err) == (3, True, False)


@pytest.mark.parametrize(
    ("fails", "has", "told"), [("import_", 2090, "destroy CT 2095"), ("set_plain", 2095, "config set container_id")]
)
def test_a_new_vmid_that_cannot_be_written_down_leaves_a_way_on(  # noqa: PLR0917 - fixtures and cases
    home: Path, node: Node, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, fails: str, has: int, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise StackError("the disk is full")

    world = make(home)
    node.backups, node.guests = [entry(2)], {2090: (OURS, False)}
    monkeypatch.setattr(f"cli.pulumi.Pulumi.{fails}", refuse)
    before = world.value("container_id")
    done = wgvpn("restore", "--storage", "pbs", "--yes", "--to", "2095")
    assert (done.code, told in done.err) == (4, True)
    assert Place.of(Deployed(world.read()["state"])).vmid == has
    assert world.value("container_id") == before


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_drill_that_is_told_to_end_removes_its_copy(
    node: Node, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    node.backups = [entry(2)]
    before = signal.signal(number, signal.SIG_DFL)  # nohup ignores SIGHUP, and so would the command
    monkeypatch.setattr("cli.recovery.FIREWALL_SECONDS", 0.0)
    monkeypatch.setattr("cli.recovery.verify", lambda *_: signal.raise_signal(number))
    done = wgvpn("drill", "--address", "192.168.20.91/16", "--vmid", "2091", "--storage", "pbs")
    assert (done.code, node.writes[-1]) == (128 + number, "DELETE lxc/2091")
    assert signal.signal(number, before) == signal.SIG_DFL


JUMP: dict[str, Any] = {
    "ssh_jump_host": "jump.example.com",
    "ssh_jump_private_key": "a key",
    "ssh_jump_host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJumphostJumphostJumphostJumphostJumphostJump",
}


def test_a_jump_host_of_the_config_needs_no_environment(home: Path) -> None:
    """What the config leaves out has the program's defaults."""
    make(home, **JUMP)
    jump = Configured.read(Pulumi(home, "prod"), {}).jump()
    assert jump is not None
    assert (jump.host, jump.user, jump.port) == ("jump.example.com", "root", 22)
    variables = {"WIREGUARD_VPN_SSH_JUMP_PORT": "2222", "WIREGUARD_VPN_SSH_JUMP_USER": ""}
    jump = Configured.read(Pulumi(home, "prod"), variables).jump()
    assert jump is not None
    assert (jump.user, jump.port) == ("root", 2222)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ssh_jump_port": "ssh"}, "ssh_jump_port"),
        ({"ssh_jump_private_key": "", "ssh_jump_private_key_file": "nowhere"}, "ssh_jump_private_key_file"),
    ],
)
@pytest.mark.parametrize("verb", [("restore", "--yes"), ("drill", "--address", "192.168.20.91/16", "--vmid", "2091")])
def test_a_way_that_cannot_be_is_refused_before_anything_is_lost(  # noqa: PLR0917 - fixtures and cases
    home: Path, node: Node, wgvpn: Command, changes: dict[str, str], told: str, verb: tuple[str, ...]
) -> None:
    changed(home, JUMP | changes)
    node.backups = [entry(2)]
    done = wgvpn(*verb, "--storage", "pbs")
    assert (done.code, told in done.err, node.writes) == (3, True, [])


def changed(home: Path, changes: dict[str, str]) -> None:
    """Make a world, then change its config, also to what no stack could be made with."""
    world = make(home)
    config = world.read()["config"]
    world.write(config=config | {key: {"value": value, "secret": False} for key, value in changes.items()})


DRILL = ("drill", "--address", "192.168.20.91/16", "--vmid", "2091", "--storage", "pbs")
ASKING = [
    *(("backup", verb, "--storage", "pbs") for verb in ("list", "age", "now")),
    ("restore", "--yes", "--storage", "pbs"),
    DRILL,
]


@pytest.mark.parametrize("verb", ASKING)
@pytest.mark.parametrize("variable", [True, False])
def test_no_token_is_sent_in_the_clear(
    home: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...], *, variable: bool
) -> None:
    changed(home, {"proxmox_endpoint": "" if variable else "http://127.0.0.1:1"})
    monkeypatch.setenv("PROXMOX_VE_ENDPOINT", "http://127.0.0.1:1")
    done = wgvpn(*verb)
    assert (done.code, "proxmox_endpoint: http://127.0.0.1:1: must be an https" in done.err) == (3, True)


def test_nor_is_the_backup_server_s(home: Path, node: Node, wgvpn: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    changed(home, {"pbs_url": "http://127.0.0.1:1", "pbs_datastore": "backup"})
    monkeypatch.setenv("PBS_TOKEN", "wg@pbs!pulumi:00000000-0000-0000-0000-000000000000")
    done = wgvpn("backup", "list", "--storage", "pbs")
    assert (done.code, "pbs_url: http://127.0.0.1:1: must be an https" in done.err) == (3, True)
    assert node.writes == []


def test_all_that_a_connection_lacks_is_told_at_once(home: Path, wgvpn: Command) -> None:
    changed(home, {"proxmox_endpoint": "", "proxmox_api_token": "", "proxmox_fingerprint": "none"})
    told = wgvpn("backup", "list", "--storage", "pbs").err
    assert ("3 problems" in told, "proxmox_endpoint: is required" in told) == (True, True)


def test_a_connection_has_the_token_that_is_configured(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what stands for it where a secret is printed."""
    changed(home, {"pbs_url": "https://pbs:8007/"})
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr("cli.configured.Proxmox", lambda *given, **_: asked.append(given))
    monkeypatch.setattr("cli.configured.Pbs.connect", lambda *given: asked.append(given[:2]))
    configured = Configured.read(Pulumi(home, "prod"), {"PBS_TOKEN": "a token"})
    configured.proxmox()
    configured.pbs()
    pve = (support.BASE["proxmox_endpoint"], support.BASE["proxmox_api_token"])
    assert asked == [pve, ("https://pbs:8007", "a token")]


@pytest.mark.parametrize(
    ("key", "verb"),
    [
        ("proxmox_ca_file", ("backup", "list", "--storage", "pbs")),
        ("ssh_jump_private_key_file", ("restore", "--yes", "--storage", "pbs")),
    ],
)
def test_a_file_in_nobody_s_home_is_told_by_its_key(
    home: Path, wgvpn: Command, key: str, verb: tuple[str, ...]
) -> None:
    changed(home, {key: "~no-such-user/x"})
    done = wgvpn(*verb)
    assert (done.code, f"{key}: {home}/~no-such-user/x: cannot be read: No such file" in done.err) == (3, True)


@pytest.mark.parametrize(("key", "value"), [("vlan", "office"), ("ip_address", "192.168.20/16"), ("bridge", "a b")])
def test_a_drill_is_refused_by_the_key_that_breaks_a_rule(
    home: Path, node: Node, wgvpn: Command, key: str, value: str
) -> None:
    changed(home, {key: value})
    node.backups = [entry(2)]
    done = wgvpn(*DRILL)
    assert (done.code, f"  - {key}: {value}: must " in done.err, node.writes) == (3, True, [])


def test_a_copy_does_not_take_the_address_that_dhcp_gave_the_server(home: Path, node: Node, wgvpn: Command) -> None:
    changed(home, {"ip_address": "dhcp", "gateway": ""})
    node.backups = [entry(2)]
    done = wgvpn("drill", "--address", "192.168.20.90/16", "--vmid", "2091", "--storage", "pbs")
    assert (done.code, "own address" in done.err, node.writes) == (3, True, [])


@pytest.mark.usefixtures("world")
def test_a_backup_that_nobody_lists_was_made_all_the_same(node: Node, wgvpn: Command) -> None:
    done = wgvpn("backup", "now", "--storage", "pbs")
    assert (done.code, "the backup was made, but" in done.err, node.writes) == (4, True, ["POST vzdump"])
