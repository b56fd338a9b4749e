"""`show` and `doctor`: what the server says, told by peer name and by check."""

import copy
import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from cli import exits, health, output, tunnels
from cli.handshake import Answer
from cli.health import Check
from cli.verbs.doctor import verdict
from clients.ssh import Done
from tests.cli.conftest import Command
from tests.cli.node import Node, entry
from tests.pure import support
from vpn.expectation import Expectation, expectation
from vpn.keys import fingerprint

NETWORK = support.network(peers=[{"name": "alice"}, {"name": "bob", "persistent_keepalive": 0}])
EXPECTED: Expectation = expectation(NETWORK)
ALICE, BOB = support.public_key("peer/alice"), support.public_key("peer/bob")
STRANGER = support.public_key("stranger")
NOW = 1_790_000_000
SAID = f"""{NOW}
[latest-handshakes]
{BOB}\t{NOW - 150}
{ALICE}\t{NOW - 20}
{STRANGER}\t0
[endpoints]
{ALICE}\t[2001:db8::1]:40000
{BOB}\t192.0.2.7:51820
{STRANGER}\t(none)
[transfer]
{ALICE}\t1536\t18446744073709551615
{BOB}\t0\t0
{STRANGER}\t0\t0
[persistent-keepalive]
{ALICE}\t25
{BOB}\toff
{STRANGER}\toff
[allowed-ips]
{ALICE}\t10.8.0.2/32
{BOB}\t10.8.0.3/32
{STRANGER}\t(none)
"""
OBSERVED: dict[str, Any] = {
    "files": {path: {"mode": e.mode, "owner": e.owner, "digest": e.digest} for path, e in EXPECTED.files.items()},
    "config": {"digest": EXPECTED.config_digest},
    "runtime": {
        "digest": EXPECTED.runtime_digest,
        "public_key": EXPECTED.public_key,
        "listen_port": EXPECTED.listen_port,
        "peers": [{"public_key": p.public_key, "allowed_ips": [*p.allowed_ips]} for p in EXPECTED.peers],
    },
    "units": {unit: {"active": "active", "enabled": "enabled"} for unit in EXPECTED.units},
    "sysctl": dict(EXPECTED.sysctls),
    "firewall": {"digest": "d", "recorded": "d"},
    "packages": dict.fromkeys(EXPECTED.packages, "1"),
}
CONFIG = "/etc/wireguard/wg0.conf"
UNIT = "wg-quick@wg0.service"


def test_tunnels_are_told_by_name_with_the_data_model_s_states() -> None:
    alice, bob, stranger = tunnels.answer(SAID, EXPECTED)
    assert (alice.name, alice.status, alice.handshake_age, alice.endpoint) == (
        "alice",
        "connected",
        20,
        "[2001:db8::1]:40000",
    )
    assert (alice.rx, alice.tx) == (1536, 18446744073709551615)
    assert (bob.name, bob.status, bob.address) == ("bob", "idle", "10.8.0.3/32")
    assert (stranger.name, stranger.status, stranger.endpoint) == (
        f"unknown {fingerprint(STRANGER)}",
        "disconnected",
        None,
    )


def test_an_interface_that_is_down_has_tunnels_never_seen() -> None:
    found = tunnels.answer(f"{NOW}\n" + "".join(f"[{part}]\n" for part in tunnels.ASKED), EXPECTED)
    assert [(each.name, each.status, each.handshake_age) for each in found] == [
        ("alice", "disconnected", None),
        ("bob", "disconnected", None),
    ]


