"""A project of its own for each test, and the commands run in this process."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.__main__ import run
from cli.configured import Configured
from cli.pulumi import Pulumi
from tests.cli import fake_pulumi
from tests.cli.node import OURS, Node
from tests.cli.world import World, make
from vpn.errors import StackError


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@contextmanager
def refusing(refuses: Callable[[tuple[str, ...]], bool]) -> Iterator[None]:
    """Let `pulumi` refuse the calls with arguments of which `refuses` says so."""
    run = Pulumi.run

    def break_off(self: Pulumi, *arguments: str, stdin: str | None = None) -> str:
        if refuses(arguments):
            raise StackError("interrupted")
        return run(self, *arguments, stdin=stdin)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pulumi, "run", break_off)
        yield


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for a project, with the stand-in of pulumi first on PATH and no credentials around."""
    script = tmp_path / "bin" / "pulumi"
    script.parent.mkdir()
    command = shlex.join([sys.executable, "-I", "-S", str(fake_pulumi.__file__)])
    script.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    script.chmod(0o755)
    for name in [name for name in os.environ if name.startswith(("WIREGUARD_VPN_", "PROXMOX_", "PBS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_PULUMI", str(tmp_path))
    return tmp_path


@pytest.fixture
def world(home: Path) -> World:
    """A stack with four peers that is up."""
    return make(home)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    """The node that every command talks to."""
    found = Node({2090: (OURS, True)})
    monkeypatch.setattr(Configured, "proxmox", lambda _: found.api())
    return found


@pytest.fixture
def wgvpn(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `wgvpn ARGUMENTS` on the project."""

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run(["-C", str(home), *arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call
