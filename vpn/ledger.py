"""Who has which VPN address, and which addresses rest: the data that allocation carries from run to run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from vpn.settings import IPAddress


@dataclass(frozen=True, slots=True)
class Lease:
    """The tunnel addresses of one peer."""

    ipv4: IPv4Address
    ipv6: IPv6Address | None = None

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """All addresses of the lease, IPv4 first."""
        return (self.ipv4, self.ipv6) if self.ipv6 else (self.ipv4,)


@dataclass(frozen=True, slots=True)
class Release:
    """Who had an address, and when it was given back."""

    name: str
    released_at: dt.datetime


@dataclass(frozen=True)
class Ledger:
    """Leases by peer name, and released addresses."""

    leases: Mapping[str, Lease] = field(default_factory=dict)
    released: Mapping[IPAddress, Release] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the ledger as JSON-able data."""
        return {
            "leases": {
                name: {"ipv4": str(lease.ipv4)} | ({"ipv6": str(lease.ipv6)} if lease.ipv6 else {})
                for name, lease in sorted(self.leases.items())
            },
            "released": {
                str(ip): {"name": each.name, "released_at": each.released_at.isoformat()}
                for ip, each in sorted(self.released.items(), key=lambda item: (item[0].version, int(item[0])))
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ledger:
        """Return the ledger from its JSON-able data; an empty mapping is an empty ledger."""
        leases = {
            name: Lease(IPv4Address(each["ipv4"]), IPv6Address(each["ipv6"]) if each.get("ipv6") else None)
            for name, each in data.get("leases", {}).items()
        }
        released = {
            _address(text): Release(each["name"], dt.datetime.fromisoformat(each["released_at"]))
            for text, each in data.get("released", {}).items()
        }
        return cls(leases, released)


def _address(text: str) -> IPAddress:
    return IPv6Address(text) if ":" in text else IPv4Address(text)
