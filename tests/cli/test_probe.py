"""The probe: a handshake that a real responder accepts, and peers it never borrows."""

import base64
import json
import shlex
import sys
from pathlib import Path

import pytest

from cli import client_file, handshake, probing
from cli.tunnels import Tunnel
from tests.cli.conftest import Command
from tests.cli.responder import PEER, Responder
from tests.pure import support
from vpn.errors import ParseError, StackError

PSK = support.private_key("psk")


def config(port: int, server: str = "responder", preshared: str | None = None) -> str:
    shared = f"PresharedKey = {preshared}\n" if preshared else ""
    return (
        f"[Interface]\nPrivateKey = {PEER}\nAddress = 10.8.0.9/32\nDNS = 10.8.0.1\n\n"
        f"[Peer]\nPublicKey = {support.public_key(server)}\n{shared}Endpoint = 127.0.0.1:{port}\n"
    )


def shake(text: str, seconds: float = 3.0) -> handshake.Answer:
    return handshake.shake(client_file.read(text), seconds)


def test_a_server_that_knows_the_peer_shakes_hands() -> None:
    with Responder() as server:
        answer = shake(config(server.port))
    assert (answer.kind, answer.answered) == ("handshake", True)
    assert answer.milliseconds > 0


def test_a_preshared_key_must_fit() -> None:
    with Responder(preshared=base64.b64decode(PSK)) as server:
        assert shake(config(server.port, preshared=PSK)).kind == "handshake"
        assert shake(config(server.port), seconds=0.5).kind == "silent"


def test_a_lost_packet_is_sent_again_with_a_later_time_stamp() -> None:
    with Responder(deaf=1) as server:
        assert shake(config(server.port)).kind == "handshake"
    first, second = server.stamps
    assert first < second
    assert all(stamp.startswith(b"\x40\x00\x00\x00") and len(stamp) == 12 for stamp in server.stamps)


def test_a_server_under_load_counts_as_there() -> None:
    with Responder(loaded=True) as server:
        answer = shake(config(server.port))
    assert (answer.kind, answer.answered) == ("loaded", True)


def test_another_server_s_key_gets_no_answer() -> None:
    with Responder() as server:
        assert shake(config(server.port, server="somebody else"), seconds=0.5).kind == "silent"


def test_a_closed_port_and_an_unknown_name_are_told() -> None:
    with Responder() as server:
        port = server.port
    assert shake(config(port), seconds=1.5).kind == "unreachable"
    text = config(port).replace("127.0.0.1", "nowhere.invalid")
    assert "nowhere.invalid" in shake(text, seconds=0.2).reason


def test_the_command_needs_nothing_but_the_file(
    wgvpn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Responder() as server:
        (tmp_path / "probe.conf").write_text(config(server.port))
        done = wgvpn("probe", str(tmp_path / "probe.conf"), "--json")
    assert (done.code, json.loads(done.out)["kind"]) == (0, "handshake")
    monkeypatch.setattr(handshake, "PATIENCE_SECONDS", 0.3)
    done = wgvpn("probe", str(tmp_path / "probe.conf"))
    assert done.code == 1
    assert PEER not in done.out + done.err


def test_a_probe_from_elsewhere_gets_the_file_on_its_input() -> None:
    root = Path(__file__).parents[2]
    with Responder() as server:
        via = shlex.join(["env", f"PYTHONPATH={root}", sys.executable, "-P", "-m", "cli", "probe", "-"])
        assert probing.probe(config(server.port), via).kind == "handshake"
    with pytest.raises(StackError, match="'false'"):
        probing.probe(config(51820), "false")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[Interface]\nPrivateKey = <private key of carol>\n[Peer]\n",
        config(51820).replace("Endpoint = 127.0.0.1:51820", "Endpoint = nowhere"),
        config(51820).replace(PEER, "<private key of carol>"),
        config(51820) + "[Peer]\nPublicKey = x\n",
    ],
)
def test_a_file_that_is_not_whole_is_refused(text: str) -> None:
    with pytest.raises(ParseError) as error:
        client_file.read(text)
    assert PEER not in str(error.value)


def tunnel(name: str, age: int | None, endpoint: str | None = None) -> Tunnel:
    return Tunnel(name, name, "connected", endpoint, "10.8.0.2/32", None, age, 0, 0)


ALICE, BOB, CAROL = tunnel("alice", 20, "192.0.2.1:1"), tunnel("bob", 4000, "192.0.2.2:2"), tunnel("carol", None)


def test_a_peer_kept_for_it_comes_first() -> None:
    assert probing.choose([ALICE, CAROL, tunnel("probe", 10)], {"alice", "carol", "probe"}, None) == "probe"


def test_else_a_managed_peer_that_was_never_seen() -> None:
    assert probing.choose([ALICE, BOB, CAROL], {"alice", "bob", "carol"}, None) == "carol"
    assert probing.choose([ALICE, BOB, CAROL], {"alice", "bob"}, None) is None
    assert probing.choose([tunnel("dora", None, "192.0.2.3:3")], {"dora"}, None) is None


def test_a_connected_peer_is_never_borrowed() -> None:
    assert probing.choose([ALICE, BOB], {"alice", "bob"}, "bob") == "bob"
    with pytest.raises(StackError, match="connected"):
        probing.choose([ALICE, BOB], {"alice", "bob"}, "alice")
    with pytest.raises(StackError, match="no client file"):
        probing.choose([ALICE], {"alice"}, "carol")


@pytest.mark.parametrize("via", ["", "  ", "ssh 'host", "no-such-program x"])
def test_a_way_that_leads_nowhere_is_told(via: str) -> None:
    with pytest.raises(StackError, match="--via"):
        probing.probe(config(51820), via)


def test_files_without_their_private_key_do_not_serve() -> None:
    assert probing.complete({"a": config(1), "b": config(1).replace(PEER, "<private key of b>")}).keys() == {"a"}
