"""`keys`: a file that only the passphrase opens, and a stack that goes on from it."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cli.key_backup import COST, seal, unseal
from cli.retarget import retarget
from tests.cli.conftest import Command, refusing
from tests.cli.world import World, empty_state, make, ring_of
from tests.pure import support
from vpn.errors import ParseError
from vpn.settings.build import SECRET_KEYS

PASSPHRASE = "correct horse battery staple"
TOKEN = support.BASE["proxmox_api_token"]
really = pytest.mark.parametrize("scrypt_n", [COST["n"]])
"""For tests of what a guess costs."""


@pytest.fixture
def scrypt_n() -> int:
    """What a guess costs while the tests are about something else: each of them makes the key several times."""
    return 2**10


@pytest.fixture(autouse=True)
def _cost(scrypt_n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COST, "n", scrypt_n)


@pytest.fixture
def passphrase(tmp_path: Path) -> str:
    """The path of a file that holds the passphrase."""
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    return str(path)


@pytest.fixture
def saved(world: World, wgvpn: Command, passphrase: str) -> Path:
    """A backup of the stack's keys."""
    target = world.directory / "keys.backup"
    done = wgvpn("keys", "backup", str(target), "--passphrase-file", passphrase)
    assert done.code == 0, done.err
    return target


def test_the_file_is_private_and_shows_nothing(saved: Path) -> None:
    text = saved.read_text()
    assert saved.stat().st_mode & 0o777 == 0o600
    assert json.loads(text)["kdf"] == "scrypt"
    for secret in (support.private_key("server"), support.private_key("peer/alice"), TOKEN, "alice"):
        assert secret not in text


def test_an_empty_stack_gets_keys_addresses_and_secrets_back(
    saved: Path, home: Path, wgvpn: Command, passphrase: str
) -> None:
    before = json.loads((home / "world.json").read_text())["state"]
    new = make(home, deployed=False, proxmox_api_token="", peers=[])
    done = wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase)
    assert done.code == 0, done.err
    state = new.read()["state"]
    assert ring_of(state) == ring_of(before)
    assert ring_of(state)["owner"].secret == "0123456789abcdef"
    assert state["deployment"]["resources"] == before["deployment"]["resources"]
    assert state["deployment"]["secrets_providers"] == empty_state()["deployment"]["secrets_providers"]
    assert (new.value("proxmox_api_token"), new.is_secret("proxmox_api_token")) == (TOKEN, True)
    assert [peer["name"] for peer in new.value("peers")] == ["alice", "bob", "carol", "dave"]


def test_plain_config_that_differs_is_told_to_be_put_back_by_hand(
    saved: Path, home: Path, wgvpn: Command, passphrase: str
) -> None:
    make(home, deployed=False, proxmox_api_token="", peers=[], endpoint="vpn.example.net:51820", memory_mb=2048)
    done = wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase)
    lines = [line for line in done.out.splitlines() if line.startswith("  ")]
    assert lines == ["  endpoint: vpn.example.org:51820", "  memory_mb: not set"]
    make(home, deployed=False, proxmox_api_token="", peers=[])
    assert "left alone" not in wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase).out


def test_what_is_encrypted_is_not_told(saved: Path, home: Path, wgvpn: Command, passphrase: str) -> None:
    new = make(home, deployed=False)
    config = new.read()["config"]
    config["peers"] = {"value": [{"name": "erin", "preshared_key": support.private_key("canary")}], "secret": True}
    new.write(config=config)
    done = wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase)
    assert (done.code, "  peers: encrypted" in done.out, support.private_key("canary") in done.out) == (0, True, False)


def test_peers_come_back_with_their_groups(home: Path, wgvpn: Command, passphrase: str) -> None:
    groups = {"staff.eu": {"tunnel": "full", "allow": [{"network": "192.168.1.0/24"}]}}
    make(home, groups=groups, peers=[{"name": "alice", "group": "staff.eu"}])
    target = home / "keys.backup"
    wgvpn("keys", "backup", str(target), "--passphrase-file", passphrase)
    new = make(home, deployed=False, peers=[])
    assert wgvpn("keys", "restore", str(target), "--passphrase-file", passphrase).code == 0
    assert (new.value("groups"), new.value("peers")) == (groups, [{"name": "alice", "group": "staff.eu"}])


def test_peers_that_stand_in_a_file_by_now_are_not_put_beside_it(
    saved: Path, home: Path, wgvpn: Command, passphrase: str
) -> None:
    new = make(home, deployed=False, peers=[])
    (home / "peers.yaml").write_text("peers:\n  - name: alice\n")
    assert wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase).code == 0
    assert not new.value("peers")


