"""Servers that others configured are taken over with their keys, and what does not carry over is told."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pure.support import BASE, NOW, ledger, private_key, public_key, ring
from vpn import foreign, wgconf
from vpn.errors import ParseError
from vpn.foreign import Imported
from vpn.foreign.imported import fit_name
from vpn.network import resolve
from vpn.settings import parse

FILES = Path(__file__).parent / "foreign"
NOT_OURS = "are left out: they cover everything, or the server's own address"
NAMES = ["hand-made.conf", "ansible.conf", "pivpn.conf", "wg-easy.conf", "wg-easy.json"]


def read(name: str) -> Imported:
    return foreign.parse((FILES / name).read_text())


def peer(name: str, ips: str | list[str], **more: Any) -> dict[str, Any]:
    allowed = [ips] if isinstance(ips, str) else ips
    return {"name": name, "public_key": public_key(more.pop("key", name)), "allowed_ips": allowed,
            "persistent_keepalive": 0, **more}  # fmt: skip


def test_a_file_made_by_hand() -> None:
    found = read("hand-made.conf")
    assert found.origin == "hand-made"
    assert found.config == {
        "address": "10.9.0.1/24",
        "listen_port": 51820,
        "save_config": False,
        "peers": [
            peer("Anna-s-laptop", "10.9.0.2/32", key="anna"),
            peer("phone", "10.9.0.3/32", persistent_keepalive=25),
            peer("branch-office", "10.9.0.4/32", key="branch", site_networks=["172.20.0.0/16"],
                 endpoint="branch.example.org:51820"),
            {"name": "peer-4", "public_key": public_key("nameless"), "persistent_keepalive": 0},
        ],
    }  # fmt: skip
    assert found.secrets == {"private_key": private_key("hand"), "peers[1].preshared_key": private_key("psk-phone")}
    assert found.reports == (
        "line 6: dns is left out: it cannot be represented",
        "line 8: fwmark is left out: it cannot be represented",
        "line 9: postup is left out: forwarding, firewall and masquerading are the server's own here",
        "line 10: postdown is left out: forwarding, firewall and masquerading are the server's own here",
        'line 13: peer "Anna\'s laptop" is called Anna-s-laptop',
        "line 24: peer 'branch office' is called branch-office",
        f"line 27: peer branch-office: allowed IPs 0.0.0.0/0 {NOT_OURS}",
        "line 30: the peer has no name in the file and is called peer-4",
        f"line 32: peer peer-4: allowed IPs 10.9.0.0/24 {NOT_OURS}",
        "peer peer-4: has no address of the VPN subnet, one will be allocated",
        "line 34: the peer is left out: another one has its public key",
    )


def test_a_file_of_an_ansible_role() -> None:
    found = read("ansible.conf")
    assert found.origin == "ansible"
    assert (found.config["save_config"], found.config["mtu"]) == (True, 1420)
    assert found.config["peers"] == [
        peer("alice", "10.8.0.2/32"),
        peer("bob", "10.8.0.3/32", persistent_keepalive=25),
        peer("carol", "10.8.0.4/32"),
    ]
    reason = "with SaveConfig it is only where the peer was last seen"
    assert found.reports == (f"line 15: peer alice: endpoint 198.51.100.7:40112 is left out: {reason}",)


def test_a_file_of_pivpn() -> None:
    found = read("pivpn.conf")
    assert found.origin == "pivpn"
    assert found.config["address_ipv6"] == "fd11:5ee:bad:c0de::1/64"
    assert found.config["peers"] == [
        peer("alice", ["10.6.0.2/32", "fd11:5ee:bad:c0de::2/128"]),
        peer("bob", ["10.6.0.3/32", "fd11:5ee:bad:c0de::3/128"], disabled=True),
        peer("carol", ["10.6.0.4/32", "fd11:5ee:bad:c0de::4/128"]),
    ]
    assert found.reports == ()


@pytest.mark.parametrize(
    "comment",
    [f"PresharedKey = {private_key('off')}", private_key("off"), "Endpoint = old.example.org:51820", "Table=off"],
)
def test_a_setting_that_is_commented_out_is_no_name(comment: str) -> None:
    text = (
        f"[Interface]\nPrivateKey = {private_key('hand')}\nAddress = 10.9.0.1/24\n\n"
        f"[Peer]\n#{comment}\nPublicKey = {public_key('anna')}\nAllowedIPs = 10.9.0.2/32\n"
    )
    found = foreign.parse(text)
    assert found.config["peers"][0]["name"] == "peer-1"
    assert not any(comment in report for report in found.reports)


def section(key: str, address: str, *, off: bool = False) -> str:
    lines = ("[Peer]", f"PublicKey = {public_key(key)}", f"AllowedIPs = {address}/32")
    return "".join(f"{'#' if off else ''}{line}\n" for line in lines)


BOB, DAVE = section("b", "10.9.0.2"), section("d", "10.9.0.3")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"# bob\n{BOB}\n# carol\n{section('c', '10.9.0.9', off=True)}\n# dave\n{DAVE}", ["bob", "dave"]),
        (f"# bob\n{BOB}\n# Name = carol\n\n{DAVE}", ["bob", "peer-2"]),
        (f"# bob\n{BOB}\n# ===== phones =====\n\n# dave\n{DAVE}", ["bob", "dave"]),
        (f"# alice\n\n{BOB}\n# dave\n\n{DAVE}", ["peer-1", "peer-2"]),
        (f"# BEGIN_PEER bob\n{BOB}# END_PEER bob\n# BEGIN_PEER dave\n{DAVE}# END_PEER dave\n", ["bob", "dave"]),
        (f"[Peer]\nPublicKey = {public_key('b')}\n# bob\nAllowedIPs = 10.9.0.2/32\n", ["bob"]),
    ],
)
def test_nobody_gets_the_name_of_another(text: str, names: list[str]) -> None:
    """Who later disables carol's stolen laptop must not cut off bob."""
    found = foreign.parse(f"[Interface]\nPrivateKey = {private_key('hand')}\nAddress = 10.9.0.1/24\n\n{text}")
    assert [each["name"] for each in found.config["peers"]] == names
    unnamed = [name for name in names if name.startswith("peer-")]
    assert len([each for each in found.reports if "has no name" in each]) == len(unnamed)


