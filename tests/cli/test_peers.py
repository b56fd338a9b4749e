"""`peer`: changes where the peers stand, checked first."""

import io
import json
import os
import pty
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, refusing
from tests.cli.world import PEERS, World, make
from tests.pure import support
from vpn.keyring import given, requests

PSK = support.private_key("psk of somebody")
FILE = """# our people
groups:
  travel:
    tunnel: full   # on the road
peers:
  # first
  - name: alice   # her laptop
  # the phone
  - name: bob
    preshared_key: generated   # since May

  # keeps his own key
  - name: carol
    persistent_keepalive: 0
  # last
  - name: dave
"""


@pytest.fixture
def peers_file(home: Path) -> Path:
    """A stack whose peers stand in peers.yaml."""
    make(home, peers=[])
    path = home / "peers.yaml"
    path.write_text(FILE)
    return path


def test_a_peer_is_added_to_the_stack_config(world: World, wgvpn: Command) -> None:
    done = wgvpn(
        "peer",
        "add",
        "erin",
        "--keepalive",
        "0",
        "--allow",
        "192.168.10.20/32,tcp,22,8000-8080",
        "--dns",
        "192.168.10.53",
    )
    assert done.code == 0, done.err
    assert world.value("peers")[:4] == PEERS
    erin = world.settings().peers[4]
    assert (erin.name, erin.persistent_keepalive, erin.dns) == ("erin", 0, ("192.168.10.53",))
    assert erin.allow is not None
    assert erin.allow[0].ports == ((22, 22), (8000, 8080))


def test_a_given_preshared_key_is_read_from_input_and_encrypted(
    world: World, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PSK}\n"))
    assert wgvpn("peer", "add", "erin", "--preshared-key", "-").code == 0
    assert world.is_secret("peers")
    assert given(world.settings())["psk/erin"] == PSK


def test_a_terminal_does_not_show_a_key_that_is_typed(home: Path) -> None:
    """On a real terminal, for only that can show what is typed."""
    make(home)
    parent, child = pty.openpty()
    script = "import sys; from cli.__main__ import run; sys.exit(run(sys.argv[1:]))"
    words = ["-C", str(home), "peer", "add", "erin", "--preshared-key", "-"]
    command, root = [sys.executable, "-c", script, *words], Path(__file__).parents[2]
    running = subprocess.Popen(command, cwd=root, stdin=child, stdout=child, stderr=child, start_new_session=True)
    os.close(child)
    assert select.select([parent], [], [], 60)[0], "nobody was asked"
    shown = os.read(parent, 1000)
    os.write(parent, f"{PSK}\n".encode())
    assert running.wait(60) == 0
    shown += os.read(parent, 1000)
    os.close(parent)
    assert PSK.encode() not in shown
    assert given(World(home).settings())["psk/erin"] == PSK


@pytest.mark.parametrize("kind", ["set", "set-all"])
def test_a_peer_is_never_left_without_its_key(
    world: World, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PSK}\n"))
    with refusing(lambda arguments: arguments[:2] == ("config", kind)):
        assert wgvpn("peer", "add", "erin", "--preshared-key", "-").code == 3
    assert world.value("peers") == PEERS


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["bad name"], "peers[4].name"),
        (["alice"], "must be unique"),
        (["2027"], "read as a number"),
        (["erin", "--public-key", "abc"], "peers[4].public_key: abc"),
        (["erin", "--allowed-ips", "10.9.0.2/32"], "peers[4]"),
        (["erin", "--group", "nobody"], "group"),
        (["erin", "--expires", "tomorrow"], "RFC 3339"),
    ],
)
def test_a_broken_peer_is_refused_and_nothing_is_written(
    world: World, wgvpn: Command, options: list[str], told: str
) -> None:
    before = world.read()
    done = wgvpn("peer", "add", *options)
    assert (done.code, done.out) == (3, "")
    assert told in done.err
    assert world.read() == before


