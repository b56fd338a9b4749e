"""Whatever stands in the configuration, it is accepted or refused with its problems: nothing else happens."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.pure.support import BASE, TEAM
from vpn.errors import ConfigError, ParseError, Problem
from vpn.foreign import parse as parse_foreign
from vpn.peers_file import load
from vpn.settings import KNOWN_KEYS, AllowRule, GroupSettings, PeerSettings, parse
from vpn.settings.sections import Route
from vpn.wgconf import parse as parse_conf

INNER = sorted({*PeerSettings.model_fields, *GroupSettings.model_fields, *AllowRule.model_fields, *Route.model_fields})
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from(["10.8.0.1/24", "0.0.0.0/0", "::/0", "fd00::1/64", "192.168.1.1", "dhcp", "[", "{", "[1]"]),
)  # fmt: skip
names = st.one_of(st.text(max_size=4), st.none(), st.booleans(), st.integers(), st.floats(), st.dates())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(INNER) | names, inner, max_size=4),
    max_leaves=12,
)


def problems(raw: dict[str, Any]) -> tuple[Problem, ...]:
    """Return the problems of a configuration, none when it is accepted; another exception fails the test."""
    try:
        parse(raw)
    except ConfigError as error:
        return error.problems
    return ()


@example({"peers": [{"preshared_key_generation": float("inf"), "allow": [{"ports": [float("inf")]}]}]})
@given(st.dictionaries(st.sampled_from(KNOWN_KEYS) | st.text(max_size=8), values, max_size=6))
@example({"groups": {2026.1: {"x": 1}, None: {}, True: 5}, "peers": [{None: "x", 1.5: 2}]})
@example({"groups": {"a b": {"x": 1}, "g": 5, "h": {"allow": [3, {"network": []}]}}, "peers": {"0": {}}})
@example({"peers": [{"name": "a", "allow": [[]], "dns": {}, "site_networks": "x"}, None, []], "routes": [None, 5]})
def test_configuration(raw: dict[str, Any]) -> None:
    found = problems({**BASE, **raw})
    assert all("\n" not in str(each) for each in found)


@given(st.integers(0, len(TEAM["peers"]) - 1), st.sampled_from(INNER), values)
@example(6, "key_generation", None)
def test_one_peer_among_others(index: int, key: str, value: Any) -> None:
    people = [dict(each) for each in TEAM["peers"]]
    people[index][key] = value
    found = problems({**BASE, **TEAM, "peers": people})
    assert all(each.key.startswith("peers[") for each in found), found


@pytest.mark.parametrize("read", [load, parse_conf, parse_foreign])
@given(text=st.text())
def test_files(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(ParseError):
        read(text)
