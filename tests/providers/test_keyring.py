"""Keyring and ledger: known at preview, stable, and never in the clear."""

from typing import Any

import pytest

from providers.address_ledger import AddressLedgerProvider
from providers.keyring import KeyringProvider
from tests.providers.engine import CheckFailed, Managed
from tests.providers.host import Host, HostError
from vpn import tables

KEYRING = KeyringProvider()
LEDGER = AddressLedgerProvider()
LEDGER_PROPS: dict[str, Any] = {
    "peers": {"alice": [], "bob": ["10.8.0.9/32"]},
    "subnets": ["10.8.0.0/29"],
    "reserved": ["10.8.0.1"],
    "quarantine_days": 30,
}


def table(props: dict[str, Any], name: str) -> Any:
    """Return a table as it was before it became text."""
    return tables.loads(props[name])


def request(name: str, kind: str = "wireguard", **more: Any) -> dict[str, Any]:
    """Return a request as the program makes it."""
    return {"name": name, "kind": kind, "generation": 1, "policy": "manual", "max_age_days": 365, **more}


def ring(host: Host, *requests: dict[str, Any], olds: Any = None, given: Any = None) -> dict[str, Any]:
    """Return checked inputs."""
    news = {"requests": [*requests], "given": given or {}, "keys": {}, "public": {}, "changes": []}
    inputs, failures = host.check(KEYRING, olds or {}, news)
    assert not failures
    return inputs


def test_keys_are_made_in_check_and_stay(host: Host) -> None:
    first = ring(host, request("server"), request("ssh", "ssh"), request("owner", "owner"))
    second = ring(host, request("server"), request("ssh", "ssh"), request("owner", "owner"), olds=first)
    assert second == first
    assert host.diff(KEYRING, first, second).changes is False
    assert set(table(first, "public")["server"]) == {"public_key", "generated", "generation", "origin"}


def test_a_new_peer_adds_a_key_and_says_so(host: Host) -> None:
    first = ring(host, request("server"))
    second = ring(host, request("server"), request("peer/bob"), olds=first)
    assert table(second, "keys")["server"] == table(first, "keys")["server"]
    assert second["changes"] == ["made peer/bob"]
    assert host.diff(KEYRING, first, second).changes is True


def test_the_same_requests_in_another_order_change_nothing(host: Host) -> None:
    first = ring(host, request("server"), request("peer/bob"))
    second = ring(host, request("peer/bob"), request("server"), olds=first)
    assert host.diff(KEYRING, first, second).changes is False


def test_tables_are_one_value_each_and_those_of_an_older_state_are_understood(host: Host) -> None:
    made = ring(host, request("server"), request("peer/bob"))
    assert all(isinstance(made[name], str) for name in ("requests", "keys", "public"))
    older = {name: table(made, name) if isinstance(made[name], str) else made[name] for name in made}
    assert host.diff(KEYRING, older, made).changes is False
    assert ring(host, request("server"), request("peer/bob"), olds=older) == made


def test_the_last_changes_stay_told(host: Host) -> None:
    first = ring(host, request("server"))
    second = ring(host, request("server", generation=2), olds=first)
    third = ring(host, request("server", generation=2), olds=second)
    assert second["changes"] == third["changes"] == ["rotated server: generation 2"]


def test_a_broken_given_key_is_refused_without_showing_it(host: Host) -> None:
    canary = "CANARY-not-a-key"
    news = {"requests": [request("server")], "given": {"server": canary}, "keys": {}, "public": {}, "changes": []}
    _, failures = host.check(KEYRING, {}, news)
    assert failures
    assert canary not in str(failures)


def test_no_public_part_holds_a_secret(host: Host) -> None:
    made = ring(host, request("server"), request("psk/a", "preshared"), request("ssh", "ssh"))
    secrets = [entry["secret"] for entry in table(made, "keys").values()]
    assert not any(secret in str(table(made, "public")) for secret in secrets)


def test_a_thousand_keys_are_one_resource(host: Host) -> None:
    made = ring(host, *(request(f"peer/{number}") for number in range(1000)))
    _, outs = host.create(KEYRING, made)
    assert len(table(outs, "keys")) == 1000


def test_leases_are_known_in_check_and_stay(host: Host) -> None:
    first, failures = host.check(LEDGER, {}, {**LEDGER_PROPS, "leases": {}, "released": {}})
    second, _ = host.check(LEDGER, first, {**LEDGER_PROPS, "leases": {}, "released": {}})
    assert not failures
    assert table(first, "leases")["alice"]["ipv4"] == "10.8.0.2"
    assert first == second
    assert host.diff(LEDGER, host.create(LEDGER, first)[1], second).changes is False


def test_a_removed_peers_address_rests(host: Host) -> None:
    first, _ = host.check(LEDGER, {}, LEDGER_PROPS)
    news = {**LEDGER_PROPS, "peers": {"bob": ["10.8.0.9/32"], "carol": []}}
    second, _ = host.check(LEDGER, first, news)
    assert table(second, "released")[table(first, "leases")["alice"]["ipv4"]]["name"] == "alice"
    assert table(second, "leases")["carol"] != table(first, "leases")["alice"]


