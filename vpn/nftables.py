"""The packet filter of the server (nftables): who reaches what, enforced where clients cannot change it.

Lookups go through sets and verdict maps, so a packet costs the same with one peer and with 10,000. Order matters:
the DMZ is cut off before anything is accepted, and what a peer sends is judged anew for each packet, so that a narrowed
rule ends what it sends in flows that are already established. Answers pass as long as their flow lasts: a host that
goes on sending unasked is cut off when the peer is disabled, removed or expires.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import collapse_addresses, ip_network
from typing import Any, Final

from vpn import rendering
from vpn.agent import PORT as AGENT_PORT
from vpn.network import Access, Network, Peer
from vpn.settings import NIC, AllowRule, IPNetwork
from vpn.settings.networks import PRIVATE, forms

SSH_PORT: Final = 22


@dataclass(frozen=True)
class Family:
    """One address family as the template needs it."""

    version: int
    match: str
    set_type: str

    def of(self, networks: Iterable[IPNetwork]) -> list[str]:
        """Return the networks of this family, joined where they overlap or adjoin, as set elements."""
        own: Any = [each for each in networks if each.version == self.version]
        return [_element(each) for each in collapse_addresses(own)]


FAMILIES: Final = (Family(4, "ip", "ipv4_addr"), Family(6, "ip6", "ipv6_addr"))


def render(network: Network) -> str:
    """Return a ruleset that replaces our table `inet wireguard_vpn` in one transaction, and touches no other."""
    firewall = network.firewall
    chains = _access_chains(network.active)
    # A wildcard means what is behind the server. Another peer or its site is reached by a rule that names it.
    aside = "" if firewall.peer_to_peer else f'oifname != "{network.interface.name}" '
    return rendering.render(
        "nftables.conf.j2",
        interface=network.interface.name,
        nic=NIC,
        port=network.interface.listen_port,
        stateless=(("listen", "udp", network.interface.listen_port), ("ssh", "tcp", SSH_PORT)),
        ssh_port=SSH_PORT,
        agent_port=AGENT_PORT,
        firewall=firewall,
        families=FAMILIES,
        sets={family.version: dict(_sets(family, network)) for family in FAMILIES},
        access={family.version: _verdicts(family, network.active, _access_verdict) for family in FAMILIES},
        expiry={family.version: _verdicts(family, network.active, _expiry_verdict) for family in FAMILIES},
        deadlines=sorted({peer.deadline for peer in network.active if peer.expires_at}),
        chains={origin: [_rule(rule, aside) for rule in access.rules] for origin, access in chains.items()},
    )


def _sets(family: Family, network: Network) -> Iterator[tuple[str, list[str]]]:
    """Yield name and elements of each set of a family."""
    firewall, active = network.firewall, network.active
    yield "vpn", family.of(network.vpn_networks)
    # The same addresses whether joined or not; the kernel takes a transaction of some 5,000 elements at most.
    yield "sources", family.of(each for peer in active for each in peer.allowed_ips)
    yield "sites", family.of(each for peer in active for each in peer.site_networks)
    yield "dmz", family.of(_dmz(network))
    yield "destinations", family.of(firewall.destinations)
    yield "private", family.of(PRIVATE)
    yield "full", family.of(each for peer in active if peer.full_tunnel for each in peer.allowed_ips)
    yield "listen", family.of(firewall.listen_sources)
    yield "ssh", family.of(firewall.ssh_sources)
    agent = [ip_network(firewall.zabbix_server)] if firewall.zabbix_server else []
    yield "zabbix", family.of(agent)


def _dmz(network: Network) -> Iterator[IPNetwork]:
    """Yield the DMZ in every form that can pass: what stands for it in IPv6 only where the VPN has IPv6."""
    families = {each.version for each in network.vpn_networks}
    for each in network.firewall.dmz_networks:
        yield from (form for form in forms(each) if form == each or form.version in families)


def _access_chains(peers: Iterable[Peer]) -> dict[str, Access]:
    found = {peer.access.origin: peer.access for peer in peers if peer.access}
    return {origin: found[origin] for origin in sorted(found)}


def _access_verdict(peer: Peer) -> str | None:
    return f"goto {peer.access.origin}" if peer.access else None


def _expiry_verdict(peer: Peer) -> str | None:
    return f"jump until_{peer.deadline}" if peer.expires_at else None


def _verdicts(family: Family, peers: Iterable[Peer], verdict: Callable[[Peer], str | None]) -> list[str]:
    """Return the elements of a verdict map: those that share one are joined."""
    chosen: dict[str, list[IPNetwork]] = {}
    for peer in peers:
        found = verdict(peer)
        if found:
            chosen.setdefault(found, []).extend(peer.allowed_ips)
    return [f"{element} : {found}" for found, networks in chosen.items() for element in family.of(networks)]


def _rule(rule: AllowRule, aside: str) -> list[str]:
    """Return the matches that accept what a rule allows.

    All of the internet is two: the routes, and what is public; `aside` is what leaves out the way to other peers.
    """
    family = next(each for each in FAMILIES if each.version == rule.network.version)
    what = _what(rule)
    if rule.network.prefixlen:
        return [f"{family.match} daddr {_element(rule.network)}{what}"]
    whole = (f"@destinations{family.version}", f"!= @private{family.version}")
    return [f"{aside}{family.match} daddr {each}{what}" for each in whole]


def _what(rule: AllowRule) -> str:
    if rule.protocol == "icmp":
        return f" meta l4proto {'icmp' if rule.network.version == 4 else 'ipv6-icmp'}"
    if rule.protocol == "any":
        return ""
    if not rule.ports:
        return f" meta l4proto {rule.protocol}"
    ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in rule.ports)
    return f" {rule.protocol} dport {{ {ports} }}"


def _element(network: IPNetwork) -> str:
    """Return a network as nft lists it: a single address without its prefix length."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
