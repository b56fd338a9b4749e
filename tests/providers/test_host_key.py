"""The host key: given or seen once, kept for one instance of the container."""

from collections.abc import Iterator

import pytest

from providers.host_key import HostKeyProvider
from tests.providers.host import UNKNOWN, Host, HostError
from tests.providers.sshd import Sshd, new_key, public

HOST_KEY = HostKeyProvider()
GIVEN = public(new_key())
PROPS = {"address": "10.0.0.9", "instance": "BC:24:11:00:00:01"}


@pytest.fixture
def jump() -> Iterator[tuple[Sshd, dict[str, object]]]:
    """A jump host, and how it is described."""
    login = new_key()
    with Sshd(public(login)).running() as server:
        described = {"host": "127.0.0.1", "port": server.port, "user": "jump", "private_key": login}
        yield server, {**described, "host_key": server.pinned}


def test_a_given_key_is_known_at_preview_and_not_asked_for(host: Host) -> None:
    inputs, _ = host.check(HOST_KEY, {}, {**PROPS, "given": GIVEN, "address": UNKNOWN})
    assert inputs["key"] == GIVEN
    assert host.create(HOST_KEY, {**PROPS, "given": GIVEN})[1]["key"] == GIVEN


def test_the_first_key_seen_through_the_jump_host_is_kept(host: Host, jump: tuple[Sshd, dict[str, object]]) -> None:
    with Sshd(GIVEN).running() as container:
        props = {"address": "127.0.0.1", "port": container.port, "instance": "a", "jump": jump[1]}
        id_, outs = host.create(HOST_KEY, props)
    assert (id_, outs["key"]) == ("a", container.pinned)
    assert not container.attempts
    assert jump[0].attempts == ["jump"]


def test_a_jump_host_with_another_key_stops_the_run(host: Host, jump: tuple[Sshd, dict[str, object]]) -> None:
    props = {**PROPS, "jump": {**jump[1], "host_key": GIVEN}}
    with pytest.raises(HostError, match="another host key than the pinned one"):
        host.create(HOST_KEY, props)
    assert not jump[0].attempts


def test_an_instance_not_known_at_preview_is_no_change(host: Host) -> None:
    old = {**PROPS, "key": GIVEN}
    assert host.diff(HOST_KEY, old, {**PROPS, "instance": UNKNOWN}).changes is False


def test_another_instance_is_looked_at_anew(host: Host) -> None:
    diff = host.diff(HOST_KEY, {**PROPS, "key": GIVEN}, {**PROPS, "instance": "BC:24:11:00:00:02"})
    assert (diff.changes, diff.replaces) == (True, ("instance",))


def test_another_way_or_address_keeps_the_pinned_key(host: Host, jump: tuple[Sshd, dict[str, object]]) -> None:
    news = {**PROPS, "address": "10.0.0.10", "jump": jump[1]}
    assert host.diff(HOST_KEY, {**PROPS, "key": GIVEN}, news).changes is False


def test_refresh_looks_at_nothing(host: Host) -> None:
    id_, outs, inputs = host.read(HOST_KEY, "x", {**PROPS, "key": GIVEN})
    assert (id_, outs["key"]) == ("x", GIVEN)
    assert outs == inputs