def test_peers_are_disabled_enabled_and_removed(world: World, wgvpn: Command) -> None:
    assert [wgvpn("peer", *words).code for words in (("disable", "alice"), ("enable", "dave"), ("remove", "bob"))] == [
        0
    ] * 3
    assert [(each.name, each.disabled) for each in world.settings().peers] == [
        ("alice", True),
        ("carol", False),
        ("dave", False),
    ]


@pytest.mark.usefixtures("world")
def test_an_unknown_peer_is_refused(wgvpn: Command) -> None:
    for verb in ("disable", "enable", "remove", "rotate"):
        done = wgvpn("peer", verb, "nobody")
        assert (done.code, "nobody" in done.err) == (3, True)


def test_the_peers_file_is_changed_when_there_is_one_and_keeps_its_comments(peers_file: Path, wgvpn: Command) -> None:
    for words in (("disable", "bob"), ("add", "erin"), ("rotate", "alice"), ("remove", "carol")):
        assert wgvpn("peer", *words).code == 0
    assert (
        peers_file.read_text()
        == """# our people
groups:
  travel:
    tunnel: full   # on the road
peers:
  # first
  - name: alice   # her laptop
    key_generation: 2
  # the phone
  - name: bob
    preshared_key: generated   # since May
    disabled: true
  # last
  - name: dave
  - name: erin
"""
    )


WORDS = ("no", "off", "yes", "ON", "null", "2027", "2027-01-31", "1_0", "0x1f")
"""Names that YAML takes for something else where they stand unquoted, in its version 1.1 or 1.2."""


@pytest.mark.parametrize("name", WORDS)
def test_a_name_that_is_a_word_of_yaml_stays_a_name(peers_file: Path, wgvpn: Command, name: str) -> None:
    assert wgvpn("peer", "add", name).code == 0
    assert World(peers_file.parent).settings().peers[-1].name == name
    assert wgvpn("peer", "disable", name).code == 0
    assert wgvpn("peer", "remove", name).code == 0
    assert peers_file.read_text() == FILE


def test_names_that_are_words_of_yaml_are_moved_as_names(home: Path, wgvpn: Command) -> None:
    world = make(home, deployed=False, peers=[{"name": name} for name in WORDS], groups={"no": {"tunnel": "full"}})
    assert wgvpn("peer", "move").code == 0
    found = world.settings()
    assert ([each.name for each in found.peers], [*found.groups]) == ([*WORDS], ["no"])


def test_a_secret_does_not_get_into_the_peers_file(
    peers_file: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PSK}\n"))
    done = wgvpn("peer", "add", "erin", "--preshared-key", "-")
    assert done.code == 3
    assert "given_keys" in done.err
    assert PSK not in done.err
    assert peers_file.read_text() == FILE


def test_a_broken_change_of_the_peers_file_names_the_line(peers_file: Path, wgvpn: Command) -> None:
    done = wgvpn("peer", "add", "erin", "--group", "nobody")
    assert done.code == 3
    assert "peers.yaml:18" in done.err
    assert peers_file.read_text() == FILE


def test_a_key_is_no_argument(world: World, wgvpn: Command) -> None:
    before = world.read()
    done = wgvpn("peer", "add", "erin", "--preshared-key", PSK)
    assert (done.code, PSK in done.err, world.read()) == (2, False, before)


@pytest.mark.parametrize(("head", "beside"), [("  # first\n", ""), ("", ""), ("  # first\n", "   # all")])
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_a_removed_peer_takes_its_own_comments_along_and_no_others(
    peers_file: Path, wgvpn: Command, name: str, head: str, beside: str
) -> None:
    blocks = {
        "alice": f"{head}  - name: alice   # her laptop\n",
        "bob": "  # the phone\n  # and the watch\n  - name: bob\n    preshared_key: generated   # since May\n",
        "carol": "\n  # keeps his own key\n  - name: carol\n    persistent_keepalive: 0\n",
        "dave": "  # last\n  - name: dave\n",
    }
    start = f"# our people\npeers:{beside}\n"
    peers_file.write_text(start + "".join(blocks.values()))
    assert wgvpn("peer", "remove", name).code == 0
    assert peers_file.read_text() == start + "".join(text for own, text in blocks.items() if own != name)


