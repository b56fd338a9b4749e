"""`show` and `doctor` as they are called: what is not known is not told as if it were."""

import datetime as dt
import json
from pathlib import Path
from typing import Any, Self

import pytest

from cli import output, tunnels
from cli.pulumi import Pulumi
from tests.cli.conftest import Command
from tests.cli.test_health import NOW
from tests.cli.world import PEERS, World, make
from tests.pure import support
from vpn.errors import RemoteFailed, SshError, StackError

ALICE = support.public_key("peer/alice")
LATER = int((support.NOW + support.MONTH).timestamp())


class Server:
    """A session on a server whose interface is up or down."""

    up = True
    now = NOW

    def __init__(self, *_: object, **__: object) -> None:
        """Log in."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Log out."""

    def run(self, command: str, *_: object) -> Any:
        """Answer the question for the tunnels."""
        assert command == tunnels.question("wg0")
        said = {"latest-handshakes": self.now - 20, "endpoints": "[fd00::5]:51820"}
        parts = [f"[{part}]\n" + (f"{ALICE}\t{said[part]}\n" if part in said else "") for part in tunnels.ASKED]

        class Done:
            stdout = f"{self.now}\n" + ("".join(parts) if self.up else "")

        return Done()

    def must_run(self, command: str, *_: object) -> str:
        """Answer whether the interface is there."""
        assert "wg show wg0" in command
        if not self.up:
            raise RemoteFailed("on 192.168.20.90: Unable to access interface: No such device")
        return "51820\n"


@pytest.mark.usefixtures("world")
def test_an_address_is_no_markup(wgvpn: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.verbs.show.Session", Server)
    done = wgvpn("show")
    assert (done.code, "[fd00::5]:51820" in done.out, "[green]" in done.out) == (0, True, False)


@pytest.mark.parametrize(("seconds", "status"), [(-3600, "off"), (0, "off"), (1, "connected"), (None, "connected")])
def test_a_peer_past_its_date_is_off_by_the_server_s_clock(
    home: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, seconds: int | None, status: str
) -> None:
    """The server drops its packets from then on; the last handshake may be of a second ago."""
    date = {} if seconds is None else {"expires_at": dt.datetime.fromtimestamp(LATER + seconds, dt.UTC).isoformat()}
    make(home, peers=[{"name": "alice"} | date])
    monkeypatch.setattr("cli.verbs.show.Session", Server)
    monkeypatch.setattr(Server, "now", LATER)
    (found,) = json.loads(wgvpn("show", "--json").out)
    assert (found["status"], found["handshake_age"]) == (status, 20)
    assert dt.datetime.fromisoformat(found["latest_handshake"]).timestamp() == LATER - 20
    assert wgvpn("show").out.splitlines()[1].split()[:2] == ["alice", status]


def test_only_a_coloured_cell_has_a_colour(capsys: pytest.CaptureFixture[str]) -> None:
    output.show(("a", "b"), [("[red]plain[/]", output.Coloured("fine", "green"))])
    assert capsys.readouterr().out.splitlines()[1].split() == ["[red]plain[/]", "fine"]


@pytest.mark.usefixtures("world")
def test_an_interface_that_is_down_is_told(wgvpn: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.verbs.show.Session", Server)
    monkeypatch.setattr(Server, "up", False)
    for options in ((), ("--json",), ("--watch",)):
        done = wgvpn("show", *options)
        assert (done.code, "No such device" in done.err, "disconnected" in done.out) == (4, True, False)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("options", [("--watch", "--json"), ("--watch", "--interval", "-1")])
def test_a_look_that_makes_no_sense_is_refused(wgvpn: Command, options: tuple[str, ...]) -> None:
    assert wgvpn("show", *options).code == 2


def unreachable(*_: object, **__: object) -> None:
    """Stand for a server that does not answer."""
    raise SshError("192.168.20.90 does not answer")


def test_a_peer_that_may_be_connected_is_not_borrowed(
    world: World, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world
    monkeypatch.setattr("cli.verbs.doctor.Session", unreachable)
    done = wgvpn("doctor", "--peer", "alice", "--json")
    found = {each["name"]: each for each in json.loads(done.out)}
    assert done.code == 1
    assert found["server reachable"]["state"] == "failed"
    assert (found["UDP port answers"]["state"], "alice may be" in found["UDP port answers"]["seen"]) == (
        "unchecked",
        True,
    )


def test_a_probe_that_cannot_be_made_leaves_the_other_checks(
    home: Any, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(home, peers=[*PEERS, {"name": "probe"}])
    monkeypatch.setattr("cli.verbs.doctor.Session", unreachable)
    done = wgvpn("doctor", "--via", "false", "--json")
    states = {each["name"]: each["state"] for each in json.loads(done.out)}
    assert states == {"server reachable": "failed", "UDP port answers": "unchecked"}
    assert wgvpn("doctor", "--via", "").code == 3


def test_the_handshake_of_a_peer_past_its_date_is_no_sign_of_health(
    home: Path, wgvpn: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(home, peers=[{"name": "alice", "expires_at": dt.datetime.fromtimestamp(LATER, dt.UTC).isoformat()}])
    monkeypatch.setattr("cli.verbs.doctor.Session", Server)
    monkeypatch.setattr("cli.server.facts", lambda *_: {})
    monkeypatch.setattr("cli.health.of_facts", lambda *_: ())
    states = []
    for now in (LATER - 1, LATER):
        monkeypatch.setattr(Server, "now", now)
        states += [each["state"] for each in json.loads(wgvpn("doctor", "--json").out) if "handshake" in each["name"]]
    assert states == ["ok", "unchecked"]


@pytest.mark.usefixtures("home")
def test_a_project_that_is_not_there_is_told() -> None:
    with pytest.raises(StackError, match="/nonexistent is no directory"):
        Pulumi(Path("/nonexistent")).name()
