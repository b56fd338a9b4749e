"""The benchmarks' own honesty: what failed is no figure."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench import playbooks, revocation, tunnel
from bench.stack import BenchError, Stack
from lab.containers import Containers
from lab.site import Site


class Clock:
    """A clock on which time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        """Return the seconds."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let them pass."""
        self.now += seconds


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What a command in the container prints, the last of these."""
    answers = [b""]
    monkeypatch.setattr(Containers, "execute", lambda *_, **__: SimpleNamespace(stdout=answers[-1], returncode=0))
    return answers


def test_a_storm_of_which_not_all_are_back_is_no_figure(
    said: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers = Containers(Site.of(tmp_path))
    monkeypatch.setattr(tunnel, "time", Clock())
    monkeypatch.setattr(tunnel, "STORM", 2)
    said.append(b"one\t1000\ntwo\t1001\n")
    assert tunnel.all_again(containers, 2190) == pytest.approx(0.1)
    said.append(b"one\t2000\ntwo\t0\n")
    with pytest.raises(BenchError, match="only 1 of 2 peers"):
        tunnel.all_again(containers, 2190)


def test_an_apply_whose_login_is_not_found_is_no_figure(said: list[bytes], tmp_path: Path) -> None:
    site = Site.of(tmp_path)
    said.append(b"100.5 wireguard sshd[1]: Accepted publickey for root\n")
    assert revocation._began(site, 2190, 100.0) == 100.5
    with pytest.raises(BenchError, match="no login"):
        revocation._began(site, 2190, 101.0)


@pytest.mark.usefixtures("said")
def test_the_copy_of_the_server_s_key_goes_with_the_playbooks(tmp_path: Path) -> None:
    stack: Any = Stack(tmp_path)
    key = stack.directory / "ansible/key"
    key.parent.mkdir(parents=True)
    key.touch()
    playbooks.clean(stack, Site.of(tmp_path), 2190)
    assert not key.exists()