def test_the_peers_file_keeps_its_mode_and_its_place(peers_file: Path, tmp_path: Path, wgvpn: Command) -> None:
    place = tmp_path / "shared.yaml"
    peers_file.rename(place)
    place.chmod(0o600)
    peers_file.symlink_to(place)
    assert wgvpn("peer", "add", "erin").code == 0
    assert (peers_file.is_symlink(), place.stat().st_mode & 0o777) == (True, 0o600)
    assert "erin" in place.read_text()


def test_a_peer_whose_absence_breaks_a_rule_is_not_removed(home: Path, wgvpn: Command) -> None:
    world = make(home)
    config = world.read()["config"]
    config["peers"]["value"].append({"name": "alice"})
    world.write(config=config)
    before = world.read()
    assert wgvpn("peer", "remove", "bob").code == 3
    assert world.read() == before


@pytest.mark.usefixtures("world")
def test_the_list_shows_configured_and_deployed(wgvpn: Command) -> None:
    wgvpn("peer", "add", "erin")
    found = {each["name"]: each for each in json.loads(wgvpn("peer", "list", "--json").out)}
    assert {name: each["state"] for name, each in found.items()} == {
        "alice": "active",
        "bob": "active",
        "carol": "active",
        "dave": "disabled",
        "erin": "not deployed",
    }
    assert found["alice"]["public_key"] == support.public_key("peer/alice")
    assert wgvpn("peer", "list").out.splitlines()[1].split()[:3] == ["alice", "active", "10.8.0.2"]


def test_the_list_takes_disabled_as_the_program_does(home: Path, wgvpn: Command) -> None:
    """YAML 1.1 reads `no` as false; `pulumi config` may hold words."""
    make(home, peers=[{"name": "alice", "disabled": "false"}, {"name": "bob", "disabled": "true"}])
    assert states(wgvpn) == {"alice": "active", "bob": "disabled"}
    make(home, peers=[])
    lines = [f"  - name: {word}-peer\n    disabled: {word}\n" for word in ("no", "off", "yes", "on", "maybe")]
    (home / "peers.yaml").write_text("peers:\n" + "".join(lines))
    disabled = {name for name, state in states(wgvpn).items() if state == "disabled"}
    assert disabled == {"yes-peer", "on-peer"}


def states(wgvpn: Command) -> dict[str, str]:
    """Return the state of each peer as the list tells it."""
    return {each["name"]: each["state"] for each in json.loads(wgvpn("peer", "list", "--json").out)}


PEER_VERBS = (("list",), ("add", "erin"), *((verb, "alice") for verb in ("disable", "enable", "remove", "rotate")))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"peers": [*PEERS, {"tunnel": "full"}]}, "peers[4].name: is required"),
        ({"peers": [*PEERS, {"name": ["x"]}]}, "peers[4].name"),
        ({"peers": [*PEERS, "dora"]}, "peers[4]: must be a mapping"),
        ({"peers": "dora"}, "peers: must be a list"),
        ({"peers": "[dora"}, "peers: must be a list"),
        ({"peers": {"dora": {}}}, "peers: must be a list"),
    ],
)
def test_peers_that_are_none_are_told_as_the_program_tells_it(
    home: Path, wgvpn: Command, changes: dict[str, Any], told: str
) -> None:
    world = configured(home, changes)
    before = world.read()
    for words in (*PEER_VERBS, ("move",)):
        done = wgvpn("peer", *words)
        assert (done.code, told in done.err) == (3, True), (words, done.err)
    assert world.read() == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"peers": [{"name": "alice", "key_generation": "x"}]}, "peers[0].key_generation: x: must be a whole number"),
        ({"given_keys": "abc"}, "given_keys: must map"),
        ({"given_keys": "{abc"}, "given_keys: must map"),
    ],
)
def test_a_rotation_of_what_breaks_rules_is_refused(
    home: Path, wgvpn: Command, changes: dict[str, Any], told: str
) -> None:
    world = configured(home, changes)
    before = world.read()
    done = wgvpn("peer", "rotate", "alice")
    assert (done.code, told in done.err, world.read()) == (3, True, before), done.err


