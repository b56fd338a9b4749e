"""The effective server: groups applied, states told apart, addresses and routes resolved."""

import datetime as dt
from typing import Any

import pytest

from tests.pure.support import (
    NOW,
    TEAM,
    ZABBIX,
    ledger,
    network,
    private_key,
    public_key,
    ring,
    settings,
    team,
    unclamped_key,
)
from vpn.addresses import Ledger
from vpn.errors import ConfigError, RenderError
from vpn.keyring import Keyring
from vpn.network import Network, resolve


def ips(of: Network, name: str) -> list[str]:
    return [str(each) for each in of.peer(name).allowed_ips]


def routed(of: Network, name: str) -> list[str]:
    return [str(each) for each in of.peer(name).client_allowed_ips]


def test_states_are_told_apart() -> None:
    found = team()
    assert {peer.name: peer.state for peer in found.peers} == {
        "alice-laptop": "active",
        "bob": "active",
        "carol.phone": "active",
        "dave": "disabled",
        "erin": "expired",
        "frank": "active",
        "office-b": "active",
    }
    assert [peer.name for peer in found.active] == ["alice-laptop", "bob", "carol.phone", "frank", "office-b"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("172.16.10.7/24", "must not be in the DMZ 172.16.10.0/24"),
        ("10.8.0.9/8", "not be in the VPN subnet"),
        ("10.20.3.4/24", "must not be in the site network 10.20.0.0/16 of peer b"),
    ],
)
def test_an_address_from_dhcp_is_held_to_the_rules_of_a_static_one(address: str, words: str) -> None:
    of = settings(ip_address="dhcp", routes=[], peers=[{"name": "a"}, {"name": "b", "site_networks": ["10.20.0.0/16"]}])
    with pytest.raises(ConfigError, match=f"ip_address: {address.partition('/')[0]}: .*{words}"):
        resolve(of, ring(of), ledger(of), NOW, ct_address=address)
    assert resolve(of, ring(of), ledger(of), NOW, ct_address="192.168.20.9/16").interface.endpoint


def test_an_observed_address_with_a_zone_is_refused() -> None:
    of = settings(ip_address="dhcp")
    with pytest.raises(ValueError, match="without a zone"):
        resolve(of, ring(of), ledger(of), NOW, ct_address="fe80::1%eth0")


def test_a_peer_expires_at_its_moment_and_not_before() -> None:
    of = settings(peers=[{"name": "a", "expires_at": "2027-01-31T18:00:00Z"}])
    moment = dt.datetime(2027, 1, 31, 18, tzinfo=dt.UTC)
    states = [
        resolve(of, ring(of), ledger(of), now).peer("a").state for now in (moment - dt.timedelta(seconds=1), moment)
    ]
    assert states == ["active", "expired"]


def test_allowed_ips_are_both_families_and_the_site() -> None:
    found = team()
    assert ips(found, "alice-laptop") == ["10.8.0.2/32", "fd00:8::2/128"]
    assert ips(found, "office-b") == ["10.8.0.8/32", "fd00:8::8/128", "10.20.0.0/16"]


def test_configured_allowed_ips_are_completed_with_the_missing_family() -> None:
    found = network(address_ipv6="fd00:8::1/64", peers=[{"name": "a", "allowed_ips": ["10.8.0.9/32"]}])
    assert ips(found, "a") == ["10.8.0.9/32", "fd00:8::9/128"]


def test_all_single_addresses_are_the_peers_own_and_the_first_stays_first() -> None:
    networks = ["10.8.0.9/32", "10.8.0.16/28", "10.8.0.2/32", "fd00:8::7/128", "fd00:8::5/128"]
    own = {"name": "a", "allowed_ips": networks, "site_networks": ["10.20.0.1/32"]}
    found = network(address_ipv6="fd00:8::1/64", peers=[own])
    assert [*map(str, found.peer("a").addresses)] == ["10.8.0.9", "fd00:8::7", "10.8.0.2", "fd00:8::5"]
    assert ips(found, "a") == [*networks, "10.20.0.1/32"]