def test_the_passphrase_can_come_from_a_descriptor(saved: Path, home: Path, wgvpn: Command) -> None:
    make(home, deployed=False)
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode())
    os.close(writing)
    assert wgvpn("keys", "restore", str(saved), "--passphrase-fd", str(reading)).code == 0


def test_a_stack_with_a_state_is_replaced_only_by_force(saved: Path, wgvpn: Command, passphrase: str) -> None:
    words = ("keys", "restore", str(saved), "--passphrase-file", passphrase)
    done = wgvpn(*words)
    assert (done.code, "--force" in done.err) == (3, True)
    assert wgvpn(*words, "--force").code == 0


def test_another_stack_is_refused(saved: Path, home: Path, wgvpn: Command, passphrase: str) -> None:
    make(home, deployed=False).write(stack="other")
    done = wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase)
    assert (done.code, "stack prod" in done.err) == (3, True)


def test_the_passphrase_is_the_first_line_of_a_file_as_of_a_descriptor(
    saved: Path, home: Path, wgvpn: Command, passphrase: str
) -> None:
    make(home, deployed=False)
    Path(passphrase).write_text(f"{PASSPHRASE}\na note\n")
    assert wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase).code == 0


@pytest.mark.usefixtures("world")
def test_nobody_is_asked_where_nobody_is(wgvpn: Command, tmp_path: Path) -> None:
    done = wgvpn("keys", "backup", str(tmp_path / "x"))
    assert (done.code, "--passphrase-file" in done.err) == (3, True)