def test_peers_that_stand_as_one_text_are_moved_but_not_overwritten(home: Path, wgvpn: Command) -> None:
    """`pulumi config set --path` on a text puts a list in its place that holds the change alone."""
    world = configured(home, {"peers": json.dumps(PEERS), "groups": '{"staff": {}}'})
    before = world.read()
    assert wgvpn("peer", "list").code == 0
    for words in PEER_VERBS[1:]:
        done = wgvpn("peer", *words)
        assert (done.code, "peer move" in done.err, world.read()) == (3, True, before), (words, done.err)
    assert wgvpn("peer", "move").code == 0
    assert [each.name for each in world.settings().peers] == ["alice", "bob", "carol", "dave"]


def configured(home: Path, changes: dict[str, Any]) -> World:
    """Return a stack with config values that nobody checked."""
    world = make(home)
    values = {key: {"value": value, "secret": key == "given_keys"} for key, value in changes.items()}
    world.write(config=world.read()["config"] | values)
    return world


def test_moving_leaves_the_peers_as_they_are(home: Path, wgvpn: Command) -> None:
    people = [
        {
            "name": "alice",
            "private_key": support.private_key("peer/alice"),
            "public_key": support.public_key("peer/alice"),
        },
        {"name": "bob", "preshared_key": support.private_key("psk/bob"), "group": "travel"},
    ]
    world = make(home, peers=people, groups={"travel": {"tunnel": "full"}})
    before = world.settings()
    assert wgvpn("peer", "move").code == 0
    after = world.settings()
    assert "peers" not in world.read()["config"]
    assert [each.name for each in after.peers] == ["alice", "bob"]
    assert after.groups == before.groups
    assert {each.name for each in requests(after)} == {each.name for each in requests(before)}
    text = (home / "peers.yaml").read_text()
    assert support.private_key("psk/bob") not in text
    assert support.private_key("peer/alice") not in text


def test_moving_a_key_that_no_up_has_taken_yet_is_refused(home: Path, wgvpn: Command) -> None:
    world = make(home)
    config = world.read()["config"]
    config["peers"]["value"][0]["preshared_key"] = PSK
    world.write(config=config)
    done = wgvpn("peer", "move")
    assert (done.code, "pulumi up first" in done.err) == (3, True)
    assert not (home / "peers.yaml").exists()


def test_a_key_that_is_null_is_none(home: Path, wgvpn: Command) -> None:
    """Somebody emptied the value by hand: there is no secret, and the stack makes the key."""
    world = make(home, deployed=False, peers=[{"name": "alice", "private_key": None, "preshared_key": None}])
    assert wgvpn("peer", "rotate", "alice").code == 0
    assert world.settings().peers[0].key_generation == 2
    assert "generated" not in wgvpn("export", "config").out
    assert wgvpn("peer", "move").code == 0
    assert (home / "peers.yaml").read_text() == "peers:\n  - name: alice\n    key_generation: 2\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"peers:\n  - name: alice\n   bad: [\n", "peers.yaml: line 3"),
        (b"peers:\n  - name: alice\n    name: bob\n", "peers.yaml: line 3"),
        (b"- name: alice\n", "peers.yaml: line 1"),
        (b"# ours\npeers:\n  alice: {}\n", "peers.yaml:2"),
        (b"peers: alice\n", "peers.yaml:1"),
        (b"peers:\n  - name: alice\n  - bob\n", "peers.yaml:3"),
        (b"peers:\n  - name: alice\n  - disabled: true\n", "peers.yaml:3"),
        (b"peers:\n  - name: alice\n  - name:\n", "peers.yaml:3"),
        (b"peers:\n  - name: caf\xe9\n", "UTF-8"),
    ],
)
def test_a_broken_peers_file_is_told_as_the_program_tells_it(
    peers_file: Path, wgvpn: Command, content: bytes, told: str
) -> None:
    peers_file.write_bytes(content)
    verbs = (("list",), ("add", "erin"), ("disable", "alice"), ("remove", "alice"), ("rotate", "alice"))
    for words in verbs:
        done = wgvpn("peer", *words)
        assert (done.code, told in done.err) == (3, True), (words, done.err)
    assert peers_file.read_bytes() == content


