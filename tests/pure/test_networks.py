"""How networks lie to each other, whichever family an address is written in."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from vpn.settings.networks import forms, touched_dmz


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_an_ipv6_address_that_stands_for_one_inside_is_inside_a_form(start: int, prefix: int, offset: int) -> None:
    network = IPv4Network((start, prefix), strict=False)
    inside = network.network_address + offset % network.num_addresses
    mapped = IPv6Address(f"::ffff:{inside}")
    router = IPv6Address((0x2002 << 112) | (int(inside) << 80) | 1)
    assert (mapped.ipv4_mapped, router.sixtofour) == (inside, inside)
    for address in (inside, mapped, router, IPv6Address(f"64:ff9b::{inside}")):
        assert any(address in form for form in forms(network)), address


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_a_form_holds_no_more_than_its_network(start: int, prefix: int, other: int) -> None:
    network, outside = IPv4Network((start, prefix), strict=False), IPv4Address(other)
    if outside in network:
        return
    stand_ins = (IPv6Address(f"64:ff9b::{outside}"), IPv6Address((0x2002 << 112) | (other << 80)))
    assert not [each for each in stand_ins for form in forms(network) if each in form]


def test_the_dmz_that_is_touched_is_named_with_the_form_that_is() -> None:
    dmz = (ip_network("172.16.10.0/24"), ip_network("fd00:d::/64"))
    assert touched_dmz(ip_network("172.16.0.0/12"), dmz) == "172.16.10.0/24"
    assert touched_dmz(ip_network("2002::/16"), dmz) == "172.16.10.0/24, for which 2002:ac10:a00::/40 stands"
    assert touched_dmz(ip_network("fd00::/16"), dmz) == "fd00:d::/64"
    assert touched_dmz(ip_network("64:ff9b::ac11:0/112"), dmz) == ""


def test_what_is_wider_than_the_prefixes_that_embed_ipv4_touches_no_form() -> None:
    dmz = (ip_network("172.16.10.0/24"), ip_network("fd00:d::/64"))
    assert {touched_dmz(ip_network(each), dmz) for each in ("2000::/3", "2002::/15", "64:ff9b::/95", "::/1")} == {""}
    assert touched_dmz(ip_network("::/0"), dmz) == "fd00:d::/64"