def test_a_wide_network_gives_one_address_and_single_ones_come_with_it() -> None:
    found = network(peers=[{"name": "a", "allowed_ips": ["10.8.0.16/28", "10.8.0.2/32"]}])
    assert [*map(str, found.peer("a").addresses)] == ["10.8.0.17", "10.8.0.2"]


def test_groups_give_defaults_and_peers_the_last_word() -> None:
    groups = {"g": {"tunnel": "full", "mtu": 1380, "dns": ["192.168.1.1"], "persistent_keepalive": 15}}
    own = {"tunnel": "split", "mtu": 1300, "dns": [], "persistent_keepalive": 0}
    found = network(groups=groups, mtu=1420, dns=["192.168.2.2"], peers=[
        {"name": "a", "group": "g"}, {"name": "b", "group": "g", **own}, {"name": "c"}
    ])  # fmt: skip
    chosen = {peer.name: (peer.full_tunnel, peer.mtu, peer.dns, peer.persistent_keepalive) for peer in found.peers}
    assert chosen == {
        "a": (True, 1380, ("192.168.1.1",), 15),
        "b": (False, 1300, (), 0),
        "c": (False, 1420, ("192.168.2.2",), 25),
    }


def test_split_and_full_tunnels_and_client_routes() -> None:
    found = team()
    assert routed(found, "alice-laptop") == ["0.0.0.0/0", "::/0"]
    assert routed(found, "bob") == ["10.8.0.0/24", "fd00:8::/64", "192.168.0.0/16"]
    narrow = network(peers=[{"name": "a", "client_routes": ["192.168.7.0/24"]}])
    assert routed(narrow, "a") == ["10.8.0.0/24", "192.168.7.0/24"]


def test_a_client_is_told_once_of_a_network_that_has_several_ways() -> None:
    ways: list[dict[str, Any]] = [{"gateway": "192.168.10.1", "metric": 5}, {"gateway": "192.168.10.2"}]
    found = network(routes=[{"destination_network": "10.30.0.0/16", **each} for each in ways], peers=[{"name": "a"}])
    assert routed(found, "a") == ["10.8.0.0/24", "10.30.0.0/16"]


def test_peers_reach_other_sites_only_where_peers_may_talk() -> None:
    people = [{"name": "a"}, {"name": "s", "site_networks": ["10.20.0.0/16"]}]
    assert routed(network(peers=people), "a") == ["10.8.0.0/24", "192.168.0.0/16"]
    together = network(peers=people, peer_to_peer=True)
    assert routed(together, "a") == ["10.8.0.0/24", "192.168.0.0/16", "10.20.0.0/16"]
    assert routed(together, "s") == ["10.8.0.0/24", "192.168.0.0/16"]


def test_access_is_the_peers_own_or_its_groups() -> None:
    found = team()
    access = {peer.name: peer.access.origin for peer in found.peers if peer.access}
    assert access == {"bob": "group_sales", "carol.phone": "peer_carol.phone"}
    open_again = network(groups={"g": {"allow": []}}, peers=[{"name": "a", "group": "g"}])
    assert open_again.peer("a").access is not None


def test_only_managed_peers_have_a_private_key() -> None:
    found = team()
    assert not found.peer("frank").managed
    assert found.peer("bob").managed
    assert found.peer("alice-laptop").preshared_key == private_key("psk/alice-laptop")
    assert found.peer("bob").preshared_key is None


def test_keys_are_as_wireguard_holds_them_and_preshared_ones_as_they_were_given() -> None:
    own = {"name": "a", "private_key": unclamped_key("a"), "preshared_key": unclamped_key("psk")}
    found = network(private_key=unclamped_key("s"), peers=[own])
    assert found.interface.private_key == private_key("s")
    assert found.peer("a").private_key == private_key("a")
    assert found.peer("a").preshared_key == unclamped_key("psk")