def test_a_file_of_wg_easy() -> None:
    found = read("wg-easy.conf")
    assert found.origin == "wg-easy"
    assert [each["name"] for each in found.config["peers"]] == ["Alice-s-iPhone", "bob"]
    assert found.secrets["peers[0].preshared_key"] == private_key("psk-alice")
    assert [each.split(":")[0] for each in found.reports] == ["line 10", "line 16"]


def test_a_store_of_wg_easy() -> None:
    found = read("wg-easy.json")
    assert found.origin == "wg-easy"
    assert found.config == {
        "address": "10.8.0.1/24",
        "peers": [
            peer("alice", "10.8.0.2/32"),
            peer("Bob-Phone", "10.8.0.3/32", key="bob", expires_at="2027-05-01T23:59:59+00:00", disabled=True),
        ],
    }
    assert found.secrets == {
        "private_key": private_key("easy"),
        "peers[0].private_key": private_key("alice"),
        "peers[0].preshared_key": private_key("psk-alice"),
        "peers[1].preshared_key": private_key("psk-bob"),
    }
    assert found.reports == (
        "the server's address 10.8.0.1 has no prefix: /24 is taken, as wg-easy does",
        "listen port, DNS and hooks stand in wg-easy's environment, not in its store: set them by hand",
        "client 'Bob Phone' is called Bob-Phone",
        "peer Bob-Phone: oneTimeLink is left out: it cannot be represented",
        "client id-3 is left out: it lacks a valid key or address",
    )


@pytest.mark.parametrize("place", ["server", "client"])
def test_no_address_brings_lines_along(place: str) -> None:
    store = json.loads((FILES / "wg-easy.json").read_text())
    chosen = store["server"] if place == "server" else next(iter(store["clients"].values()))
    chosen["address"] = "fe80::1%x\nPostUp = id"
    with contextlib.suppress(ParseError):
        found = foreign.parse(json.dumps(store))
        assert "PostUp" not in f"{found.config}{found.reports}{foreign.export(found)}"
        assert place == "client"
    hand = f"[Interface]\nPrivateKey = {private_key('hand')}\nAddress = fe80::1%x/64\n"
    with pytest.raises(ParseError, match="address is not an IP network"):
        foreign.parse(hand)


def with_secrets(found: Imported) -> dict[str, Any]:
    """Return the stack's raw configuration as an import gives it."""
    raw = {**BASE, **found.config, "peers": [dict(each) for each in found.config["peers"]]}
    for path, secret in found.secrets.items():
        if path.startswith("peers["):
            index, key = path.removeprefix("peers[").split("].")
            raw["peers"][int(index)][key] = secret
        else:
            raw[path] = secret
    return raw


@pytest.mark.parametrize("name", NAMES)
def test_an_import_is_a_valid_configuration_and_no_client_notices(name: str) -> None:
    found = read(name)
    of = parse(with_secrets(found))
    server = resolve(of, ring(of), ledger(of), NOW)
    theirs = wgconf.parse(foreign.export(found))
    ours = wgconf.of_network(server)
    assert ours.private_key == theirs.private_key
    assert {each.public_key: each.preshared_key for each in ours.peers} == {
        each.public_key: each.preshared_key for each in theirs.peers
    }
    for each in theirs.peers:
        own = next(mine for mine in ours.peers if mine.public_key == each.public_key)
        assert set(each.allowed_ips) <= set(own.allowed_ips)


