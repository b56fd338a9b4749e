"""The ledger of tunnel addresses: who has which, and which rest; decided at preview, kept in state."""

import datetime as dt
from ipaddress import ip_address, ip_network
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from providers.base import Provider
from providers.props import Props
from vpn.addresses import Claim, allocate, given_back
from vpn.errors import ConfigError, Problem, listed
from vpn.ledger import Ledger

GONE = "is gone or has no `peers`, and with them {}: put it back; to remove everybody, write `peers: []` into it"


class LedgerProps(Props):
    """`peers` maps names to the networks their configuration fixes; `quarantine_days` in days.

    `peers_file` is the file in which the peers stand, "" where none does. `leases` and `released` are the ledger as
    `vpn.ledger` writes it.
    """

    as_text = frozenset({"peers", "leases", "released"})
    peers: dict[str, list[str]] = {}
    peers_file: str = ""
    subnets: list[str] = []
    reserved: list[str] = []
    quarantine_days: int = 0
    leases: dict[str, dict[str, str]] = {}
    released: dict[str, dict[str, str]] = {}


class AddressLedgerProvider(Provider[LedgerProps]):
    """Keeps the ledger in state alone; there is nothing outside to read or remove."""

    props = LedgerProps

    def on_check(self, old: LedgerProps | None, new: LedgerProps) -> LedgerProps:
        """Let the ledger follow from the last one; AllocationError when the subnet is full.

        Raises ConfigError when the peers file is gone and peers with it: a lost file is no wish to remove people. So it
        does when a peer's fixed address is leased to another who stays.
        """
        if old and old.peers_file and not new.peers_file and (lost := sorted(old.peers.keys() - new.peers.keys())):
            raise ConfigError([Problem("peers_file", old.peers_file, GONE.format(listed(lost, most=5)))])
        now, claims = dt.datetime.now(dt.UTC), _claims(new)
        found = allocate(
            claims,
            [ip_network(subnet) for subnet in new.subnets],
            [ip_address(address) for address in new.reserved],
            _previous(old, claims, now) if old else Ledger(),
            now,
            dt.timedelta(days=new.quarantine_days),
        ).to_dict()
        return new.with_(leases=found["leases"], released=found["released"])

    def on_create(self, new: LedgerProps) -> tuple[str, LedgerProps]:
        """Keep the ledger."""
        return "addresses", new


def _claims(props: LedgerProps) -> list[Claim]:
    return [Claim(name, tuple(map(ip_network, fixed))) for name, fixed in props.peers.items()]


def _previous(old: LedgerProps, claims: list[Claim], now: dt.datetime) -> Ledger:
    """Return the last ledger, with what peers' configurations fixed then and do no longer."""
    ledger = Ledger.from_dict({"leases": old.leases, "released": old.released})
    return Ledger(ledger.leases, {**ledger.released, **given_back(_claims(old), claims, now)})


class AddressLedger(Resource, module="vpn", name="AddressLedger"):
    """The tunnel addresses of all peers, as `vpn.tables` holds them."""

    leases: pulumi.Output[Any]
    released: pulumi.Output[Any]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(
            AddressLedgerProvider(), name, LedgerProps.inputs({"leases": {}, "released": {}, **props}), opts
        )
