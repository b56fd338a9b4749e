"""The host key: given or seen once, kept for one instance of the container."""

from collections.abc import Iterator

import pytest

from providers.host_key import HostKeyProvider
from tests.providers.engine import Managed
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


def test_another_instance_is_looked_at_anew_in_place(host: Host) -> None:
    """A production stack is protected: Pulumi would refuse to replace the resource, and so to go on at all."""
    with Sshd(GIVEN).running() as container:
        old = {"address": "127.0.0.1", "port": container.port, "instance": "a", "key": GIVEN}
        host_key = Managed(host, HOST_KEY, id="a", inputs=old, outs=old)
        assert host_key.up({**old, "instance": "b", "key": None}) == "update"
    assert host_key.outs["key"] == container.pinned != GIVEN


def test_a_key_given_to_a_running_stack_is_taken_in_place(host: Host) -> None:
    old = {**PROPS, "key": public(new_key())}
    host_key = Managed(host, HOST_KEY, id="x", inputs=old, outs=old)
    assert host_key.up({**PROPS, "given": GIVEN}) == "update"
    assert host_key.outs["key"] == GIVEN


def test_another_way_there_is_noted_and_keeps_the_pinned_key(host: Host, jump: tuple[Sshd, dict[str, object]]) -> None:
    old = {**PROPS, "key": GIVEN, "jump": {**jump[1], "private_key": "rotated out"}}
    host_key = Managed(host, HOST_KEY, id="x", inputs=old, outs=old)
    assert host_key.up({**PROPS, "jump": jump[1]}) == "update"
    assert (host_key.outs["key"], host_key.outs["jump"]["private_key"]) == (GIVEN, jump[1]["private_key"])
    assert not jump[0].attempts


def test_another_address_is_no_change(host: Host) -> None:
    assert host.diff(HOST_KEY, {**PROPS, "key": GIVEN}, {**PROPS, "address": "10.0.0.10"}).changes is False


def test_refresh_looks_at_nothing(host: Host) -> None:
    id_, outs, inputs = host.read(HOST_KEY, "x", {**PROPS, "key": GIVEN})
    assert (id_, outs["key"]) == ("x", GIVEN)
    assert outs == inputs
