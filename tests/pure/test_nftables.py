"""The packet filter: as shown, accepted by nft, and of a size that does not grow with rules per packet."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.pure.support import network, team
from vpn import nftables
from vpn.network import Network

Golden = Callable[[str, str], None]
needs_nft = pytest.mark.skipif(
    shutil.which("nft") is None or os.geteuid() != 0, reason="nft checks rules only for root, and must be installed"
)


def check(text: str) -> None:
    """Let nft load a ruleset, twice over, in a network namespace of its own."""
    command = 'rules=$(cat) && for turn in 1 2; do echo "$rules" | nft -f - || exit; done'
    told = subprocess.run(
        ["unshare", "--net", "sh", "-c", command], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert told.returncode == 0, told.stderr


def chain(text: str, name: str) -> list[str]:
    """Return the rules of a chain, stripped."""
    found = re.search(rf"\tchain {re.escape(name)} {{\n(.*?)\n\t}}", text, re.DOTALL)
    assert found, name
    return [line.strip() for line in found[1].splitlines()]


def elements(text: str, name: str) -> list[str]:
    """Return the elements of a set or map."""
    found = re.search(rf"\t(?:set|map) {name} {{\n(.*?)\n\t}}", text, re.DOTALL)
    assert found, name
    inside = re.search(r"elements = {(.*)}", found[1])
    return [each.strip() for each in inside[1].split(",")] if inside else []


CASES: dict[str, Callable[[], Network]] = {
    "team": team,
    "alone": network,
    "open": lambda: network(
        peer_to_peer=True,
        masquerade=False,
        ip_address="dhcp",
        endpoint="vpn.example",
        address_ipv6="fd00:8::1/64",
        dmz_networks=["172.16.10.0/24", "172.16.10.128/25", "fd00:d::/64"],
        ssh_sources=["192.168.10.0/24", "fd00:a::/64"],
        listen_sources=["203.0.113.0/24"],
        zabbix_enabled=True,
        zabbix_url="https://z",
        zabbix_token="z",
        zabbix_server="192.168.10.5",
        peers=[
            {"name": "web-only", "tunnel": "full", "allow": [
                {"network": "0.0.0.0/0", "protocol": "tcp", "ports": [80, 443]},
                {"network": "::/0", "protocol": "udp", "ports": ["1024-2048"]},
                {"network": "192.168.1.1/32", "protocol": "icmp"},
                {"network": "fd00:8::5/128", "protocol": "icmp"},
                {"network": "192.168.2.0/24", "protocol": "tcp"},
            ]},
            {"name": "nothing", "allow": []},
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_rulesets_are_as_shown(golden: Golden, case: str) -> None:
    golden(f"nftables-{case}.conf", nftables.render(CASES[case]()))


@needs_nft
@pytest.mark.parametrize("case", CASES)
def test_nft_accepts_them_and_takes_them_again(case: str) -> None:
    check(nftables.render(CASES[case]()))


def test_forwarding_is_denied_by_default_and_the_dmz_comes_first() -> None:
    rules = chain(nftables.render(CASES["open"]()), "forward")
    assert rules[0] == "type filter hook forward priority filter; policy drop;"
    dmz = [index for index, rule in enumerate(rules) if "@dmz" in rule]
    accepting = [index for index, rule in enumerate(rules) if rule.endswith("accept") or "jump" in rule]
    assert max(dmz) < min(accepting)
    assert {rules[index].split(" counter")[0] for index in dmz} == {
        f"{family} {side} @dmz{version}" for family, version in (("ip", 4), ("ip6", 6)) for side in ("daddr", "saddr")
    }


def test_the_dmz_is_cut_off_in_the_ipv6_that_stands_for_it() -> None:
    text = nftables.render(network(address_ipv6="fd00:8::1/64"))
    assert elements(text, "dmz6") == ["::ffff:ac10:a00/120", "64:ff9b::ac10:a00/120", "2002:ac10:a00::/40"]
    assert 'ip6 daddr @dmz6 counter drop comment "DMZ"' in chain(text, "forward")[:5]
    assert elements(nftables.render(network()), "dmz6") == []


def test_the_ipv6_internet_as_a_route_comes_after_what_stands_for_the_dmz() -> None:
    internet = nftables.render(network(address_ipv6="fd00:8::1/64", routes=[{"destination_network": "2000::/3"}]))
    assert elements(internet, "destinations6") == ["2000::/3"]
    assert "2002:ac10:a00::/40" in elements(internet, "dmz6")
    rules = chain(internet, "forward")
    assert rules.index('ip6 daddr @dmz6 counter drop comment "DMZ"') < rules.index('iifname "wg0" jump from_vpn')


def test_what_peers_send_is_judged_for_each_packet() -> None:
    """Established flows pass without a look at the rules only in the direction of the reply."""
    rules = chain(nftables.render(team()), "forward")
    assert "ct direction reply ct state established,related accept" in rules
    assert not [rule for rule in rules if rule.startswith("ct state established")]


def test_sources_are_bound_to_the_allowed_ips_of_active_peers() -> None:
    text = nftables.render(team())
    assert elements(text, "sources4") == ["10.8.0.2/31", "10.8.0.4", "10.8.0.7", "10.8.0.8", "10.20.0.0/16"]
    assert elements(text, "sources6") == ["fd00:8::2/127", *(f"fd00:8::{n}" for n in (4, 7, 8))]
    guard = chain(text, "guard")
    assert 'iifname vmap { "wg0" : goto from_peers, "lo" : accept }' in guard
    assert 'ip saddr @vpn4 counter drop comment "spoofed"' in guard
    allowed = chain(text, "from_peers")
    assert allowed[-3:] == ["ip saddr @sources4 accept", "ip6 saddr @sources6 accept", 'counter drop comment "spoofed"']


def test_a_crowd_is_few_elements() -> None:
    """The kernel takes the rules in one message, which ten thousand elements would not fit into."""
    crowd = [{"name": f"peer{n}", "tunnel": "full", "expires_at": "2100-01-01T00:00:00Z"} for n in range(200)]
    text = nftables.render(network(peers=crowd, address="10.8.0.1/16"))
    assert max(len(elements(text, name)) for name in ("sources4", "full4")) < 30
    assert text.count(" : jump until_") < 30


def test_what_nobody_has_costs_no_packet_anything() -> None:
    """No rule of the forward path looks into a set that is empty."""
    text = nftables.render(network(peers=[{"name": "alice"}]))
    rules = [rule for name in ("guard", "from_peers", "forward", "from_vpn", "input") for rule in chain(text, name)]
    looked = {found for rule in rules for found in re.findall(r"@(\w+)", rule)}
    assert looked
    assert not [name for name in looked if not elements(text, name)]


def test_disabled_and_expired_peers_are_absent() -> None:
    text = nftables.render(team())
    assert "10.8.0.5" not in text
    assert "10.8.0.6" not in text


def test_the_kernel_cuts_a_peer_at_its_moment_in_both_directions() -> None:
    text = nftables.render(team())
    deadline = 1801418400
    assert chain(text, f"until_{deadline}") == [f'meta time >= {deadline} counter drop comment "expired"']
    assert elements(text, "expiry4") == [f"10.8.0.4 : jump until_{deadline}"]
    assert elements(text, "expiry6") == [f"fd00:8::4 : jump until_{deadline}"]
    assert chain(text, "from_peers")[:2] == ["ip saddr vmap @expiry4", "ip6 saddr vmap @expiry6"]
    assert 'oifname "wg0" ip daddr vmap @expiry4' in chain(text, "forward")


def test_peers_do_not_reach_each_other_unless_configured() -> None:
    closed, opened = chain(nftables.render(team()), "from_vpn"), chain(nftables.render(CASES["open"]()), "from_vpn")
    assert 'oifname "wg0" counter drop comment "peer to peer"' in closed
    assert 'oifname "wg0" accept' in opened


def test_limited_peers_go_to_their_chain_which_ends_in_drop() -> None:
    text = nftables.render(team())
    assert elements(text, "access4") == ["10.8.0.3 : goto group_sales", "10.8.0.4 : goto peer_carol.phone"]
    assert chain(text, "from_vpn")[:2] == ["ip saddr vmap @access4", "ip6 saddr vmap @access6"]
    assert chain(text, "group_sales") == [
        "ip daddr 192.168.40.0/24 tcp dport { 443, 8000-8080 } accept",
        'counter drop comment "not allowed to group_sales"',
    ]


@pytest.mark.parametrize(("peer_to_peer", "aside"), [(False, 'oifname != "wg0" '), (True, "")])
def test_a_wildcard_leads_to_other_peers_only_where_they_reach_each_other(peer_to_peer: bool, aside: str) -> None:
    people = [{"name": "a", "allow": [{"network": "::/0"}, {"network": "203.0.113.0/24"}]}]
    people += [{"name": "b", "site_networks": ["203.0.113.0/24"]}]
    text = nftables.render(network(address_ipv6="fd00:8::1/64", peer_to_peer=peer_to_peer, peers=people))
    assert chain(text, "peer_a")[:3] == [
        f"{aside}ip6 daddr @destinations6 accept",
        f"{aside}ip6 daddr != @private6 accept",
        "ip daddr 203.0.113.0/24 accept",
    ]


def test_a_full_tunnel_reaches_the_internet_and_no_private_network_beside_the_routes() -> None:
    text = nftables.render(team())
    assert elements(text, "full4") == ["10.8.0.2"]
    assert elements(text, "full6") == ["fd00:8::2"]
    assert "ip saddr @full4 ip daddr != @private4 accept" in chain(text, "from_vpn")
    assert "ip6 saddr @full6 ip6 daddr != @private6 accept" in chain(text, "from_vpn")
    assert "172.16.0.0/12" in elements(text, "private4")
    assert "fc00::/7" in elements(text, "private6")


def test_the_server_itself_answers_few() -> None:
    rules = chain(nftables.render(CASES["open"]()), "input")
    assert rules[1:] == [
        'iifname "lo" accept',
        'iifname "wg0" udp dport 51820 counter drop comment "tunnel in the tunnel"',
        "ip saddr @listen4 udp dport 51820 accept",
        'udp dport 51820 counter drop comment "refused"',
        "ip saddr @ssh4 tcp dport 22 accept",
        "ip6 saddr @ssh6 tcp dport 22 accept",
        'tcp dport 22 counter drop comment "refused"',
        "ct state established,related accept",
        "ct state invalid drop",
        "meta l4proto { icmp, ipv6-icmp } accept",
        'iifname "eth0" udp sport 67 udp dport 68 accept',
        "ip saddr @zabbix4 tcp dport 10050 accept",
        'counter comment "refused"',
    ]
    assert "10050" not in nftables.render(team())


def test_overlapping_networks_are_joined_so_that_nft_takes_them() -> None:
    assert elements(nftables.render(CASES["open"]()), "dmz4") == ["172.16.10.0/24"]


def test_several_ways_to_a_network_are_one_destination() -> None:
    ways: list[dict[str, Any]] = [{"metric": 5}, {}, {"destination_network": "192.168.40.0/24"}]
    text = nftables.render(network(routes=[{"destination_network": "192.168.0.0/16", **each} for each in ways]))
    assert elements(text, "destinations4") == ["192.168.0.0/16"]


def rules_of(people: list[dict[str, Any]]) -> int:
    groups = {"g": {"allow": [{"network": "192.168.1.0/24"}]}}
    text = nftables.render(network(address="10.8.0.1/16", groups=groups, peers=people))
    return len(text.splitlines())


def test_rules_do_not_grow_with_peers() -> None:
    def people(count: int) -> list[dict[str, Any]]:
        return [{"name": f"p{n}", "group": "g", "expires_at": "2027-01-31T18:00:00Z"} for n in range(count)]

    assert rules_of(people(300)) == rules_of(people(2))


@needs_nft
def test_nft_takes_a_thousand_peers_with_rules_of_their_own() -> None:
    people = [
        {"name": f"p.{n}-x_", "allow": [{"network": f"192.168.{n % 250}.0/24"}], "tunnel": "full"} for n in range(1000)
    ]
    check(nftables.render(network(address="10.8.0.1/16", address_ipv6="fd00:8::1/64", peers=people)))
