"""`import` and `export`: servers of others taken over end to end, keys kept; and the way out again."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Command, refusing
from tests.cli.world import PEERS, World, make
from tests.pure import support
from vpn import foreign
from vpn.keyring import given

FOREIGN = Path(__file__).parents[1] / "pure" / "foreign"
FILES = ("hand-made.conf", "ansible.conf", "pivpn.conf", "wg-easy.conf", "wg-easy.json")


@pytest.fixture
def bare(home: Path) -> World:
    """A stack without peers that has made nothing."""
    return make(home, deployed=False, peers=[])


def secrets_of(name: str) -> dict[str, str]:
    """Every secret of a foreign file by the keyring's name."""
    imported = foreign.parse((FOREIGN / name).read_text())
    names = [peer["name"] for peer in imported.config["peers"]]
    found = {}
    for path, secret in imported.secrets.items():
        place, _, kind = path.rpartition(".")
        index = int(place.removeprefix("peers[").removesuffix("]")) if place else -1
        prefix = {"private_key": "peer", "preshared_key": "psk"}[kind]
        found[f"{prefix}/{names[index]}" if place else "server"] = secret
    return found


@pytest.mark.parametrize("place", ["config", "file"])
@pytest.mark.parametrize("name", FILES)
def test_a_foreign_server_becomes_config_and_secrets(bare: World, wgvpn: Command, name: str, place: str) -> None:
    done = wgvpn("import", str(FOREIGN / name), "--to", place)
    assert done.code == 0, done.err
    settings, imported = bare.settings(), foreign.parse((FOREIGN / name).read_text())
    assert given(settings) == secrets_of(name)
    assert [peer.name for peer in settings.peers] == [peer["name"] for peer in imported.config["peers"]]
    assert str(settings.interface.address) == imported.config["address"]
    assert bare.is_secret("private_key")
    assert all(report in done.out for report in imported.reports)
    assert "tunnel: full" in done.out
    assert "peer_to_peer" in done.out
    for secret in imported.secrets.values():
        assert secret not in done.out + done.err + json.dumps([call["argv"] for call in bare.calls()])
        assert not (bare.directory / "peers.yaml").exists() or secret not in (bare.directory / "peers.yaml").read_text()


@pytest.mark.parametrize("name", FILES)
def test_public_keys_and_addresses_stay(bare: World, wgvpn: Command, name: str) -> None:
    wgvpn("import", str(FOREIGN / name), "--to", "file")
    imported = foreign.parse((FOREIGN / name).read_text())
    ring = support.ring(bare.settings())
    for own, peer in zip(bare.settings().peers, imported.config["peers"], strict=True):
        assert (own.public_key or ring[f"peer/{own.name}"].public) == peer["public_key"]
        assert [*map(str, own.allowed_ips)] == peer.get("allowed_ips", [])


def test_peers_go_into_the_file_that_is_named_for_them(home: Path, wgvpn: Command) -> None:
    world = make(home, deployed=False, peers=[], peers_file="team.yaml")
    before = world.read()
    assert (wgvpn("import", str(FOREIGN / "pivpn.conf"), "--to", "config").code, world.read()) == (3, before)
    assert wgvpn("import", str(FOREIGN / "pivpn.conf")).code == 0
    assert (home / "team.yaml").exists()


def test_a_stack_with_peers_is_left_alone(world: World, wgvpn: Command) -> None:
    before = world.read()
    assert wgvpn("import", str(FOREIGN / "pivpn.conf")).code == 3
    assert world.read() == before


def test_what_breaks_a_rule_here_is_refused_whole(bare: World, wgvpn: Command, tmp_path: Path) -> None:
    text = (FOREIGN / "ansible.conf").read_text().replace("10.8.0.1/24", "203.0.113.1/24")
    (tmp_path / "public.conf").write_text(text)
    before = bare.read()
    done = wgvpn("import", str(tmp_path / "public.conf"))
    assert (done.code, "RFC 1918" in done.err) == (3, True)
    assert bare.read() == before


