"""`rotate`: generations are raised for exactly what is meant, and those who must act are named."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.world import PEERS, World, make
from tests.pure import support


def test_rotating_the_server_raises_its_generation_and_names_everybody(world: World, wgvpn: Command) -> None:
    done = wgvpn("rotate", "server", "--json")
    assert world.settings().keys.key_generation == 2
    acts = json.loads(done.out)
    assert [each["peer"] for each in acts] == ["alice", "bob", "carol", "dave"]
    assert acts[-1]["what"] == "once it is enabled: hand over the new client file: wgvpn client dave"


def test_rotating_a_preshared_key(world: World, wgvpn: Command) -> None:
    done = wgvpn("rotate", "bob", "--preshared", "--json")
    assert world.settings().peers[1].preshared_key_generation == 2
    assert world.settings().peers[1].key_generation == 1
    assert [each["peer"] for each in json.loads(done.out)] == ["bob"]


def test_rotating_all_raises_every_key_that_the_stack_makes(world: World, wgvpn: Command) -> None:
    done = wgvpn("rotate", "--all", "--json")
    settings = world.settings()
    assert settings.keys.key_generation == 2
    found = {each.name: (each.key_generation, each.preshared_key_generation) for each in settings.peers}
    assert found == {"alice": (2, 1), "bob": (2, 2), "carol": (1, 1), "dave": (2, 1)}
    assert [each["peer"] for each in json.loads(done.out)] == ["alice", "bob", "carol", "dave"]
    assert "not rotated: the stack's SSH login, which changes on the server at once: wgvpn keys login" in done.err
    assert settings.zabbix.zabbix_psk_generation == 1


def test_rotating_all_raises_the_agent_s_key_where_there_is_an_agent(home: Path, wgvpn: Command) -> None:
    world = make(home, **support.ZABBIX)
    assert wgvpn("rotate", "--all").code == 0
    assert world.settings().zabbix.zabbix_psk_generation == 2


def test_keys_that_are_not_ours_are_not_rotated(home: Path, wgvpn: Command) -> None:
    make(home, private_key=support.private_key("server"))
    assert "private_key" in wgvpn("rotate", "server").err
    assert "keeps its own" in wgvpn("rotate", "carol").err
    assert wgvpn("rotate", "carol").code == 3


@pytest.mark.usefixtures("world")
def test_rotate_wants_exactly_one_thing(wgvpn: Command) -> None:
    assert wgvpn("rotate").code == 2
    assert wgvpn("rotate", "alice", "--all").code == 2


@pytest.mark.parametrize("options", [("--all", "--preshared"), ("server", "--preshared")])
def test_a_preshared_key_is_a_peer_s(world: World, wgvpn: Command, options: tuple[str, ...]) -> None:
    before = world.read()
    assert (wgvpn("rotate", *options).code, world.read()) == (2, before)


def test_a_peer_called_server_is_not_taken_for_the_server(home: Path, wgvpn: Command) -> None:
    world = make(home, peers=[{"name": "server"}])
    before = world.read()
    done = wgvpn("rotate", "server")
    assert (done.code, "wgvpn peer rotate server" in done.err, world.read()) == (3, True, before)
    assert wgvpn("peer", "rotate", "server").code == 0


@pytest.mark.parametrize("words", [("rotate", "alice"), ("peer", "rotate", "alice")])
def test_a_preshared_key_that_is_not_there_is_not_renewed(world: World, wgvpn: Command, words: tuple[str, ...]) -> None:
    before = world.read()
    done = wgvpn(*words, "--preshared")
    assert (done.code, "has no preshared key" in done.err, world.read()) == (3, True, before)


def test_rotating_all_writes_once(world: World, wgvpn: Command) -> None:
    """A team of a thousand would else be read and written a thousand times."""
    before = len(world.calls())
    assert wgvpn("rotate", "--all").code == 0
    writes = [each["argv"][:2] for each in world.calls()[before:] if each["argv"][1] not in ("--json", "export")]
    assert writes == [["config", "set-all"]] * 2  # the server's generation, and all of the peers'


def test_rotating_all_in_the_peers_file_writes_once(
    home: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(path: Path, text: str) -> None:
        written.append(text)
        path.write_text(text)

    world = make(home, peers=[])
    path = home / "peers.yaml"
    path.write_text("peers:\n  # Alice\n  - name: alice\n  # Bob\n  - name: bob\n    preshared_key: generated\n")
    monkeypatch.setattr("cli.peer_file.replace_text", write)
    assert wgvpn("rotate", "--all").code == 0
    found = {each.name: (each.key_generation, each.preshared_key_generation) for each in world.settings().peers}
    assert (found, len(written)) == ({"alice": (2, 1), "bob": (2, 2)}, 1)
    assert path.read_text() == (
        "peers:\n  # Alice\n  - name: alice\n    key_generation: 2\n  # Bob\n  - name: bob\n"
        "    preshared_key: generated\n    key_generation: 2\n    preshared_key_generation: 2\n"
    )


def test_a_generation_that_the_stack_has_had_is_passed_over(home: Path, wgvpn: Command) -> None:
    """As after a peer was removed and added again, or an older file was put back: else nothing would be rotated."""
    raised = [{"name": "alice", "key_generation": 3}, {"name": "bob", "preshared_key": "generated"}]
    world = make(home, peers=raised, key_generation=5)
    deployed = world.read()["state"]
    world = make(home, peers=[{"name": "alice"}, {"name": "bob", "preshared_key": "generated"}])
    world.write(state=deployed)
    assert [wgvpn("rotate", name).code for name in ("alice", "bob", "server")] == [0, 0, 0]
    settings = world.settings()
    assert [each.key_generation for each in settings.peers] == [4, 2]
    assert settings.keys.key_generation == 6


def test_before_the_first_up_there_is_no_generation_to_pass_over(home: Path, wgvpn: Command) -> None:
    world = make(home, deployed=False)
    assert wgvpn("peer", "rotate", "alice").code == 0
    assert world.settings().peers[0].key_generation == 2


MERGED = "peers:\n  - &a\n    name: alice\n    tunnel: full\n  - <<: *a\n    name: bob\n"


@pytest.mark.parametrize("place", ["one text", "anchor"])
def test_what_refuses_its_peers_keeps_its_other_keys(home: Path, wgvpn: Command, place: str) -> None:
    """Else the next up would renew the server's key, and each further try raise it once more."""
    world = make(home, peers=json.dumps(PEERS) if place == "one text" else [])
    if place == "anchor":
        (home / "peers.yaml").write_text(MERGED)
    before = world.read()
    done = wgvpn("rotate", "--all")
    assert (done.code, world.read(), world.settings().keys.key_generation) == (3, before, 1)
    assert place != "anchor" or (home / "peers.yaml").read_text() == MERGED