@pytest.mark.parametrize("name", NAMES)
def test_an_export_reads_back_to_the_same(name: str) -> None:
    found = read(name)
    again = foreign.parse(foreign.export(found))
    assert again.config == {"save_config": False, **found.config}
    assert again.secrets == {key: each for key, each in found.secrets.items() if not key.endswith("].private_key")}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "exactly one"),
        ("[Peer]\nPublicKey = x\n", 0, "exactly one"),
        ("[Interface]\nAddress = 10.8.0.1/24\n", 1, "no PrivateKey"),
        (f"[Interface]\nPrivateKey = {private_key('a')}\n", 1, "no IPv4 Address"),
        (f"[Interface]\nPrivateKey = {private_key('a')}x\n", 2, "privatekey must be"),
        (f"[Interface]\nPrivateKey = {private_key('a')}\nAddress = x\n", 3, "not an IP network"),
        (f"[Interface]\nPrivateKey = {private_key('a')}\nAddress = 10.8.0.1/24\nMTU = x\n", 4, "not a number"),
        (f"[Interface]\nPrivateKey = {private_key('a')}\nAddress = 10.8.0.1/24\n[Peer]\nMTU = 1\n", 4, "no PublicKey"),
        ("words\n", 1, "before any section"),
        ("{", 1, "not valid JSON"),
        ("{}", 0, "needs server and clients"),
        ('{"server": 1, "clients": {}}', 0, "needs server and clients"),
    ],
)
def test_what_is_no_configuration_is_refused_without_being_quoted(text: str, line: int, words: str) -> None:
    with pytest.raises(ParseError) as refusal:
        foreign.parse(text)
    assert refusal.value.line == line
    assert words in str(refusal.value)
    assert private_key("a") not in str(refusal.value)


def conf(*peers: str, interface: str = "") -> str:
    head = f"[Interface]\nPrivateKey = {private_key('s')}\nAddress = 10.8.0.1/24\n{interface}"
    return head + "".join(f"\n[Peer]\n{each}\n" for each in peers)


def test_odd_things_are_reported() -> None:
    found = foreign.parse(
        conf(
            f"PublicKey = {public_key('a')}\nAllowedIPs = 10.8.0.2\nEndpoint = nowhere\nColour = red",
            interface="Address = 10.9.0.1/24\n\n[Weird]\nkey = value\n",
        )
    )
    assert found.reports == (
        "line 4: address 10.9.0.1/24 is left out: one of each family can be represented",
        "line 6: section [weird] is unknown and left out",
        "line 9: the peer has no name in the file and is called peer-1",
        "line 12: peer peer-1: the endpoint is left out: it is not host:port",
        "line 13: peer peer-1: colour is left out: it cannot be represented",
    )


@pytest.mark.parametrize(
    ("comment", "name"),
    [
        ("# alice", "alice"),
        ("### Client alice", "alice"),
        ("# Name: alice", "alice"),
        ("# BEGIN alice", "alice"),
        ("# client: alice (12)", "alice"),
        ("# -----", "peer-1"),
        ("# ../../etc/passwd", "etc-passwd"),
        ("# Zoë 🚀", "Zo"),
    ],
)
def test_names_are_found_in_comments(comment: str, name: str) -> None:
    text = conf(f"{comment}\nPublicKey = {public_key('a')}\nAllowedIPs = 10.8.0.2/32")
    assert foreign.parse(text).config["peers"][0]["name"] == name


@given(st.lists(st.text(max_size=80), max_size=12))
def test_names_that_are_given_are_legal_and_unique(wanted: list[str]) -> None:
    given_names: list[str] = []
    for each in wanted:
        given_names.append(fit_name(each, given_names))
    parse({**BASE, "peers": [{"name": each} for each in given_names]})


def test_a_store_without_a_zone_means_utc() -> None:
    store = json.loads((FILES / "wg-easy.json").read_text())
    store["clients"]["id-1"]["expiredAt"] = "2027-05-01T00:00:00"
    store["server"]["address"] = "10.8.0.1/16"
    found = foreign.parse(json.dumps(store))
    assert found.config["peers"][0]["expires_at"] == "2027-05-01T00:00:00+00:00"
    assert found.config["address"] == "10.8.0.1/16"


def test_secrets_do_not_show() -> None:
    found = read("wg-easy.json")
    assert not [each for each in found.secrets.values() if each in repr(found)]
