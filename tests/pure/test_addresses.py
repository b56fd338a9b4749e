"""Addresses are unique, stable and slow to change hands."""

import datetime as dt
import json
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pure.support import MONTH, NOW, ledger, settings
from vpn.addresses import Claim, Ledger, Release, allocate, given_back, reserved
from vpn.errors import AllocationError, ConfigError

SUBNET = ip_network("10.8.0.0/29")
SIX = ip_network("fd00:8::/64")
SERVER = (ip_address("10.8.0.1"), ip_address("fd00:8::1"))
names = st.text("abcdefgh", min_size=1, max_size=3)


def deal(
    *people: str | Claim, previous: Ledger | None = None, now: dt.datetime = NOW, subnets: Any = (SUBNET,)
) -> Ledger:
    claims = [each if isinstance(each, Claim) else Claim(each) for each in people]
    return allocate(claims, subnets, SERVER, previous or Ledger(), now, MONTH)


def four(found: Ledger) -> dict[str, str]:
    return {name: str(lease.ipv4) for name, lease in found.leases.items()}


def six(found: Ledger) -> dict[str, str]:
    return {name: str(lease.ipv6) for name, lease in found.leases.items()}


def test_peers_get_the_lowest_addresses_in_order_of_name() -> None:
    assert four(deal("bob", "alice")) == {"alice": "10.8.0.2", "bob": "10.8.0.3"}


