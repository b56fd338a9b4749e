"""Sessions over a real SSH server: pinning, the jump host, commands, and what errors say."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clients.ssh import Session, Way, same_host_key, scan_host_key
from tests.providers.sshd import Sshd, new_key, public
from vpn.errors import HostKeyChanged, RemoteFailed, SshError

KEY = new_key()


def execute(command: str, stdin: bytes) -> tuple[int, str, str]:
    """Echo a digest of stdin, or fail."""
    if command == "fail":
        return 3, "", "no such thing"
    return 0, hashlib.sha256(stdin).hexdigest(), ""


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    """A server that accepts KEY."""
    with Sshd(public(KEY), execute).running() as server:
        yield server


@pytest.fixture
def way(sshd: Sshd) -> Way:
    """The way to it."""
    return Way("127.0.0.1", port=sshd.port, private_key=KEY, host_key=sshd.pinned)


@pytest.mark.parametrize("size", [0, 10, 5_000_000])
def test_standard_input_arrives_whole(way: Way, size: int) -> None:
    stdin = bytes(size)
    with Session(way) as session:
        assert session.must_run("digest", stdin) == hashlib.sha256(stdin).hexdigest()


def test_one_session_runs_many_commands(way: Way, sshd: Sshd) -> None:
    with Session(way) as session:
        assert session.run("fail").status == 3
        with pytest.raises(RemoteFailed, match="no such thing") as failed:
            session.must_run("fail")
    assert failed.value.status == 3
    assert sshd.attempts == ["root"]


def test_another_host_key_stops_before_anything_is_sent(way: Way, sshd: Sshd) -> None:
    with pytest.raises(HostKeyChanged, match="another host key than the pinned one"):
        Session(replace(way, host_key=public(new_key())))
    assert not sshd.attempts


def test_a_host_key_of_another_kind_is_another_host_key(way: Way, sshd: Sshd) -> None:
    with pytest.raises(HostKeyChanged):
        Session(replace(way, host_key="ecdsa-sha2-nistp256 AAAA"))
    assert not sshd.attempts


def test_nothing_is_accepted_without_a_pinned_key(way: Way) -> None:
    with pytest.raises(HostKeyChanged, match="no host key"):
        Session(replace(way, host_key=""))


def test_a_scan_shows_the_key_without_logging_in(way: Way, sshd: Sshd) -> None:
    assert scan_host_key(way.host, way.port) == sshd.pinned
    assert not sshd.attempts


def test_a_refused_key_is_final_and_not_shown(way: Way) -> None:
    other = new_key()
    with pytest.raises(SshError, match="does not accept the key of root") as failed:
        Session(replace(way, private_key=other), patience=30)
    assert other.splitlines()[1] not in str(failed.value)


def test_an_unreadable_private_key_is_not_shown(way: Way) -> None:
    with pytest.raises(SshError, match="cannot be read") as failed:
        Session(replace(way, private_key="CANARY"))
    assert "CANARY" not in str(failed.value)


def test_a_jump_host_forwards_with_its_own_pinned_key(way: Way) -> None:
    login = new_key()
    with Sshd(public(login)).running() as jump:
        through = Way("127.0.0.1", "jump", jump.port, login, jump.pinned)
        assert scan_host_key(way.host, way.port, jump=through) == way.host_key
        with Session(replace(way, jump=through)) as session:
            assert session.run("digest").status == 0
        with pytest.raises(HostKeyChanged):
            Session(replace(way, jump=replace(through, host_key=public(new_key()))))
        with pytest.raises(SshError, match=r"cannot be reached through 127.0.0.1"):
            Session(replace(way, port=1, jump=through))


def test_a_host_that_does_not_answer_is_named(way: Way) -> None:
    with pytest.raises(SshError, match=r"127.0.0.1:1 cannot be reached"):
        Session(replace(way, port=1))


def test_a_host_that_comes_up_late_is_waited_for() -> None:
    with Sshd(public(KEY)).running(after=1.0) as late:
        assert scan_host_key("127.0.0.1", late.port, patience=60) == late.pinned


def test_comments_of_host_keys_do_not_count() -> None:
    assert same_host_key("ssh-ed25519 AAAA root@a", "ssh-ed25519 AAAA")
    assert not same_host_key("ssh-ed25519 AAAA", "ssh-ed25519 AAAB")
