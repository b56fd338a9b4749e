"""A tunnel's state by the data model's times: 120 s to a new key, 180 s to the end."""

import datetime as dt

import pytest

from tests.pure.support import NOW
from vpn.tunnel import status


@pytest.mark.parametrize(
    ("age", "keepalive", "state"),
    [
        (None, 25, "disconnected"),
        (None, 0, "disconnected"),
        (-1, 25, "connected"),
        (0, 0, "connected"),
        (120, 25, "connected"),
        (120, 0, "connected"),
        (121, 25, "handshaking"),
        (121, 0, "idle"),
        (180, 25, "handshaking"),
        (180, 0, "idle"),
        (181, 25, "disconnected"),
        (181, 0, "expired"),
    ],
)
def test_states(age: int | None, keepalive: int, state: str) -> None:
    handshake = None if age is None else NOW - dt.timedelta(seconds=age)
    assert status(handshake, NOW, keepalive) == state
