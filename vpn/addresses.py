"""Which peer has which VPN address: deterministic, stable, and slow to give a released address to another.

The result follows from the set of peers, not their order. A peer keeps its address for as long as it exists; a
released address rests for the quarantine, because an old client file may still name it. Time alone changes nothing.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final

from vpn.errors import AllocationError, ConfigError, Problem, listed
from vpn.ledger import Lease, Ledger, Release
from vpn.settings import IPAddress, IPNetwork, Settings
from vpn.settings.ip import own_address

__all__ = ["Claim", "Lease", "Ledger", "Release", "allocate", "claims", "given_back", "reserved"]

WIDEST: Final = 256
"""Addresses of the widest network that rests as a whole once it is given back."""
LEASED: Final = "is leased to {}: set allowed_ips there to another address, or leave it out here"


@dataclass(frozen=True, slots=True)
class Claim:
    """A peer that needs addresses, and the networks its configuration fixes."""

    name: str
    fixed: tuple[IPNetwork, ...] = ()


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return what each peer of the configuration claims."""
    return tuple(Claim(peer.name, peer.allowed_ips) for peer in settings.peers)


def reserved(settings: Settings) -> tuple[IPAddress, ...]:
    """Return the addresses that are the server's own."""
    second = settings.interface.address_ipv6
    first = settings.interface.address.ip
    return (first, second.ip) if second else (first,)


def allocate(  # noqa: PLR0917 - the six are what an allocation is made of
    peers: Iterable[Claim],
    subnets: Sequence[IPNetwork],
    reserved: Iterable[IPAddress],
    previous: Ledger,
    now: dt.datetime,
    quarantine: dt.timedelta,
) -> Ledger:
    """Return the next ledger. Raise AllocationError when a subnet is full.

    Raise ConfigError when a fixed network takes the address of another peer that stays: it would lose its connection.
    `subnets` is the IPv4 subnet, with its IPv6 twin when there is one; `reserved` the server's own addresses.
    """
    ordered = sorted(peers, key=lambda claim: claim.name)
    if taken := [*_taken(ordered, previous)]:
        raise ConfigError(taken)
    subnet4 = next(each for each in subnets if isinstance(each, IPv4Network))
    subnet6 = next((each for each in subnets if isinstance(each, IPv6Network)), None)
    resting = _resting(previous, now, quarantine)
    pool4 = _Pool(subnet4, ordered, reserved, resting)
    pool6 = _Pool(subnet6, ordered, reserved, resting) if subnet6 else None
    kept = _kept(ordered, previous, pool4, pool6)
    former = {each.name: ip for ip, each in previous.released.items() if ip.version == 4}
    leases = {name: _lease(name, has, former.get(name), pool4, pool6) for name, has in kept.items()}
    return Ledger(leases, _released(leases, previous, now, subnets))


def given_back(former: Iterable[Claim], peers: Iterable[Claim], now: dt.datetime) -> dict[IPAddress, Release]:
    """Return the addresses that configurations of `former` peers fixed and those of `peers` no longer do.

    They rest like leased ones: an old client file names them too. Of a network wider than WIDEST only what was leased
    rests.
    """
    still = {claim.name: claim.fixed for claim in peers}
    return {
        ip: Release(claim.name, _whole(now))
        for claim in former
        for network in claim.fixed
        if network not in still.get(claim.name, ()) and network.num_addresses <= WIDEST
        for ip in network
        if not any(ip in each for each in still.get(claim.name, ()))
    }


def _whole(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC).replace(microsecond=0)


def _taken(peers: Sequence[Claim], previous: Ledger) -> Iterator[Problem]:
    """Yield the fixed networks that hold what is leased to another peer, who stays and is not fixed elsewhere."""
    held: dict[IPAddress, str] = {
        ip: claim.name
        for claim in peers
        if (lease := previous.leases.get(claim.name))
        for ip in lease.addresses
        if _fixed(claim, ip.version) is None
    }
    for claim in peers:
        for index, network in enumerate(claim.fixed):
            # Whichever are fewer; a subnet of IPv6 has no end.
            some: Iterable[IPAddress] = network if network.num_addresses < len(held) else held
            if holders := [held[ip] for ip in some if ip in held and ip in network]:
                rule = LEASED.format(listed(holders, most=5))
                yield Problem(f"allowed_ips[{index}] of peer {claim.name}", str(network), rule)


def _resting(previous: Ledger, now: dt.datetime, quarantine: dt.timedelta) -> dict[IPAddress, str]:
    """Return which addresses only their last holder may have: released ones, and those that this run may release."""
    released = {ip: each.name for ip, each in previous.released.items() if now < each.released_at + quarantine}
    held = {ip: name for name, lease in previous.leases.items() for ip in lease.addresses}
    return {**released, **held} if quarantine else released