@pytest.mark.usefixtures("bare")
def test_nonsense_is_refused(wgvpn: Command, tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_text("hello")
    assert wgvpn("import", str(tmp_path / "x.conf")).code == 3
    assert wgvpn("import", str(tmp_path / "nothing.conf")).code == 3


@pytest.mark.usefixtures("world")
def test_the_server_goes_out_as_one_file_and_comes_in_the_same(wgvpn: Command, tmp_path: Path) -> None:
    target = tmp_path / "wg0.conf"
    assert wgvpn("export", "wg0", "--output", str(target)).code == 0
    assert target.stat().st_mode & 0o777 == 0o600
    found = foreign.parse(target.read_text())
    assert [peer["name"] for peer in found.config["peers"]] == [peer["name"] for peer in PEERS]
    assert [peer.get("disabled", False) for peer in found.config["peers"]] == [False, False, False, True]
    assert found.config["peers"][0]["public_key"] == support.public_key("peer/alice")
    assert found.secrets["private_key"] == support.private_key("server")
    assert found.secrets["peers[1].preshared_key"] == support.private_key("psk/bob")
    assert found.reports == ()
    assert foreign.export(found) == target.read_text() == wgvpn("export", "wg0").out


def test_what_is_exported_is_what_runs(home: Path, wgvpn: Command) -> None:
    past, future = "2020-01-01T00:00:00+00:00", "2199-01-01T00:00:00+00:00"
    people = [
        {"name": "both", "allowed_ips": ["10.8.0.20/32"]},
        {"name": "gone", "expires_at": past},
        {"name": "soon", "expires_at": future},
    ]
    make(home, peers=people, address_ipv6="fd00:8::1/64")
    found = {each["name"]: each for each in foreign.parse(wgvpn("export", "wg0").out).config["peers"]}
    assert found["both"]["allowed_ips"] == ["10.8.0.20/32", "fd00:8::14/128"]
    assert {name: each.get("disabled", False) for name, each in found.items()} == {
        "both": False,
        "gone": True,
        "soon": False,
    }


def test_a_peer_that_was_never_deployed_is_not_exported(world: World, wgvpn: Command) -> None:
    config = world.read()["config"]
    config["peers"]["value"].append({"name": "erin", "public_key": support.public_key("erin")})
    world.write(config=config)
    done = wgvpn("export", "wg0")
    assert (done.code, done.out, "erin" in done.err) == (3, "", True)


@pytest.mark.parametrize(
    ("place", "steps"), [*(("config", each) for each in range(4)), *(("file", each) for each in range(3))]
)
def test_an_import_that_breaks_off_loses_no_key_and_can_be_repeated(
    bare: World, wgvpn: Command, place: str, steps: int
) -> None:
    writes = itertools.count()

    def too_late(arguments: tuple[str, ...]) -> bool:
        return arguments[:2] in {("config", "set"), ("config", "set-all")} and next(writes) >= steps

    words = ("import", str(FOREIGN / "pivpn.conf"), "--to", place)
    with refusing(too_late):
        assert wgvpn(*words).code == (4 if steps else 3)
    assert not bare.settings().peers
    done = wgvpn(*words)
    assert done.code == 0, done.err
    assert given(bare.settings()) == secrets_of("pivpn.conf")


@pytest.mark.usefixtures("bare")
def test_what_clients_may_need_here_is_told(wgvpn: Command) -> None:
    told = wgvpn("import", str(FOREIGN / "wg-easy.json")).out
    assert ("tunnel: full" in told, "peer_to_peer" in told) == (True, True)


@pytest.mark.usefixtures("bare")
def test_a_file_that_is_no_text_is_told(wgvpn: Command, tmp_path: Path) -> None:
    (tmp_path / "x.conf").write_bytes(b"[Interface]\n# caf\xe9\n")
    for verb in ("import", "probe"):
        done = wgvpn(verb, str(tmp_path / "x.conf"))
        assert (done.code, "UTF-8" in done.err) == (3, True)


def test_what_somebody_encrypted_is_left_out(world: World, wgvpn: Command) -> None:
    config = world.read()["config"]
    config["endpoint"]["secret"] = True
    world.write(config=config)
    found = json.loads(wgvpn("export", "config", "--json").out)
    assert "endpoint" not in found["config"]
    assert "endpoint" in found["secrets_left_out"]


def test_the_configuration_goes_out_without_any_key(home: Path, wgvpn: Command) -> None:
    people = [*PEERS, {"name": "erin", "preshared_key": support.private_key("canary")}]
    make(home, peers=people, private_key=support.private_key("server"))
    done = wgvpn("export", "config")
    found = yaml.safe_load(done.out)
    assert done.code == 0
    assert "private_key" not in found["config"]
    assert found["secrets_left_out"] == ["private_key", "proxmox_api_token"]
    assert found["config"]["peers"][4] == {"name": "erin", "preshared_key": "generated"}
    assert found["deployed"]["peers"]["alice"]["address"] == "10.8.0.2"
    for secret in ("canary", "server", "peer/alice", "psk/bob"):
        assert support.private_key(secret) not in done.out
    assert json.loads(wgvpn("export", "config", "--json").out) == found


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_the_configuration_goes_into_a_file(wgvpn: Command, tmp_path: Path, options: tuple[str, ...]) -> None:
    target = tmp_path / "config.txt"
    done = wgvpn("export", "config", *options, "--output", str(target))
    assert (done.code, done.out) == (0, "")
    assert target.read_text() == wgvpn("export", "config", *options).out


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("verb", ["config", "wg0"])
def test_no_file_takes_the_place_of_a_device(wgvpn: Command, tmp_path: Path, verb: str) -> None:
    """As of /dev/null, where root may put one; here a pipe, and a link to it."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for target in (pipe, link):
        done = wgvpn("export", verb, "--output", str(target))
        assert (done.code, f"{target} is no regular file" in done.err, pipe.is_fifo()) == (3, True, True)


KEYED = [{"name": "alice", "endpoint": "203.0.113.7:51820", "preshared_key": support.private_key("canary")}]
KEYLESS = [{"name": "alice", "endpoint": "203.0.113.7:51820"}]


@pytest.mark.parametrize(
    ("peers", "encrypted", "shown"),
    [(KEYLESS, True, False), (json.dumps(KEYED), True, False), (KEYED, True, True), (json.dumps(KEYLESS), False, True)],
)
def test_peers_in_which_something_but_a_key_is_encrypted_are_left_out(
    home: Path, wgvpn: Command, peers: Any, *, encrypted: bool, shown: bool
) -> None:
    world = make(home, peers=peers)
    config = world.read()["config"]
    config["peers"]["secret"] = encrypted
    world.write(config=config)
    done = wgvpn("export", "config", "--json")
    found = json.loads(done.out)
    assert ("peers" in found["config"], "peers" in found["secrets_left_out"]) == (shown, not shown)
    assert ("203.0.113.7" in done.out, support.private_key("canary") in done.out) == (shown, False)