class Babbler(nullcontext[Any]):
    """A server that logs in and says something else than what it is asked for."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__(self)

    def must_run(self, *_: object) -> str:
        return "Welcome!\n"

    def run(self, *_: object) -> Done:
        return Done(0, self.must_run(), "")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize(
    ("words", "told"),
    [(("show",), "did not say what wg shows"), (("restore", "--yes", "--storage", "pbs"), "cannot be read")],
)
def test_a_server_that_talks_nonsense_is_a_system_that_failed(
    node: Node, wgvpn: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str
) -> None:
    node.backups = [entry(2)]
    monkeypatch.setattr("cli.verbs.show.Session", Babbler)
    monkeypatch.setattr("cli.recovery.Session", Babbler)
    done = wgvpn(*words)
    assert (done.code, told in done.err) == (exits.UNAVAILABLE, True)


def test_only_what_is_public_is_asked() -> None:
    question = tunnels.question("wg0")
    assert not any(word in question for word in ("dump", "showconf", "private", "preshared"))
    assert tunnels.question("wg 0; id").count("'wg 0; id'") == len(tunnels.ASKED)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "never"), (0, "0 s"), (119, "119 s"), (180, "3 min"), (7200, "2 h")]
)
def test_ages_are_short(seconds: int | None, text: str) -> None:
    assert output.age(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")])
def test_sizes_are_short(count: int, text: str) -> None:
    assert output.size(count) == text


def states(change: Callable[[dict[str, Any]], object]) -> dict[str, Check]:
    """The checks after a change of what is observed."""
    observed = copy.deepcopy(OBSERVED)
    change(observed)
    return {each.name: each for each in health.of_facts(observed, EXPECTED)}


def test_a_healthy_server_passes() -> None:
    assert {each.state for each in states(dict).values()} == {"ok"}


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("service active and enabled", lambda f: f["units"][UNIT].update(active="failed")),
        ("service active and enabled", lambda f: f["units"][UNIT].update(enabled="disabled")),
        ("configuration file", lambda f: f["files"].pop(CONFIG)),
        ("configuration file", lambda f: f["files"][CONFIG].update(mode="0644")),
        ("configuration file", lambda f: f["files"][CONFIG].update(owner="bob:bob")),
        ("configuration file", lambda f: f["config"].update(digest="other")),
        ("wg show lists the peers", lambda f: f["runtime"]["peers"].pop()),
        (
            "wg show lists the peers",
            lambda f: f["runtime"]["peers"].append({"public_key": STRANGER, "allowed_ips": []}),
        ),
        ("wg show lists the peers", lambda f: f.update(runtime=None)),
        ("as the stack left it", lambda f: f["sysctl"].update({"net.ipv4.ip_forward": "0"})),
        ("as the stack left it", lambda f: f["firewall"].update(digest=None)),
    ],
)
def test_each_fault_fails_its_check_and_says_what_to_do(check: str, change: Callable[[dict[str, Any]], object]) -> None:
    found = states(change)[check]
    assert (found.state, bool(found.seen), bool(found.advice)) == ("failed", True, True)
    assert verdict([found]) == exits.FAILED


def test_one_recent_handshake_is_enough() -> None:
    assert health.of_tunnels(tunnels.answer(SAID, EXPECTED)).state == "ok"
    late = SAID.replace(str(NOW - 150), str(NOW - 200)).replace(str(NOW - 20), str(NOW - 181))
    assert health.of_tunnels(tunnels.answer(late, EXPECTED)).state == "failed"
    assert health.of_tunnels([]).state == "unchecked"


def test_the_handshake_of_a_peer_past_its_date_proves_nothing() -> None:
    """Its client goes on shaking hands; the firewall drops everything else."""
    over = dt.datetime.fromtimestamp(NOW - 60, dt.UTC)
    some = health.of_tunnels(tunnels.answer(SAID, EXPECTED, {"alice": over}))
    assert (some.state, some.seen) == ("ok", "1 of 2 peers, the last 2 min ago")  # bob, and one that nobody expects
    none = health.of_tunnels(tunnels.answer(SAID, EXPECTED, {"alice": over, "bob": over}))
    assert none.state == "failed"


def test_the_port_is_proven_or_said_to_be_unproven() -> None:
    assert health.of_probe("probe", Answer("handshake", 3.0), "vpn:51820").state == "ok"
    assert health.of_probe("probe", Answer("loaded", 3.0), "vpn:51820").state == "ok"
    silent = health.of_probe("probe", Answer("silent"), "vpn:51820")
    assert (silent.state, "listen_sources" in silent.advice) == ("failed", True)
    skipped = health.of_probe(None, None, "vpn:51820")
    assert (skipped.state, "peer add probe" in skipped.advice) == ("unchecked", True)


def test_what_was_not_checked_is_no_success() -> None:
    fine, failed, unchecked = (Check("x", state, "") for state in ("ok", "failed", "unchecked"))
    assert verdict([fine]) == exits.FINE
    assert verdict([fine, unchecked]) == exits.INCOMPLETE
    assert verdict([fine, unchecked, failed]) == exits.FAILED
