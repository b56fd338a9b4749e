"""Bringing the server back from a backup, and a copy of it beside the running one.

A restored server is the same in every key, address and host key. Two of them must never speak to the same peers: the
copy of a drill has another address, no way out of its network, and a firewall that lets nothing out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from cli import server
from cli.deployed import Deployed
from clients import property_string
from clients.proxmox import BACKUP_SECONDS, Proxmox
from clients.ssh import Session, Way
from vpn import drift, marks
from vpn.errors import NotFound, OwnershipError, StackError
from vpn.expectation import Expectation
from vpn.settings import NIC

BOOT_SECONDS: Final = 120.0
SERVICE_SECONDS: Final = 90.0
BACK_SECONDS: Final = 150.0
"""How long peers have to come back by themselves. Who sends data tries a new handshake after 15 s without an answer;
who sends only keepalives does not expect any, and notices at its next rekeying: 120 s and a keepalive of 25 s
(WireGuard paper, sections 6.2 and 6.5)."""
FIREWALL_SECONDS: Final = 20.0
"""Until a node enforces the rules of a new container for certain: pve-firewall compiles them every 10 s."""
CLOSED: Final = {"enable": "1", "policy_in": "DROP", "policy_out": "DROP", "dhcp": "0"}
SSH_ONLY: Final = {"type": "in", "action": "ACCEPT", "enable": "1", "proto": "tcp", "dport": "22", "comment": "drill"}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where the container is, or shall be: node, VMID, storage of its disk, pool, and the mark that makes it ours."""

    node: str
    vmid: int
    storage: str
    pool: str | None
    mark: str

    @classmethod
    def of(cls, deployed: Deployed) -> Place:
        """Return the stack's own place."""
        claim = deployed.claim
        return cls(claim["node"], claim["container_id"], claim["storage_pool"], claim.get("pool"), claim["mark"])

    def pool_option(self) -> dict[str, Any]:
        """Return the pool as the API takes it: rights may hang on it."""
        return {"pool": self.pool} if self.pool else {}


@dataclass(frozen=True)
class Verdict:
    """What a restored server shows: whether its service came up by itself, and how it differs from the stack's."""

    up: bool
    findings: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether it is up and as the stack left it."""
        return self.up and not self.findings


def in_place(api: Proxmox, place: Place, volume: str, say: Progress) -> None:
    """Put a backup in the container's place and start it. Raise OwnershipError when a stranger has the VMID.

    A restore into it that still goes, as of a command that was broken off, is waited for.
    """
    there = _is_there(api, place, say)
    if there:
        _must_be_ours(api, place)
    if there and api.running(place.node, place.vmid):
        say(f"halting CT {place.vmid}")
        api.shutdown(place.node, place.vmid)
    say(f"restoring {volume} into CT {place.vmid}")
    force = {"force": 1} if there else {}
    api.restore(place.node, place.vmid, volume, place.storage, **force, **place.pool_option())
    say(f"starting CT {place.vmid}")
    api.start(place.node, place.vmid)


def keep_down(api: Proxmox, place: Place) -> None:
    """Let a halted container of ours not start with its node: beside its twin it would be a second such server."""
    if not api.vmid_is_free(place.vmid) and _is_ours(api, place):
        api.configure(place.node, place.vmid, onboot=0)


@contextmanager
def beside(api: Proxmox, place: Place, volume: str, net0: str, say: Progress) -> Iterator[None]:
    """Have an isolated copy run at a free VMID, from its restore on removed whatever happens.

    Raise StackError when it could not be isolated.
    """
    if not int(api.cluster_firewall_options().get("enable", 0)):
        raise StackError("the cluster's firewall is off: a copy could not be kept from speaking to the peers")
    if not api.vmid_is_free(place.vmid):
        raise StackError(f"VMID {place.vmid} is taken")
    say(f"restoring {volume} into CT {place.vmid}, isolated")
    options = {"onboot": 0, "net0": net0, **place.pool_option()}
    try:
        api.restore(place.node, place.vmid, volume, place.storage, **options)
        _close(api, place)
        say(f"waiting {FIREWALL_SECONDS:.0f} s for the node's firewall to shut CT {place.vmid} in")
        time.sleep(FIREWALL_SECONDS)
        say(f"starting CT {place.vmid}")
        api.start(place.node, place.vmid)
        yield
    finally:
        remove(api, place)


def remove(api: Proxmox, place: Place) -> None:
    """Remove a copy, running or not, or still being restored. Raise OwnershipError when it is not ours."""
    try:
        _wait_until_made(api, place)
        _must_be_ours(api, place)
    except NotFound:
        return
    if api.running(place.node, place.vmid):
        api.shutdown(place.node, place.vmid, 20)
    api.destroy(place.node, place.vmid)


def verify(way: Way, expected: Expectation) -> Verdict:
    """Log in as soon as the server answers and return how it is. Raise SshError when it does not answer in time."""
    with Session(way, patience=BOOT_SECONDS) as session:
        found = server.wait_until_up(session, expected, SERVICE_SECONDS)
    return Verdict(server.is_up(found, expected), drift.compare(expected, found))


def first_back(way: Way, expected: Expectation, seconds: float = BACK_SECONDS) -> str | None:
    """Return the first peer that has shaken hands with the restored server, None when there is none in time."""
    end = time.monotonic() + seconds
    with Session(way) as session:
        while True:
            back = [each.name for each in server.ask_tunnels(session, expected) if each.handshake_age is not None]
            if back or time.monotonic() >= end:
                return next(iter(back), None)
            time.sleep(server.POLL_SECONDS)


def isolated_nic(bridge: str, address: str, vlan: int | None) -> str:
    """Return a network interface without a gateway, behind the firewall, as Proxmox VE writes it.

    It names no MAC address: Proxmox VE then gives it a new one, where the backup's would be the running server's.
    """
    tag = {"tag": str(vlan)} if vlan else {}
    return property_string.render({"name": NIC, "bridge": bridge, "firewall": "1", "ip": address, "type": "veth"} | tag)


def at(way: Way, address: str) -> Way:
    """Return the way to a copy: the same login and host key at another address."""
    return replace(way, host=address.partition("/")[0])


def _close(api: Proxmox, place: Place) -> None:
    api.set_firewall_options(place.node, place.vmid, CLOSED)
    api.add_firewall_rule(place.node, place.vmid, SSH_ONLY)


def _wait_until_made(api: Proxmox, place: Place) -> None:
    """Wait while a restore that we no longer follow holds the container: until then it carries no mark."""
    end = time.monotonic() + BACKUP_SECONDS
    while _is_being_made(api, place) and time.monotonic() < end:
        time.sleep(server.POLL_SECONDS)


def _is_there(api: Proxmox, place: Place, say: Progress) -> bool:
    """Whether the container is there once no restore into it goes any more: one that fails removes it."""
    if api.vmid_is_free(place.vmid):
        return False
    try:
        if _is_being_made(api, place):
            say(f"waiting for a restore into CT {place.vmid} that still goes")
            _wait_until_made(api, place)
    except NotFound:
        return False
    return True


def _is_being_made(api: Proxmox, place: Place) -> bool:
    return api.config(place.node, place.vmid).get("lock") == "create"


def _is_ours(api: Proxmox, place: Place) -> bool:
    description = str(api.config(place.node, place.vmid).get("description", ""))
    return marks.is_in(description, place.mark)


def _must_be_ours(api: Proxmox, place: Place) -> None:
    if not _is_ours(api, place):
        raise OwnershipError(f"CT {place.vmid} does not carry this stack's mark: it is another's and stays as it is")