@pytest.mark.parametrize("kept", [{}, {"alice": ["10.8.0.4/32"]}], ids=["removed", "stays"])
def test_every_address_that_a_configuration_gives_back_rests(host: Host, kept: dict[str, list[str]]) -> None:
    wide = {**LEDGER_PROPS, "subnets": ["10.8.0.0/24"]}
    had = ["10.8.0.4/32", "10.8.0.2/32", "10.8.0.16/30", "192.168.77.0/24"]
    first, _ = host.check(LEDGER, {}, {**wide, "peers": {"alice": had}})
    crowd: dict[str, list[str]] = {f"p{number:02}": [] for number in range(20)}
    second, failures = host.check(LEDGER, first, {**wide, "peers": {**kept, **crowd}})
    dealt = {table(second, "leases")[name]["ipv4"] for name in crowd}
    assert not failures
    assert not dealt & {"10.8.0.2", "10.8.0.4", *(f"10.8.0.{number}" for number in range(16, 20))}
    assert not any(ip.startswith("192.168.77.") for ip in table(second, "released"))
    third, _ = host.check(LEDGER, second, {**wide, "peers": {**kept, **crowd, "alice": had}})
    assert table(third, "leases")["alice"]["ipv4"] == "10.8.0.4"


def test_a_peers_file_that_is_gone_ends_no_peer(host: Host) -> None:
    """One forgotten in a checkout would cut everybody off; an empty one says that this is meant."""
    first, _ = host.check(LEDGER, {}, {**LEDGER_PROPS, "peers_file": "peers.yaml"})
    nobody = {**LEDGER_PROPS, "peers": {}}
    _, failures = host.check(LEDGER, first, {**nobody, "peers_file": ""})
    assert "'peers.yaml': is gone or has no `peers`, and with them alice, bob: put" in failures["peers_file"]
    _, failures = host.check(LEDGER, first, {**nobody, "peers": {"bob": [], "dora": []}, "peers_file": ""})
    assert "with them alice: put it back" in failures["peers_file"]
    emptied, failures = host.check(LEDGER, first, {**nobody, "peers_file": "peers.yaml"})
    assert not failures
    _, failures = host.check(LEDGER, emptied, {**nobody, "peers_file": ""})
    assert not failures


def test_peers_that_move_into_the_config_need_no_file(host: Host) -> None:
    ledger = Managed(host, LEDGER)
    ledger.up({**LEDGER_PROPS, "peers_file": "peers.yaml"})
    assert ledger.up({**LEDGER_PROPS, "peers_file": ""}) == "update"
    ledger.refresh()
    assert ledger.up({**LEDGER_PROPS, "peers": {"bob": ["10.8.0.9/32"]}, "peers_file": ""}) == "update"


def test_a_refresh_does_not_forget_that_the_peers_stand_in_a_file(host: Host) -> None:
    """The state of a version that did not know of the file, or peers that moved into it."""
    ledger = Managed(host, LEDGER)
    ledger.up(LEDGER_PROPS)
    assert ledger.up({**LEDGER_PROPS, "peers_file": "peers.yaml"}) == "update"
    ledger.refresh()
    with pytest.raises(CheckFailed, match="with them alice, bob: put it back"):
        ledger.up({**LEDGER_PROPS, "peers": {}})


def test_the_address_of_a_peer_that_stays_is_refused_by_name(host: Host) -> None:
    first, _ = host.check(LEDGER, {}, LEDGER_PROPS)
    _, failures = host.check(LEDGER, first, {**LEDGER_PROPS, "peers": {"alice": [], "carol": ["10.8.0.2/32"]}})
    assert failures.keys() == {"allowed_ips[0] of peer carol"}
    assert "'10.8.0.2/32': is leased to alice" in failures["allowed_ips[0] of peer carol"]
    moved = {**LEDGER_PROPS, "peers": {"alice": ["10.8.0.5/32"], "carol": ["10.8.0.2/32"]}}
    assert host.check(LEDGER, first, moved)[1] == {}


def test_a_full_subnet_is_a_failure_at_preview(host: Host) -> None:
    news = {**LEDGER_PROPS, "peers": {f"p{number}": [] for number in range(9)}}
    _, failures = host.check(LEDGER, {}, news)
    assert "10.8.0.0/29" in str(failures)


@pytest.mark.parametrize(
    ("provider", "state"),
    [
        (KEYRING, {"requests": [request("server"), request("vault", "of a newer version")]}),
        (LEDGER, {**LEDGER_PROPS, "leases": {"alice": ["10.8.0.2"]}}),
    ],
)
def test_a_state_that_is_not_understood_stops_the_run_but_not_the_end(
    host: Host, provider: KeyringProvider | AddressLedgerProvider, state: dict[str, Any]
) -> None:
    """To begin anew would cut every peer off: all keys and addresses would be others."""
    kept = Managed(host, provider, id="kept", inputs=state, outs=state)
    with pytest.raises(CheckFailed, match="the state was written by another version of this program"):
        kept.up({})
    with pytest.raises(HostError, match="the state was written by another version"):
        kept.refresh()
    kept.destroy()