@pytest.mark.usefixtures("world")
def test_a_passphrase_that_is_no_text_is_refused(wgvpn: Command, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_bytes(b"correct horse caf\xe9 battery")
    done = wgvpn("keys", "backup", str(tmp_path / "x"), "--passphrase-file", str(tmp_path / "passphrase"))
    assert (done.code, "UTF-8" in done.err, (tmp_path / "x").exists()) == (3, True, False)


@pytest.mark.usefixtures("world")
def test_a_short_passphrase_is_refused(wgvpn: Command, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("short")
    done = wgvpn("keys", "backup", str(tmp_path / "x"), "--passphrase-file", str(tmp_path / "short"))
    assert (done.code, (tmp_path / "x").exists()) == (3, False)


def test_a_stack_that_made_nothing_has_no_keys_to_save(home: Path, wgvpn: Command, passphrase: str) -> None:
    make(home, deployed=False)
    assert wgvpn("keys", "backup", str(home / "x"), "--passphrase-file", passphrase).code == 3


@really
def test_only_the_right_passphrase_opens_it() -> None:
    file = seal({"a": 1}, PASSPHRASE)
    assert unseal(file, PASSPHRASE) == {"a": 1}
    with pytest.raises(ParseError, match="passphrase is wrong"):
        unseal(file, PASSPHRASE + "r")


@pytest.mark.parametrize("key", ["salt", "nonce", "content", "n"])
def test_a_changed_file_is_noticed(key: str) -> None:
    found = json.loads(seal({"a": 1}, PASSPHRASE))
    value = found[key]
    found[key] = value * 2 if isinstance(value, int) else ("A" if value[0] != "A" else "B") + value[1:]
    with pytest.raises(ParseError, match="damaged"):
        unseal(json.dumps(found).encode(), PASSPHRASE)


@pytest.mark.parametrize("file", [b"", b"[]", b'{"format": "x"}', b"\xff"])
def test_other_files_are_refused(file: bytes) -> None:
    with pytest.raises(ParseError, match="no backup of keys"):
        unseal(file, PASSPHRASE)


@really
@pytest.mark.parametrize("cost", [{"n": 2**40}, {"n": 2**20, "r": 32}, {"p": 16}, {"r": 0}])
def test_a_file_cannot_exhaust_the_machine(cost: dict[str, int]) -> None:
    found = json.loads(seal({}, PASSPHRASE)) | cost
    with pytest.raises(ParseError, match="this version"):
        unseal(json.dumps(found).encode(), PASSPHRASE)


def test_a_state_follows_its_container_to_another_vmid(world: World) -> None:
    before = world.read()["state"]
    after = retarget(before, 2090, 2095)
    assert "2090" not in json.dumps(after)
    assert json.loads(json.dumps(after).replace("2095", "2090")) == before


def through_a_backup(home: Path, wgvpn: Command, passphrase: str, config: dict[str, Any]) -> tuple[World, str]:
    """Return a new stack that got its peers from a backup of one with this config, and what was said."""
    old, target = make(home), home / "keys.backup"
    old.write(config=old.read()["config"] | config)
    assert wgvpn("keys", "backup", str(target), "--passphrase-file", passphrase).code == 0
    new = make(home, deployed=False, peers=[], groups={})
    done = wgvpn("keys", "restore", str(target), "--passphrase-file", passphrase)
    assert done.code == 0, done.err
    return new, done.out


PSK = support.private_key("psk of somebody")
EMPTY = {"name": "alice", "group": "ext", "allow": [], "dns": [], "client_routes": [], "disabled": False}
PLAIN = [EMPTY, {"name": "2027", "allow": [{"network": "192.168.1.0/24", "ports": []}]}]
GROUPS = {"ext": {}, "staff.eu": {"allow": [], "mtu": 1400}}


def test_empty_lists_and_groups_come_back_for_they_mean_something(home: Path, wgvpn: Command, passphrase: str) -> None:
    """`allow: []` is a peer that may reach nothing; without it, everything."""
    peers = [{**EMPTY, "preshared_key": PSK}, *PLAIN[1:]]
    config = {"peers": {"value": peers, "secret": True}, "groups": {"value": GROUPS, "secret": False}}
    new, said = through_a_backup(home, wgvpn, passphrase, config)
    assert (new.value("groups"), new.value("peers"), new.is_secret("peers")) == (GROUPS, peers, True)
    assert "left alone" not in said
    assert not any(PSK in json.dumps(each) for each in new.calls())


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("peers", [PLAIN, [{"name": "alice", "preshared_key": PSK}]])
def test_peers_that_stand_as_text_come_back_as_text(
    home: Path, wgvpn: Command, passphrase: str, peers: list[object], secret: bool
) -> None:
    config = {"peers": {"value": json.dumps(peers), "secret": secret}, "groups": {"value": GROUPS, "secret": False}}
    new, said = through_a_backup(home, wgvpn, passphrase, config)
    assert (new.value("peers"), new.value("groups")) == (json.dumps(peers), GROUPS)
    assert new.is_secret("peers") == (secret or PSK in json.dumps(peers))
    assert "left alone" not in said
    assert not any(PSK in json.dumps(each) for each in new.calls())


def test_what_was_encrypted_in_groups_and_peers_does_not_come_back_readable(
    home: Path, wgvpn: Command, passphrase: str
) -> None:
    config = {"peers": {"value": PLAIN, "secret": True}, "groups": {"value": GROUPS, "secret": True}}
    new, said = through_a_backup(home, wgvpn, passphrase, config)
    assert [json.loads(new.value(key)) for key in ("peers", "groups")] == [PLAIN, GROUPS]
    assert (new.is_secret("peers"), new.is_secret("groups"), "left alone" in said) == (True, True, False)
    assert [each.name for each in new.settings().peers] == ["alice", "2027"]
    assert not any("staff.eu" in json.dumps(each) for each in new.calls())


@pytest.mark.parametrize("keys", [{}, {"preshared_key": PSK}])
def test_what_fits_no_argument_comes_back_by_a_pipe(
    home: Path, wgvpn: Command, passphrase: str, keys: dict[str, str]
) -> None:
    peers = [{"name": f"peer{number}", "allow": [], **keys} for number in range(4000)]
    config = {"peers": {"value": peers, "secret": bool(keys)}, "groups": {"value": GROUPS, "secret": False}}
    new, said = through_a_backup(home, wgvpn, passphrase, config)
    assert (json.loads(new.value("peers")), new.is_secret("peers"), new.value("groups")) == (peers, True, GROUPS)
    assert "left alone" not in said
    assert not any(len(each) > 2**17 or PSK in each for call in new.calls() for each in call["argv"])


def test_peers_that_nobody_could_tell_apart_stop_a_restore_before_anything(
    saved: Path, home: Path, wgvpn: Command, passphrase: str
) -> None:
    new = make(home, deployed=False)
    config = new.read()["config"]
    new.write(config=config | {"peers": {"value": ["alice"], "secret": False}})
    before = new.read()
    done = wgvpn("keys", "restore", str(saved), "--passphrase-file", passphrase)
    assert (done.code, "peers[0]: must be a mapping" in done.err, new.read()) == (3, True, before)


@pytest.mark.parametrize(("breaks", "code"), [(("config", "set"), 3), (("stack", "import"), 4)])
def test_a_restore_that_breaks_off_tells_what_it_has_set_and_can_be_repeated(  # noqa: PLR0917 - fixtures and cases
    saved: Path, home: Path, wgvpn: Command, passphrase: str, breaks: tuple[str, str], code: int
) -> None:
    new = make(home, deployed=False)
    new.write(config={key: each for key, each in new.read()["config"].items() if key not in SECRET_KEYS})

    words = ("keys", "restore", str(saved), "--passphrase-file", passphrase)
    with refusing(lambda arguments: arguments[:2] == breaks):
        done = wgvpn(*words)
    assert (done.code, "interrupted" in done.err, " set, then: " in done.err) == (code, True, code == 4)
    assert wgvpn(*words).code == 0
    assert new.value("proxmox_api_token") == TOKEN