@given(st.lists(names, unique=True, max_size=5).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_order_does_not_matter(orders: tuple[list[str], list[str]]) -> None:
    assert deal(*orders[0]) == deal(*orders[1])


def test_peers_keep_their_addresses_when_others_come_and_go() -> None:
    first = deal("b", "c")
    second = deal("a", "c", previous=first)
    assert four(second) == {"a": "10.8.0.4", "c": "10.8.0.3"}


def test_a_released_address_rests() -> None:
    first = deal("a", "b")
    second = deal("b", previous=first)
    assert {str(ip): each.name for ip, each in second.released.items()} == {"10.8.0.2": "a"}
    during = deal("b", "x", previous=second, now=NOW + MONTH - dt.timedelta(seconds=1))
    assert four(during)["x"] == "10.8.0.4"
    after = deal("b", "x", previous=second, now=NOW + MONTH)
    assert four(after)["x"] == "10.8.0.2"
    assert after.released == {}


def test_a_returning_peer_gets_its_address_back() -> None:
    gone = deal("b", previous=deal("a", "b"))
    assert four(deal("a", "b", previous=gone))["a"] == "10.8.0.2"


def test_time_alone_changes_nothing() -> None:
    found = deal("b", previous=deal("a", "b"))
    assert deal("b", previous=found, now=NOW + 100 * MONTH) == found


def test_fixed_addresses_are_nobody_elses() -> None:
    fixed = Claim("z", (ip_network("10.8.0.2/32"),))
    assert four(deal("a", fixed)) == {"a": "10.8.0.3", "z": "10.8.0.2"}


@pytest.mark.parametrize("network", ["10.8.0.2/32", "10.8.0.2/31", "fd00:8::2/128", "fd00:8::/126"])
def test_what_is_leased_to_a_peer_that_stays_is_not_fixed_for_another(network: str) -> None:
    both = (SUBNET, SIX)
    wanted = Claim("z", (ip_network("10.8.0.6/32"), ip_network(network)))
    with pytest.raises(ConfigError) as refusal:
        deal("a", wanted, previous=deal("a", "z", subnets=both), subnets=both)
    (problem,) = refusal.value.problems
    assert (problem.key, problem.value) == ("allowed_ips[1] of peer z", network)
    assert problem.rule.startswith("is leased to a: set allowed_ips there to another address")


@pytest.mark.parametrize(
    ("before", "after", "resting"),
    [
        (["10.8.0.2/32"], ["10.8.0.2/32"], []),
        (["10.8.0.2/32"], [], [2]),
        (["10.8.0.2/32", "10.8.0.4/31"], ["10.8.0.4/31"], [2]),
        (["10.8.0.4/30"], ["10.8.0.5/32"], [4, 6, 7]),
        (["10.8.0.5/32"], ["10.8.0.4/30"], []),
        (["10.8.0.0/24"], [], [*range(256)]),
        (["10.8.0.0/23"], [], []),
    ],
)
def test_what_was_fixed_and_no_longer_is_rests_for_its_peer(
    before: list[str], after: list[str], resting: list[int]
) -> None:
    old, new = ([Claim("ann", tuple(map(ip_network, each))), Claim("bob")] for each in (before, after))
    found = given_back(old, new, NOW)
    assert found == {ip_address("10.8.0.0") + offset: Release("ann", NOW) for offset in resting}


def test_all_taken_leases_are_told_at_once() -> None:
    first = deal("a", "b", "c")
    wide, single = Claim("y", (ip_network("10.8.0.2/31"),)), Claim("z", (ip_network("10.8.0.4/32"),))
    with pytest.raises(ConfigError) as refusal:
        deal("a", "b", "c", wide, single, previous=first)
    told = [(each.key, each.rule.partition(":")[0]) for each in refusal.value.problems]
    assert told == [
        ("allowed_ips[0] of peer y", "is leased to a, b"),
        ("allowed_ips[0] of peer z", "is leased to c"),
    ]


def test_a_lease_may_be_fixed_for_another_when_its_holder_leaves_or_moves() -> None:
    first = deal("a", "z")
    fixed = Claim("z", (ip_network("10.8.0.2/32"),))
    assert four(deal(fixed, previous=first)) == {"z": "10.8.0.2"}
    elsewhere = Claim("a", (ip_network("10.8.0.5/32"),))
    assert four(deal(elsewhere, fixed, previous=first)) == {"a": "10.8.0.5", "z": "10.8.0.2"}
    swapped = Claim("a", (ip_network("10.8.0.3/32"),))
    assert four(deal(swapped, fixed, previous=first)) == {"a": "10.8.0.3", "z": "10.8.0.2"}


def test_a_peer_may_fix_what_is_leased_to_itself() -> None:
    own = Claim("a", (ip_network("10.8.0.2/32"),))
    first = deal("a", "b")
    assert deal(own, "b", previous=first) == first
    assert deal("a", "b", previous=deal(own, "b", previous=first)) == first


def test_a_wide_network_is_kept_clear_and_gives_its_first_host() -> None:
    wide = Claim("z", (ip_network("10.8.0.2/31"), ip_network("10.8.0.4/32")))
    assert four(deal("a", wide)) == {"a": "10.8.0.5", "z": "10.8.0.3"}
    nested = Claim("y", (ip_network("10.8.0.3/32"),))
    assert four(deal("a", wide, nested))["a"] == "10.8.0.5"


def test_both_families_share_the_host_part() -> None:
    found = deal("a", "b", subnets=(SUBNET, SIX))
    assert six(found) == {"a": "fd00:8::2", "b": "fd00:8::3"}
    assert found.leases["a"].addresses == (ip_address("10.8.0.2"), ip_address("fd00:8::2"))


def test_a_host_part_must_be_free_in_both_families() -> None:
    fixed = Claim("z", (ip_network("fd00:8::2/128"),))
    found = deal("a", fixed, subnets=(SUBNET, SIX))
    assert (four(found)["a"], six(found)["a"]) == ("10.8.0.3", "fd00:8::3")
    assert (four(found)["z"], six(found)["z"]) == ("10.8.0.2", "fd00:8::2")


def test_a_fixed_ipv4_address_gets_another_host_part_when_its_own_is_taken() -> None:
    people = (Claim("y", (ip_network("10.8.0.2/32"),)), Claim("z", (ip_network("fd00:8::2/128"),)))
    assert six(deal(*people, subnets=(SUBNET, SIX)))["y"] == "fd00:8::3"


def test_a_second_family_comes_and_goes() -> None:
    first = deal("a")
    both = deal("a", previous=first, subnets=(SUBNET, SIX))
    assert six(both) == {"a": "fd00:8::2"}
    back = deal("a", previous=both)
    assert (four(back), six(back), back.released) == (four(first), {"a": "None"}, {})


def test_another_subnet_means_other_addresses() -> None:
    found = deal("a", previous=deal("a", "b"), subnets=(ip_network("10.9.0.0/24"),))
    assert four(found) == {"a": "10.9.0.1"}
    assert found.released == {}


def test_a_full_subnet_is_an_error_that_names_the_peer() -> None:
    assert len(deal(*"abcde").leases) == 5
    with pytest.raises(AllocationError, match=r"10\.8\.0\.0/29 has no free address for peer 'f'"):
        deal(*"abcdef")


def test_resting_addresses_can_fill_a_subnet() -> None:
    gone = deal(previous=deal(*"abcde"))
    with pytest.raises(AllocationError):
        deal("x", previous=gone)
    assert four(deal("x", previous=gone, now=NOW + MONTH)) == {"x": "10.8.0.2"}


def test_a_ledger_survives_json() -> None:
    found = deal("b", previous=deal("a", "b", subnets=(SUBNET, SIX)), subnets=(SUBNET, SIX))
    assert Ledger.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert Ledger.from_dict({}) == Ledger()


def test_settings_claim_what_they_say() -> None:
    found = ledger(
        settings(address="10.8.0.2/24", peers=[{"name": "b", "allowed_ips": ["10.8.0.1/32"]}, {"name": "a"}])
    )
    assert four(found) == {"a": "10.8.0.3", "b": "10.8.0.1"}
    assert isinstance(found.leases["a"].ipv4, IPv4Address)


def test_without_quarantine_an_address_changes_hands_at_once_but_never_while_it_is_held() -> None:
    def deal_at_once(*people: str, previous: Ledger) -> Ledger:
        return allocate([Claim(each) for each in people], [SUBNET], SERVER, previous, NOW, dt.timedelta(0))

    first = deal("bob")
    assert four(deal_at_once("alice", "bob", previous=first)) == {"alice": "10.8.0.3", "bob": "10.8.0.2"}
    assert four(deal_at_once("alice", previous=first)) == {"alice": "10.8.0.2"}


def test_a_returning_peer_gets_its_former_address_not_the_lowest() -> None:
    gone = deal(previous=deal(Claim("alice", (ip_network("10.8.0.5/32"),))))
    assert four(deal("alice", "bob", previous=gone)) == {"alice": "10.8.0.5", "bob": "10.8.0.2"}


def test_one_family_stays_when_the_other_changes() -> None:
    both = (SUBNET, SIX)
    first = deal("alice", "bob", subnets=both)
    moved = deal(Claim("alice", (ip_network("10.8.0.6/32"),)), "bob", "carol", previous=first, subnets=both)
    assert six(moved) == {"alice": "fd00:8::2", "bob": "fd00:8::3", "carol": "fd00:8::4"}
    assert four(moved)["alice"] == "10.8.0.6"


def test_a_fixed_ipv6_address_gives_its_host_part_to_ipv4() -> None:
    claim = Claim("alice", (ip_network("fd00:8::5/128"),))
    assert four(deal(claim, subnets=(SUBNET, SIX))) == {"alice": "10.8.0.5"}
    assert deal(claim).leases["alice"].ipv6 is None


def test_releases_are_dated_in_utc() -> None:
    east = NOW.astimezone(dt.timezone(dt.timedelta(hours=5)))
    (release,) = deal(previous=deal("alice"), now=east).released.values()
    assert (release.released_at, release.released_at.utcoffset()) == (NOW.replace(microsecond=0), dt.timedelta(0))


def test_both_of_the_server_s_addresses_are_reserved() -> None:
    found = reserved(settings(address="10.8.0.1/24", address_ipv6="fd00:8::9/64"))
    assert found == (ip_address("10.8.0.1"), ip_address("fd00:8::9"))