SHARED = """peers:
  - &base
    name: alice
    disabled: true
  - <<: *base
    name: bob
  - <<: *base
    name: carol
    disabled: true
"""


@pytest.mark.parametrize("name", ["bob", "carol"])
def test_a_peer_is_enabled_that_takes_over_another_one_s_values(peers_file: Path, wgvpn: Command, name: str) -> None:
    peers_file.write_text(SHARED)
    assert wgvpn("peer", "enable", name).code == 0
    enabled = {each.name for each in World(peers_file.parent).settings().peers if not each.disabled}
    assert enabled == {name}
    assert wgvpn("peer", "disable", name).code == 0
    assert all(each.disabled for each in World(peers_file.parent).settings().peers)


@pytest.mark.parametrize("verb", ["enable", "disable", "rotate"])
def test_a_peer_whose_values_others_take_over_is_not_changed_with_them(
    peers_file: Path, wgvpn: Command, verb: str
) -> None:
    peers_file.write_text(SHARED)
    done = wgvpn("peer", verb, "alice")
    assert (done.code, "other peers take over the values of alice" in done.err) == (3, True), done.err
    assert peers_file.read_text() == SHARED


def test_a_removed_peer_leaves_its_values_to_those_that_take_them_over(peers_file: Path, wgvpn: Command) -> None:
    peers_file.write_text(SHARED)
    assert wgvpn("peer", "remove", "alice").code == 0
    found = World(peers_file.parent).settings().peers
    assert [(each.name, each.disabled) for each in found] == [("bob", True), ("carol", True)]


def test_a_peer_that_breaks_a_rule_can_be_removed(peers_file: Path, wgvpn: Command) -> None:
    peers_file.write_text("peers:\n  - name: alice\n  - name: bob\n    group: nobody\n")
    assert wgvpn("peer", "remove", "bob").code == 0
    assert peers_file.read_text() == "peers:\n  - name: alice\n"


def test_a_file_of_groups_has_no_peer_to_change(peers_file: Path, wgvpn: Command) -> None:
    peers_file.write_text("groups: {}\n")
    done = wgvpn("peer", "disable", "alice")
    assert (done.code, "no peer 'alice'" in done.err) == (3, True)


def test_a_peers_file_that_is_named_and_missing_is_waited_for(home: Path, wgvpn: Command) -> None:
    """The program refuses to run without it; a peer in the config would not change that."""
    world = make(home, deployed=False, peers_file="team.yaml")
    before = world.read()
    for words in (("add", "erin"), ("list",)):
        done = wgvpn("peer", *words)
        assert (done.code, "team.yaml" in done.err, world.read()) == (3, True, before)
    assert wgvpn("peer", "move").code == 0
    assert wgvpn("peer", "add", "erin").code == 0
    assert "erin" in (home / "team.yaml").read_text()


STACK_FILE = """encryptionsalt: v1:x
config:
  # where it is
  wireguard-vpn:container_id: "2090"
  wireguard-vpn:peers:{0}
    - name: alice
      preshared_key:
        secure: v1:abc#def
    - name: bob
  # the end
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (STACK_FILE.format(""), False),
        (STACK_FILE.format("\n    # Alice"), True),
        (STACK_FILE.format(" # ours"), True),
        (STACK_FILE.replace("name: alice", "name: alice # her laptop").format(""), True),
        (STACK_FILE.replace("    - name: bob", "    # Bob\n    - name: bob").format(""), True),
        ("config: {}\n", False),
        ("not [ YAML", False),
    ],
)
def test_comments_that_pulumi_leaves_behind_are_told(world: World, wgvpn: Command, text: str, told: bool) -> None:
    (world.directory / "Pulumi.prod.yaml").write_text(text)
    done = wgvpn("peer", "remove", "alice")
    assert (done.code, "stayed where they were" in done.err) == (0, told)
