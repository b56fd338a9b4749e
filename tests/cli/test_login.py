"""`keys login`: whatever fails, some key that the stack still has logs in, and nobody else's line is touched."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any, Self

import pytest

from cli.stack import Stack
from clients.ssh import Way
from tests.cli.conftest import Command
from tests.cli.world import World
from vpn.errors import SshError, StackError
from vpn.keyring import SSH
from vpn.login_key import generate, public_key

OLD, ADMIN = generate(), public_key(generate())


class Server:
    """The container: its authorized_keys decide who logs in, and its shell runs what is asked for on them."""

    file: Path
    breaks = ""

    def __init__(self, way: Way) -> None:
        if public_key(way.private_key) not in self.file.read_text():
            raise SshError(f"{way.host} does not accept the key of {way.user}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Log out."""

    def must_run(self, command: str, stdin: bytes) -> str:
        """Run a command as the container would."""
        if self.breaks and self.breaks in command:
            raise SshError("the connection broke")
        here = command.replace("/root/.ssh/authorized_keys", shlex.quote(str(self.file)))
        return subprocess.run(["sh", "-c", here], input=stdin, check=True, capture_output=True).stdout.decode()


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    """A server that knows the stack's login and, on a last line without an end, an administrator's."""
    monkeypatch.setattr(Server, "file", tmp_path / "authorized_keys", raising=False)
    Server.file.write_text(f"# --- BEGIN PVE ---\n{public_key(OLD)}\n# --- END PVE ---\n{ADMIN} admin")
    monkeypatch.setattr(Stack, "way", lambda _: Way("192.168.20.90", private_key=OLD))
    monkeypatch.setattr("cli.login.Session", Server)
    return Server


def given(world: World) -> str:
    """Return the login that the configuration gives."""
    assert world.is_secret("given_keys")
    return str(json.loads(world.value("given_keys"))[SSH])


def others(server: type[Server], *logins: str) -> list[str]:
    """Return the lines that are none of the logins'."""
    ours = tuple(map(public_key, logins))
    return [line for line in server.file.read_text().splitlines() if not line.startswith(ours)]


def test_the_new_key_takes_the_old_one_s_place(world: World, wgvpn: Command, server: type[Server]) -> None:
    done = wgvpn("keys", "login")
    assert (done.code, "pulumi up" in done.out) == (0, True)
    assert public_key(OLD) not in server.file.read_text()
    assert others(server, given(world)) == ["# --- BEGIN PVE ---", "# --- END PVE ---", f"{ADMIN} admin"]
    assert server.file.stat().st_mode & 0o777 == 0o600
    assert world.settings().keys.given_keys
    assert "PRIVATE KEY" not in json.dumps(world.calls()) + done.out + done.err


def test_a_second_renewal_needs_no_up_between(world: World, wgvpn: Command, server: type[Server]) -> None:
    wgvpn("keys", "login")
    first = given(world)
    assert wgvpn("keys", "login").code == 0
    assert given(world) != first
    assert public_key(first) not in server.file.read_text()
    assert public_key(given(world)) in server.file.read_text()


@pytest.mark.parametrize("where", ["sed", "awk"])
def test_after_a_broken_connection_a_key_of_the_stack_logs_in_and_the_next_try_tidies_up(
    world: World, wgvpn: Command, server: type[Server], monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(server, "breaks", where)
        assert wgvpn("keys", "login").code == 4
    assert public_key(OLD) in server.file.read_text()
    assert wgvpn("keys", "login").code == 0
    assert len(others(server, given(world))) == 3


def test_what_the_configuration_does_not_keep_leaves_the_old_login(
    world: World, wgvpn: Command, server: type[Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StackError("no space left")

    monkeypatch.setattr("cli.login.give", full)
    done = wgvpn("keys", "login")
    assert (done.code, "no space left" in done.err, "keys login again" in done.err) == (4, True, True)
    assert public_key(OLD) in server.file.read_text()
    assert "given_keys" not in world.read()["config"]