class _Pool:
    """The free addresses of one subnet, by their offset in it; each call is quick however many are taken."""

    def __init__(
        self, subnet: IPNetwork, peers: Sequence[Claim], reserved: Iterable[IPAddress], resting: Mapping[IPAddress, str]
    ) -> None:
        self.subnet = subnet
        self._base = int(subnet.network_address)
        self._last = subnet.num_addresses - 2
        self._taken = {int(ip) - self._base for ip in reserved if ip in subnet}
        self._resting = {int(ip) - self._base: name for ip, name in resting.items() if ip in subnet}
        self._starts, self._ends = _merged(self._offsets(peers))
        self._next = {True: 1, False: 1}

    def _offsets(self, peers: Sequence[Claim]) -> Iterator[tuple[int, int]]:
        for claim in peers:
            for network in claim.fixed:
                if network.version == self.subnet.version:
                    start = int(network.network_address) - self._base
                    yield start, start + network.num_addresses - 1

    def __contains__(self, offset: int) -> bool:
        return 1 <= offset <= self._last

    def is_free(self, offset: int, name: str) -> bool:
        """Tell whether a peer may have an offset: in the subnet, nobody's, not fixed, not resting for another."""
        if offset not in self or offset in self._taken or self._resting.get(offset, name) != name:
            return False
        place = bisect_right(self._starts, offset) - 1
        return place < 0 or offset > self._ends[place]

    def take(self, offset: int) -> None:
        """Mark an offset as taken."""
        self._taken.add(offset)

    def offset(self, ip: IPAddress) -> int:
        """Return an address's offset, which may lie outside the subnet."""
        return int(ip) - self._base

    def address(self, offset: int) -> Any:
        """Return the address at an offset."""
        return self.subnet.network_address + offset

    def take_lowest(self, name: str, twin: _Pool | None) -> Any:
        """Take the lowest address that is free here, and whose offset is free in the twin too when there is one."""
        # One cursor for each question: what is no answer with a twin may be one without.
        alone = twin is None
        for offset in range(self._next[alone], self._last + 1):
            if self.is_free(offset, name) and (twin is None or twin.is_free(offset, name)):
                self._next[alone] = offset + 1
                self.take(offset)
                return self.address(offset)
        message = f"the VPN subnet {self.subnet} has no free address for peer {name!r}"
        raise AllocationError(message)


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    starts: list[int] = []
    ends: list[int] = []
    for start, end in sorted(spans):
        if ends and start <= ends[-1]:
            ends[-1] = max(ends[-1], end)
        else:
            starts.append(start)
            ends.append(end)
    return starts, ends


_Kept = tuple[IPv4Address | None, IPv6Address | None]


def _kept(peers: Sequence[Claim], previous: Ledger, pool4: _Pool, pool6: _Pool | None) -> dict[str, _Kept]:
    """Return what each peer has for certain: fixed addresses, then what it had. Take those before any are dealt out."""
    kept: dict[str, _Kept] = {}
    for claim in peers:
        lease = previous.leases.get(claim.name)
        four = _fixed(claim, 4) or _still(lease.ipv4 if lease else None, claim.name, pool4)
        six = _fixed(claim, 6) or _still(lease.ipv6 if lease else None, claim.name, pool6)
        kept[claim.name] = four, six
    return kept


def _fixed(claim: Claim, version: int) -> Any:
    network = next((each for each in claim.fixed if each.version == version), None)
    return own_address(network) if network else None


def _still(ip: Any, name: str, pool: _Pool | None) -> Any:
    if ip is None or pool is None or ip.version != pool.subnet.version or not pool.is_free(pool.offset(ip), name):
        return None
    pool.take(pool.offset(ip))
    return ip


def _lease(name: str, kept: _Kept, former: IPAddress | None, pool4: _Pool, pool6: _Pool | None) -> Lease:
    """Complete what a peer has: its former address when that is free, else the lowest free one."""
    four, six = kept
    if four is None:
        same = pool4.address(pool6.offset(six)) if pool6 and six and pool6.offset(six) in pool4 else None
        four = _still(former or same, name, pool4) or pool4.take_lowest(name, None if six else pool6)
    if six is None and pool6 is not None:
        # The same host part in both families is easy to remember; a taken one is no reason to fail.
        twin = pool6.address(pool4.offset(four))
        six = _still(twin, name, pool6) or pool6.take_lowest(name, None)
    return Lease(four, six if pool6 is not None else None)


def _released(
    leases: Mapping[str, Lease], previous: Ledger, now: dt.datetime, subnets: Sequence[IPNetwork]
) -> dict[IPAddress, Release]:
    held = {ip for lease in leases.values() for ip in lease.addresses}
    left = {
        ip: Release(name, _whole(now))
        for name, lease in previous.leases.items()
        for ip in lease.addresses
        if leases.get(name) != lease
    }
    together = {**previous.released, **left}
    return {ip: each for ip, each in together.items() if ip not in held and any(ip in subnet for subnet in subnets)}