@pytest.mark.parametrize(
    ("changes", "observed", "endpoint"),
    [
        ({}, None, "192.168.20.90:51820"),
        ({"listen_port": 443}, None, "192.168.20.90:443"),
        ({"endpoint": "vpn.example"}, "192.168.30.7", "vpn.example:51820"),
        ({"endpoint": "vpn.example:4500"}, None, "vpn.example:4500"),
        ({"endpoint": "2001:db8::1"}, None, "[2001:db8::1]:51820"),
        ({"endpoint": "[2001:db8::1]:4500"}, None, "[2001:db8::1]:4500"),
        ({"ip_address": "dhcp"}, "192.168.30.7", "192.168.30.7:51820"),
        ({"ip_address": "dhcp"}, "192.168.30.7/16", "192.168.30.7:51820"),
        ({"ip_address": "dhcp"}, None, None),
    ],
)
def test_the_endpoint_is_what_clients_dial(changes: dict[str, object], observed: str | None, endpoint: str) -> None:
    of = settings(**changes)
    assert resolve(of, ring(of), Ledger(), NOW, ct_address=observed).interface.endpoint == endpoint


def test_only_static_routes_through_a_router_are_the_servers_to_set() -> None:
    routes = [
        {"destination_network": "192.168.0.0/16", "gateway": "10.8.0.1"},
        {"destination_network": "10.30.0.0/16", "gateway": "192.168.10.1", "metric": 5},
        {"destination_network": "10.31.0.0/16", "gateway": "192.168.10.1", "route_type": "dynamic"},
    ]
    found = [(str(each.destination), each.gateway and str(each.gateway)) for each in network(routes=routes).routes]
    assert found == [("192.168.0.0/16", None), ("10.30.0.0/16", "192.168.10.1"), ("10.31.0.0/16", None)]


def test_the_agent_comes_with_zabbix() -> None:
    found = network(**ZABBIX)
    assert found.agent
    assert (found.agent.host, found.agent.server) == ("wireguard", "192.168.10.5")
    assert str(found.firewall.zabbix_server) == "192.168.10.5"
    assert network().agent is None


def test_what_is_missing_is_named() -> None:
    of = settings(peers=[{"name": "a"}])
    with pytest.raises(RenderError, match="no key 'server'"):
        resolve(of, Keyring(), Ledger(), NOW)
    with pytest.raises(RenderError, match="no lease for peer 'a'"):
        resolve(of, ring(of), Ledger(), NOW)
    with pytest.raises(RenderError, match="no peer 'b'"):
        network(of).peer("b")


def test_a_key_that_another_has_by_the_keyring_is_refused() -> None:
    """A key that was given once and stands nowhere now, or one that the stack made, may be given to another later."""
    of = settings(peers=[{"name": "a"}, {"name": "b"}, {"name": "c"}])
    found = ring(of)
    found["peer/b"] = found["peer/a"]
    found["peer/c"] = found["server"]
    with pytest.raises(ConfigError) as refusal:
        resolve(of, found, ledger(of), NOW)
    assert [(each.key, each.value, each.rule) for each in refusal.value.problems] == [
        ("peers[1].name", "b", "must have a key of its own: peers[0] has the same"),
        ("peers[2].name", "c", "must have a key of its own: the server has the same"),
    ]
    assert found["peer/a"].secret not in str(refusal.value)


def test_the_public_key_is_held_to_the_key_that_the_keyring_keeps() -> None:
    """As it stands after a migration: the private key is in the keyring alone."""
    found = ring(settings())
    kept, other = settings(public_key=found["server"].public), settings(public_key=public_key("else"))
    assert resolve(kept, found, Ledger(), NOW).interface.public_key == found["server"].public
    with pytest.raises(ConfigError) as refusal:
        resolve(other, found, Ledger(), NOW)
    (problem,) = refusal.value.problems
    assert (problem.key, problem.value) == ("public_key", public_key("else"))
    assert "does not belong to the server's key in the keyring" in problem.rule
    assert found["server"].secret not in str(refusal.value)


def test_secrets_do_not_show() -> None:
    shown = repr(team())
    secrets = [entry.secret for name, entry in ring(settings(**TEAM)).items() if name != "owner"]
    assert not [each for each in secrets if each in shown]
